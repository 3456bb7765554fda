"""Domains with the same values at every site: binary, or K levels."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from chainrule.distributions import Conditionals
from chainrule.domains.domain import Domain, checked_shape
from chainrule.errors import ChainruleError

MAX_LEVELS = 256


class Grid(Domain):
    """`levels` values 0 … levels-1 at each site."""

    @property
    @abstractmethod
    def outputs_per_site(self) -> int:
        """How many numbers a network gives for each site."""

    @abstractmethod
    def conditionals(self, numbers: Tensor) -> Conditionals:
        """The distributions that a network's numbers [n, *shape, parameters] stand for."""

    @property
    def inputs(self) -> Tensor:
        return torch.ones(self.sites, dtype=torch.int64)

    @property
    def outputs(self) -> Tensor:
        return torch.full((self.sites,), self.outputs_per_site)

    @property
    def initial(self) -> Tensor:
        """Zeros [*shape, parameters]: all values are equally likely."""
        return torch.zeros(*self.shape, self.outputs_per_site)

    @property
    def size(self) -> int:
        return int(self.levels**self.sites)

    @property
    def levels_by_site(self) -> Tensor:
        return torch.full((self.sites,), self.levels)

    def check(self, x: Tensor) -> Tensor:
        """`x` itself, once it is known to be a batch of this domain.

        Raises:
            ChainruleError: a wrong shape, or a value that is not a whole number in 0 … levels-1.
        """
        self.check_shape(x)
        if x.numel() == 0:
            return x
        low, high = x.min().item(), x.max().item()
        if not (low >= 0 and high < self.levels):  # a NaN is neither
            raise ChainruleError(
                f"values must lie in 0 … {self.levels - 1}, and these go from {low:g} to {high:g}; "
                "binarize or quantise the data first, as load_data does"
            )
        if x.is_floating_point() and bool((x != x.round()).any()):
            raise ChainruleError(
                "values must be whole numbers, and some are fractional; binarize or quantise them first"
            )
        return x

    def random(self, n: int, rng: torch.Generator) -> Tensor:
        return torch.randint(self.levels, (n, *self.shape), generator=rng)

    def perturb(self, x: Tensor, rng: torch.Generator) -> list[Tensor]:
        step = torch.randint(1, self.levels, self.shape, generator=rng).to(x)
        drawn = (x + step) % self.levels
        ends = [torch.zeros_like(x), torch.full_like(x, self.levels - 1)]
        return [drawn, *ends] if self.levels > 2 else [drawn]


@dataclass(frozen=True)
class Binary(Grid):
    """Each site is 0 or 1; a model gives one logit a site.

    Example:
        >>> Binary((1, 28, 28)).sites
        784
    """

    shape: tuple[int, ...]
    levels: int = field(default=2, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", checked_shape(self.shape))

    @property
    def outputs_per_site(self) -> int:
        return 1

    def part(self, sites: Tensor) -> Binary:
        return Binary((len(sites),))

    def encode(self, x: Tensor) -> Tensor:
        return torch.add(-1.0, x, alpha=2.0)

    def conditionals(self, numbers: Tensor) -> Conditionals:
        return Conditionals(numbers.squeeze(-1), binary=True)


@dataclass(frozen=True)
class Levels(Grid):
    """Each site is one of `levels` ordered values 0 … levels-1 (2 to 256), such as a gray value; K logits a site.

    Example:
        >>> Levels((1, 8, 8), 17).encode(torch.tensor([0.0, 8.0, 16.0])).tolist()
        [-1.0, 0.0, 1.0]
    """

    shape: tuple[int, ...]
    levels: int
    most: ClassVar[int] = MAX_LEVELS

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", checked_shape(self.shape))
        if not 2 <= self.levels <= self.most:
            raise ChainruleError(f"levels must be 2 to {self.most}, not {self.levels}")

    @property
    def outputs_per_site(self) -> int:
        return self.levels

    def part(self, sites: Tensor) -> Levels:
        return Levels((len(sites),), self.levels)

    def encode(self, x: Tensor) -> Tensor:
        return x * (2.0 / (self.levels - 1)) - 1.0

    def conditionals(self, numbers: Tensor) -> Conditionals:
        return Conditionals(numbers, binary=False)
