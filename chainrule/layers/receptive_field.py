"""Receptive fields of layers, computed from their geometry: no layer is run or differentiated.

The receptive field of a feature map is bool [colours, H, W, D]: True at [g, r, c, j] where the features of colour group
g at row r and column c can depend on site j. All features of a group depend on the same sites. Every group reads the
states of an LSTM.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def identity_field(shape: tuple[int, ...]) -> Tensor:
    """Return the receptive field of the image (C, H, W), where each site depends on itself.

    Example:
        >>> identity_field((1, 1, 2)).int().tolist()
        [[[[1, 0], [0, 1]]]]
    """
    channels, height, width = shape
    return torch.eye(channels * height * width, dtype=torch.bool).view(*shape, -1)


def linear_field(field: Tensor, mask: Tensor) -> Tensor:
    """Return the receptive field of the outputs of a masked linear layer, bool [out, D].

    Args:
        field: bool [in, D], the receptive field of the inputs.
        mask: bool [out, in].

    Example:
        >>> linear_field(torch.eye(2).bool(), torch.tensor([[True, False], [True, True]])).int().tolist()
        [[1, 0], [1, 1]]
    """
    return mask.cpu().float() @ field.float() > 0


def colour_taps(mask: Tensor, out_groups: Tensor, in_groups: Tensor) -> Tensor:
    """Return the open taps of a kernel between colours: bool [colours out, colours in, rows, columns].

    Args:
        mask: bool [out, in, rows, columns].
        out_groups, in_groups: the colour of each output and input feature, int64 [features].

    Example:
        >>> mask = torch.tensor([[True, False, False], [True, True, True]]).view(2, 3, 1, 1)
        >>> colour_taps(mask, torch.tensor([0, 1]), torch.tensor([0, 1, 1])).flatten(1).int().tolist()
        [[1, 0], [1, 1]]
    """
    out_colour, in_colour = (F.one_hot(groups).float() for groups in (out_groups, in_groups))
    return torch.einsum("oirc,ot,if->tfrc", mask.cpu().float(), out_colour, in_colour) > 0


def convolution_field(field: Tensor, taps: Tensor) -> Tensor:
    """Return the receptive field of a convolution's output, from that of its input.

    Args:
        field: bool [colours in, H, W, D], the receptive field of the input.
        taps: bool [colours out, colours in, rows, columns], True where open. The columns are centred; the last row is
            the row of the centre, since a causal kernel has no rows below.
    """
    height, width = field.shape[1:3]
    rows, columns = taps.shape[2:]
    around = F.pad(field, (0, 0, columns // 2, columns // 2, rows - 1, 0))
    output = field.new_zeros(len(taps), *field.shape[1:])
    for to, of, row, column in taps.nonzero().tolist():
        output[to] |= around[of, row : row + height, column : column + width]
    return output


def row_lstm_field(field: Tensor, kernel_size: int = 3) -> Tensor:
    """Return the receptive field of a Row LSTM's states: a triangle that widens upwards.

    Source: PixelRNN (arXiv:1601.06759), section 3.1.

    Args:
        field: bool [colours, H, W, D], the receptive field of the input to the gates.
        kernel_size: the number of columns of the row above that a state reads.

    Example:
        >>> print(row_lstm_field(identity_field((1, 3, 5)))[0, 2, 2].view(3, 5).int())
        tensor([[1, 1, 1, 1, 1],
                [0, 1, 1, 1, 0],
                [0, 0, 1, 0, 0]], dtype=torch.int32)
    """
    output, side, width = field.clone(), kernel_size // 2, field.shape[2]
    for row in range(1, field.shape[1]):
        above = F.pad(output[:, row - 1].any(0), (0, 0, side, side))
        for tap in range(kernel_size):
            output[:, row] |= above[tap : tap + width]
    return output


def diagonal_field(field: Tensor) -> Tensor:
    """Return the receptive field of the states of a Diagonal LSTM from the left: all pixels above and on the left.

    Source: PixelRNN (arXiv:1601.06759), section 3.2.

    Args:
        field: bool [colours, H, W, D], the receptive field of the input to the gates.

    Example:
        >>> print(diagonal_field(identity_field((1, 3, 4)))[0, 1, 2].view(3, 4).int())
        tensor([[1, 1, 1, 0],
                [1, 1, 1, 0],
                [0, 0, 0, 0]], dtype=torch.int32)
    """
    output = field.clone()
    for row in range(field.shape[1]):
        for column in range(field.shape[2]):
            if row:
                output[:, row, column] |= output[:, row - 1, column].any(0)
            if column:
                output[:, row, column] |= output[:, row, column - 1].any(0)
    return output


def mirrored_diagonal_field(field: Tensor) -> Tensor:
    """Return the receptive field of the Diagonal LSTM from the right, after the shift of its states by one row down.

    It holds the pixels of the rows above at the pixel's column and on its right. Without the shift it would hold pixels
    of the pixel's own row that come later.
    Source: PixelRNN (arXiv:1601.06759), section 3.2.

    Example:
        >>> print(mirrored_diagonal_field(identity_field((1, 3, 4)))[0, 2, 2].view(3, 4).int())
        tensor([[0, 0, 1, 1],
                [0, 0, 1, 1],
                [0, 0, 0, 0]], dtype=torch.int32)
    """
    return F.pad(diagonal_field(field.flip(2)).flip(2), (0, 0, 0, 0, 1, -1))
