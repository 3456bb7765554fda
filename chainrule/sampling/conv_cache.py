"""Image layers taken through a walk: at each step the features of a few pixels, one colour after the other.

What layers read of other pixels is gathered for all of them when a step begins, and enters by one product. Then the
colours of the step's pixels go up the layers, each by those rows of the weights that make it: an image costs the
arithmetic of one pass. Features stand in the order of their colours. All tensors are [..., n, pixels, features].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.layers.masked import MaskedConv2d
from chainrule.layers.residual import ResidualBlock
from chainrule.sampling.wavefront import neighbours


class Product(NamedTuple):
    """What makes the features of one colour: x W + b.

    Attributes:
        bias: [features].
        weight: [in, features]; zero for what the colour does not see.
    """

    bias: Tensor
    weight: Tensor


def by_colour(weight: Tensor, bias: Tensor, groups: Tensor) -> list[Product]:
    """The product of each colour, of a masked weight [out, in].

    Args:
        groups: the colour of each output, int64, sorted.
    """
    return [Product(bias.detach()[mine], weight.detach()[mine].t().contiguous()) for mine in spans(groups)]


def at_pixel(layer: MaskedConv2d) -> list[Product]:
    """The product of each colour of a convolution, by its centre alone."""
    return by_colour((layer.mask * layer.weight)[:, :, -1, layer.reach], layer.bias, layer.out_groups)


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
    """What the pixels of each group read, one pixel after the other: int64 [k · reads] each, of int64 [P, reads].

    It is on the device of the groups.
    """
    sizes, pixels = [len(group) * read.shape[1] for group in groups], torch.cat(list(groups))
    return torch.split(read.to(pixels.device).index_select(0, pixels).flatten(), sizes)


def gathered(maps: Tensor, places: Tensor, pixels: int) -> Tensor:
    """What these places of maps [layers, n, places, features] hold: [layers, n · pixels, reads · features]."""
    layers, n = maps.shape[:2]
    return maps.index_select(2, places).view(layers, n * pixels, len(places) // pixels * maps.shape[3])


def rooms(maps: Tensor, sizes: list[int]) -> list[Sequence[Tensor]]:
    """Of each colour, which has so many features, and each layer: its part of maps [layers, columns, features]."""
    return [mine.unbind(0) for mine in torch.split(maps, sizes, -1)]


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
    def begin(self, maps: Any, step: int, right: Tensor | None, desk: Any) -> tuple[Any, Any]:
        """The maps and the desk of a step, on which what needs only the pixels before it is done.

        Args:
            right: [n, W, 2h], of the row above where the step begins a row, what the scan from the right reads there.
            desk: that of a step of as many pixels, which is over, to be used again; None for a new one.
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

    def begin(self, maps: None, step: int, right: Tensor | None, desk: None) -> tuple[None, None]:  # noqa: ARG002
        return None, None

    def climb(self, desk: None, colour: int, z: Tensor) -> Tensor:  # noqa: ARG002
        return z

    def end(self, maps: None, desk: None, pixels: Tensor) -> None:
        pass


class ResidualDesk:
    """Room for a step of residual blocks. Each map is [blocks, columns, features], columns being (datum, pixel).

    What a colour does not see may hold anything: its weights there are zero.

    Args:
        like: a tensor of the type and on the device of the room.
        blocks, columns: how many.
        wide, narrow: how many features each colour has, in the two kinds of maps.

    Attributes:
        known: what the convolutions read of other pixels.
        wide: what enters the blocks, after its ReLU.
        narrow: what the 3×3 convolutions read, after its ReLU.
        mixed: what they make, after its ReLU; and a 1, which the last convolution's bias is multiplied with.
        rooms: of each colour, of each block: its part of the four, [columns, features].
        wholes: of each block: all of the last three.
    """

    def __init__(self, like: Tensor, blocks: int, columns: int, wide: list[int], narrow: list[int]) -> None:
        sizes = narrow, wide, narrow, [*narrow, 1]
        self.known, self.wide, self.narrow, self.mixed = maps = [like.new_zeros(blocks, columns, sum(n)) for n in sizes]
        self.mixed[:, :, -1] = 1
        parts = zip(*(rooms(*each) for each in zip(maps, sizes, strict=True)), strict=False)  # the 1 is no colour's
        self.rooms = [list(zip(*colour, strict=True)) for colour in parts]
        self.wholes = list(zip(*maps[1:], strict=True))


class ResidualSteps(Steps):
    """Residual blocks in a walk.

    Args:
        blocks: at least one.
        height, width: of the images.
        groups: the pixels of each step.
    """

    def __init__(self, blocks: Sequence[ResidualBlock], height: int, width: int, groups: Sequence[Tensor]) -> None:
        self.blocks, self.places = blocks, height * width + 1
        self.counts = [len(group) for group in groups]
        spreads = [block.spread for block in blocks]
        self.reads = places(neighbours(height, width, spreads[0].offsets), groups)
        self.weight = torch.stack([beside(layer) for layer in spreads])
        self.bias = torch.stack([layer.bias for layer in spreads])[:, None]
        by_block = (
            zip(at_pixel(block.reduce), at_pixel(block.spread), map(joined, at_pixel(block.expand)), strict=True)
            for block in blocks
        )
        self.products = list(zip(*by_block, strict=True))  # of each colour, of each block, of its three layers
        self.wide, self.narrow = (layer.in_groups.bincount().tolist() for layer in (blocks[0].reduce, spreads[0]))

    def maps(self, n: int) -> Tensor:
        """What the 3×3 convolutions read; the last place is beside the image."""
        return self.bias.new_zeros(len(self.blocks), n, self.places, self.bias.shape[2])

    def absorb(self, x: Tensor, right: Tensor | None, step: int) -> Tensor:  # noqa: ARG002
        maps = self.maps(len(x))
        for block, known in zip(self.blocks, maps, strict=True):
            known[:, :-1] = F.relu(block.reduce(F.relu(x))).flatten(2).mT
            x = block(x)
        return maps

    def begin(
        self,
        maps: Tensor,
        step: int,
        right: Tensor | None,  # noqa: ARG002
        desk: ResidualDesk | None,
    ) -> tuple[Tensor, ResidualDesk]:
        blocks, n, pixels = len(maps), maps.shape[1], self.counts[step]
        desk = desk or ResidualDesk(maps, blocks, n * pixels, self.wide, self.narrow)
        torch.baddbmm(self.bias, gathered(maps, self.reads[step], pixels), self.weight, out=desk.known)
        return maps, desk

    def climb(self, desk: ResidualDesk, colour: int, z: Tensor) -> Tensor:
        for products, mine, seen in zip(self.products[colour], desk.rooms[colour], desk.wholes, strict=True):
            (reduce, spread, expand), (known, wide, narrow, mixed) = products, mine
            torch.clamp(z, min=0, out=wide)
            torch.addmm(reduce.bias, seen[0], reduce.weight, out=narrow).relu_()
            torch.addmm(known, seen[1], spread.weight, out=mixed).relu_()
            z = torch.addmm(z, seen[2], expand)
        return z

    def end(self, maps: Tensor, desk: ResidualDesk, pixels: Tensor) -> None:
        blocks, n, _, narrow = maps.shape
        maps.index_copy_(2, pixels, desk.narrow.view(blocks, n, len(pixels), narrow))


def joined(product: Product) -> Tensor:
    """The weight, and below it the bias, for inputs that end with a 1: [in + 1, features]."""
    return torch.cat([product.weight, product.bias[None]])
