"""PixelCNN in plain PyTorch: whole kernels, which are masked in each call."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import chainrule as cr
from chainrule.layers.convolution import MaskedConv2d
from chainrule.layers.residual import ResidualBlock


class PlainMaskedConv2d(nn.Conv2d):
    """Convolve with `mask * weight`, from a copy of the layer's weights.

    The layer does not store the rows of its kernels that are masked throughout; here they are zeros.
    """

    mask: Tensor

    def __init__(self, layer: MaskedConv2d) -> None:
        out_features, in_features = layer.weight.shape[:2]
        super().__init__(in_features, out_features, layer.kernel_size, padding=layer.radius)
        self.register_buffer("mask", torch.zeros_like(self.weight))
        rows = slice(layer.weight.shape[2])
        with torch.no_grad():
            self.mask[:, :, rows] = layer.mask.to(self.mask)
            self.weight[:, :, rows] = layer.weight
            self.bias.copy_(layer.bias)  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        """Map [n, in, H, W] to [n, out, H, W]."""
        return F.conv2d(x, self.mask * self.weight, self.bias, padding=self.padding)


class PlainResidualBlock(nn.Module):
    """Apply ReLU and 1×1, ReLU and 3×3, ReLU and 1×1, and add the input."""

    def __init__(self, block: ResidualBlock) -> None:
        super().__init__()
        self.reduce, self.spread, self.expand = map(PlainMaskedConv2d, (block.reduce, block.spread, block.expand))

    def forward(self, x: Tensor) -> Tensor:
        """Map [n, 2h, H, W] to the same shape."""
        h = self.reduce(F.relu(x))
        h = self.spread(F.relu(h))
        y: Tensor = self.expand(F.relu(h))
        return x + y


class PlainPixelCNN(nn.Module):
    """Compute what a `chainrule.PixelCNN` of order "top" computes, from a copy of its weights.

    A benchmark checks that the two agree before it times them.
    """

    def __init__(self, model: cr.PixelCNN) -> None:
        super().__init__()
        self.outputs_per_site, self.scale = model.domain.outputs_per_site, 2.0 / (model.domain.levels - 1)
        self.first, self.head, self.output = map(PlainMaskedConv2d, (model.first, model.head, model.output))
        self.blocks = nn.Sequential(*(PlainResidualBlock(block) for block in residual_blocks(model)))

    def forward(self, x: Tensor) -> Tensor:
        """Map images [n, C, H, W] to logits [n, C, H, W, k]."""
        h = self.blocks(self.first(x * self.scale - 1.0))
        logits = self.output(F.relu(self.head(F.relu(h))))
        by_colour: Tensor = logits.view(len(x), -1, self.outputs_per_site, *logits.shape[2:])
        return by_colour.movedim(2, -1)


def residual_blocks(model: cr.PixelCNN) -> list[ResidualBlock]:
    """Return the residual blocks of a model, first to last."""
    return [block for block in model.stack.children() if isinstance(block, ResidualBlock)]
