"""Drawings of the lesson on outputs that are no distribution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from chainrule.checks.normalization import SLACK
from chainrule.domains import Binary
from chainrule.figures import grid
from chainrule.figures.style import (
    ACCENT,
    COLOURS,
    INK,
    PALE,
    PLAIN,
    SMALL,
    TEXT,
    bare,
    legend_below,
    lines_between,
    new_figure,
    plain,
)

SHARES = LinearSegmentedColormap.from_list("shares", ["#f4f4f4", PLAIN])
DARK = 0.6
"""From this probability on, a square's number is white."""


def totals_figure(totals: Mapping[str, float]) -> Figure:
    """What each model's p(x) sums to over all inputs, on a logarithmic scale; 1 is marked."""
    figure = new_figure(0.9 + 0.38 * len(totals))
    axes = plain(figure.subplots(), x="Σ p(x) over all inputs")
    for row, total in enumerate(totals.values()):
        axes.plot([1, total], [row, row], color=ACCENT, linewidth=9, solid_capstyle="butt")
        axes.plot(total, row, "o", color=PLAIN if abs(total - 1) < SLACK else ACCENT, markersize=9)
        axes.text(1.13 * total, row, f"{total:.3g}", va="center", fontsize=SMALL, color=INK)
    axes.axvline(1, color=PLAIN, linewidth=1.2, zorder=0)
    axes.set_xscale("log")
    axes.set_xlim(0.7, 2.2 * max(totals.values()))
    axes.set_yticks(range(len(totals)), list(totals))
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(lambda total, _: f"{total:g}")
    axes.tick_params(axis="y", length=0)
    return figure


def tables_figure(tables: Mapping[str, Tensor], names: Sequence[str]) -> Figure:
    """Tables q(y | x) side by side: a row for each x, with its sum; the diagonal framed, with its sum.

    Args:
        tables: [m, m] each, by what to write above.
        names: of the m inputs.
    """
    figure = new_figure(3.7)
    for axes, (name, table) in zip(figure.subplots(1, len(tables)), tables.items(), strict=True):
        draw_table(bare(axes, f"{name}: diagonal {table.trace():.2f}"), table, names)
    for axes in figure.axes[1:]:
        axes.set_yticks([])  # the rows are those of the first
    figure.axes[0].set_ylabel("input x", fontsize=SMALL, color=INK)
    return figure


def draw_table(axes: Axes, table: Tensor, names: Sequence[str]) -> None:
    axes.imshow(table.numpy(), cmap=SHARES, vmin=0, vmax=1)
    lines_between(axes, table.shape)
    for (row, column), share in np.ndenumerate(table.numpy()):
        colour = "white" if share > DARK else INK
        axes.text(column, row, f"{share:.2f}".lstrip("0"), ha="center", va="center", fontsize=8.5, color=colour)
    for place in range(len(names)):
        frame = Rectangle((place - 0.5, place - 0.5), 1, 1, fill=False, edgecolor=ACCENT, linewidth=2, zorder=5)
        axes.add_patch(frame)
        axes.text(len(names) - 0.3, place, f"{table[place].sum():.2f}", va="center", fontsize=SMALL - 1, color=INK)
    axes.set_xticks(range(len(names)), list(names), rotation=90, fontsize=SMALL)
    axes.set_yticks(range(len(names)), list(names), fontsize=SMALL)
    axes.tick_params(length=0)
    axes.set_xlabel("output y; right: the sum of the row", fontsize=SMALL, color=INK)
    axes.title.set_fontsize(TEXT)


def patterns_figure(patterns: Tensor, side: int, shares: Mapping[str, Sequence[float]]) -> Figure:
    """Patterns of pixels, and above each its probability by several models, in per cent.

    Args:
        patterns: zeros and ones [m, side²].
        shares: of each pattern, [m], by the name of the model.
    """
    figure = new_figure(3.9)
    above, below = figure.subplots(2, 1, height_ratios=(4, 1))
    width, middle = 0.8 / len(shares), (len(shares) - 1) / 2
    colours = (INK, *COLOURS)
    for number, (name, each) in enumerate(shares.items()):
        places = np.arange(len(patterns)) + (number - middle) * width
        above.bar(places, 100 * np.asarray(each), width, color=colours[number], label=name)
    plain(above, y="probability (%)").set_xticks([])
    above.set_xlim(-0.5, len(patterns) - 0.5)
    above.grid(axis="y", color=PALE)
    above.set_axisbelow(True)
    tiles = grid(patterns.view(-1, 1, side, side), Binary((1, side, side)), columns=len(patterns), scale=16)
    edges = (-0.5, len(patterns) - 0.5, 0, 1)
    bare(below).imshow(np.asarray(tiles), cmap="gray", vmin=0, vmax=255, aspect="auto", extent=edges)
    below.set_xlim(-0.5, len(patterns) - 0.5)
    legend_below(figure, above.get_legend_handles_labels()[0], len(shares))
    return figure
