"""Image layers taken through a walk: at each step the features of a few pixels, one colour after the other.

What layers read of other pixels is gathered for all of them when a step begins, and enters by one product. Then the
colours of the step's pixels go up the layers, each by those rows of the weights that make it: an image costs the
arithmetic of one pass. Features stand in the order of their colours. All tensors are [..., n, pixels, features].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.layers.masked import MaskedConv2d
from chainrule.layers.residual import ResidualBlock
from chainrule.layers.wavefront import neighbours


class Product(NamedTuple):
    """What makes the features of one colour: x W + b.

    Attributes:
        bias: [features].
        weight: [in, features], of the first features below, which this colour may see.
    """

    bias: Tensor
    weight: Tensor


def by_colour(weight: Tensor, bias: Tensor, out_groups: Tensor, in_groups: Tensor) -> list[Product]:
    """The product of each colour, of a weight [out, in] that went through mask B.

    Args:
        out_groups, in_groups: the colour of each feature, int64, sorted.
    """
    seen = (slice(span.stop) for span in spans(in_groups))
    return [
        Product(bias[mine], weight[mine, below].t().contiguous())
        for mine, below in zip(spans(out_groups), seen, strict=True)
    ]


def at_pixel(layer: MaskedConv2d) -> list[Product]:
    """The product of each colour of a convolution, by its centre alone."""
    return by_colour((layer.mask * layer.weight)[:, :, -1, layer.reach], layer.bias, layer.out_groups, layer.in_groups)


def spans(groups: Tensor) -> list[slice]:
    """The features of each colour.

    Example:
        >>> spans(torch.tensor([0, 0, 1]))
        [slice(0, 2, None), slice(2, 3, None)]
    """
    ends = groups.bincount().cumsum(0).tolist()
    return [slice(first, end) for first, end in zip([0, *ends[:-1]], ends, strict=True)]


def beside(layer: MaskedConv2d) -> Tensor:
    """The weight [offsets · in, out] with which a convolution reads other pixels, in the order of its `offsets`."""
    weight = layer.mask * layer.weight
    taps = [weight[:, :, down - 1, layer.reach + right].t() for down, right in layer.offsets]
    return torch.cat(taps) if taps else weight.new_zeros(0, len(weight))


def places(read: Tensor, groups: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """What the pixels of each group read, one pixel after the other: int64 [k · reads] each, of int64 [P, reads]."""
    sizes = [len(group) * read.shape[1] for group in groups]
    return torch.split(read[torch.cat(list(groups))].flatten(), sizes)


def gathered(maps: Tensor, places: Tensor, pixels: int) -> Tensor:
    """What these places of maps [layers, n, places, features] hold: [layers, n · pixels, reads · features]."""
    layers, n = maps.shape[:2]
    return maps.index_select(2, places).view(layers, n * pixels, -1)


def columns(maps: Tensor, which: slice) -> Sequence[Tensor]:
    """These features of each layer's map, [n · pixels, features] each, of [layers, n, pixels, features]."""
    return maps.flatten(1, 2)[..., which].unbind(0)


def rooms(maps: Tensor, mine: slice) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
    """Of each layer's map, the features of a colour, and all that it may see: those and the ones before them."""
    room = columns(maps, mine)
    return room, columns(maps, slice(mine.stop)) if mine.start else room


class Steps(ABC):
    """A stack of layers in a walk. It holds the weights, ready for use, and no state.

    What is known of the pixels so far are maps [layers, n, places, features], to which each step adds its pixels, in
    place; what goes on within a step, which may be several colours, is on a desk of its own.
    """

    @abstractmethod
    def maps(self, n: int) -> Any:
        """Those of n images of which nothing is known."""

    @abstractmethod
    def absorb(self, x: Tensor, right: Tensor | None, step: int) -> Any:
        """The maps when the steps before `step` are done, in one pass.

        Args:
            x: [n, 2h, H, W], what the stack reads; pixels of later steps make no difference.
            right: what the scan from the right of the first layer reads, where that is something else.
        """

    @abstractmethod
    def begin(self, maps: Any, step: int, right: Tensor | None) -> tuple[Any, Any]:
        """The maps and the desk of a step, on which what only needs the pixels before it is done.

        Args:
            right: [n, W, 2h], of the row above where the step begins a row, what the scan from the right reads there.
        """

    @abstractmethod
    def climb(self, desk: Any, colour: int, z: Tensor) -> Tensor:
        """What leaves the stack, for a colour of the step's pixels [n · pixels, features], from what enters it."""

    @abstractmethod
    def end(self, maps: Any, desk: Any, pixels: Tensor) -> None:
        """Adds the step's pixels to the maps."""


