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

from chainrule.layers.linear import MaskedMap
from chainrule.layers.masks import colour_groups, degree_mask
from chainrule.layers.receptive_field import (
    colour_taps,
    convolution_field,
    diagonal_field,
    mirrored_diagonal_field,
    row_lstm_field,
)
from chainrule.layers.scan import lstm_scan
from chainrule.layers.scan_plan import ScanPlan, diagonal_plan, row_plan
from chainrule.layers.weights import he_init


class ImageLSTM(nn.Module):
    """Scan an LSTM over images, in one direction or several, and add the outputs.

    The gates are four maps o, i, f, g, each grouped by colour: an R feature of any gate sees what R may see. The states
    of other pixels are read whole, since these pixels come before the present pixel.

    Args:
        mask: bool [h, inputs · 2h], the inputs that the h features of a gate may see.
        plan: the steps, the inputs, and the taps of the state-to-state convolution.
        generator: draws the weights.
    """

    mask: Tensor

    def __init__(self, mask: Tensor, plan: ScanPlan, generator: torch.Generator) -> None:
        super().__init__()
        self.plan = plan
        self.register_buffer("mask", mask.repeat(4, 1), persistent=False)
        (wide, features), (directions, taps) = (4 * len(mask), len(mask)), (len(plan.inputs), len(plan.outside))
        inputs = [he_init(torch.empty(self.mask.shape), self.mask, generator) for _ in range(directions)]
        states = torch.randn(taps, directions, wide, features, generator=generator)
        self.input_to_state = nn.Parameter(torch.stack(inputs))
        self.state_to_state = nn.Parameter(states / math.sqrt(taps * features))
        self.bias = nn.Parameter(torch.zeros(directions, wide, 1))
        self.hidden, self.cell = (nn.Parameter(torch.zeros(directions, features)) for _ in range(2))
        with torch.no_grad():
            self.bias[:, 2 * features : 3 * features] = 1.0  # the forget gates start open

    def scan(self, *maps: Tensor) -> Tensor:
        """Map one input [2h, P, n] for each direction to the sum of the outputs, [h, P, n]."""
        return self.gather_outputs(lstm_scan(maps, self.weights, (self.hidden, self.cell), self.plan))

    @property
    def weights(self) -> tuple[Tensor, Tensor, Tensor]:
        """The masked W, U and b, as `lstm_scan` takes them."""
        return self.mask * self.input_to_state, self.state_to_state, self.bias

    def gather_outputs(self, states: Tensor) -> Tensor:
        """Return the outputs [h, P, n] from hidden states [directions, h, P + 1, n] in the order of the steps."""
        outputs = self.plan.outputs.to(states.device)
        return torch.stack([h.index_select(1, at) for h, at in zip(states, outputs, strict=True)]).sum(0)


