"""The order in which a recurrent layer visits an image, and where each step finds the states that it reads.

States lie in slots: one for each pixel, and some beside the image. Slots are numbered so that the pixels of a step,
and what each tap of the state-to-state convolution reads for them, are ranges: a step slices, and copies nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain

import torch
from torch import Tensor

Pixel = tuple[int, int]
"""(row, column); a row or column of -1 lies beside the image."""


@dataclass(frozen=True)
class Step:
    """Pixels that are computed at once.

    Attributes:
        size: how many.
        first: how many pixels the steps before it hold.
        home: the first of the slots that its states go to.
        before: the first of the slots that each tap reads.
    """

    size: int
    first: int
    home: int
    before: tuple[int, ...]

    def columns(self, n: int) -> Step:
        """The same step over n images at once."""
        return Step(self.size * n, self.first * n, self.home * n, tuple(slot * n for slot in self.before))


@dataclass(frozen=True, eq=False)
class Sweep:
    """All steps over an image of P pixels.

    Attributes:
        steps: in the order of computation; a step reads only slots that the step before wrote, or that none writes.
        slots: how many there are; the last one stays zero.
        pixels: the pixels in the order of the steps, as row · W + column, int64 [P].
        homes: the slot of each pixel, by row · W + column, int64 [P].
        before: the slot that each tap reads, for the pixels in the order of the steps, int64 [taps, P].
        learned: slots beside the image that hold the learned initial state; others beside it hold zero.
        cell: the tap whose cell state flows on.
    """

    steps: tuple[Step, ...]
    slots: int
    pixels: Tensor
    homes: Tensor
    before: Tensor
    learned: Tensor
    cell: int

    def columns(self, n: int) -> tuple[Step, ...]:
        """The steps over n images at once, counted in columns: each pixel and each slot takes n."""
        return tuple(step.columns(n) for step in self.steps)


@cache
def rows_sweep(height: int, width: int) -> Sweep:
    """Row by row; taps above left, above and above right. The learned initial state is that above the first row.

    Example:
        >>> [step.size for step in rows_sweep(2, 5).steps]
        [5, 5]
    """
    slots = [(row, column) for row in range(-1, height) for column in range(-1, width + 1)]
    steps = [[(row, column) for column in range(width)] for row in range(height)]
    learned = [(-1, column) for column in range(width)]
    return _sweep(slots, steps, ((-1, -1), (-1, 0), (-1, 1)), learned, cell=1)


@cache
def diagonals_sweep(height: int, width: int) -> Sweep:
    """Diagonal by diagonal, from the top left corner; taps above and left.

    This is the paper's skewed map, whose column t holds the pixels with row + column = t, without the empty places of
    that map. All that lies beside the image has the learned initial state.

    Example:
        >>> [step.size for step in diagonals_sweep(2, 3).steps]
        [1, 2, 2, 1]
    """
    diagonals = [[(row, t - row) for row in range(-1, height)] for t in range(-1, height + width - 1)]
    slots = [(row, column) for row, column in chain(*diagonals) if -1 <= column < width and row + column >= -1]
    inside = [[(row, column) for row, column in pixels if row >= 0 and 0 <= column < width] for pixels in diagonals[1:]]
    return _sweep(slots, inside, ((-1, 0), (0, -1)), [pixel for pixel in slots if min(pixel) < 0], cell=1)


def _sweep(
    slots: Sequence[Pixel],
    steps: Sequence[Sequence[Pixel]],
    taps: Sequence[Pixel],
    learned: Sequence[Pixel],
    cell: int,
) -> Sweep:
    slot = {pixel: number for number, pixel in enumerate(slots)}
    visited = list(chain(*steps))
    width = 1 + max(column for _, column in visited)

    def read(pixel: Pixel, tap: Pixel) -> int:
        return slot[pixel[0] + tap[0], pixel[1] + tap[1]]

    counted, first = [], 0
    for pixels in steps:
        before = tuple(read(pixels[0], tap) for tap in taps)
        counted.append(Step(len(pixels), first, slot[pixels[0]], before))
        first += len(pixels)
    return Sweep(
        tuple(counted),
        len(slots) + 1,
        torch.tensor([row * width + column for row, column in visited]),
        torch.tensor([slot[pixel] for pixel in sorted(visited)]),
        torch.tensor([[read(pixel, tap) for pixel in visited] for tap in taps]),
        torch.tensor([slot[pixel] for pixel in learned]),
        cell,
    )