class NoSteps(Steps):
    """A stack without layers."""

    def maps(self, n: int) -> None:
        pass

    def absorb(self, x: Tensor, right: Tensor | None, step: int) -> None:
        pass

    def begin(self, maps: None, step: int, right: Tensor | None) -> tuple[None, None]:  # noqa: ARG002
        return None, None

    def climb(self, desk: None, colour: int, z: Tensor) -> Tensor:  # noqa: ARG002
        return z

    def end(self, maps: None, desk: None, pixels: Tensor) -> None:
        pass


@dataclass(eq=False)
class ResidualDesk:
    """A step of residual blocks, each [blocks, n, pixels, features].

    Attributes:
        known: what the convolutions read of other pixels.
        wide: what enters the blocks, after its ReLU.
        narrow: what the 3×3 convolutions read, after its ReLU.
        spread: what they make, after its ReLU.
    """

    known: Tensor
    wide: Tensor
    narrow: Tensor
    spread: Tensor


class ResidualSteps(Steps):
    """Residual blocks in a walk.

    Args:
        blocks: at least one.
        height, width: of the images.
        groups: the pixels of each step.
    """

    def __init__(self, blocks: Sequence[ResidualBlock], height: int, width: int, groups: Sequence[Tensor]) -> None:
        self.blocks, self.pixels = blocks, height * width
        self.sizes = [len(group) for group in groups]
        spreads = [block.spread for block in blocks]
        self.reads = places(neighbours(height, width, spreads[0].offsets), groups)
        self.weight = torch.stack([beside(layer) for layer in spreads])
        self.bias = torch.stack([layer.bias for layer in spreads])[:, None]
        by_block = (
            zip(*(at_pixel(layer) for layer in (block.reduce, block.spread, block.expand)), strict=True)
            for block in blocks
        )
        self.products = list(zip(*by_block, strict=True))  # of each colour, of each block, of its three layers
        self.wide, self.narrow = (spans(layer.in_groups) for layer in (blocks[0].reduce, spreads[0]))

    def maps(self, n: int) -> Tensor:
        """What the 3×3 convolutions read; the last place is beside the image."""
        return self.bias.new_zeros(len(self.blocks), n, self.pixels + 1, self.narrow[-1].stop)

    def absorb(self, x: Tensor, right: Tensor | None, step: int) -> Tensor:  # noqa: ARG002
        maps = self.maps(len(x))
        for block, known in zip(self.blocks, maps, strict=True):
            known[:, :-1] = F.relu(block.reduce(F.relu(x))).flatten(2).mT
            x = block(x)
        return maps

    def begin(self, maps: Tensor, step: int, right: Tensor | None) -> tuple[Tensor, ResidualDesk]:  # noqa: ARG002
        blocks, n, _, narrow = maps.shape
        pixels, wide = self.sizes[step], self.wide[-1].stop
        known = torch.baddbmm(self.bias, gathered(maps, self.reads[step], pixels), self.weight)
        rooms = (known.new_empty(blocks, n, pixels, size) for size in (wide, narrow, narrow))
        return maps, ResidualDesk(known.view(blocks, n, pixels, narrow), *rooms)

    def climb(self, desk: ResidualDesk, colour: int, z: Tensor) -> Tensor:
        known = columns(desk.known, self.narrow[colour])
        a, a_seen = rooms(desk.wide, self.wide[colour])
        (b, b_seen), (c, c_seen) = (rooms(each, self.narrow[colour]) for each in (desk.narrow, desk.spread))
        for block, (reduce, spread, expand) in enumerate(self.products[colour]):
            torch.clamp(z, min=0, out=a[block])
            torch.addmm(reduce.bias, a_seen[block], reduce.weight, out=b[block]).relu_()
            torch.addmm(known[block], b_seen[block], spread.weight, out=c[block]).relu_()
            z = torch.addmm(expand.bias, c_seen[block], expand.weight).add_(z)
        return z

    def end(self, maps: Tensor, desk: ResidualDesk, pixels: Tensor) -> None:
        maps.index_copy_(2, pixels, desk.narrow)