class RowLSTM(ImageLSTM):
    """Scan rows from top to bottom: a pixel's state depends on the three nearest states of the row above.

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
        super().__init__(torch.cat([mask, torch.ones_like(mask)], 1), row_plan(*shape[1:]), generator)

    def forward(self, x: Tensor) -> Tensor:
        """Map [2h, P, n] to [h, P, n]."""
        return self.scan(x)

    def receptive_field(self, field: Tensor) -> Tensor:
        """Return the receptive field of the states, bool [colours, H, W, D], from that of the input."""
        left = nn.functional.pad(field, (0, 0, 1, 0))[:, :, :-1]
        mask, left_mask = self.mask.chunk(2, 1)
        return row_lstm_field(gates_field(field, mask) | gates_field(left, left_mask))


class DiagonalBiLSTM(ImageLSTM):
    """Scan along the diagonals twice, from the top left and from the top right corner.

    A pixel's state depends on the states on its left (on its right) and above. The scan from the right has read pixels
    to come, so its outputs are shifted down by one row before they are added.
    Input-to-state: 1×1, mask B. State-to-state: 2×1, unmasked.
    Source: PixelRNN (arXiv:1601.06759), section 3.2.

    Args:
        shape: (colours, height, width) of the images.
        features: h.
        generator: draws the weights.
    """

    def __init__(self, shape: tuple[int, ...], features: int, generator: torch.Generator) -> None:
        super().__init__(mask_b(features, 2 * features, shape[0]), diagonal_plan(*shape[1:]), generator)

    def forward(self, x: Tensor, right: Tensor | None = None) -> Tensor:
        """Map [2h, P, n] to [h, P, n]; the scan from the right reads `right` where it is given."""
        return self.scan(x, x if right is None else right)

    def receptive_field(self, field: Tensor, right: Tensor | None = None) -> Tensor:
        """Return the receptive field of the states, bool [colours, H, W, D], from those of the input and of `right`."""
        left, mirrored = (gates_field(each, self.mask) for each in (field, field if right is None else right))
        return diagonal_field(left) | mirrored_diagonal_field(mirrored)


class LSTMBlock(nn.Module):
    """Map 2h features → LSTM of h → 1×1 to 2h, mask B, and add the input where the block is residual.

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
        """Map [2h, P, n] to the same shape; `right` goes to the recurrent layer."""
        return self.expand_states(x, self.lstm(x, *right))

    def expand_states(self, x: Tensor, states: Tensor) -> Tensor:
        """Return the output, from the input [2h, P, n] and the states [h, P, n] of the recurrent layer."""
        y: Tensor = self.expand(states)
        return x + y if self.residual else y

    def receptive_field(self, field: Tensor, *right: Tensor) -> Tensor:
        """Return the receptive field of the output, bool [colours, H, W, D], from that of the input."""
        output = map_field(self.lstm.receptive_field(field, *right), self.expand.mask)
        return field | output if self.residual else output


class LSTMStack(nn.Module):
    """Apply blocks one after the other, with optional skip connections from each block to the output of the stack.

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
        """Map [n, 2h, H, W] to the same shape; the first layer's scan from the right reads `right` in place of x."""
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
    def cached_features(self) -> int:
        """The number of features that sampling caches for each pixel: the inputs and states of the layers."""
        return sum(4 * block.lstm.hidden.shape[1] for block in self.blocks)

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """The offsets (down, right) at which any layer reads other pixels."""
        return [offset for block in self.blocks for offset in block.lstm.plan.offsets]

    def receptive_field(self, field: Tensor, right: Tensor | None = None) -> Tensor:
        """Return the receptive field of the output, bool [colours, H, W, D], from those of the input and of `right`."""
        more = () if right is None else (right,)
        fields = []
        for block in self.blocks:
            field, more = block.receptive_field(field, *more), ()
            fields.append(field)
        for layer, skipped in zip(self.skips, fields, strict=False):
            field = field | map_field(skipped, layer.mask)
        return field


def _to_map(x: Tensor) -> Tensor:
    """Reshape [n, features, H, W] to [features, H · W, n]."""
    return x.permute(1, 2, 3, 0).flatten(1, 2)


def mask_b(out_features: int, in_features: int, colours: int) -> Tensor:
    """Return mask B between features of the same pixel: bool [out, in]."""
    return degree_mask(colour_groups(out_features, colours), colour_groups(in_features, colours), strict=False)


def map_field(field: Tensor, mask: Tensor) -> Tensor:
    """Return the receptive field after a 1×1 convolution with mask bool [out, in], from that of its input."""
    groups = (colour_groups(features, len(field)) for features in mask.shape)
    return convolution_field(field, colour_taps(mask[:, :, None, None], *groups))


def gates_field(field: Tensor, mask: Tensor) -> Tensor:
    """Return the receptive field of all four gates with mask bool [4h, in], from that of their input."""
    fields = [map_field(field, gate) for gate in mask.chunk(4)]
    return torch.stack(fields).any(0)
