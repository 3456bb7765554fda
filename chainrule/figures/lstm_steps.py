"""Figures of the steps in which the LSTMs of PixelRNN scan an image, and of the states that each step reads."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from torch import Tensor

from chainrule.figures.style import (
    BLUE,
    LIGHT_GRAY,
    ORANGE,
    SMALL_SIZE,
    TEXT_COLOUR,
    WIDTH,
    add_colour_key,
    draw_cell_borders,
    new_figure,
    style_image_axes,
)
from chainrule.layers.scan_plan import ScanPlan, diagonal_plan, row_plan

MAX_DRAWN = 6
"""The largest number of rows and columns that are drawn, so that the numbers can be read."""
ROW_LSTM_EXTRA_COLUMNS = 1
"""Further columns that are drawn of a Row LSTM: 7 columns have a middle one, for the triangle."""
STEP_COLOURS = LinearSegmentedColormap.from_list("steps", ["#eaf2f8", BLUE], bad=LIGHT_GRAY)
DIRECTIONS = ("left to right", "right to left")
"""The directions of the Diagonal BiLSTM."""
EMPTY = -1
"""The value of map entries that hold no pixel."""

Pixel = tuple[int, int]
"""(row, column)"""


def step_map(plan: ScanPlan, height: int, width: int, *, direction: int = 0) -> Tensor:
    """Return the step, from 0, in which each pixel is computed: int64 [H, W].

    Example:
        >>> step_map(diagonal_plan(2, 3), 2, 3).tolist(), step_map(diagonal_plan(2, 3), 2, 3, direction=1).tolist()
        ([[0, 1, 2], [1, 2, 3]], [[2, 1, 0], [3, 2, 1]])
    """
    sizes = torch.tensor([step.size for step in plan.steps])
    number = torch.arange(len(sizes)).repeat_interleave(sizes)
    return torch.zeros_like(number).scatter(0, visiting_order(plan, direction), number).view(height, width)


def state_sources(plan: ScanPlan, pixel: Pixel, width: int, *, direction: int = 0) -> list[Pixel]:
    """Return the pixels whose states are read for one pixel, those outside the image left out.

    Example:
        >>> state_sources(diagonal_plan(2, 3), (1, 1), 3), state_sources(row_plan(2, 3), (1, 0), 3)
        ([(0, 1), (1, 0)], [(0, 0), (0, 1)])
    """
    pixels = visiting_order(plan, direction)
    index = int((pixels == pixel[0] * width + pixel[1]).nonzero())
    (step,) = (step for step in plan.steps if step.first <= index < step.first + step.size)
    windows = (window for window in step.windows if window.target <= index < window.target + window.size)
    return [divmod(int(pixels[window.source + index - window.target]), width) for window in windows]


def visiting_order(plan: ScanPlan, direction: int) -> Tensor:
    """Return the pixels in the order of the steps, each as row · W + column: int64 [P]."""
    return plan.inputs[direction, 0]  # the first input of each pixel is the pixel itself


def skew(steps: Tensor) -> Tensor:
    """Return a map of steps [H, W] in the skewed form of the layer: [H, H + W - 1], EMPTY where there is no pixel.

    A pixel stands in the column of its step, so each row is shifted by one column against the row above.

    Example:
        >>> skew(torch.tensor([[0, 1, 2], [1, 2, 3]])).tolist()
        [[0, 1, 2, -1], [-1, 1, 2, 3]]
    """
    height, width = steps.shape
    return torch.full((height, height + width - 1), EMPTY).scatter(1, steps, steps)


def excerpt_shape(height: int, width: int, extra_columns: int = 0) -> tuple[int, int]:
    """Return the numbers of rows and columns of an image that are drawn.

    Example:
        >>> excerpt_shape(28, 28), excerpt_shape(3, 28, extra_columns=1)
        ((6, 6), (3, 7))
    """
    return min(height, MAX_DRAWN), min(width, MAX_DRAWN + extra_columns)


def skewing_figure(height: int, width: int, *, title: str = "") -> Figure:
    """Draw an image with the step of each pixel, and its skewed map; left to right above, right to left below.

    Arrows lead to one pixel from the two pixels whose states it reads; these stand in one column of the skewed map.
    Source: PixelRNN (arXiv:1601.06759), section 3.2 and figure 3.

    Args:
        height, width: the size of the image; of a large image the first rows and columns are drawn.
        title: the title of the figure.

    Example:
        >>> len(skewing_figure(28, 28).axes)
        4
    """
    height, width = excerpt_shape(height, width)
    square = min((WIDTH - 0.6) / (height + 2 * width - 1), 0.6)
    figure = new_figure(2 * (square * height + 0.5) + (1.0 if title else 0.6), title)
    ratios = (max(width, 2), height + width - 1)  # narrow images leave space for their titles
    panels = figure.subplots(2, 2, squeeze=False, width_ratios=ratios, gridspec_kw={"wspace": 0.06})
    plan, pixel = diagonal_plan(height, width), (height // 2, width // 2)
    for direction, (left, right) in enumerate(panels):
        steps = step_map(plan, height, width, direction=direction)
        sources = state_sources(plan, pixel, width, direction=direction)
        draw_step_map(left, steps, DIRECTIONS[direction], pixel, sources)
        skewed = [(row, int(steps[row, column])) for row, column in (pixel, *sources)]
        draw_step_map(right, skew(steps), "skewed: a column is a step", skewed[0], skewed[1:])
    add_colour_key(figure, {"a pixel; arrows: the states that it reads": ORANGE, "no pixel": LIGHT_GRAY})
    return figure


def row_steps_figure(height: int, width: int, *, title: str = "") -> Figure:
    """Draw the rows of an image as the steps of the Row LSTM, and the triangle of states that reach one pixel.

    Source: PixelRNN (arXiv:1601.06759), section 3.1.

    Args:
        height, width: the size of the image; of a large image the first rows and columns are drawn.
        title: the title of the figure.

    Example:
        >>> len(row_steps_figure(28, 28).axes)
        2
    """
    height, width = excerpt_shape(height, width, ROW_LSTM_EXTRA_COLUMNS)
    figure = new_figure(min((WIDTH - 0.4) / (2 * width), 0.6) * height + 0.5 + (1.0 if title else 0.6), title)
    left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.06})
    plan, pixel = row_plan(height, width), (height - 1, width // 2)
    sources = state_sources(plan, pixel, width)
    draw_step_map(left, step_map(plan, height, width), "a row is a step", pixel, sources)
    draw_step_map(right, path_lengths(plan, pixel, (height, width)), "steps back: the triangle", pixel, [])
    add_colour_key(figure, {"a pixel; arrows: the states that it reads": ORANGE, "not reached": LIGHT_GRAY})
    return figure


def path_lengths(plan: ScanPlan, pixel: Pixel, shape: tuple[int, int]) -> Tensor:
    """Return the number of steps that the state of each pixel takes to reach `pixel`: int64 [H, W], else EMPTY.

    Example:
        >>> path_lengths(row_plan(2, 4), (1, 2), (2, 4)).tolist()
        [[-1, 1, 1, 1], [-1, -1, 0, -1]]
    """
    lengths, reached, step = torch.full(shape, EMPTY), {pixel}, 0
    while reached:
        for each in reached:
            lengths[each] = step
        reached = {source for each in reached for source in state_sources(plan, each, shape[1])}
        step += 1
    return lengths


def draw_step_map(axes: Axes, steps: Tensor, name: str, pixel: Pixel, sources: Sequence[Pixel]) -> None:
    """Draw a map [rows, columns] of step numbers, with one pixel in orange and arrows to it from `sources`."""
    top = max(int(steps.max()), 1)
    shown = torch.where(steps == EMPTY, torch.nan, steps.double())
    style_image_axes(axes, name).imshow(shown.numpy(), cmap=STEP_COLOURS, vmin=0, vmax=top)
    axes.title.set_fontsize(SMALL_SIZE)
    draw_cell_borders(axes, steps.shape)
    axes.add_patch(Rectangle((pixel[1] - 0.5, pixel[0] - 0.5), 1, 1, facecolor=ORANGE, zorder=2))
    for row, column in (steps != EMPTY).nonzero().tolist():
        step = int(steps[row, column])
        colour = "white" if step > 0.55 * top or (row, column) == pixel else TEXT_COLOUR
        axes.text(
            column, row, str(step), ha="center", va="center_baseline", fontsize=SMALL_SIZE, color=colour, zorder=4
        )
    for source in sources:
        _draw_arrow(axes, source, pixel)


def _draw_arrow(axes: Axes, source: Pixel, target: Pixel) -> None:
    ends = source[::-1], target[::-1]
    axes.add_patch(
        FancyArrowPatch(
            *ends, arrowstyle="-|>", mutation_scale=11, linewidth=1.8, color=TEXT_COLOUR, shrinkA=8, shrinkB=8, zorder=5
        )
    )
