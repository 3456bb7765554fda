"""The two recurrent layers of PixelRNN as their paper tells them, written plainly: rows, and columns of a skewed map.

They are the library's layers, with its weights, in another program: what `layers/scan.py` does fast is done here in the
order in which one thinks of it.
Source: PixelRNN (arXiv:1601.06759), sections 3.1 and 3.2.
"""

from __future__ import annotations

from copy import deepcopy
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.layers.lstm import DiagonalBiLSTM, ImageLSTM, LSTMStack, RowLSTM
from chainrule.learn.recurrence import lstm_step
from chainrule.models.pixelrnn import PixelRNN
from chainrule.seeding import generator


def skew(x: Tensor) -> Tensor:
    """A map whose rows are each shifted by one column against the row above: a diagonal becomes a column.

    Source: PixelRNN (arXiv:1601.06759), section 3.2 and figure 3.

    Args:
        x: [H, W, ...].

    Returns:
        [H, H + W − 1, ...], zeros where there is no pixel.

    Example:
        >>> skew(torch.tensor([[1, 2, 3], [4, 5, 6]]))
        tensor([[1, 2, 3, 0],
                [0, 4, 5, 6]])
    """
    height, width = x.shape[:2]
    skewed = x.new_zeros(height, height + width - 1, *x.shape[2:])
    for row in range(height):
        skewed[row, row : row + width] = x[row]
    return skewed


def unskew(skewed: Tensor, width: int) -> Tensor:
    """The map that was skewed: [H, H + W − 1, ...] back to [H, W, ...].

    Raises:
        ValueError: a map that is not skewed from that width.

    Example:
        >>> unskew(torch.tensor([[1, 2, 3, 0], [0, 4, 5, 6]]), width=3)
        tensor([[1, 2, 3],
                [4, 5, 6]])
    """
    height, columns = skewed.shape[:2]
    if columns != height + width - 1:
        raise ValueError(f"a map of {height} × {width} is skewed to {height + width - 1} columns, and not {columns}")
    return torch.stack([skewed[row, row : row + width] for row in range(height)])


class PlainRows(RowLSTM):
    """The Row LSTM, row by row: the states of a row follow from those of the row above, by a 3×1 convolution.

    Source: PixelRNN (arXiv:1601.06759), section 3.1.

    Args:
        shape: (colours, height, width) of the images.
        features: h.
        rng: draws the weights.

    Example:
        >>> plain, real = (kind((1, 3, 4), 2, torch.Generator().manual_seed(0)) for kind in (PlainRows, RowLSTM))
        >>> x = torch.linspace(-1, 1, 4 * 12).view(4, 12, 1)
        >>> bool(torch.allclose(plain(x), real(x), atol=1e-6))
        True
    """

    def __init__(self, shape: tuple[int, ...], features: int, rng: torch.Generator) -> None:
        super().__init__(shape, features, rng)
        self.height, self.width = shape[1:]

    def scan(self, *maps: Tensor) -> Tensor:
        """A map [2h, P, n] to the states [h, P, n]."""
        K_is, K_ss, bias, *start = kernels_of(self, 0)
        x = by_pixel(maps[0], self.height, self.width)
        left = F.pad(x, (0, 0, 0, 0, 1, 0))[:, :-1]
        from_input = torch.cat([x, left], -1) @ K_is.mT + bias
        hidden, cell = (state.expand(*x.shape[1:3], -1) for state in start)
        rows = []
        for row in range(self.height):
            above = F.pad(hidden, (0, 0, 0, 0, 1, 1))
            taps = torch.cat([above[:-2], above[1:-1], above[2:]], -1)
            hidden, cell, _ = lstm_step(from_input[row], taps, cell, K_ss)
            rows.append(hidden)
        return by_feature(torch.stack(rows))


