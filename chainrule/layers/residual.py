"""The PixelCNN's residual block."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chainrule.layers.masked import MaskedConv2d
from chainrule.layers.masks import colour_groups


class ResidualBlock(nn.Module):
    """2h features → 1×1 to h → 3×3, mask B → 1×1 to 2h, plus the input; a ReLU before each convolution.

    Its last convolution starts at zero, so that a deep stack starts as the identity.
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
        """[n, 2h, H, W] to the same."""
        h = self.reduce(F.relu(x))
        h = self.spread(h.relu_())
        y: Tensor = self.expand(h.relu_())
        return x + y

    def receptive_field(self, seen: Tensor) -> Tensor:
        """The field of the output, bool [colours, H, W, D], given that of the input (`layers/receptive_field.py`)."""
        field = seen
        for layer in (self.reduce, self.spread, self.expand):
            field = layer.receptive_field(field)
        return seen | field


class ResidualStack(nn.Sequential):
    """Residual blocks, one after the other."""

    @property
    def kept(self) -> int:
        """How many features of each pixel a walk keeps for others."""
        return sum(len(block.spread.in_groups) for block in cast("Iterable[ResidualBlock]", self))

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """(down, right) of other pixels that any layer reads."""
        return [offset for block in cast("Iterable[ResidualBlock]", self) for offset in block.spread.offsets]

    def receptive_field(self, seen: Tensor) -> Tensor:
        """The field of the last output, bool [colours, H, W, D], given that of the input (`layers/receptive_field.py`)."""
        for block in cast("Iterable[ResidualBlock]", self):
            seen = block.receptive_field(seen)
        return seen
