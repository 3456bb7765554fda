"""Steppers of image layers: each step computes the features of a few pixels, one colour after the other.

A stepper holds prepared weights and computes step by step; the maps that it fills are the incremental cache.

When a step begins, the features of other pixels that the layers read are gathered for all layers at once, and enter by
one product. Then the colours of the step's pixels go through the layers one after the other, each with the rows of the
weights that compute its features. So an image costs the arithmetic of one pass. Features are sorted by colour. All
tensors are [..., n, pixels, features].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from chainrule.layers.convolution import MaskedConv2d


class ColourLinear(NamedTuple):
    """The linear map x W + b to the features of one colour.

    Attributes:
        bias: [features].
        weight: [in, features], zero for inputs that the colour may not depend on.
    """

    bias: Tensor
    weight: Tensor


def split_by_colour(weight: Tensor, bias: Tensor, groups: Tensor) -> list[ColourLinear]:
    """Split a masked weight [out, in] and its bias into the linear map of each colour.

    Args:
        groups: the colour of each output, int64, sorted.
    """
    return [ColourLinear(bias.detach()[mine], weight.detach()[mine].t().contiguous()) for mine in colour_slices(groups)]


def centre_weights(layer: MaskedConv2d) -> list[ColourLinear]:
    """Return the linear map of each colour at the centre tap of a convolution."""
    return split_by_colour((layer.mask * layer.weight)[:, :, -1, layer.radius], layer.bias, layer.out_groups)


def colour_slices(groups: Tensor) -> list[slice]:
    """Return the slice of the features of each colour.

    Example:
        >>> colour_slices(torch.tensor([0, 0, 1]))
        [slice(0, 2, None), slice(2, 3, None)]
    """
    ends = groups.bincount().cumsum(0).tolist()
    return [slice(first, end) for first, end in zip([0, *ends[:-1]], ends, strict=True)]


def neighbour_weights(layer: MaskedConv2d) -> Tensor:
    """Return the weight [offsets · in, out] of a convolution at the taps beside its centre, sorted as `offsets`."""
    weight = layer.mask * layer.weight
    taps = [weight[:, :, down - 1, layer.radius + right].t() for down, right in layer.offsets]
    return torch.cat(taps) if taps else weight.new_zeros(0, len(weight))


def gather_indices(sources: Tensor, groups: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return the pixels that each group reads, pixel by pixel: int64 [k · reads] for each group, on its device.

    Args:
        sources: int64 [P, reads], the pixels that each pixel reads.
        groups: int64 [k] each, the pixels of each step.
    """
    sizes, pixels = [len(group) * sources.shape[1] for group in groups], torch.cat(list(groups))
    return torch.split(sources.to(pixels.device).index_select(0, pixels).flatten(), sizes)


def gather(maps: Tensor, indices: Tensor, pixels: int) -> Tensor:
    """Gather features at these indices of maps [layers, n, P, features]: [layers, n · pixels, reads · features]."""
    layers, n = maps.shape[:2]
    return maps.index_select(2, indices).view(layers, n * pixels, len(indices) // pixels * maps.shape[3])


def split_buffers(maps: Tensor, sizes: list[int]) -> list[Sequence[Tensor]]:
    """Return the part of maps [layers, columns, features] of each colour and layer, for colours of these sizes."""
    return [mine.unbind(0) for mine in torch.split(maps, sizes, -1)]


class StackStepper(ABC):
    """Compute a stack of layers step by step. It holds prepared weights and no state.

    The cache is its maps [layers, n, P + 1, features]: the features of the pixels so far, into which each step writes
    its pixels. The intermediate results of a step, which may go through several colours, are in buffers of their own.
    """

    @abstractmethod
    def init_maps(self, n: int) -> Any:
        """Return the maps of n images without any known pixel."""

    @abstractmethod
    def prefill(self, x: Tensor, right: Tensor | None, step: int) -> Any:
        """Return the maps after the steps before `step`, in one parallel pass.

        Args:
            x: [n, 2h, H, W], the input of the stack. Pixels of later steps make no difference.
            right: [n, 2h, H, W], the input of the first layer's scan from the right, where it differs from x.
        """

    @abstractmethod
    def begin_step(self, maps: Any, step: int, right: Tensor | None, buffers: Any) -> tuple[Any, Any]:
        """Return the maps and the buffers of a step, after the products with features of earlier pixels.

        Args:
            right: [n, W, 2h], the input of the first layer's scan from the right in the row above, where a step begins
                a row.
            buffers: of an earlier step with the same number of pixels, to be used again; None for new buffers.
        """

    @abstractmethod
    def forward(self, buffers: Any, colour: int, z: Tensor) -> Tensor:
        """Map the stack's input z [n · pixels, features] at one colour of the step's pixels to its output."""

    @abstractmethod
    def end_step(self, maps: Any, buffers: Any, pixels: Tensor) -> None:
        """Write the features of the step's pixels into the maps."""


class EmptyStepper(StackStepper):
    """Compute a stack without layers: the output is the input, and there is no cache."""

    def init_maps(self, n: int) -> None:
        pass

    def prefill(self, x: Tensor, right: Tensor | None, step: int) -> None:
        pass

    def begin_step(self, maps: None, step: int, right: Tensor | None, buffers: None) -> tuple[None, None]:  # noqa: ARG002
        return None, None

    def forward(self, buffers: None, colour: int, z: Tensor) -> Tensor:  # noqa: ARG002
        return z

    def end_step(self, maps: None, buffers: None, pixels: Tensor) -> None:
        pass
