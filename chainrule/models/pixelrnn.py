"""PixelRNN: Row LSTM and Diagonal BiLSTM.

van den Oord, Kalchbrenner, Kavukcuoglu: Pixel Recurrent Neural Networks. 2016, arXiv:1601.06759.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch

from chainrule.domains import Domain
from chainrule.errors import ChainruleError
from chainrule.layers.lstm import DiagonalBiLSTM, LSTMBlock, LSTMStack, RowLSTM
from chainrule.layers.masked import MaskedConv2d
from chainrule.layers.masks import colour_groups
from chainrule.models.image import ImageModel, Scan, check_depth
from chainrule.seeding import Seed, generator

CELLS: dict[str, type[RowLSTM] | type[DiagonalBiLSTM]] = {"row": RowLSTM, "diagonal": DiagonalBiLSTM}
NAMES = {"row": "Row LSTM", "diagonal": "Diagonal BiLSTM"}


class PixelRNN(ImageModel):
    """Table 1 of the paper, middle and right columns: 7×7 mask A; LSTM layers; twice ReLU and 1×1 mask B; the output.

    As in the paper, the Diagonal BiLSTM does not see the last pixel of the row above from afar (in colour: its last
    colour): that is a feature of its successors alone, which are in the present row, and the scan from the right,
    shifted down, knows only the row above. With `full_context` the first layer's scan from the right reads features of
    its own, made through mask B, which the shift keeps causal: then every pixel sees all that is before it.

    Args:
        domain: images (C, H, W).
        cell: "row" or "diagonal".
        layers: the number of LSTM layers.
        features: the paper's h, of each gate; the stream between layers is 2h wide.
        full_context: for the diagonal cell: whether all of the past is seen.
        residual: whether each layer's input is added to its output.
        skip: whether each layer has a learned 1×1 connection to the output.
        position_bias: beyond Table 1: a learned bias for each feature and position after the first layer.
        order: the side that the order begins with ("top", "bottom", "left", "right"), or such an order itself.
        seed: draws the weights.

    Raises:
        ChainruleError: a domain that is not of images, no layers or features, an unknown cell, or the full context
            asked of a Row LSTM.

    Example:
        >>> from chainrule.domains import Levels
        >>> model = PixelRNN(Levels((3, 5, 7), 256), "diagonal", layers=2, features=6, full_context=True)
        >>> model.conditionals(torch.zeros(2, 3, 5, 7)).logits.shape
        torch.Size([2, 3, 5, 7, 256])
    """

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
        order: Scan = None,
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

    def in_words(self) -> str:
        return NAMES[self.cell]

    @property
    def firsts(self) -> tuple[MaskedConv2d, ...]:
        return (self.first,) if self.right is None else (self.first, self.right)
