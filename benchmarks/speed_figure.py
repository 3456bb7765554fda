"""The figure of `speed.py`: the ratio of each case, and the growth of sampling time with the size of the image."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from speed_results import Growth, Results, Row

from chainrule.figures import BLUE, LINE_COLOUR, ORANGE, SMALL_SIZE, TEXT_COLOUR, new_figure, style_axes

TASKS = {"naive loop": "sampling", "training step": "training"}


def speed_figure(results: Results) -> Figure:
    """Return a figure with a panel for each kind of result that there is, one below the other."""
    rows = [row for row in results.rows if not row.case.is_upper_bound]
    heights = [1.4 + 0.36 * len(rows)] * bool(rows) + [3.6] * bool(results.growth)
    figure = new_figure(sum(heights) or 1.0)
    panels = iter(figure.subfigures(len(heights), squeeze=False, height_ratios=heights).flat if heights else ())
    if rows:
        draw_ratios(next(panels).subplots(), rows)
    if results.growth:
        draw_growth(next(panels).subplots(), results.growth)
    return figure


def draw_ratios(axes: Axes, rows: Sequence[Row]) -> None:
    """Draw a bar and a number for each ratio, and a tick at each target."""
    style_axes(axes, "Times as fast as plain PyTorch")
    heights, targets = range(len(rows)), [row.case.target or math.nan for row in rows]
    axes.barh(heights, [row.ratio for row in rows], color=BLUE, height=0.6)
    axes.plot(targets, heights, "|", color=ORANGE, markersize=14, markeredgewidth=2.5, label="target")
    ends = [max(row.ratio, row.case.target or 0) for row in rows]
    for height, row, end in zip(heights, rows, ends, strict=True):
        axes.text(1.06 * end, height, f"{row.ratio:.3g}", va="center", fontsize=SMALL_SIZE, color=TEXT_COLOUR)
    axes.set_yticks(heights, [f"{TASKS[row.case.baseline]}: {row.case.work}" for row in rows])
    axes.set_xscale("log")
    axes.set_xlim(min(1, *(0.8 * row.ratio for row in rows)), 2 * max(ends))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.invert_yaxis()
    axes.legend(fontsize=SMALL_SIZE, frameon=False, loc="lower right", labelcolor=TEXT_COLOUR)


def draw_growth(axes: Axes, sizes: Sequence[Growth]) -> None:
    """Draw seconds over pixels, both on log scales."""
    style_axes(axes, "Sampling 16 images from a PixelCNN", "size of the image", "seconds")
    pixels = [size.pixels for size in sizes]
    lines = {"naive loop\n(estimate)": [size.naive for size in sizes], "chainrule": [size.chainrule for size in sizes]}
    for (name, seconds), colour in zip(lines.items(), (ORANGE, BLUE), strict=True):
        axes.plot(pixels, seconds, "o-", color=colour)
        axes.text(1.15 * pixels[-1], seconds[-1], name, va="center", fontsize=SMALL_SIZE, color=colour)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xticks(pixels, [size.work for size in sizes])
    axes.minorticks_off()
    axes.grid(color=LINE_COLOUR, alpha=0.25)
