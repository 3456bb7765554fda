"""Figures of how the LSTMs of PixelRNN go through an image: which pixels are one step, and what each step takes in."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from torch import Tensor

from chainrule.figures.style import (
    ACCENT,
    CLOSED,
    INK,
    PLAIN,
    SMALL,
    WIDTH,
    bare,
    key_below,
    lines_between,
    new_figure,
)
from chainrule.layers.scan_plan import Sweep, diagonals_sweep, rows_sweep

LARGEST = 6
"""Rows and columns that are drawn at most, so that the numbers can be read."""
WIDER = 1
"""So many columns more are drawn of a Row LSTM: a triangle has a middle."""
STEPS = LinearSegmentedColormap.from_list("steps", ["#eaf2f8", PLAIN], bad=CLOSED)
DIRECTIONS = ("left to right", "right to left")
"""Of the Diagonal BiLSTM's scans."""
EMPTY = -1
"""Where a skewed map holds no pixel."""

Pixel = tuple[int, int]


def steps_of(sweep: Sweep, height: int, width: int, direction: int = 0) -> Tensor:
    """int64 [H, W]: the step of the sweep, from 0, at which a layer comes to each pixel.

    Example:
        >>> steps_of(diagonals_sweep(2, 3), 2, 3).tolist(), steps_of(diagonals_sweep(2, 3), 2, 3, direction=1).tolist()
        ([[0, 1, 2], [1, 2, 3]], [[2, 1, 0], [3, 2, 1]])
    """
    sizes = torch.tensor([step.size for step in sweep.steps])
    number = torch.arange(len(sizes)).repeat_interleave(sizes)
    return torch.zeros_like(number).scatter(0, visited(sweep, direction), number).view(height, width)


def taps_of(sweep: Sweep, pixel: Pixel, width: int, direction: int = 0) -> list[Pixel]:
    """The pixels whose states the sweep reads for one pixel; what lies beside the image is left out.

    Example:
        >>> taps_of(diagonals_sweep(2, 3), (1, 1), 3), taps_of(rows_sweep(2, 3), (1, 0), 3)
        ([(0, 1), (1, 0)], [(0, 0), (0, 1)])
    """
    pixels = visited(sweep, direction)
    place = int((pixels == pixel[0] * width + pixel[1]).nonzero())
    (step,) = (each for each in sweep.steps if each.first <= place < each.first + each.size)
    read = [each.of + place - each.to for each in step.windows if each.to <= place < each.to + each.size]
    return [divmod(int(pixels[each]), width) for each in read]


def visited(sweep: Sweep, direction: int) -> Tensor:
    """The pixels in the order of the steps, as row · W + column, int64 [P]: what each reads first is itself."""
    return sweep.inputs[direction, 0]


def skewed(steps: Tensor) -> Tensor:
    """A map [H, W] of steps as the layer holds it: [H, H + W - 1], each pixel in the column of its step, else EMPTY.

    Each row is thereby shifted by one column against the row above.

    Example:
        >>> skewed(torch.tensor([[0, 1, 2], [1, 2, 3]])).tolist()
        [[0, 1, 2, -1], [-1, 1, 2, 3]]
    """
    height, width = steps.shape
    return torch.full((height, height + width - 1), EMPTY).scatter(1, steps, steps)


def excerpt(height: int, width: int, wider: int = 0) -> tuple[int, int]:
    """How many rows and columns of an image are drawn, of which so many more columns.

    Example:
        >>> excerpt(28, 28), excerpt(3, 28, wider=1)
        ((6, 6), (3, 7))
    """
    return min(height, LARGEST), min(width, LARGEST + wider)


