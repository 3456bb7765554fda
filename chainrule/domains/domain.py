"""The interface of domains: the shape of a datum, and the values that its sites can take."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chainrule.distributions import Distributions
from chainrule.errors import ChainruleError

ArrayLike = Tensor | NDArray[Any] | Sequence[Any]
"""A tensor, a numpy array, or nested lists of numbers."""


class Domain(ABC):
    """The set of values that a datum can take: its `shape`, and the values of each site.

    A site is one scalar variable, an entry of the datum. Images are (C, H, W), rows of a table (D,). Sites are numbered
    as in the flattened datum. For a network, `inputs` and `outputs` say how many values each site has in `encode` and
    needs in `conditionals`, both in the order of the sites.

    Attributes:
        shape: of one datum.
        levels: the number of values of a site, 0 … levels-1, where all sites have the same.
        dtype: of data that are drawn.

    Example:
        >>> from chainrule.domains import Binary
        >>> domain = Binary((1, 2, 2))
        >>> inputs = domain.encode([[[[0, 1], [1, 1]]]]).flatten(1)
        >>> inputs.tolist(), domain.inputs.tolist(), domain.outputs.tolist()
        ([[-1.0, 1.0, 1.0, 1.0]], [1, 1, 1, 1], [1, 1, 1, 1])
        >>> domain.conditionals(torch.zeros(1, 4)).log_prob(torch.zeros(1, 1, 2, 2)).exp().unique()
        tensor([0.5000])
    """

    shape: tuple[int, ...]
    levels: int
    dtype: ClassVar[torch.dtype] = torch.int64
    _classes: ClassVar[dict[str, type[Domain]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("chainrule.domains."):
            Domain._classes[cls.__name__] = cls

    @property
    @abstractmethod
    def inputs(self) -> Tensor:
        """The number of inputs of each site, int64 [D]: a datum has inputs.sum() values in `encode`."""

    @property
    @abstractmethod
    def outputs(self) -> Tensor:
        """The number of parameters of each site, int64 [D]: a datum needs outputs.sum() values in `conditionals`."""

    @property
    @abstractmethod
    def initial_params(self) -> Tensor:
        """Parameters of one datum with which to initialise a network, of the shape that `conditionals` takes.

        Flattened, they are [outputs.sum()] for every domain.
        """

    @property
    @abstractmethod
    def size(self) -> int | float:
        """The number of different data; infinite if a column is numeric."""

    @abstractmethod
    def encode(self, x: ArrayLike) -> Tensor:
        """Return data as the input of a network, in [-1, 1]; differentiable in x.

        Args:
            x: [n, *shape].

        Returns:
            floats, [n, inputs.sum()] after `flatten(1)`.
        """

    @abstractmethod
    def conditionals(self, params: Tensor) -> Distributions:
        """Return the distributions of all sites that have these parameters.

        Args:
            params: [n, outputs.sum()], those of site 0 first; or [n, *initial_params.shape].

        Raises:
            ChainruleError: parameters of another shape.
        """

    @abstractmethod
    def check(self, x: ArrayLike) -> Tensor:
        """Return the data as a tensor, checked to be a batch of this domain; a tensor is returned itself.

        Raises:
            ChainruleError: a wrong shape, or a value that its site cannot take.
        """

    @abstractmethod
    def random_data(self, n: int, rng: torch.Generator) -> Tensor:
        """Draw n data with independent sites, [n, *shape]: uniform over the levels or the range of each site."""

    @abstractmethod
    def perturb(self, x: Tensor, rng: torch.Generator) -> list[Tensor]:
        """Return data that differ from x at every site, to test what a model depends on.

        Args:
            x: [n, *shape].
            rng: draws the first of them.

        Returns:
            batches [n, *shape]: the first differs from x at every site; further ones have the lowest, and the highest
            value at every site, which may equal that of x.
        """

    @property
    @abstractmethod
    def levels_by_site(self) -> Tensor:
        """The number of levels of each site, int64 [D]; 0 for a numeric column."""

    @abstractmethod
    def select_sites(self, sites: Tensor) -> Domain:
        """Return the domain of some sites alone, of shape (g,).

        Args:
            sites: int64 [g].
        """

    @property
    def sites(self) -> int:
        """D, the number of scalar variables; every colour channel counts."""
        return math.prod(self.shape)

    @property
    def is_image(self) -> bool:
        """Whether the shape is (C, H, W)."""
        return len(self.shape) == 3

    @property
    def is_discrete(self) -> bool:
        """Whether all data have probabilities, so that bits/dim are defined; not if a column has a density."""
        return True

    def outcomes(self, *, batch_size: int = 4096) -> Iterator[Tensor]:
        """Iterate over all data of the domain in batches [m, *shape]; `size` of them, so for small domains only."""
        total, strides, levels = int(self.size), self._strides(), self.levels_by_site
        for start in range(0, total, batch_size):
            index = torch.arange(start, min(start + batch_size, total))
            yield (index[:, None] // strides % levels).view(-1, *self.shape).to(self.dtype)

    def outcome_index(self, x: Tensor) -> Tensor:
        """Return the index of each datum in `outcomes`, int64 [n].

        Args:
            x: [n, *shape].

        Example:
            >>> from chainrule.domains import Binary
            >>> Binary((3,)).outcome_index(torch.tensor([[0, 0, 1], [1, 1, 0]])).tolist()
            [1, 6]
        """
        return (x.flatten(1).long() * self._strides()).sum(1)

    def _strides(self) -> Tensor:
        """Return by how much the index of an outcome grows with the level of each site, int64 [D]."""
        products = self.levels_by_site.flip(0).cumprod(0).flip(0)
        return torch.cat([products[1:], torch.ones(1, dtype=torch.int64)])

    def describe_site(self, site: int) -> str:
        """Return a site in words: `row 2, column 3` of an image, `row 2, column 3, G` in colour, else `site 5`."""
        if not self.is_image:
            return f"site {site}"
        channels, height, width = self.shape
        channel, pixel = divmod(site, height * width)
        pixel_name = f"row {pixel // width}, column {pixel % width}"
        return pixel_name if channels == 1 else f"{pixel_name}, {channel_name(channel, channels)}"

    def describe_size(self) -> str:
        """Return the number of different data as a power: `2^784 outcomes`."""
        return f"{self.levels}^{self.sites} outcomes"

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, from which `domain_from_dict` makes the same domain."""
        arguments = {name: getattr(self, name) for name in _argument_names(type(self))}
        return {"kind": type(self).__name__, **arguments, "shape": list(self.shape)}

    @classmethod
    def from_dict(cls, arguments: dict[str, Any]) -> Domain:
        """Return the domain of these arguments, as `to_dict` returned them without `kind`."""
        return cls(**arguments)

    def check_shape(self, x: Tensor) -> None:
        """Check that x is [n, *shape].

        Raises:
            ChainruleError: another shape.
        """
        if x.ndim != len(self.shape) + 1 or tuple(x.shape[1:]) != self.shape:
            expected = ", ".join(map(str, self.shape))
            raise ChainruleError(
                f"the model takes data of shape [n, {expected}], not {list(x.shape)}; reshape the data"
            )


