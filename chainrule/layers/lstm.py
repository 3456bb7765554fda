"""The recurrent layers of PixelRNN: Row LSTM and Diagonal BiLSTM, exact in colour.

Maps are laid out [features, pixels, n], the data last, so that a step's columns lie side by side and every product is
one matrix product. Pixels are numbered row · W + column.
Source: PixelRNN (arXiv:1601.06759), sections 3.1 to 3.3.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import torch
from torch import Tensor, nn

from chainrule.layers.masked import MaskedMap, he_init
from chainrule.layers.masks import colour_groups, degree_mask
from chainrule.layers.receptive_field import (
    colour_taps,
    convolution_reach,
    diagonal_reach,
    mirrored_diagonal_reach,
    row_reach,
)
from chainrule.layers.scan import lstm_scan
from chainrule.layers.scan_plan import Sweep, diagonals_sweep, rows_sweep


class ImageLSTM(nn.Module):
    """An LSTM scanned over images, in one direction or several, whose outputs are added up.

    The gates are four maps o, i, f, g, each grouped by colour: an R feature of any gate sees what R may see. What
    comes from other pixels' states is theirs to use whole: all those pixels are before the present one.

    Args:
        mask: bool [h, inputs · 2h], what the h features of a gate may see of the input.
        sweep: the steps, the inputs, and the taps of the state-to-state convolution.
        generator: draws the weights.
    """

    mask: Tensor

    def __init__(self, mask: Tensor, sweep: Sweep, generator: torch.Generator) -> None:
        super().__init__()
        self.sweep = sweep
        self.register_buffer("mask", mask.repeat(4, 1), persistent=False)
        (wide, features), (directions, taps) = (4 * len(mask), len(mask)), (len(sweep.inputs), len(sweep.beside))
        inputs = [he_init(torch.empty(self.mask.shape), self.mask, generator) for _ in range(directions)]
        states = torch.randn(taps, directions, wide, features, generator=generator)
        self.input_to_state = nn.Parameter(torch.stack(inputs))
        self.state_to_state = nn.Parameter(states / math.sqrt(taps * features))
        self.bias = nn.Parameter(torch.zeros(directions, wide, 1))
        self.hidden, self.cell = (nn.Parameter(torch.zeros(directions, features)) for _ in range(2))
        with torch.no_grad():
            self.bias[:, 2 * features : 3 * features] = 1.0  # the forget gates start open

    def scan(self, *maps: Tensor) -> Tensor:
        """A map [2h, P, n] for each direction to their outputs, added up: [h, P, n]."""
        return self.collect(lstm_scan(maps, self.weights, (self.hidden, self.cell), self.sweep))

    @property
    def weights(self) -> tuple[Tensor, Tensor, Tensor]:
        """W, through its mask, U and b, as `lstm_scan` takes them."""
        return self.mask * self.input_to_state, self.state_to_state, self.bias

    def collect(self, states: Tensor) -> Tensor:
        """The outputs [h, P, n] of hidden states [directions, h, P + 1, n], which are in the order of the steps."""
        outputs = self.sweep.outputs.to(states.device)
        return torch.stack([h.index_select(1, at) for h, at in zip(states, outputs, strict=True)]).sum(0)


class RowLSTM(ImageLSTM):
    """Rows from top to bottom; a pixel's state follows from the three nearest states of the row above.

    Input-to-state: 3×1 along the row, mask B, for the whole map at once. State-to-state: 3×1, unmasked.
    Source: PixelRNN (arXiv:1601.06759), section 3.1.

    Args:
        shape: (colours, height, width) of the images.
        features: h.
        generator: draws the weights.
    """

    def __init__(self, shape: tuple[int, ...], features: int, generator: torch.Generator) -> None:
        mask = mask_b(features, 2 * features, shape[0])
        # The pixel itself through mask B, and the whole of its left neighbour.
        super().__init__(torch.cat([mask, torch.ones_like(mask)], 1), rows_sweep(*shape[1:]), generator)

    def forward(self, x: Tensor) -> Tensor:
        """[2h, P, n] to [h, P, n]."""
        return self.scan(x)

    def receptive_field(self, seen: Tensor) -> Tensor:
        """The field of the states, bool [colours, H, W, D], given that of the input (`layers/receptive_field.py`)."""
        left = nn.functional.pad(seen, (0, 0, 1, 0))[:, :, :-1]
        here, there = self.mask.chunk(2, 1)
        return row_reach(gates_reach(seen, here) | gates_reach(left, there))


class DiagonalBiLSTM(ImageLSTM):
    """Two scans along the diagonals, from the top left and from the top right corner.

    A pixel's state follows from those on its left (on its right) and above. The scan from the right has seen pixels
    to come, and is shifted down by one row before it is added.
    Input-to-state: 1×1, mask B. State-to-state: 2×1, unmasked.
    Source: PixelRNN (arXiv:1601.06759), section 3.2.

    Args:
        shape: (colours, height, width) of the images.
        features: h.
        generator: draws the weights.
    """

    def __init__(self, shape: tuple[int, ...], features: int, generator: torch.Generator) -> None:
        super().__init__(mask_b(features, 2 * features, shape[0]), diagonals_sweep(*shape[1:]), generator)

    def forward(self, x: Tensor, right: Tensor | None = None) -> Tensor:
        """[2h, P, n] to [h, P, n]; the scan from the right reads `right` where that is given."""
        return self.scan(x, x if right is None else right)

    def receptive_field(self, seen: Tensor, right: Tensor | None = None) -> Tensor:
        """The field of the states, bool [colours, H, W, D], given those of the input and of `right`."""
        left, mirrored = (gates_reach(field, self.mask) for field in (seen, seen if right is None else right))
        return diagonal_reach(left) | mirrored_diagonal_reach(mirrored)


class LSTMBlock(nn.Module):
    """2h features → LSTM of h → 1×1 to 2h, mask B, plus the input where it is residual.

    Source: PixelRNN (arXiv:1601.06759), figure 5, right.

    Args:
        lstm: the recurrent layer, from 2h features to h.
        features: h.
        colours: the number of colour groups that features are split into.
        residual: whether the input is added; the block then starts as the identity.
        generator: draws the weights.
    """

    lstm: RowLSTM | DiagonalBiLSTM

    def __init__(
        self,
        lstm: RowLSTM | DiagonalBiLSTM,
        features: int,
        colours: int,
        residual: bool,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.lstm, self.residual = lstm, residual
        self.expand = MaskedMap(mask_b(2 * features, features, colours), generator)
        if residual:
            nn.init.zeros_(self.expand.weight)

    def forward(self, x: Tensor, *right: Tensor) -> Tensor:
        """[2h, P, n] to the same; `right` goes to the layer."""
        return self.after(x, self.lstm(x, *right))

    def after(self, x: Tensor, states: Tensor) -> Tensor:
        """The output, from the input [2h, P, n] and the layer's states [h, P, n]."""
        y: Tensor = self.expand(states)
        return x + y if self.residual else y

    def receptive_field(self, seen: Tensor, *right: Tensor) -> Tensor:
        """The field of the output, bool [colours, H, W, D], given that of the input (`layers/receptive_field.py`)."""
        field = map_reach(self.lstm.receptive_field(seen, *right), self.expand.mask)
        return seen | field if self.residual else field