class PlainDiagonals(DiagonalBiLSTM):
    """The Diagonal BiLSTM, column by column of the skewed map, in both directions; then the shift by one row.

    Source: PixelRNN (arXiv:1601.06759), section 3.2.

    Args:
        shape: (colours, height, width) of the images.
        features: h.
        rng: draws the weights.

    Example:
        >>> plain, real = (
        ...     kind((1, 3, 4), 2, torch.Generator().manual_seed(0)) for kind in (PlainDiagonals, DiagonalBiLSTM)
        ... )
        >>> x = torch.linspace(-1, 1, 4 * 12).view(4, 12, 1)
        >>> bool(torch.allclose(plain(x), real(x), atol=1e-6))
        True
    """

    def __init__(self, shape: tuple[int, ...], features: int, rng: torch.Generator) -> None:
        super().__init__(shape, features, rng)
        self.height, self.width = shape[1:]

    def scan(self, *maps: Tensor) -> Tensor:
        """A map [2h, P, n] for each direction to the sum of their states, [h, P, n]."""
        left, right = (by_pixel(x, self.height, self.width) for x in maps)
        from_left = self.one_way(left, 0)
        from_right = self.one_way(right.flip(1), 1).flip(1)
        return by_feature(from_left + self.shifted(from_right))

    def one_way(self, x: Tensor, way: int) -> Tensor:
        """The states [H, W, n, h] of a map [H, W, n, 2h], from left to right; empty places keep the initial state."""
        K_is, K_ss, bias, *states = kernels_of(self, way)
        from_input = skew(x @ K_is.mT + bias)
        pixel = skew(torch.ones_like(x[..., :1])) > 0
        start = [state.expand(len(x), x.shape[2], -1) for state in states]
        hidden, cell = start
        columns = []
        for t in range(from_input.shape[1]):
            taps = torch.cat([self.above(hidden, start[0]), hidden], -1)
            new = lstm_step(from_input[:, t], taps, cell, K_ss)
            hidden = torch.where(pixel[:, t], new[0], start[0])
            cell = torch.where(pixel[:, t], new[1], start[1])
            columns.append(hidden)
        return unskew(torch.stack(columns, 1), self.width)

    def above(self, hidden: Tensor, start: Tensor) -> Tensor:
        """The states of the row above each row: the column [H, n, h] is padded at its top."""
        return torch.cat([start[:1], hidden[:-1]])

    def shifted(self, states: Tensor) -> Tensor:
        """The map [H, W, n, h] moved down by one row: zeros come in at the top, and the last row falls away."""
        return torch.cat([torch.zeros_like(states[:1]), states[:-1]])


def kernels_of(layer: ImageLSTM, way: int) -> tuple[Tensor, ...]:
    """What one direction of a layer works with.

    Returns:
        K^{is} [4h, inputs · 2h], through its mask; K^{ss} [4h, taps · h]; the bias [4h]; and the learned h and c beside
        the image, [h] each.
    """
    W, U, b = layer.weights
    return W[way], torch.cat([*U[:, way]], 1), b[way, :, 0], layer.hidden[way], layer.cell[way]


def by_pixel(x: Tensor, height: int, width: int) -> Tensor:
    """[features, P, n] to [H, W, n, features].

    Raises:
        ValueError: a map of another size.
    """
    if x.shape[1] != height * width:
        raise ValueError(f"a map of {x.shape[1]} pixels is none of {height} × {width}; give [features, P, n]")
    return x.view(len(x), height, width, -1).permute(1, 2, 3, 0)


def by_feature(states: Tensor) -> Tensor:
    """[H, W, n, h] to [h, P, n]."""
    return states.permute(3, 0, 1, 2).flatten(1, 2)


def retold(model: PixelRNN, kind: type[PlainRows] | type[PlainDiagonals]) -> PixelRNN:
    """A copy of the model in which these layers, or others of their kind, do the work of its recurrent layers.

    Args:
        kind: made for the model's cell: `PlainRows`, `PlainDiagonals`, or a class made from one of them.

    Raises:
        ValueError: a model of the other cell.

    Example:
        >>> from chainrule.domains import Binary
        >>> model = PixelRNN(Binary((1, 3, 4)), "diagonal", layers=1, features=2)
        >>> type(retold(model, PlainDiagonals).stack.blocks[0].lstm).__name__
        'PlainDiagonals'
    """
    model, stack = copy_of(model)
    for block in stack.blocks:
        if not issubclass(kind, type(block.lstm)):
            raise ValueError(f"{kind.__name__} is no {type(block.lstm).__name__}; give a class for cell={model.cell!r}")
        layer = kind(tuple(model.turn.sites(model.domain).shape), model.features, generator(0))
        block.lstm, weights = layer.to(block.lstm.hidden), block.lstm.state_dict()
        block.lstm.load_state_dict(weights)
    return model


def copy_of(model: PixelRNN) -> tuple[PixelRNN, LSTMStack]:
    """A copy of the model, and its recurrent layers."""
    copy = deepcopy(model)
    return copy, cast("LSTMStack", copy.stack)