def channel_name(channel: int, channels: int) -> str:
    """Return the name of a channel of an image: R, G or B if there are three.

    Example:
        >>> channel_name(1, 3), channel_name(1, 2)
        ('G', 'channel 1')
    """
    return "RGB"[channel] if channels == 3 else f"channel {channel}"


def domain_from_dict(description: dict[str, Any]) -> Domain:
    """Return the domain that `to_dict` described.

    Raises:
        ChainruleError: an unknown kind, or arguments that it does not take.
    """
    arguments = dict(description)
    kind = Domain._classes.get(str(arguments.pop("kind", None)))
    if kind is None or set(arguments) != set(_argument_names(kind)):
        raise ChainruleError(f"{description} is not a domain that this version knows ({', '.join(Domain._classes)})")
    return kind.from_dict(arguments)


def as_tensor(x: ArrayLike) -> Tensor:
    """Return numbers as a tensor: a tensor itself, arrays and lists converted.

    Raises:
        ChainruleError: something else, such as a DataFrame or strings.

    Example:
        >>> as_tensor([[0, 1], [1, 1]]).dtype, as_tensor(np.zeros((2, 3))[:, ::-1]).shape
        (torch.int64, torch.Size([2, 3]))
    """
    if isinstance(x, Tensor):
        return x
    if isinstance(x, np.ndarray | Sequence):
        try:
            array = np.asarray(x)
            if array.dtype.kind == "u" and array.itemsize > 1:
                array = array.astype(np.int64)  # torch has no arithmetic on wide unsigned integers
            # torch takes neither another byte order nor negative strides nor read-only memory
            native = np.require(array, array.dtype.newbyteorder("="), ["C", "W"])
            return torch.from_numpy(native)
        except (TypeError, ValueError):
            pass
    raise ChainruleError(f"data must be a tensor, or an array or lists of numbers, not this {type(x).__name__}")


def as_floats(x: ArrayLike, dtype: torch.dtype) -> Tensor:
    """Return numbers as a tensor of floats: floats as they are, whole numbers converted to `dtype`."""
    x = as_tensor(x)
    return x if x.is_floating_point() else x.to(dtype)


def check_params(params: Tensor, *shapes: tuple[int, ...]) -> None:
    """Check that parameters are [n, *shape] for one of these shapes.

    Raises:
        ChainruleError: another shape.
    """
    if tuple(params.shape[1:]) not in shapes:
        expected = " or ".join(f"[n, {', '.join(map(str, shape))}]" for shape in shapes)
        raise ChainruleError(f"the domain takes parameters of shape {expected}, not {list(params.shape)}")


def as_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of a datum as whole numbers.

    Raises:
        ChainruleError: no sequence, or sizes below 1.
    """
    if not isinstance(shape, Sequence):
        raise ChainruleError(f"a domain needs a shape such as (1, 28, 28), or (4,) for rows of four, not {shape!r}")
    shape = tuple(int(size) for size in shape)
    if not shape or min(shape) < 1:
        raise ChainruleError(f"a domain needs a shape of sizes of at least 1, such as (1, 28, 28), not {shape}")
    return shape


def _argument_names(kind: type[Domain]) -> list[str]:
    return [each.name for each in fields(kind) if each.init]  # type: ignore[arg-type]
