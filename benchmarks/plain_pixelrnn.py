"""PixelRNN in plain PyTorch: a loop of convolutions over a skewed map, and autograd through the loop.

The functions take the parameters of a `chainrule.PixelRNN` of order "top" and compute what it computes. A benchmark
checks that the two agree before it times them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from plain_pytorch import log_prob
from torch import Tensor

from chainrule import PixelRNN
from chainrule.layers.convolution import add_position_bias
from chainrule.layers.lstm import DiagonalBiLSTM, ImageLSTM, LSTMBlock, LSTMStack, RowLSTM


def plain_log_prob(model: PixelRNN, x: Tensor) -> Tensor:
    """Return log p(x) in nats, [n], as `model.log_prob` does."""
    return log_prob(plain_logits(model, x), x)


def plain_logits(model: PixelRNN, x: Tensor) -> Tensor:
    """Map images [n, C, H, W] to logits [n, C, H, W, k]."""
    encoded = model.encode(x)
    features = [add_position_bias(layer(encoded), model.position) for layer in model.input_layers]
    assert isinstance(model.stack, LSTMStack)
    h = apply_stack(model.stack, *features)
    logits = model.output(F.relu(model.head(F.relu(h))))
    by_colour: Tensor = logits.view(len(x), -1, model.domain.outputs_per_site, *logits.shape[2:])
    return by_colour.movedim(2, -1)


def apply_stack(stack: LSTMStack, h: Tensor, *right: Tensor) -> Tensor:
    """Map [n, 2h, H, W] to the same shape; the first layer's scan from the right reads `right` where it is given."""
    outputs = []
    for block in stack.blocks:
        h, right = apply_block(block, h, *right), ()
        outputs.append(h)
    for layer, output in zip(stack.skips, outputs, strict=False):
        h = h + convolve_1x1(layer.mask * layer.weight, layer.bias, output)
    return h


def apply_block(block: LSTMBlock, x: Tensor, *right: Tensor) -> Tensor:
    """Map [n, 2h, H, W] to the same shape."""
    lstm = block.lstm
    states = scan_rows(lstm, x) if isinstance(lstm, RowLSTM) else scan_diagonals(lstm, x, *right)
    y = convolve_1x1(block.expand.mask * block.expand.weight, block.expand.bias, states)
    return x + y if block.residual else y


def scan_rows(lstm: RowLSTM, x: Tensor) -> Tensor:
    """Map [n, 2h, H, W] to [n, h, H, W]: a 1×3 input-to-state convolution, then a loop over rows."""
    centre, left = (lstm.mask * lstm.input_to_state[0]).chunk(2, 1)
    kernel = torch.stack([left, centre, torch.zeros_like(centre)], -1)[:, :, None]
    gates = F.conv2d(x, kernel, lstm.bias[0, :, 0], padding=(0, 1))
    taps = lstm.state_to_state[:, 0].movedim(0, -1)
    h, c = (state[0, None, :, None].expand(len(x), -1, x.shape[3]) for state in (lstm.hidden, lstm.cell))
    rows = []
    for row in range(x.shape[2]):
        h, c = lstm_step(gates[:, :, row] + F.conv1d(h, taps, padding=1), c)
        rows.append(h)
    return torch.stack(rows, 2)


def scan_diagonals(lstm: DiagonalBiLSTM, x: Tensor, right: Tensor | None = None) -> Tensor:
    """Map [n, 2h, H, W] to [n, h, H, W] by two scans; the scan from the right is mirrored and shifted down one row."""
    left = scan_from_left(lstm, 0, x)
    mirrored = scan_from_left(lstm, 1, (x if right is None else right).flip(3)).flip(3)
    return left + F.pad(mirrored, (0, 0, 1, 0))[:, :, :-1]


def scan_from_left(lstm: ImageLSTM, direction: int, x: Tensor) -> Tensor:
    """Map [n, 2h, H, W] to [n, h, H, W]: skew the map, loop over its columns, and undo the skew."""
    gates = skew(convolve_1x1(lstm.mask * lstm.input_to_state[direction], lstm.bias[direction, :, 0], x))
    taps = lstm.state_to_state[:, direction].movedim(0, -1)
    h0, c0 = (state[direction, None, :, None] for state in (lstm.hidden, lstm.cell))
    h, c = (state.expand(len(x), -1, x.shape[2]) for state in (h0, c0))
    columns = []
    for column in range(gates.shape[3]):
        above = torch.cat([h0.expand(len(x), -1, 1), h], 2)
        h, c = lstm_step(gates[:, :, :, column] + F.conv1d(above, taps), c)
        columns.append(h)
        started = torch.arange(x.shape[2]) <= column  # lower rows start in a later column
        h, c = torch.where(started, h, h0), torch.where(started, c, c0)
    return unskew(torch.stack(columns, 3))


def lstm_step(gates: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """Return the next hidden and cell state, each [n, h, pixels], from gates [n, 4h, pixels] and the cell state."""
    o, i, f, g = gates.chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def convolve_1x1(weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """Apply a 1×1 convolution with weight [out, in]."""
    return F.conv2d(x, weight[:, :, None, None], bias)


def skew(x: Tensor) -> Tensor:
    """Map [n, f, H, W] to [n, f, H, W + H - 1]: shift each row one column further right than the row above."""
    height = x.shape[2]
    return torch.stack([F.pad(x[:, :, row], (row, height - 1 - row)) for row in range(height)], 2)


def unskew(x: Tensor) -> Tensor:
    """Invert `skew`."""
    height = x.shape[2]
    width = x.shape[3] - height + 1
    return torch.stack([x[:, :, row, row : row + width] for row in range(height)], 2)
