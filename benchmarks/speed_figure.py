"""The picture of `speed.py`: how many times as fast each work is, and how times grow with the image."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from speed_results import Results, Row, Size

from chainrule.figures import BLUE, LINE_COLOUR, ORANGE, SMALL_SIZE, TEXT_COLOUR, new_figure, style_axes

TASKS = {"naive loop": "sampling", "training step": "training"}


def picture(results: Results) -> Figure:
    """The panels that there are results for, one below the other."""
    rows = [row for row in results.rows if not row.case.at_most]
    heights = [1.4 + 0.36 * len(rows)] * bool(rows) + [3.6] * bool(results.growth)
    figure = new_figure(sum(heights) or 1.0)
    parts = iter(figure.subfigures(len(heights), squeeze=False, height_ratios=heights).flat if heights else ())
    if rows:
        draw_ratios(next(parts).subplots(), rows)
    if results.growth:
        draw_growth(next(parts).subplots(), results.growth)
    return figure


def draw_ratios(axes: Axes, rows: Sequence[Row]) -> None:
    """A bar for each work, a tick at what we set ourselves, and the number."""
    style_axes(axes, "Times as fast as plain PyTorch")
    places, bars = range(len(rows)), [row.case.bar or math.nan for row in rows]
    axes.barh(places, [row.ratio for row in rows], color=BLUE, height=0.6)
    axes.plot(bars, places, "|", color=ORANGE, markersize=14, markeredgewidth=2.5, label="our least")
    ends = [max(row.ratio, row.case.bar or 0) for row in rows]
    for place, row, end in zip(places, rows, ends, strict=True):
        axes.text(1.06 * end, place, f"{row.ratio:.3g}", va="center", fontsize=SMALL_SIZE, color=TEXT_COLOUR)
    axes.set_yticks(places, [f"{TASKS[row.case.against]}: {row.case.work}" for row in rows])
    axes.set_xscale("log")
    axes.set_xlim(min(1, *(0.8 * row.ratio for row in rows)), 2 * max(ends))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.invert_yaxis()
    axes.legend(fontsize=SMALL_SIZE, frameon=False, loc="lower right", labelcolor=TEXT_COLOUR)


def draw_growth(axes: Axes, sizes: Sequence[Size]) -> None:
    """Seconds over pixels, both on log scales."""
    style_axes(axes, "Sampling 16 images from a PixelCNN", "size of the image", "seconds")
    pixels = [size.pixels for size in sizes]
    lines = {"naive loop\n(estimate)": [size.naive for size in sizes], "chainrule": [size.ours for size in sizes]}
    for (name, seconds), colour in zip(lines.items(), (ORANGE, BLUE), strict=True):
        axes.plot(pixels, seconds, "o-", color=colour)
        axes.text(1.15 * pixels[-1], seconds[-1], name, va="center", fontsize=SMALL_SIZE, color=colour)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xticks(pixels, [size.work for size in sizes])
    axes.minorticks_off()
    axes.grid(color=LINE_COLOUR, alpha=0.25)