class LSTMStack(nn.Module):
    """Blocks in a row, and the learned skip connections from each to what follows them all.

    Args:
        blocks: the blocks, from 2h features to 2h.
        features: h.
        colours: the number of colour groups that features are split into.
        skip: whether there are skip connections: 1×1, mask B, zero at first.
        generator: draws the weights.
    """

    blocks: Collection[LSTMBlock]
    skips: Collection[MaskedMap]

    def __init__(
        self, blocks: list[LSTMBlock], features: int, colours: int, skip: bool, generator: torch.Generator
    ) -> None:
        super().__init__()
        mask = mask_b(2 * features, 2 * features, colours)
        self.blocks = nn.ModuleList(blocks)  # type: ignore[assignment]
        self.skips = nn.ModuleList(MaskedMap(mask, generator) for _ in blocks if skip)  # type: ignore[assignment]
        for layer in self.skips:
            nn.init.zeros_(layer.weight)

    def forward(self, x: Tensor, right: Tensor | None = None) -> Tensor:
        """[n, 2h, H, W] to the same; `right` is what the first layer's scan from the right reads in place of x."""
        height, width = x.shape[2:]
        more = () if right is None else (_to_map(right),)
        h = _to_map(x)
        outputs = []
        for block in self.blocks:
            h, more = block(h, *more), ()
            outputs.append(h)
        for layer, output in zip(self.skips, outputs, strict=False):
            h = h + layer(output)
        return h.view(len(h), height, width, len(x)).permute(3, 0, 1, 2)

    @property
    def kept(self) -> int:
        """How many features of each pixel a walk keeps for others: what enters a layer, and its states."""
        return sum(4 * block.lstm.hidden.shape[1] for block in self.blocks)

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """(down, right) of other pixels that any layer reads."""
        return [offset for block in self.blocks for offset in block.lstm.sweep.offsets]

    def receptive_field(self, seen: Tensor, right: Tensor | None = None) -> Tensor:
        """The field of the output, bool [colours, H, W, D], given those of the input and of `right`."""
        more = () if right is None else (right,)
        fields = []
        for block in self.blocks:
            seen, more = block.receptive_field(seen, *more), ()
            fields.append(seen)
        for layer, field in zip(self.skips, fields, strict=False):
            seen = seen | map_reach(field, layer.mask)
        return seen


def _to_map(x: Tensor) -> Tensor:
    """[n, features, H, W] to [features, H · W, n]."""
    return x.permute(1, 2, 3, 0).flatten(1, 2)


def mask_b(out_features: int, in_features: int, colours: int) -> Tensor:
    """bool [out, in]: what features may see of others at the same pixel."""
    return degree_mask(colour_groups(out_features, colours), colour_groups(in_features, colours), strict=False)


def map_reach(seen: Tensor, mask: Tensor) -> Tensor:
    """The field after a masked 1×1 convolution, bool [out, in], given that before it (`layers/receptive_field.py`)."""
    groups = (colour_groups(features, len(seen)) for features in mask.shape)
    return convolution_reach(seen, colour_taps(mask[:, :, None, None], *groups))


def gates_reach(seen: Tensor, mask: Tensor) -> Tensor:
    """The field of all four gates, bool [4h, in]: a group of a gate sees what its part of the mask lets it see."""
    fields = [map_reach(seen, gate) for gate in mask.chunk(4)]
    return torch.stack(fields).any(0)
