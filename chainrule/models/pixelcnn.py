"""PixelCNN: masked convolutions, all pixels in parallel.

van den Oord, Kalchbrenner, Kavukcuoglu: Pixel Recurrent Neural Networks. 2016, arXiv:1601.06759.
"""

from __future__ import annotations

from chainrule.domains import Domain
from chainrule.layers.residual import ResidualBlock, ResidualStack
from chainrule.models.image import ImageModel, Scan, check_depth
from chainrule.seeding import Seed


class PixelCNN(ImageModel):
    """Table 1 of the paper, left column: 7×7 mask A; residual blocks; twice ReLU and 1×1 mask B; sigmoid or softmax.

    Args:
        domain: images (C, H, W).
        blocks: the number of residual blocks.
        features: the paper's h; the stream between blocks is 2h wide.
        position_bias: beyond Table 1: a learned bias for each feature and position after the first layer. A convolution
            cannot tell where it is; with this it can, at the cost of one addition.
        order: the side that the order begins with ("top", "bottom", "left", "right"), or such an order itself. What is
            given of an image to complete should come first.
        seed: draws the weights.

    Raises:
        ChainruleError: a domain that is not of images, no blocks or features, or an order that is not line by line.

    Example:
        >>> import torch
        >>> from chainrule.domains import Binary
        >>> model = PixelCNN(Binary((1, 5, 7)), blocks=2, features=4)
        >>> model.conditionals(torch.zeros(3, 1, 5, 7)).logits.shape
        torch.Size([3, 1, 5, 7])
    """

    def __init__(
        self,
        domain: Domain,
        blocks: int = 7,
        features: int = 32,
        position_bias: bool = False,
        order: Scan = None,
        seed: Seed = 0,
    ) -> None:
        check_depth(self, "blocks", blocks)
        super().__init__(
            domain,
            order,
            features,
            position_bias,
            seed,
            lambda _, rng: ResidualStack(*(ResidualBlock(features, domain.shape[0], rng) for _ in range(blocks))),
        )
        self.blocks = blocks
