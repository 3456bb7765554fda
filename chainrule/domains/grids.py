"""Domains with the same values at every site: binary, or K levels."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from chainrule.distributions import Conditionals
from chainrule.domains.domain import ArrayLike, Domain, as_floats, as_shape, as_tensor, check_params
from chainrule.errors import ChainruleError

MAX_LEVELS = 256


class Grid(Domain):
    """The values 0 … levels-1 at every site."""

    @property
    @abstractmethod
    def outputs_per_site(self) -> int:
        """The number of parameters of each site."""

    @abstractmethod
    def conditionals(self, params: Tensor) -> Conditionals:
        """Return the distributions of all sites that have these parameters, as logits.

        Args:
            params: [n, outputs.sum()], those of site 0 first; or [n, *shape, outputs_per_site].

        Raises:
            ChainruleError: parameters of another shape.
        """

    @property
    def inputs(self) -> Tensor:
        """The number of inputs of each site: ones, int64 [D]."""
        return torch.ones(self.sites, dtype=torch.int64)

    @property
    def outputs(self) -> Tensor:
        """The number of parameters of each site, int64 [D]: `outputs_per_site` for all."""
        return torch.full((self.sites,), self.outputs_per_site)

    @property
    def initial_params(self) -> Tensor:
        """Zeros [*shape, outputs_per_site]: all levels are equally likely."""
        return torch.zeros(*self.shape, self.outputs_per_site)

    @property
    def size(self) -> int:
        """The number of different data, levels^D."""
        return int(self.levels**self.sites)

    @property
    def levels_by_site(self) -> Tensor:
        return torch.full((self.sites,), self.levels)

    def check(self, x: ArrayLike) -> Tensor:
        """Return the data as a tensor, checked to be a batch of this domain; a tensor is returned itself.

        Args:
            x: [n, *shape], a tensor, an array or lists.

        Raises:
            ChainruleError: a wrong shape, or a value that is not a whole number in 0 … levels-1.
        """
        x = as_tensor(x)
        self.check_shape(x)
        if x.numel() == 0:
            return x
        low, high = x.min().item(), x.max().item()
        if not (low >= 0 and high < self.levels):  # false for NaN as well
            raise ChainruleError(
                f"values must lie in 0 … {self.levels - 1}, and these go from {low:g} to {high:g}; "
                "binarize or quantise the data first, as load_data does"
            )
        if x.is_floating_point() and bool((x != x.round()).any()):
            raise ChainruleError(
                "values must be whole numbers, and some are fractional; binarize or quantise them first"
            )
        return x

    def random_data(self, n: int, rng: torch.Generator) -> Tensor:
        return torch.randint(self.levels, (n, *self.shape), generator=rng)

    def perturb(self, x: Tensor, rng: torch.Generator) -> list[Tensor]:
        step = torch.randint(1, self.levels, self.shape, generator=rng).to(x)
        shifted = (x + step) % self.levels
        ends = [torch.zeros_like(x), torch.full_like(x, self.levels - 1)]
        return [shifted, *ends] if self.levels > 2 else [shifted]

    def _by_site(self, params: Tensor) -> Tensor:
        """Return the parameters [n, outputs.sum()] or [n, *shape, outputs_per_site] in the second of these shapes."""
        by_site = (*self.shape, self.outputs_per_site)
        check_params(params, (self.sites * self.outputs_per_site,), by_site)
        return params.reshape(-1, *by_site) if params.ndim == 2 else params


@dataclass(frozen=True)
class Binary(Grid):
    """Sites that are 0 or 1; a model computes one logit for each.

    Args:
        shape: of one datum, such as (1, 28, 28).

    Raises:
        ChainruleError: sizes below 1.

    Example:
        >>> Binary((1, 28, 28)).sites
        784
    """

    shape: tuple[int, ...]
    levels: int = field(default=2, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", as_shape(self.shape))

    @property
    def outputs_per_site(self) -> int:
        """The number of parameters of each site: 1, a logit."""
        return 1

    def select_sites(self, sites: Tensor) -> Binary:
        return Binary((len(sites),))

    def encode(self, x: ArrayLike) -> Tensor:
        """Return -1 for 0 and 1 for 1, [n, *shape]."""
        return torch.add(-1.0, as_floats(x, torch.float32), alpha=2.0)

    def conditionals(self, params: Tensor) -> Conditionals:
        return Conditionals(self._by_site(params).squeeze(-1), binary=True)


@dataclass(frozen=True)
class Levels(Grid):
    """Sites with one of `levels` ordered values 0 … levels-1, such as gray values; a model computes K logits for each.

    Args:
        shape: of one datum, such as (3, 32, 32).
        levels: K, from 2 to 256.

    Raises:
        ChainruleError: sizes below 1, or levels out of range.

    Example:
        >>> Levels((1, 8, 8), 17).encode(torch.tensor([0.0, 8.0, 16.0])).tolist()
        [-1.0, 0.0, 1.0]
    """

    shape: tuple[int, ...]
    levels: int
    max_levels: ClassVar[int] = MAX_LEVELS

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", as_shape(self.shape))
        if not 2 <= self.levels <= self.max_levels:
            raise ChainruleError(f"levels must be 2 to {self.max_levels}, not {self.levels}")

    @property
    def outputs_per_site(self) -> int:
        """The number of parameters of each site: K logits."""
        return self.levels

    def select_sites(self, sites: Tensor) -> Levels:
        return Levels((len(sites),), self.levels)

    def encode(self, x: ArrayLike) -> Tensor:
        """Return the levels scaled to [-1, 1], [n, *shape]."""
        return as_floats(x, torch.float32) * (2.0 / (self.levels - 1)) - 1.0

    def conditionals(self, params: Tensor) -> Conditionals:
        return Conditionals(self._by_site(params), binary=False)
