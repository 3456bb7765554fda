"""The wavefront: the pixels that can be computed at once, given the offsets at which layers read other pixels.

An offset (down, right) leads from a pixel to another pixel that it reads. A causal offset has down < 0, or down = 0 and
right < 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

Offset = tuple[int, int]


def slope(offsets: Iterable[Offset]) -> int:
    """Return the number of columns by which each row must lag behind the row above.

    The pixel at row r and column c is computed at step c + slope · r, and the pixels that it reads at earlier steps.

    Example:
        >>> slope([(0, -1), (-1, 3), (-2, 3)])
        4
    """
    return max((right // -down + 1 for down, right in offsets if down < 0), default=1)


def wavefront(height: int, width: int, slope: int) -> tuple[Tensor, ...]:
    """Return the pixels of each step, int64 [k] each, as row · width + column.

    Example:
        >>> [pixels.tolist() for pixels in wavefront(2, 4, slope=2)]
        [[0], [1], [2, 4], [3, 5], [6], [7]]
    """
    pixels = torch.arange(height * width)
    steps = pixels % width + min(slope, width) * (pixels // width)
    sizes = steps.bincount()
    return tuple(torch.split(steps.argsort(stable=True), sizes[sizes > 0].tolist()))


def neighbours(height: int, width: int, offsets: Sequence[Offset]) -> Tensor:
    """Return the pixel at each offset from each pixel, int64 [P, offsets]; P stands for outside the image.

    Example:
        >>> neighbours(2, 2, [(0, -1), (-1, 0)]).tolist()
        [[4, 4], [0, 4], [4, 0], [2, 1]]
    """
    down, right = torch.tensor(offsets, dtype=torch.int64).view(-1, 2).T
    pixels = torch.arange(height * width)[:, None]
    rows, columns = pixels // width + down, pixels % width + right
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    return torch.where(inside, rows * width + columns, height * width)
