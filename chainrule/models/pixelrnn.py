"""PixelRNN: Row LSTM and Diagonal BiLSTM.

van den Oord, Kalchbrenner, Kavukcuoglu: Pixel Recurrent Neural Networks. 2016, arXiv:1601.06759.

Sampling: `sampling/image_sampler.py`. The cache of the recurrent layers: `sampling/lstm_cache.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch

from chainrule.domains import Domain
from chainrule.errors import ChainruleError
from chainrule.layers.convolution import MaskedConv2d
from chainrule.layers.lstm import DiagonalBiLSTM, LSTMBlock, LSTMStack, RowLSTM
from chainrule.layers.masks import colour_groups
from chainrule.models.image import ImageModel, OrderSpec, check_depth
from chainrule.seeding import Seed, generator

CELLS: dict[str, type[RowLSTM] | type[DiagonalBiLSTM]] = {"row": RowLSTM, "diagonal": DiagonalBiLSTM}
DISPLAY_NAMES = {"row": "Row LSTM", "diagonal": "Diagonal BiLSTM"}


class PixelRNN(ImageModel):
    """Model images by LSTM layers: 7×7 mask A; LSTM layers; twice ReLU and 1×1 mask B; sigmoid or softmax.

    As in the paper, a Diagonal BiLSTM does not read the last pixel of the row above (in colour: the last colour of this
    pixel) where that pixel is far away: mask A gives the pixel only to the features of later pixels, which lie in the
    present row, and the scan from the right is shifted down and reads only the row above. With `full_context` the first
    layer's scan from the right reads features of its own, through mask B. The shift keeps them causal, and every pixel
    depends on all pixels before it.
    Source: PixelRNN (arXiv:1601.06759), sections 3.1 and 3.2, and table 1, middle and right columns.

    Args:
        domain: images (C, H, W).
        cell: "row" or "diagonal".
        layers: the number of LSTM layers.
        features: the paper's h, the features of each gate; the maps between layers have 2h features.
        full_context: for the diagonal cell: whether each pixel depends on all pixels before it.
        residual: whether each layer's input is added to its output.
        skip: whether each layer has a learned 1×1 connection to the output.
        position_bias: whether each feature and position has a learned bias after the first layer (not in Table 1).
        order: the side from which the order begins ("top", "bottom", "left", "right"), or such an order itself.
        seed: draws the weights.

    Raises:
        ChainruleError: a domain that is not of images, no layers or features, an unknown cell, or
            `full_context` with a row cell.

    Example:
        >>> from chainrule.domains import Levels
        >>> model = PixelRNN(Levels((3, 5, 7), 256), "diagonal", layers=2, features=6, full_context=True)
        >>> model.conditionals(torch.zeros(2, 3, 5, 7)).logits.shape
        torch.Size([2, 3, 5, 7, 256])
    """

    depth_argument = "layers"

    def __init__(
        self,
        domain: Domain,
        cell: Literal["row", "diagonal"] = "row",
        layers: int = 7,
        features: int = 16,
        full_context: bool = False,
        residual: bool = True,
        skip: bool = False,
        position_bias: bool = False,
        order: OrderSpec = None,
        seed: Seed = 0,
    ) -> None:
        check_depth(self, "layers", layers)
        if cell not in CELLS:
            raise ChainruleError(f"PixelRNN has the cells {' and '.join(CELLS)}, not {cell!r}")
        if full_context and cell != "diagonal":
            raise ChainruleError(
                f"full_context is of the diagonal cell alone, and cell is {cell!r}, which sees a triangle above; "
                "leave it out, or give cell='diagonal'"
            )
        if full_context and layers == 0:
            raise ChainruleError("full_context needs at least one layer, and layers is 0; give more, or leave it out")

        def stack(shape: Sequence[int], rng: torch.Generator) -> LSTMStack:
            colours = shape[0]
            lstms = [CELLS[cell](tuple(shape), features, rng) for _ in range(layers)]
            blocks = [LSTMBlock(lstm, features, colours, residual, rng) for lstm in lstms]
            return LSTMStack(blocks, features, colours, skip, rng)

        super().__init__(domain, order, features, position_bias, seed, stack)
        self.cell, self.layers, self.full_context, self.residual, self.skip = cell, layers, full_context, residual, skip
        self.right = None
        if full_context:
            groups = torch.arange(domain.shape[0]), colour_groups(2 * features, domain.shape[0])
            self.right = MaskedConv2d(*groups, 7, "B", generator(self.seed, 1))

    @property
    def display_name(self) -> str:
        return DISPLAY_NAMES[self.cell]

    @property
    def input_layers(self) -> tuple[MaskedConv2d, ...]:
        return (self.first,) if self.right is None else (self.first, self.right)

    @property
    def least_depth(self) -> int:
        return 1 if self.full_context else 0