def skewing_figure(height: int, width: int, title: str = "") -> Figure:
    """The image with each pixel's step, and the skewed map; left to right above, right to left below.

    Arrows lead to one pixel from the two whose states it takes in: they are in one column of the skewed map.
    Source: PixelRNN (arXiv:1601.06759), section 3.2 and figure 3.

    Args:
        height, width: of the image; of a large one the first rows and columns are drawn.
    """
    height, width = excerpt(height, width)
    square = min((WIDTH - 0.6) / (height + 2 * width - 1), 0.6)
    figure = new_figure(2 * (square * height + 0.5) + (1.0 if title else 0.6), title)
    ratios = (max(width, 2), height + width - 1)  # narrow images leave room for their titles
    panels = figure.subplots(2, 2, squeeze=False, width_ratios=ratios, gridspec_kw={"wspace": 0.06})
    sweep, pixel = diagonals_sweep(height, width), (height // 2, width // 2)
    for direction, (left, right) in enumerate(panels):
        steps, taps = steps_of(sweep, height, width, direction), taps_of(sweep, pixel, width, direction)
        draw_steps(left, steps, DIRECTIONS[direction], pixel, taps)
        moved = [(row, int(steps[row, column])) for row, column in (pixel, *taps)]
        draw_steps(right, skewed(steps), "skewed: a column is a step", moved[0], moved[1:])
    key_below(figure, {"a pixel; arrows: the states that it reads": ACCENT, "no pixel": CLOSED})
    return figure


def row_steps_figure(height: int, width: int, title: str = "") -> Figure:
    """The rows of an image as the Row LSTM's steps; beside it, how many rows back a state comes from: the triangle.

    Source: PixelRNN (arXiv:1601.06759), section 3.1.

    Args:
        height, width: of the image; of a large one the first rows and columns are drawn.
    """
    height, width = excerpt(height, width, WIDER)
    figure = new_figure(min((WIDTH - 0.4) / (2 * width), 0.6) * height + 0.5 + (1.0 if title else 0.6), title)
    left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.06})
    sweep, pixel = rows_sweep(height, width), (height - 1, width // 2)
    draw_steps(left, steps_of(sweep, height, width), "a row is a step", pixel, taps_of(sweep, pixel, width))
    draw_steps(right, steps_back(sweep, pixel, (height, width)), "steps back: the triangle", pixel, [])
    key_below(figure, {"a pixel; arrows: the states that it reads": ACCENT, "not reached": CLOSED})
    return figure


def steps_back(sweep: Sweep, pixel: Pixel, shape: tuple[int, int]) -> Tensor:
    """int64 [H, W]: after how many steps back the state of a pixel has come from each other one, else EMPTY.

    Example:
        >>> steps_back(rows_sweep(2, 4), (1, 2), (2, 4)).tolist()
        [[-1, 1, 1, 1], [-1, -1, 0, -1]]
    """
    back, reached, step = torch.full(shape, EMPTY), {pixel}, 0
    while reached:
        for each in reached:
            back[each] = step
        reached, step = {tap for each in reached for tap in taps_of(sweep, each, shape[1])}, step + 1
    return back


def draw_steps(axes: Axes, steps: Tensor, name: str, pixel: Pixel, taps: Sequence[Pixel]) -> None:
    """A map [rows, columns] of numbers, one pixel marked, and arrows to it from others."""
    top = max(int(steps.max()), 1)
    shown = torch.where(steps == EMPTY, torch.nan, steps.double())
    bare(axes, name).imshow(shown.numpy(), cmap=STEPS, vmin=0, vmax=top)
    axes.title.set_fontsize(SMALL)
    lines_between(axes, steps.shape)
    axes.add_patch(Rectangle((pixel[1] - 0.5, pixel[0] - 0.5), 1, 1, facecolor=ACCENT, zorder=2))
    for row, column in (steps != EMPTY).nonzero().tolist():
        step = int(steps[row, column])
        dark = step > 0.55 * top or (row, column) == pixel
        colour = "white" if dark else INK
        axes.text(column, row, str(step), ha="center", va="center_baseline", fontsize=SMALL, color=colour, zorder=4)
    for row, column in taps:
        ends = (column, row), (pixel[1], pixel[0])
        axes.add_patch(
            FancyArrowPatch(
                *ends, arrowstyle="-|>", mutation_scale=11, linewidth=1.8, color=INK, shrinkA=8, shrinkB=8, zorder=5
            )
        )
