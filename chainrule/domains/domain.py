"""What a datum is: its shape, and the values that each of its sites can take."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, ClassVar

import torch
from torch import Tensor

from chainrule.distributions import Distributions
from chainrule.errors import ChainruleError


class Domain(ABC):
    """The space that a density lives on: the `shape` of a datum, and the values of each site.

    A site is one scalar variable, an entry of the datum. Images are (C, H, W). Sites are numbered as in the
    flattened datum. Where all sites have the values 0 … levels-1, `levels` says how many they are.
    """

    shape: tuple[int, ...]
    levels: int
    dtype: ClassVar[torch.dtype] = torch.int64
    """Of data that are drawn."""
    kinds: ClassVar[dict[str, type[Domain]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("chainrule.domains."):
            Domain.kinds[cls.__name__] = cls

    @property
    @abstractmethod
    def inputs(self) -> Tensor:
        """How many numbers stand for each site in `encode`, int64 [D]."""

    @property
    @abstractmethod
    def outputs(self) -> Tensor:
        """How many numbers a network gives for each site, int64 [D]."""

    @property
    @abstractmethod
    def initial(self) -> Tensor:
        """The numbers of one datum that a network does well to begin with: of the shape that `conditionals` takes."""

    @property
    @abstractmethod
    def size(self) -> int | float:
        """How many data there are; infinite where a column holds numbers."""

    @abstractmethod
    def encode(self, x: Tensor) -> Tensor:
        """Floating-point values [n, *shape] as a network's input, in [-1, 1]; differentiable in x."""

    @abstractmethod
    def conditionals(self, numbers: Tensor) -> Distributions:
        """The distributions that a network's numbers [n, *initial.shape] stand for."""

    @abstractmethod
    def check(self, x: Tensor) -> Tensor:
        """`x` itself, once it is known to be a batch of this domain.

        Raises:
            ChainruleError: a wrong shape, or a value that is not one of the domain's.
        """

    @abstractmethod
    def random(self, n: int, rng: torch.Generator) -> Tensor:
        """Data [n, *shape] that have nothing to do with each other: uniform, where the values are levels."""

    @abstractmethod
    def perturb(self, x: Tensor, rng: torch.Generator) -> list[Tensor]:
        """Data that differ from x [n, *shape] at every site: the first drawn, the others at the ends of the scale.

        At the ends a site may be as in x.
        """

    @property
    @abstractmethod
    def levels_by_site(self) -> Tensor:
        """How many values each site can take, int64 [D]; 0 where they are numbers."""

    @abstractmethod
    def part(self, sites: Tensor) -> Domain:
        """What these sites (int64 [g]) are by themselves: of shape (g,)."""

    @property
    def sites(self) -> int:
        """D, the number of scalar variables; every colour channel counts."""
        return math.prod(self.shape)

    @property
    def is_image(self) -> bool:
        return len(self.shape) == 3

    @property
    def discrete(self) -> bool:
        """Do all data have probabilities, so that bits/dim mean something? Not where a site has a density."""
        return True

    def outcomes(self, chunk: int = 4096) -> Iterator[Tensor]:
        """Every datum of the domain, in chunks [m, *shape]: `size` of them, so for small domains only."""
        total, place, levels = int(self.size), self._place(), self.levels_by_site
        for first in range(0, total, chunk):
            number = torch.arange(first, min(first + chunk, total))
            yield (number[:, None] // place % levels).view(-1, *self.shape).to(self.dtype)

    def number_of(self, x: Tensor) -> Tensor:
        """The place of each datum of x [n, *shape] among the `outcomes`: int64 [n]."""
        return (x.flatten(1).long() * self._place()).sum(1)

    def _place(self) -> Tensor:
        """What one step at each site adds to the number of an outcome: int64 [D]."""
        later = self.levels_by_site.flip(0).cumprod(0).flip(0)
        return torch.cat([later[1:], torch.ones(1, dtype=torch.int64)])

    def describe_site(self, site: int) -> str:
        """A site in words: `row 2, column 3` of an image, `row 2, column 3, G` of one in colour, `site 5` otherwise."""
        if not self.is_image:
            return f"site {site}"
        channels, height, width = self.shape
        channel, pixel = divmod(site, height * width)
        where = f"row {pixel // width}, column {pixel % width}"
        return where if channels == 1 else f"{where}, {channel_name(channel, channels)}"

    def size_in_words(self) -> str:
        """The number of data that the domain holds, as a power: `2^784 outcomes`."""
        return f"{self.levels}^{self.sites} outcomes"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, from which `domain_from_dict` makes the same domain."""
        arguments = {name: getattr(self, name) for name in _arguments(type(self))}
        return {"kind": type(self).__name__, **arguments, "shape": list(self.shape)}

    @classmethod
    def from_dict(cls, arguments: dict[str, Any]) -> Domain:
        """The domain of these arguments, as `to_dict` gave them."""
        return cls(**arguments)

    def check_shape(self, x: Tensor) -> None:
        """Raises ChainruleError unless `x` is [n, *shape]."""
        if x.ndim != len(self.shape) + 1 or tuple(x.shape[1:]) != self.shape:
            wanted = ", ".join(map(str, self.shape))
            raise ChainruleError(f"the model takes data of shape [n, {wanted}], not {list(x.shape)}; reshape the data")


def channel_name(channel: int, channels: int) -> str:
    """What a channel of an image is called: R, G or B where there are three.

    Example:
        >>> channel_name(1, 3), channel_name(1, 2)
        ('G', 'channel 1')
    """
    return "RGB"[channel] if channels == 3 else f"channel {channel}"


def checked_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a datum, as whole numbers.

    Raises:
        ChainruleError: it is none.
    """
    if not isinstance(shape, Sequence):
        raise ChainruleError(f"a domain needs a shape such as (1, 28, 28), or (4,) for rows of four, not {shape!r}")
    shape = tuple(int(size) for size in shape)
    if not shape or min(shape) < 1:
        raise ChainruleError(f"a domain needs a shape of sizes of at least 1, such as (1, 28, 28), not {shape}")
    return shape


def _arguments(kind: type[Domain]) -> list[str]:
    return [each.name for each in fields(kind) if each.init]  # type: ignore[arg-type]


def domain_from_dict(description: dict[str, Any]) -> Domain:
    """The domain that `to_dict` described.

    Raises:
        ChainruleError: an unknown kind, or arguments that it does not take.
    """
    arguments = dict(description)
    kind = Domain.kinds.get(str(arguments.pop("kind", None)))
    if kind is None or set(arguments) != set(_arguments(kind)):
        raise ChainruleError(f"{description} is not a domain that this version knows ({', '.join(Domain.kinds)})")
    return kind.from_dict(arguments)
