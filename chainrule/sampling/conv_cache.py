"""The stepper of PixelCNN's residual blocks, and the layout of its cache."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.layers.residual import ResidualBlock
from chainrule.sampling.stack_cache import (
    ColourLinear,
    StackStepper,
    centre_weights,
    gather,
    gather_indices,
    neighbour_weights,
    split_buffers,
)
from chainrule.sampling.wavefront import neighbours as neighbour_pixels


class ResidualBuffers:
    """The buffers of a step of residual blocks, [blocks, columns, features], where a column is a pixel of a datum.

    Features that a colour may not depend on can hold any finite value: the weights there are zero.

    Args:
        reference: a tensor with the dtype and device of the buffers.
        blocks, columns: the numbers of blocks and columns.
        wide, narrow: the number of features of each colour, in maps of 2h and of h features.

    Attributes:
        neighbours: the part of the 3×3 convolutions that comes from other pixels.
        wide: the inputs of the blocks, after their ReLU.
        narrow: the inputs of the 3×3 convolutions, after their ReLU.
        mixed: the outputs of the 3×3 convolutions, after their ReLU, and a 1 that multiplies the bias of the last
            convolution.
        by_colour: for each colour and block, its part of these four buffers, [columns, features].
        whole: for each block, all features of the last three buffers.
    """

    def __init__(self, reference: Tensor, blocks: int, columns: int, wide: list[int], narrow: list[int]) -> None:
        sizes = narrow, wide, narrow, [*narrow, 1]
        self.neighbours, self.wide, self.narrow, self.mixed = maps = [
            reference.new_zeros(blocks, columns, sum(n)) for n in sizes
        ]
        self.mixed[:, :, -1] = 1
        parts = zip(
            *(split_buffers(*each) for each in zip(maps, sizes, strict=True)), strict=False
        )  # the 1 belongs to no colour
        self.by_colour = [list(zip(*colour, strict=True)) for colour in parts]
        self.whole = list(zip(*maps[1:], strict=True))


class ResidualStepper(StackStepper):
    """Compute residual blocks step by step; the cache is the inputs of their 3×3 convolutions.

    Args:
        blocks: at least one block.
        height, width: of the images.
        groups: the pixels of each step.
    """

    def __init__(self, blocks: Sequence[ResidualBlock], height: int, width: int, groups: Sequence[Tensor]) -> None:
        self.blocks, self.pixels = blocks, height * width
        self.counts = [len(group) for group in groups]
        spreads = [block.spread for block in blocks]
        self.indices = gather_indices(neighbour_pixels(height, width, spreads[0].offsets), groups)
        self.weight = torch.stack([neighbour_weights(layer) for layer in spreads])
        self.bias = torch.stack([layer.bias for layer in spreads])[:, None]
        by_block = (
            zip(
                centre_weights(block.reduce),
                centre_weights(block.spread),
                map(append_bias, centre_weights(block.expand)),
                strict=True,
            )
            for block in blocks
        )
        self.linears = list(zip(*by_block, strict=True))  # by colour, by block, by layer of the block
        self.wide, self.narrow = (layer.in_groups.bincount().tolist() for layer in (blocks[0].reduce, spreads[0]))

    def init_maps(self, n: int) -> Tensor:
        """Return empty inputs of the 3×3 convolutions; the last pixel is the padding."""
        return self.bias.new_zeros(len(self.blocks), n, self.pixels + 1, self.bias.shape[2])

    def prefill(self, x: Tensor, right: Tensor | None, step: int) -> Tensor:  # noqa: ARG002
        maps = self.init_maps(len(x))
        for block, known in zip(self.blocks, maps, strict=True):
            known[:, :-1] = F.relu(block.reduce(F.relu(x))).flatten(2).mT
            x = block(x)
        return maps

    def begin_step(
        self,
        maps: Tensor,
        step: int,
        right: Tensor | None,  # noqa: ARG002
        buffers: ResidualBuffers | None,
    ) -> tuple[Tensor, ResidualBuffers]:
        blocks, n, pixels = len(maps), maps.shape[1], self.counts[step]
        buffers = buffers or ResidualBuffers(maps, blocks, n * pixels, self.wide, self.narrow)
        torch.baddbmm(self.bias, gather(maps, self.indices[step], pixels), self.weight, out=buffers.neighbours)
        return maps, buffers

    def forward(self, buffers: ResidualBuffers, colour: int, z: Tensor) -> Tensor:
        for linears, mine, whole in zip(self.linears[colour], buffers.by_colour[colour], buffers.whole, strict=True):
            (reduce, spread, expand), (neighbours, wide, narrow, mixed) = linears, mine
            torch.clamp(z, min=0, out=wide)
            torch.addmm(reduce.bias, whole[0], reduce.weight, out=narrow).relu_()
            torch.addmm(neighbours, whole[1], spread.weight, out=mixed).relu_()
            z = torch.addmm(z, whole[2], expand)
        return z

    def end_step(self, maps: Tensor, buffers: ResidualBuffers, pixels: Tensor) -> None:
        blocks, n, _, narrow = maps.shape
        maps.index_copy_(2, pixels, buffers.narrow.view(blocks, n, len(pixels), narrow))


def append_bias(linear: ColourLinear) -> Tensor:
    """Return the weight with the bias as its last row, for inputs that end with a 1: [in + 1, features]."""
    return torch.cat([linear.weight, linear.bias[None]])
