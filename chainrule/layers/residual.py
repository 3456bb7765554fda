"""The residual block of PixelCNN, and a stack of such blocks."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chainrule.layers.convolution import MaskedConv2d
from chainrule.layers.masks import colour_groups


class ResidualBlock(nn.Module):
    """Map 2h features → 1×1 to h → 3×3, mask B → 1×1 to 2h, and add the input; a ReLU precedes each convolution.

    The last convolution starts at zero, so a deep stack starts as the identity.
    Source: PixelRNN (arXiv:1601.06759), section 3.3 and figure 5, left.

    Args:
        features: h.
        colours: the number of colour groups that features are split into.
    """

    def __init__(self, features: int, colours: int, generator: torch.Generator) -> None:
        super().__init__()
        wide, narrow = colour_groups(2 * features, colours), colour_groups(features, colours)
        self.reduce = MaskedConv2d(wide, narrow, 1, "B", generator)
        self.spread = MaskedConv2d(narrow, narrow, 3, "B", generator)
        self.expand = MaskedConv2d(narrow, wide, 1, "B", generator)
        nn.init.zeros_(self.expand.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map [n, 2h, H, W] to the same shape."""
        h = self.reduce(F.relu(x))
        h = self.spread(h.relu_())
        y: Tensor = self.expand(h.relu_())
        return x + y

    def receptive_field(self, field: Tensor) -> Tensor:
        """Return the receptive field of the output, bool [colours, H, W, D], from that of the input."""
        output = field
        for layer in (self.reduce, self.spread, self.expand):
            output = layer.receptive_field(output)
        return field | output


class ResidualStack(nn.Sequential):
    """Apply residual blocks one after the other."""

    @property
    def blocks(self) -> list[ResidualBlock]:
        """The residual blocks."""
        return cast("list[ResidualBlock]", list(self))

    @property
    def cached_features(self) -> int:
        """The number of features that sampling caches for each pixel."""
        return sum(len(block.spread.in_groups) for block in self.blocks)

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """The offsets (down, right) at which any layer reads other pixels."""
        return [offset for block in self.blocks for offset in block.spread.offsets]

    def receptive_field(self, field: Tensor) -> Tensor:
        """Return the receptive field of the last output, bool [colours, H, W, D], from that of the input."""
        for block in self.blocks:
            field = block.receptive_field(field)
        return field
