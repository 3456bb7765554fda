"""PixelCNN: masked convolutions, all pixels in parallel.

van den Oord, Kalchbrenner, Kavukcuoglu: Pixel Recurrent Neural Networks. 2016, arXiv:1601.06759.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chainrule.conditionals import Conditionals
from chainrule.domain import Domain
from chainrule.errors import ChainruleError
from chainrule.layers.masked import MaskedConv2d
from chainrule.layers.masks import colour_groups
from chainrule.layers.residual import ResidualBlock
from chainrule.models.base import AutoregressiveModel
from chainrule.order import raster
from chainrule.seeding import Seed, as_seed, generator

MOST_BLOCKS = 1000
"""No PixelCNN is so deep: a damaged description that asks for more must not fill the memory."""


class PixelCNN(AutoregressiveModel):
    """Table 1 of the paper, left column: 7×7 mask A; residual blocks; twice ReLU and 1×1 mask B; sigmoid or softmax.

    Args:
        domain: images (C, H, W).
        blocks: the number of residual blocks.
        features: the paper's h; the stream between blocks is 2h wide.
        position_bias: beyond Table 1: a learned bias for each feature and position after the first layer. A convolution
            cannot tell where it is; with this it can, at the cost of one addition.
        seed: draws the weights.

    Raises:
        ChainruleError: a domain that is not of images, or no blocks or features.

    Example:
        >>> from chainrule.domain import Binary
        >>> model = PixelCNN(Binary((1, 5, 7)), blocks=2, features=4)
        >>> model.conditionals(torch.zeros(3, 1, 5, 7)).logits.shape
        torch.Size([3, 1, 5, 7])
    """

    def __init__(
        self, domain: Domain, blocks: int = 7, features: int = 32, position_bias: bool = False, seed: Seed = 0
    ) -> None:
        super().__init__()
        self.domain, self.blocks, self.features = domain, blocks, features
        self.position_bias, self.seed, self.order = position_bias, as_seed(seed), raster(domain)
        if not domain.is_image:
            raise ChainruleError(
                f"PixelCNN takes images (C, H, W), not data of shape {domain.shape}; MADE takes any shape"
            )
        if not 0 <= blocks <= MOST_BLOCKS or features < 1:
            raise ChainruleError(
                f"PixelCNN needs 0 to {MOST_BLOCKS} blocks and at least 1 feature, not {blocks} and {features}"
            )
        colours, height, width = domain.shape
        if features < colours:
            raise ChainruleError(
                f"PixelCNN needs a feature for each of the {colours} colours, and features is {features}"
            )
        rng = generator(self.seed)
        wide = colour_groups(2 * features, colours)
        self.first = MaskedConv2d(torch.arange(colours), wide, 7, "A", rng)
        self.position = nn.Parameter(torch.zeros(2 * features, height, width)) if position_bias else None
        self.stack = nn.Sequential(*(ResidualBlock(features, colours, rng) for _ in range(blocks)))
        self.head = MaskedConv2d(wide, wide, 1, "B", rng)
        self.output = MaskedConv2d(wide, torch.arange(colours).repeat_interleave(domain.parameters), 1, "B", rng)
        nn.init.zeros_(self.output.weight)  # all conditionals start uniform

    def conditionals(self, x: Tensor) -> Conditionals:
        # Channels last: the 1×1 convolutions, half of the work, are then plain matrix products.
        h = self.first(self.encode(x)).contiguous(memory_format=torch.channels_last)
        if self.position is not None:
            h = h + self.position.to(h.dtype)  # the stream keeps its type under autocast
        h = self.stack(h)
        logits = self.output(F.relu(self.head(F.relu(h))))
        # [n, C·K, H, W] to [n, C, H, W, K]
        return self.domain.conditionals(logits.unflatten(1, (-1, self.domain.parameters)).movedim(2, -1))
