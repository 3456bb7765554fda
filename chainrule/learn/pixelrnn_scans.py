"""The two recurrent layers of PixelRNN, written step by step as in the paper: rows, and columns of a skewed map.

They have the weights and the results of the library's layers, without the optimisations of `layers/scan.py`.
Source: PixelRNN (arXiv:1601.06759), sections 3.1 and 3.2.
"""

from __future__ import annotations

from copy import deepcopy
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.layers.lstm import DiagonalBiLSTM, ImageLSTM, LSTMStack, RowLSTM
from chainrule.learn.recurrent_networks import lstm_step
from chainrule.models import PixelRNN
from chainrule.seeding import generator


def skew(x: Tensor) -> Tensor:
    """Shift each row of a map by one column relative to the row above, so that a diagonal becomes a column.

    Source: PixelRNN (arXiv:1601.06759), section 3.2 and figure 3.

    Args:
        x: a map [H, W, ...].

    Returns:
        The skewed map [H, H + W − 1, ...], with zeros where there is no pixel.

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
    """Return the map [H, W, ...] of a skewed map [H, H + W − 1, ...].

    Raises:
        ValueError: a map of another width than H + W − 1.

    Example:
        >>> unskew(torch.tensor([[1, 2, 3, 0], [0, 4, 5, 6]]), width=3)
        tensor([[1, 2, 3],
                [4, 5, 6]])
    """
    height, columns = skewed.shape[:2]
    if columns != height + width - 1:
        raise ValueError(f"a map of {height} × {width} is skewed to {height + width - 1} columns, not {columns}")
    return torch.stack([skewed[row, row : row + width] for row in range(height)])


class PlainRowLSTM(RowLSTM):
    """Scan row by row: the states of a row depend on the states of the row above, through a 3×1 convolution.

    Source: PixelRNN (arXiv:1601.06759), section 3.1.

    Args:
        shape: (colours, height, width) of the images.
        features: h, the number of features of a state.
        rng: draws the weights.

    Example:
        >>> plain, fast = (kind((1, 3, 4), 2, torch.Generator().manual_seed(0)) for kind in (PlainRowLSTM, RowLSTM))
        >>> x = torch.linspace(-1, 1, 4 * 12).view(4, 12, 1)
        >>> bool(torch.allclose(plain(x), fast(x), atol=1e-6))
        True
    """

    def __init__(self, shape: tuple[int, ...], features: int, rng: torch.Generator) -> None:
        super().__init__(shape, features, rng)
        self.height, self.width = shape[1:]

    def scan(self, *maps: Tensor) -> Tensor:
        """Return the states [h, P, n] of a map [2h, P, n]."""
        K_is, K_ss, bias, *start = get_kernels(self, 0)
        x = to_pixel_grid(maps[0], self.height, self.width)
        left = F.pad(x, (0, 0, 0, 0, 1, 0))[:, :-1]
        from_input = torch.cat([x, left], -1) @ K_is.mT + bias
        hidden, cell = (state.expand(*x.shape[1:3], -1) for state in start)
        rows = []
        for row in range(self.height):
            above = F.pad(hidden, (0, 0, 0, 0, 1, 1))
            taps = torch.cat([above[:-2], above[1:-1], above[2:]], -1)
            hidden, cell, _ = lstm_step(from_input[row], taps, cell, K_ss)
            rows.append(hidden)
        return to_feature_map(torch.stack(rows))


class PlainDiagonalBiLSTM(DiagonalBiLSTM):
    """Scan column by column of the skewed map, in both directions; then shift the second scan down by one row.

    Source: PixelRNN (arXiv:1601.06759), section 3.2.

    Args:
        shape: (colours, height, width) of the images.
        features: h, the number of features of a state.
        rng: draws the weights.

    Example:
        >>> plain, fast = (
        ...     kind((1, 3, 4), 2, torch.Generator().manual_seed(0)) for kind in (PlainDiagonalBiLSTM, DiagonalBiLSTM)
        ... )
        >>> x = torch.linspace(-1, 1, 4 * 12).view(4, 12, 1)
        >>> bool(torch.allclose(plain(x), fast(x), atol=1e-6))
        True
    """

    def __init__(self, shape: tuple[int, ...], features: int, rng: torch.Generator) -> None:
        super().__init__(shape, features, rng)
        self.height, self.width = shape[1:]

    def scan(self, *maps: Tensor) -> Tensor:
        """Return the sum of the states of both directions, [h, P, n], of a map [2h, P, n] for each direction."""
        left, right = (to_pixel_grid(x, self.height, self.width) for x in maps)
        from_left = self.scan_direction(left, 0)
        from_right = self.scan_direction(right.flip(1), 1).flip(1)
        return to_feature_map(from_left + self.shift_down(from_right))

    def scan_direction(self, x: Tensor, direction: int) -> Tensor:
        """Return the states [H, W, n, h] of a map [H, W, n, 2h], from left to right.

        Positions of the skewed map without a pixel have the initial state.
        """
        K_is, K_ss, bias, *states = get_kernels(self, direction)
        from_input = skew(x @ K_is.mT + bias)
        pixel = skew(torch.ones_like(x[..., :1])) > 0
        start = [state.expand(len(x), x.shape[2], -1) for state in states]
        hidden, cell = start
        columns = []
        for t in range(from_input.shape[1]):
            taps = torch.cat([self.states_above(hidden, start[0]), hidden], -1)
            new = lstm_step(from_input[:, t], taps, cell, K_ss)
            hidden = torch.where(pixel[:, t], new[0], start[0])
            cell = torch.where(pixel[:, t], new[1], start[1])
            columns.append(hidden)
        return unskew(torch.stack(columns, 1), self.width)

    def states_above(self, hidden: Tensor, start: Tensor) -> Tensor:
        """Return the state of the row above each row: the column [H, n, h], padded at the top by the initial state."""
        return torch.cat([start[:1], hidden[:-1]])

    def shift_down(self, states: Tensor) -> Tensor:
        """Return the map [H, W, n, h] shifted down by one row, with zeros in the first row."""
        return torch.cat([torch.zeros_like(states[:1]), states[:-1]])


def get_kernels(layer: ImageLSTM, direction: int) -> tuple[Tensor, ...]:
    """Return the weights of one direction of a layer.

    Returns:
        The masked K^{is} [4h, inputs · 2h]; K^{ss} [4h, taps · h]; the bias [4h]; and the learned h and c outside the
        image, [h] each.
    """
    W, U, b = layer.weights
    kernels = W[direction], torch.cat([*U[:, direction]], 1), b[direction, :, 0]
    return *kernels, layer.hidden[direction], layer.cell[direction]


def to_pixel_grid(x: Tensor, height: int, width: int) -> Tensor:
    """Rearrange [features, P, n] to [H, W, n, features].

    Raises:
        ValueError: a map of another size.
    """
    if x.shape[1] != height * width:
        raise ValueError(f"a map of {x.shape[1]} pixels is not {height} × {width}; give [features, P, n]")
    return x.view(len(x), height, width, -1).permute(1, 2, 3, 0)


def to_feature_map(states: Tensor) -> Tensor:
    """Rearrange [H, W, n, h] to [h, P, n]."""
    return states.permute(3, 0, 1, 2).flatten(1, 2)


def replace_layers(model: PixelRNN, kind: type[PlainRowLSTM] | type[PlainDiagonalBiLSTM]) -> PixelRNN:
    """Return a copy of the model with its recurrent layers replaced by layers of another class, with the same weights.

    Args:
        model: a PixelRNN.
        kind: `PlainRowLSTM`, `PlainDiagonalBiLSTM`, or a subclass of the one that fits the model's cell.

    Raises:
        ValueError: a class for another cell.

    Example:
        >>> from chainrule.domains import Binary
        >>> model = PixelRNN(Binary((1, 3, 4)), "diagonal", layers=1, features=2)
        >>> type(replace_layers(model, PlainDiagonalBiLSTM).stack.blocks[0].lstm).__name__
        'PlainDiagonalBiLSTM'
    """
    model, stack = copy_model(model)
    for block in stack.blocks:
        if not issubclass(kind, type(block.lstm)):
            raise ValueError(
                f"{kind.__name__} is not a {type(block.lstm).__name__}; give a class for cell={model.cell!r}"
            )
        layer = kind(tuple(model.orientation.sites(model.domain).shape), model.features, generator(0))
        block.lstm, weights = layer.to(block.lstm.hidden), block.lstm.state_dict()
        block.lstm.load_state_dict(weights)
    return model


def copy_model(model: PixelRNN) -> tuple[PixelRNN, LSTMStack]:
    """Return a copy of the model, and the stack of its recurrent layers."""
    copy = deepcopy(model)
    return copy, cast("LSTMStack", copy.stack)
