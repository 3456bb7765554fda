"""PixelCNN: masked convolutions over all pixels in parallel.

van den Oord, Kalchbrenner, Kavukcuoglu: Pixel Recurrent Neural Networks. 2016, arXiv:1601.06759.

Sampling: `sampling/image_sampler.py`. The cache of the residual blocks: `sampling/conv_cache.py`.
"""

from __future__ import annotations

from chainrule.domains import Domain
from chainrule.layers.residual import ResidualBlock, ResidualStack
from chainrule.models.image import ImageModel, OrderSpec, check_depth
from chainrule.seeding import Seed


class PixelCNN(ImageModel):
    """Model images by masked convolutions: 7×7 mask A; residual blocks; twice ReLU and 1×1 mask B; sigmoid or softmax.

    Source: PixelRNN (arXiv:1601.06759), section 3.5, and table 1, left column.

    Args:
        domain: images (C, H, W).
        blocks: the number of residual blocks.
        features: the paper's h; the maps between blocks have 2h features.
        position_bias: whether each feature and position has a learned bias after the first layer. This is not in Table
            1: a convolution does not know its position, and with the bias it does, at the cost of one addition.
        order: the side from which the order begins ("top", "bottom", "left", "right"), or such an order itself. To
            complete images, begin with the side that is given.
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

    trains_in_bfloat16 = True
    depth_argument = "blocks"

    def __init__(
        self,
        domain: Domain,
        blocks: int = 7,
        features: int = 32,
        position_bias: bool = False,
        order: OrderSpec = None,
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
