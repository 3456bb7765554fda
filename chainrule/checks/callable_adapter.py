"""Adapt a user's callable to a function from levels to the outputs of each site."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from textwrap import shorten
from typing import Any

import torch
from torch import Tensor

from chainrule.checks.dependence import BATCH_SIZE, MAX_ELEMENTS, MAX_ERROR_LENGTH, dtype_name
from chainrule.domains import Levels
from chainrule.errors import ChainruleError, locate_error
from chainrule.seeding import generator

LAYOUTS = ("n,kc,h,w", "n,ck,h,w", "n,c,k,h,w", "n,k,c,h,w", "n,c,h,w,k", "n,c,h,w", "n,k,h,w")
"""The layouts of outputs for images, axis by axis. `kc` is one axis of K·C outputs in which k is the slower index:
output k·C + c is output k of channel c. In `ck`, c is the slower index: output c·K + k. Without a c, the K outputs of a
pixel belong to all of its channels."""

FLAT_LAYOUTS = ("n,kd", "n,dk", "n,d,k", "n,k,d", "n,d")
"""The layouts of outputs for rows of D values."""

SCALES = ("unit", "signed", "levels", "integers")
"""The scales of the input: floating-point values in [0, 1], in [-1, 1], or 0 … levels-1; or int64 0 … levels-1."""


class UnboundedLevels(Levels):
    """Allow more levels than a byte can store, up to the whole numbers that float32 represents exactly."""

    max_levels = 2**24


@dataclass(frozen=True)
class CallableAdapter:
    """Adapt a callable to a function from levels [n, C, H, W] or [n, D] to new tensors of outputs [n, D, K].

    Attributes:
        fn: the user's callable.
        domain: the images or rows that it takes.
        outputs_per_site: K; the outputs of a site are the logits of its levels, or other parameters.
        layout: one of `LAYOUTS` or `FLAT_LAYOUTS`.
        scale: one of `SCALES`.
        dtype: the dtype of the callable's floating-point input.
        device: the device of the callable's input.
    """

    fn: Callable[[Tensor], Any]
    domain: Levels
    outputs_per_site: int
    layout: str
    scale: str
    dtype: torch.dtype
    device: torch.device

    @property
    def name(self) -> str:
        """The name of the function, or of the callable's class."""
        return str(getattr(self.fn, "__name__", type(self.fn).__name__))

    def __call__(self, x: Tensor) -> Tensor:
        """Return the outputs [n, D, K] for levels x.

        Raises:
            ChainruleError: the callable fails, or its output has another shape than the layout says.
        """
        outputs = self.raw_outputs(x)
        expected = self.output_shape(len(x), self.layout)
        if tuple(outputs.shape) != expected:
            raise ChainruleError(self._describe_shapes(tuple(outputs.shape), expected))
        return self.to_sites(outputs).clone()

    def raw_outputs(self, x: Tensor) -> Tensor:
        """Return the callable's own output for levels x.

        Raises:
            ChainruleError: the callable raises, or its output is not a floating-point tensor.
        """
        try:
            outputs = self.fn(self.scale_input(x))
        except Exception as error:  # a user's model may raise anything
            raise ChainruleError(self._describe_error(error)) from error
        if not isinstance(outputs, Tensor) or not outputs.is_floating_point():
            what = f"a tensor of {outputs.dtype}" if isinstance(outputs, Tensor) else f"a {type(outputs).__name__}"
            remedy = "wrap it in an nn.Module whose forward returns only the tensor of logits"
            raise ChainruleError(f"{self.name} returns {what}; {remedy}")
        return outputs

    def scale_input(self, x: Tensor) -> Tensor:
        """Return levels x in the scale, in the dtype and on the device of the callable's input."""
        top, x = self.domain.levels - 1, x.to(self.device)
        if self.takes_integers:
            return x.long().clone()
        x = x.to(self.dtype)
        return {"unit": x / top, "signed": x * (2.0 / top) - 1.0, "levels": x * 1.0}[self.scale]

    @property
    def takes_integers(self) -> bool:
        """True if the callable's input is int64."""
        return self.scale == "integers"

    def random_images(self, seed: int) -> Tensor:
        """Return uniform levels, int64 [n, *shape], with n at least 2, so that the batch has other data."""
        n = max(2, min(BATCH_SIZE, MAX_ELEMENTS // (self.domain.sites * self.outputs_per_site)))
        return torch.randint(self.domain.levels, (n, *self.domain.shape), generator=generator(seed, 1))

    @property
    def axis_sizes(self) -> dict[str, int]:
        """The size of each axis that a layout names, except n."""
        names = "chw" if self.domain.is_image else "d"
        return {**dict(zip(names, self.domain.shape, strict=True)), "k": self.outputs_per_site}

    def output_shape(self, n: int, layout: str) -> tuple[int, ...]:
        """Return the shape of the outputs for n images."""
        sizes = {**self.axis_sizes, "n": n}
        return tuple(math.prod(sizes[letter] for letter in axis) for axis in layout.split(","))

    def matching_layouts(self, shape: tuple[int, ...]) -> list[str]:
        """Return the layouts that outputs of this shape can have."""
        layouts = valid_layouts(self.domain)
        return [layout for layout in layouts if shape and self.output_shape(shape[0], layout) == shape]

    def to_sites(self, outputs: Tensor) -> Tensor:
        """Rearrange outputs of the layout to [n, D, K]."""
        names = "chw" if self.domain.is_image else "d"
        axes = self.layout.split(",")
        for index, axis in enumerate(axes):
            if len(axis) == 2:
                sizes = [self.axis_sizes[letter] for letter in axis]
                outputs = outputs.reshape(*outputs.shape[:index], *sizes, *outputs.shape[index + 1 :])
        letters = "".join(axes)
        for missing in {"c", "k"} & {*names, "k"} - {*letters}:
            size = self.axis_sizes["c"] if missing == "c" else 1
            outputs, letters = outputs.unsqueeze(-1).expand(*outputs.shape, size), f"{letters}{missing}"
        return outputs.permute(*map(letters.index, f"n{names}k")).flatten(1, -2)

    @property
    def is_per_pixel(self) -> bool:
        """True if the outputs of a pixel belong to all of its channels."""
        return self.layout == "n,k,h,w" and self.domain.shape[0] > 1

    def _describe_error(self, error: Exception) -> str:
        """Return the message for an error that the callable raised."""
        what = shorten(f"{type(error).__name__}: {error}", MAX_ERROR_LENGTH) + locate_error(error)
        shape = ", ".join(map(str, self.domain.shape))
        dtype = dtype_name(torch.int64 if self.takes_integers else self.dtype)
        data = f"{'images' if self.domain.is_image else 'rows'} [n, {shape}] of scale {self.scale!r}"
        return f"{self.name} raised {what}; its input was {data}, {dtype} on {self.device}, which it must accept"

    def _describe_shapes(self, shape: tuple[int, ...], expected: tuple[int, ...]) -> str:
        """Return the message for outputs of another shape than expected."""
        matching = ", ".join(map(repr, self.matching_layouts(shape)))
        factor, rest = divmod(math.prod(shape[1:]), math.prod(expected[1:]))
        times = f" (the output has {factor} times as many elements)" if not rest and factor > 1 else ""
        layouts = (
            f"layouts that match: {matching}" if matching else f"no layout matches: are shape and levels right?{times}"
        )
        data = f"shape {list(self.domain.shape)} with {self.outputs_per_site} outputs a site"
        return f"{self.name} returns {list(shape)}, but layout {self.layout!r} of {data} is {list(expected)}; {layouts}"


def valid_layouts(domain: Levels) -> tuple[str, ...]:
    """Return the layouts of outputs for data of this domain."""
    return LAYOUTS if domain.is_image else FLAT_LAYOUTS
