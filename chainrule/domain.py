"""What a datum is: its shape, and the values that each of its sites can take."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import torch
from torch import Tensor

from chainrule.conditionals import Conditionals
from chainrule.errors import ChainruleError

MAX_LEVELS = 256


class Domain(ABC):
    """The space that a density lives on: the `shape` of a datum, and `levels` values 0 … levels-1 at each site.

    A site is one scalar variable, an entry of the datum. Images are (C, H, W). Sites are numbered as in the
    flattened datum.
    """

    shape: tuple[int, ...]
    levels: int

    @property
    @abstractmethod
    def parameters(self) -> int:
        """How many numbers a network gives for each site."""

    @abstractmethod
    def encode(self, x: Tensor) -> Tensor:
        """Floating-point values as a network's input, of the same shape, in [-1, 1]; differentiable in x."""

    @abstractmethod
    def conditionals(self, numbers: Tensor) -> Conditionals:
        """The distributions that a network's numbers [n, *shape, parameters] stand for."""

    @property
    def sites(self) -> int:
        """D, the number of scalar variables; every colour channel counts."""
        return math.prod(self.shape)

    @property
    def is_image(self) -> bool:
        return len(self.shape) == 3

    def check(self, x: Tensor) -> Tensor:
        """`x` itself, once it is known to be a batch of this domain.

        Raises:
            ChainruleError: a wrong shape, or a value that is not a whole number in 0 … levels-1.
        """
        if x.ndim != len(self.shape) + 1 or tuple(x.shape[1:]) != self.shape:
            wanted = ", ".join(map(str, self.shape))
            raise ChainruleError(f"the model takes data of shape [n, {wanted}], not {list(x.shape)}; reshape the data")
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

    def outcomes(self, chunk: int = 4096) -> Iterator[Tensor]:
        """Every datum of the domain, in chunks [m, *shape]: levels ** D of them, so for small domains only."""
        place = self.levels ** torch.arange(self.sites - 1, -1, -1)
        total = self.levels**self.sites
        for first in range(0, total, chunk):
            number = torch.arange(first, min(first + chunk, total))
            yield (number[:, None] // place % self.levels).view(-1, *self.shape)

    def describe_site(self, site: int) -> str:
        """A site in words: `row 2, column 3` of an image, `row 2, column 3, G` of one in colour, `site 5` otherwise."""
        if not self.is_image:
            return f"site {site}"
        channels, height, width = self.shape
        channel, pixel = divmod(site, height * width)
        where = f"row {pixel // width}, column {pixel % width}"
        return where if channels == 1 else f"{where}, {channel_name(channel, channels)}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, from which `domain_from_dict` makes the same domain."""
        arguments = {name: getattr(self, name) for name in _arguments(type(self))}
        return {"kind": type(self).__name__, **arguments, "shape": list(self.shape)}


def channel_name(channel: int, channels: int) -> str:
    """What a channel of an image is called: R, G or B where there are three.

    Example:
        >>> channel_name(1, 3), channel_name(1, 2)
        ('G', 'channel 1')
    """
    return "RGB"[channel] if channels == 3 else f"channel {channel}"


def _checked_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    if not isinstance(shape, Sequence):
        raise ChainruleError(f"a domain needs a shape such as (1, 28, 28), or (4,) for rows of four, not {shape!r}")
    shape = tuple(int(size) for size in shape)
    if not shape or min(shape) < 1:
        raise ChainruleError(f"a domain needs a shape of sizes of at least 1, such as (1, 28, 28), not {shape}")
    return shape


@dataclass(frozen=True)
class Binary(Domain):
    """Each site is 0 or 1; a model gives one logit a site.

    Example:
        >>> Binary((1, 28, 28)).sites
        784
    """

    shape: tuple[int, ...]
    levels: int = field(default=2, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", _checked_shape(self.shape))

    @property
    def parameters(self) -> int:
        return 1

    def encode(self, x: Tensor) -> Tensor:
        return 2.0 * x - 1.0

    def conditionals(self, numbers: Tensor) -> Conditionals:
        return Conditionals(numbers.squeeze(-1), binary=True)


@dataclass(frozen=True)
class Levels(Domain):
    """Each site is one of `levels` ordered values 0 … levels-1 (2 to 256), such as a gray value; K logits a site.

    Example:
        >>> Levels((1, 8, 8), 17).encode(torch.tensor([0.0, 8.0, 16.0])).tolist()
        [-1.0, 0.0, 1.0]
    """

    shape: tuple[int, ...]
    levels: int
    most: ClassVar[int] = MAX_LEVELS

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", _checked_shape(self.shape))
        if not 2 <= self.levels <= self.most:
            raise ChainruleError(f"levels must be 2 to {self.most}, not {self.levels}")

    @property
    def parameters(self) -> int:
        return self.levels

    def encode(self, x: Tensor) -> Tensor:
        return x * (2.0 / (self.levels - 1)) - 1.0

    def conditionals(self, numbers: Tensor) -> Conditionals:
        return Conditionals(numbers, binary=False)


KINDS: dict[str, type[Domain]] = {"Binary": Binary, "Levels": Levels}


def _arguments(kind: type[Domain]) -> list[str]:
    return [each.name for each in fields(kind) if each.init]  # type: ignore[arg-type]


def domain_from_dict(description: dict[str, Any]) -> Domain:
    """The domain that `to_dict` described.

    Raises:
        ChainruleError: an unknown kind, or arguments that it does not take.
    """
    arguments = dict(description)
    kind = KINDS.get(str(arguments.pop("kind", None)))
    if kind is None or set(arguments) != set(_arguments(kind)):
        raise ChainruleError(f"{description} is not a domain that this version knows ({', '.join(KINDS)})")
    return kind(**arguments)
