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
"""(row, column); a row or column of -1 lies beside the image."""


@dataclass(frozen=True)
class Window:
    """The pixels of a step for which one tap reads the step before: those from `to` on read the states from `of` on.

    Pixels are counted in the order of the steps.
    """

    of: int
    to: int
    size: int


@dataclass(frozen=True)
class Step:
    """Pixels that are computed at once: `size` of them, from pixel `first` on; and a window for each tap."""

    first: int
    size: int
    windows: tuple[Window, ...]

    def columns(self, n: int) -> Step:
        """The same step over n images, in columns: each pixel takes n."""
        windows = tuple(Window(each.of * n, each.to * n, each.size * n) for each in self.windows)
        return Step(self.first * n, self.size * n, windows)


@dataclass(frozen=True, eq=False)
class Sweep:
    """All steps over an image of P pixels, which are row · W + column, in one direction or in several at once.

    Attributes:
        steps: in the order of computation; each reads the states of the step before, and those beside the image.
        inputs: for each direction and input, the pixel whose features are read, in the order of the steps, int64
            [directions, inputs, P]; -1 beside the image.
        outputs: for each direction, where in the order of the steps a pixel's output is, int64 [directions, P]; P for
            none.
        beside: for each tap, the pixels for which it reads beside the image, in the order of the steps.
        learned: for each tap and each of these, 1 where the learned initial state is read, and 0 where it is padding.
        cell: the tap whose cell state flows on.
        offsets: (down, right) of other pixels whose inputs or states an output follows from, as far as any does.
    """

    steps: tuple[Step, ...]
    inputs: Tensor
    outputs: Tensor
    beside: tuple[Tensor, ...]
    learned: tuple[Tensor, ...]
    cell: int
    offsets: tuple[Pixel, ...]

    @cached_property
    def states_read(self) -> Tensor:
        """For each pixel and tap, the pixel whose state is read in the first direction: int64 [P, taps].

        P where there is padding, P + 1 where there is the learned initial state.
        """
        pixels = self.inputs[0, 0]
        count = len(pixels)
        read = torch.full((count, len(self.beside)), count)
        for step in self.steps:
            for tap, window in enumerate(step.windows):
                read[window.to : window.to + window.size, tap] = pixels[window.of : window.of + window.size]
        for tap, (places, learned) in enumerate(zip(self.beside, self.learned, strict=True)):
            read[places, tap] += learned.long()
        return read[pixels.argsort()]

    def columns(self, n: int) -> tuple[Step, ...]:
        """The steps over n images at once."""
        return tuple(step.columns(n) for step in self.steps)


def _made_once(make: Callable[[int, int], Sweep]) -> Callable[[int, int], Sweep]:
    """Layers of one size share a sweep: its tensors must not be of the mode that the first of them was made in."""

    @cache
    @wraps(make)
    def made(height: int, width: int) -> Sweep:
        with torch.inference_mode(False), torch.device("cpu"):
            return make(height, width)

    return made


@_made_once
def rows_sweep(height: int, width: int) -> Sweep:
    """Row by row; each pixel reads itself and its left neighbour, and the states above left, above and above right.

    The learned initial state is that above the first row.

    Example:
        >>> [step.size for step in rows_sweep(2, 5).steps]
        [5, 5]
    """
    steps = [[(row, column) for column in range(width)] for row in range(height)]
    pixels = torch.arange(height * width)
    inputs, outputs = torch.stack([pixels, torch.where(pixels % width > 0, pixels - 1, -1)])[None], pixels[None]
    above = {(-1, column) for column in range(width)}
    taps = ((-1, -1), (-1, 0), (-1, 1))
    return _sweep(steps, inputs, outputs, taps, above, cell=1, offsets=(*taps, (0, -1)))


@_made_once
def diagonals_sweep(height: int, width: int) -> Sweep:
    """Diagonal by diagonal, from the top left corner and, mirrored, from the top right one.

    This is the paper's skewed map, whose column t holds the pixels with row + column = t, without the empty places of
    that map. Each pixel reads itself, and the states above and left (mirrored: right). All that lies beside the image
    has the learned initial state. The mirrored scan's outputs are shifted down by one row.

    Example:
        >>> [step.size for step in diagonals_sweep(2, 3).steps]
        [1, 2, 2, 1]
    """
    diagonals = [[(row, t - row) for row in range(height) if 0 <= t - row < width] for t in range(height + width - 1)]
    pixels = torch.tensor([row * width + column for row, column in chain(*diagonals)])
    places, mirrored = pixels.argsort(), torch.arange(height * width).view(height, width).flip(1).flatten()
    above = torch.cat([torch.full((width,), height * width), places[mirrored][: (height - 1) * width]])
    inputs, outputs = torch.stack([pixels, mirrored[pixels]])[:, None], torch.stack([places, above])
    beside = {(-1, column) for column in range(width)} | {(row, -1) for row in range(height)}
    taps, whole_row = ((-1, 0), (0, -1)), (-1, width - 1)  # above a pixel, the scan from the right has seen it
    return _sweep(diagonals, inputs, outputs, taps, beside, cell=1, offsets=(*taps, whole_row))


def _sweep(
    steps: Sequence[Sequence[Pixel]],
    inputs: Tensor,
    outputs: Tensor,
    taps: Sequence[Pixel],
    learned: set[Pixel],
    cell: int,
    offsets: tuple[Pixel, ...],
) -> Sweep:
    visited = list(chain(*steps))
    place = {pixel: number for number, pixel in enumerate(visited)}
    read = [[(row + down, column + right) for row, column in visited] for down, right in taps]
    outside = [[number for number, pixel in enumerate(pixels) if pixel not in place] for pixels in read]

    def window(pixels: Sequence[Pixel], tap: int) -> Window:
        first = place[pixels[0]]
        to = [place[pixel] for pixel in pixels if read[tap][place[pixel]] in place]
        return Window(place[read[tap][to[0]]], to[0], len(to)) if to else Window(first, first, 0)

    return Sweep(
        tuple(Step(place[each[0]], len(each), tuple(window(each, tap) for tap in range(len(taps)))) for each in steps),
        inputs,
        outputs,
        tuple(torch.tensor(each, dtype=torch.int64) for each in outside),
        tuple(
            torch.tensor([float(pixels[each] in learned) for each in places])
            for pixels, places in zip(read, outside, strict=True)
        ),
        cell,
        offsets,
    )
