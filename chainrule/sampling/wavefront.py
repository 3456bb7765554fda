"""Which pixels can be computed at once in a walk, and where their neighbours are, by the reach of the kernels.

An offset is (down, right): how far below and to the right of a pixel another lies that it reads. Causal ones have
down < 0, or down = 0 and right < 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

Offset = tuple[int, int]


def slope(offsets: Iterable[Offset]) -> int:
    """How many columns behind each row must stay behind the row above, so that all that it reads is there.

    A pixel at row r and column c is computed at step c + slope · r, and what it reads at an earlier one.

    Example:
        >>> slope([(0, -1), (-1, 3), (-2, 3)])
        4
    """
    return max((right // -down + 1 for down, right in offsets if down < 0), default=1)


def wavefront(height: int, width: int, slope: int) -> tuple[Tensor, ...]:
    """The pixels of each step, int64 [k], as row · width + column.

    Example:
        >>> [pixels.tolist() for pixels in wavefront(2, 4, slope=2)]
        [[0], [1], [2, 4], [3, 5], [6], [7]]
    """
    pixels = torch.arange(height * width)
    steps = pixels % width + min(slope, width) * (pixels // width)
    sizes = steps.bincount()
    return tuple(torch.split(steps.argsort(stable=True), sizes[sizes > 0].tolist()))


def neighbours(height: int, width: int, offsets: Sequence[Offset]) -> Tensor:
    """The pixel at each offset from each pixel, int64 [P, offsets]; P where that is beside the image.

    Example:
        >>> neighbours(2, 2, [(0, -1), (-1, 0)]).tolist()
        [[4, 4], [0, 4], [4, 0], [2, 1]]
    """
    down, right = torch.tensor(offsets, dtype=torch.int64).view(-1, 2).T
    pixels = torch.arange(height * width)[:, None]
    rows, columns = pixels // width + down, pixels % width + right
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    return torch.where(inside, rows * width + columns, height * width)
