"""The baseline: PixelCNN as it is usually written, every convolution with its whole kernel, masked in each call.

It takes a copy of the weights of a `chainrule.PixelCNN` and computes the same function, so that a benchmark can check
that the two agree before it times them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import chainrule as cr
from chainrule.layers.residual import ResidualBlock


class MaskedConv2d(nn.Conv2d):
    """A convolution with `mask * weight`, of the layer's weights; where that stores no rows, zeros stand."""

    mask: Tensor

    def __init__(self, layer: masked.MaskedConv2d) -> None:
        out_features, in_features = layer.weight.shape[:2]
        super().__init__(in_features, out_features, 2 * layer.radius + 1, padding=layer.reach)
        self.register_buffer("mask", torch.zeros_like(self.weight))
        rows = slice(layer.weight.shape[2])
        with torch.no_grad():
            self.mask[:, :, rows] = layer.mask.to(self.mask)
            self.weight[:, :, rows] = layer.weight
            self.bias.copy_(layer.bias)  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        """[n, in, H, W] to [n, out, H, W]."""
        return F.conv2d(x, self.mask * self.weight, self.bias, padding=self.padding)


class Block(nn.Module):
    """ReLU and 1×1, ReLU and 3×3, ReLU and 1×1, plus the input."""

    def __init__(self, block: ResidualBlock) -> None:
        super().__init__()
        self.reduce, self.spread, self.expand = map(MaskedConv2d, (block.reduce, block.spread, block.expand))

    def forward(self, x: Tensor) -> Tensor:
        """[n, 2h, H, W] to the same."""
        h = self.reduce(F.relu(x))
        h = self.spread(F.relu(h))
        y: Tensor = self.expand(F.relu(h))
        return x + y


class PlainPixelCNN(nn.Module):
    """Images [n, C, H, W] to the numbers of all sites, [n, C, H, W, k]."""

    def __init__(self, model: cr.PixelCNN) -> None:
        super().__init__()
        self.numbers, self.scale = model.domain.outputs_per_site, 2.0 / (model.domain.levels - 1)
        self.first, self.head, self.output = map(MaskedConv2d, (model.first, model.head, model.output))
        self.blocks = nn.Sequential(*map(Block, cast(Iterable[ResidualBlock], model.stack)))

    def forward(self, x: Tensor) -> Tensor:
        """[n, C, H, W] to [n, C, H, W, k]."""
        h = self.blocks(self.first(x * self.scale - 1.0))
        logits = self.output(F.relu(self.head(F.relu(h))))
        by_colour: Tensor = logits.view(len(x), -1, self.numbers, *logits.shape[2:])
        return by_colour.movedim(2, -1)
