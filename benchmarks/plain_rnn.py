"""The baseline: PixelRNN as it is usually written, a loop of convolutions over a skewed copy, and autograd through it.

It takes the parameters of a `chainrule.PixelRNN` and computes the same function, so that a benchmark can check that the
two agree before it times them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
import torch.nn.functional as F
from plain import log_prob
from torch import Tensor

from chainrule import PixelRNN
from chainrule.layers.linear import MaskedMap
from chainrule.layers.lstm import DiagonalBiLSTM, ImageLSTM, LSTMBlock, LSTMStack, RowLSTM


def plain_log_prob(model: PixelRNN, x: Tensor) -> Tensor:
    """log p(x) in nats, [n]: what `model.log_prob` gives."""
    return log_prob(plain_numbers(model, x), x)


def plain_numbers(model: PixelRNN, x: Tensor) -> Tensor:
    """The numbers of all sites, [n, C, H, W, k]."""
    encoded = model.encode(x)
    h, *right = (model._placed(layer(encoded)) for layer in model.firsts)
    outputs = []
    stack = cast(LSTMStack, model.stack)
    for block in cast(Iterable[LSTMBlock], stack.blocks):
        lstm = block.lstm
        y = plain_row(lstm, h) if isinstance(lstm, RowLSTM) else plain_diagonal(lstm, h, *right)
        y = convolution(block.expand.mask * block.expand.weight, block.expand.bias, y)
        h, right = h + y if block.residual else y, []
        outputs.append(h)
    for layer, output in zip(cast(Iterable[MaskedMap], stack.skips), outputs, strict=False):
        h = h + convolution(layer.mask * layer.weight, layer.bias, output)
    logits = model.output(F.relu(model.head(F.relu(h))))
    by_colour: Tensor = logits.view(len(x), -1, model.domain.outputs_per_site, *logits.shape[2:])
    return by_colour.movedim(2, -1)


def plain_row(lstm: RowLSTM, x: Tensor) -> Tensor:
    """[n, 2h, H, W] to [n, h, H, W]: a 1×3 input-to-state convolution, then a loop over rows."""
    here, left = (lstm.mask * lstm.input_to_state[0]).chunk(2, 1)
    kernel = torch.stack([left, here, torch.zeros_like(here)], -1)[:, :, None]
    gates = F.conv2d(x, kernel, lstm.bias[0, :, 0], padding=(0, 1))
    taps = lstm.state_to_state[:, 0].movedim(0, -1)
    h, c = (state[0, None, :, None].expand(len(x), -1, x.shape[3]) for state in (lstm.hidden, lstm.cell))
    rows = []
    for row in range(x.shape[2]):
        h, c = lstm_step(gates[:, :, row] + F.conv1d(h, taps, padding=1), c)
        rows.append(h)
    return torch.stack(rows, 2)


def plain_diagonal(lstm: DiagonalBiLSTM, x: Tensor, right: Tensor | None = None) -> Tensor:
    """[n, 2h, H, W] to [n, h, H, W]: the two scans, the one from the right mirrored and shifted one row down."""
    left = plain_scan(lstm, 0, x)
    mirrored = plain_scan(lstm, 1, (x if right is None else right).flip(3)).flip(3)
    return left + F.pad(mirrored, (0, 0, 1, 0))[:, :, :-1]


def plain_scan(lstm: ImageLSTM, direction: int, x: Tensor) -> Tensor:
    """[n, 2h, H, W] to [n, h, H, W]: skew, a loop over the columns of the skewed map, and back."""
    gates = skew(convolution(lstm.mask * lstm.input_to_state[direction], lstm.bias[direction, :, 0], x))
    taps = lstm.state_to_state[:, direction].movedim(0, -1)
    h0, c0 = (state[direction, None, :, None] for state in (lstm.hidden, lstm.cell))
    h, c = (state.expand(len(x), -1, x.shape[2]) for state in (h0, c0))
    columns = []
    for column in range(gates.shape[3]):
        above = torch.cat([h0.expand(len(x), -1, 1), h], 2)
        h, c = lstm_step(gates[:, :, :, column] + F.conv1d(above, taps), c)
        columns.append(h)
        begun = torch.arange(x.shape[2]) <= column  # rows further down begin in a later column
        h, c = torch.where(begun, h, h0), torch.where(begun, c, c0)
    return unskew(torch.stack(columns, 3))


def lstm_step(gates: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """The next hidden and cell state, each [n, h, places]."""
    o, i, f, g = gates.chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def convolution(weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """A 1×1 convolution with weight [out, in]."""
    return F.conv2d(x, weight[:, :, None, None], bias)


def skew(x: Tensor) -> Tensor:
    """[n, f, H, W] to [n, f, H, W + H - 1]: each row one column further right than the row above."""
    height = x.shape[2]
    return torch.stack([F.pad(x[:, :, row], (row, height - 1 - row)) for row in range(height)], 2)


def unskew(x: Tensor) -> Tensor:
    """The inverse of `skew`."""
    height = x.shape[2]
    width = x.shape[3] - height + 1
    return torch.stack([x[:, :, row, row : row + width] for row in range(height)], 2)
