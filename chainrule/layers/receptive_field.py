"""What each place of a feature map can depend on, by the geometry of the layers; nothing is run or differentiated.

A field is a bool tensor [colours, H, W, D], True at [g, r, c, j] where the features of colour group g at row r and
column c can depend on site j: all features of a group see the same. An LSTM's states are read by every group.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def itself(shape: tuple[int, ...]) -> Tensor:
    """The field of the image (C, H, W): each site depends on itself.

    Example:
        >>> itself((1, 1, 2)).int().tolist()
        [[[[1, 0], [0, 1]]]]
    """
    channels, height, width = shape
    return torch.eye(channels * height * width, dtype=torch.bool).view(*shape, -1)


def linear_reach(seen: Tensor, mask: Tensor) -> Tensor:
    """What the outputs of a masked linear layer can depend on, bool [out, D].

    Args:
        seen: bool [in, D], what its inputs can.
        mask: bool [out, in].

    Example:
        >>> linear_reach(torch.eye(2).bool(), torch.tensor([[True, False], [True, True]])).int().tolist()
        [[1, 0], [1, 1]]
    """
    return mask.cpu().float() @ seen.float() > 0


def colour_taps(mask: Tensor, out_groups: Tensor, in_groups: Tensor) -> Tensor:
    """From which colour to which a kernel's taps are open: bool [colours out, colours in, rows, columns].

    Args:
        mask: bool [out, in, rows, columns].
        out_groups, in_groups: the colour of each output and input feature, int64 [features].

    Example:
        >>> mask = torch.tensor([[True, False, False], [True, True, True]]).view(2, 3, 1, 1)
        >>> colour_taps(mask, torch.tensor([0, 1]), torch.tensor([0, 1, 1])).flatten(1).int().tolist()
        [[1, 0], [1, 1]]
    """
    to, of = (F.one_hot(groups).float() for groups in (out_groups, in_groups))
    return torch.einsum("oirc,ot,if->tfrc", mask.cpu().float(), to, of) > 0


def convolution_reach(seen: Tensor, taps: Tensor) -> Tensor:
    """The field of a convolution's output, given that of its input.

    Args:
        seen: bool [colours in, H, W, D].
        taps: bool [colours out, colours in, rows, columns], True where open; columns are centred, and the last row is
            the centre's, since a causal kernel has none below.
    """
    height, width = seen.shape[1:3]
    rows, columns = taps.shape[2:]
    around = F.pad(seen, (0, 0, columns // 2, columns // 2, rows - 1, 0))
    field = seen.new_zeros(len(taps), *seen.shape[1:])
    for to, of, row, column in taps.nonzero().tolist():
        field[to] |= around[of, row : row + height, column : column + width]
    return field


def row_reach(seen: Tensor, kernel: int = 3) -> Tensor:
    """The field of a Row LSTM's states, given that of the input to its gates: a triangle that widens upwards.

    Source: PixelRNN (arXiv:1601.06759), section 3.1.

    Args:
        seen: bool [colours, H, W, D].
        kernel: the columns of the row above that a state reads.

    Example:
        >>> print(row_reach(itself((1, 3, 5)))[0, 2, 2].view(3, 5).int())
        tensor([[1, 1, 1, 1, 1],
                [0, 1, 1, 1, 0],
                [0, 0, 1, 0, 0]], dtype=torch.int32)
    """
    field, side, width = seen.clone(), kernel // 2, seen.shape[2]
    for row in range(1, seen.shape[1]):
        above = F.pad(field[:, row - 1].any(0), (0, 0, side, side))
        for tap in range(kernel):
            field[:, row] |= above[tap : tap + width]
    return field


def diagonal_reach(seen: Tensor) -> Tensor:
    """The field of a Diagonal LSTM's states, from the left, given that of the input to its gates: all above and left.

    Source: PixelRNN (arXiv:1601.06759), section 3.2.

    Args:
        seen: bool [colours, H, W, D].

    Example:
        >>> print(diagonal_reach(itself((1, 3, 4)))[0, 1, 2].view(3, 4).int())
        tensor([[1, 1, 1, 0],
                [1, 1, 1, 0],
                [0, 0, 0, 0]], dtype=torch.int32)
    """
    field = seen.clone()
    for row in range(seen.shape[1]):
        for column in range(seen.shape[2]):
            if row:
                field[:, row, column] |= field[:, row - 1, column].any(0)
            if column:
                field[:, row, column] |= field[:, row, column - 1].any(0)
    return field


def mirrored_diagonal_reach(seen: Tensor) -> Tensor:
    """The field of the Diagonal LSTM from the right, after its states were shifted one row down.

    It is all that lies right of a pixel or at its column, in the rows above. Without the shift its own row would be in
    it, which is yet to come.
    Source: PixelRNN (arXiv:1601.06759), section 3.2.

    Example:
        >>> print(mirrored_diagonal_reach(itself((1, 3, 4)))[0, 2, 2].view(3, 4).int())
        tensor([[0, 0, 1, 1],
                [0, 0, 1, 1],
                [0, 0, 0, 0]], dtype=torch.int32)
    """
    return F.pad(diagonal_reach(seen.flip(2)).flip(2), (0, 0, 0, 0, 1, -1))
