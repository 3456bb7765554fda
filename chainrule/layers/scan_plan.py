"""The order in which a recurrent layer visits an image, and what each step reads.

The pixels of a step, and what each tap of the state-to-state convolution reads for them, are ranges: a step slices and
never gathers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, wraps
from itertools import chain

import torch
from torch import Tensor

Pixel = tuple[int, int]
"""(row, column); a row or column of -1 lies outside the image."""


@dataclass(frozen=True)
class Window:
    """The range of a step's pixels for which one tap reads states of the step before.

    The `size` pixels from index `target` on read the states from index `source` on. Pixels are indexed in the order of
    the steps.
    """

    source: int
    target: int
    size: int


@dataclass(frozen=True)
class Step:
    """A range of pixels that are computed at once, from index `first` on, and one window for each tap."""

    first: int
    size: int
    windows: tuple[Window, ...]

    def columns(self, n: int) -> Step:
        """Return the same step over n images, where each pixel takes n columns."""
        windows = tuple(Window(each.source * n, each.target * n, each.size * n) for each in self.windows)
        return Step(self.first * n, self.size * n, windows)


@dataclass(frozen=True, eq=False)
class ScanPlan:
    """All steps over an image of P pixels (row · W + column), in one direction or in several directions at once.

    Attributes:
        steps: in the order of computation. A step reads the states of the step before it, and those outside the image.
        inputs: int64 [directions, inputs, P], the pixel whose features are read, by direction and input, in the order
            of the steps; -1 outside the image.
        outputs: int64 [directions, P], the index of each pixel's output in the order of the steps; P for no output.
        outside: for each tap, the indices of the pixels for which it reads outside the image.
        learned: for each tap and each of these pixels, 1 where it reads the learned initial state, 0 where it reads
            zero padding.
        cell_tap: the tap from which the cell state flows on.
        offsets: the (down, right) of the other pixels whose inputs or states an output follows from.
    """

    steps: tuple[Step, ...]
    inputs: Tensor
    outputs: Tensor
    outside: tuple[Tensor, ...]
    learned: tuple[Tensor, ...]
    cell_tap: int
    offsets: tuple[Pixel, ...]

    @cached_property
    def state_sources(self) -> Tensor:
        """The pixel whose state each pixel and tap read in the first direction: int64 [P, taps].

        P stands for padding, P + 1 for the learned initial state.
        """
        pixels = self.inputs[0, 0]
        count = len(pixels)
        sources = torch.full((count, len(self.outside)), count)
        for step in self.steps:
            for tap, window in enumerate(step.windows):
                targets = slice(window.target, window.target + window.size)
                sources[targets, tap] = pixels[window.source : window.source + window.size]
        for tap, (indices, learned) in enumerate(zip(self.outside, self.learned, strict=True)):
            sources[indices, tap] += learned.long()
        return sources[pixels.argsort()]

    def columns(self, n: int) -> tuple[Step, ...]:
        """Return the steps over n images at once."""
        return tuple(step.columns(n) for step in self.steps)


def _cached_outside_modes(make: Callable[[int, int], ScanPlan]) -> Callable[[int, int], ScanPlan]:
    """Cache the plan of each size, since layers share it.

    Its tensors must not depend on the inference mode or default device under which the first layer was made.
    """

    @cache
    @wraps(make)
    def cached(height: int, width: int) -> ScanPlan:
        with torch.inference_mode(False), torch.device("cpu"):
            return make(height, width)

    return cached


@_cached_outside_modes
def row_plan(height: int, width: int) -> ScanPlan:
    """Return the plan of a Row LSTM, which computes one row in each step.

    A pixel reads its own features and those of its left neighbour, and the states above left, above and above right.
    The learned initial state stands above the first row.
    Source: PixelRNN (arXiv:1601.06759), section 3.1.

    Example:
        >>> [step.size for step in row_plan(2, 5).steps]
        [5, 5]
    """
    steps = [[(row, column) for column in range(width)] for row in range(height)]
    pixels = torch.arange(height * width)
    inputs, outputs = torch.stack([pixels, torch.where(pixels % width > 0, pixels - 1, -1)])[None], pixels[None]
    above = {(-1, column) for column in range(width)}
    taps = ((-1, -1), (-1, 0), (-1, 1))
    return _plan(steps, inputs, outputs, taps, above, cell_tap=1, offsets=(*taps, (0, -1)))


@_cached_outside_modes
def diagonal_plan(height: int, width: int) -> ScanPlan:
    """Return the plan of a Diagonal BiLSTM: diagonals from the top left corner and, mirrored, from the top right one.

    This is the skewed map of the paper without its empty entries: column t holds the pixels with row + column = t. A
    pixel reads its own features, and the states above and left (mirrored: right). The learned initial state stands
    everywhere outside the image. The outputs of the mirrored scan are shifted down by one row.
    Source: PixelRNN (arXiv:1601.06759), section 3.2 and figure 3.

    Example:
        >>> [step.size for step in diagonal_plan(2, 3).steps]
        [1, 2, 2, 1]
    """
    diagonals = [[(row, t - row) for row in range(height) if 0 <= t - row < width] for t in range(height + width - 1)]
    pixels = torch.tensor([row * width + column for row, column in chain(*diagonals)])
    indices, mirrored = pixels.argsort(), torch.arange(height * width).view(height, width).flip(1).flatten()
    above = torch.cat([torch.full((width,), height * width), indices[mirrored][: (height - 1) * width]])
    inputs, outputs = torch.stack([pixels, mirrored[pixels]])[:, None], torch.stack([indices, above])
    outside = {(-1, column) for column in range(width)} | {(row, -1) for row in range(height)}
    taps, whole_row = ((-1, 0), (0, -1)), (-1, width - 1)  # above a pixel, the scan from the right has read it
    return _plan(diagonals, inputs, outputs, taps, outside, cell_tap=1, offsets=(*taps, whole_row))


def _plan(
    steps: Sequence[Sequence[Pixel]],
    inputs: Tensor,
    outputs: Tensor,
    taps: Sequence[Pixel],
    learned: set[Pixel],
    cell_tap: int,
    offsets: tuple[Pixel, ...],
) -> ScanPlan:
    visited = list(chain(*steps))
    index = {pixel: number for number, pixel in enumerate(visited)}
    read = [[(row + down, column + right) for row, column in visited] for down, right in taps]
    outside = [[number for number, pixel in enumerate(pixels) if pixel not in index] for pixels in read]

    def window(pixels: Sequence[Pixel], tap: int) -> Window:
        first = index[pixels[0]]
        targets = [index[pixel] for pixel in pixels if read[tap][index[pixel]] in index]
        return Window(index[read[tap][targets[0]]], targets[0], len(targets)) if targets else Window(first, first, 0)

    return ScanPlan(
        tuple(Step(index[each[0]], len(each), tuple(window(each, tap) for tap in range(len(taps)))) for each in steps),
        inputs,
        outputs,
        tuple(torch.tensor(each, dtype=torch.int64) for each in outside),
        tuple(
            torch.tensor([float(pixels[each] in learned) for each in indices])
            for pixels, indices in zip(read, outside, strict=True)
        ),
        cell_tap,
        offsets,
    )
