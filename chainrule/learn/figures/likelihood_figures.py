"""The figures of the lesson on outputs that are not a distribution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from chainrule.checks import TOTAL_TOLERANCE
from chainrule.domains import Binary
from chainrule.figures import (
    BLUE,
    GRID_COLOUR,
    ORANGE,
    PALETTE,
    SMALL_SIZE,
    TEXT_COLOUR,
    TEXT_SIZE,
    add_legend_below,
    draw_cell_borders,
    image_grid,
    new_figure,
    style_axes,
    style_image_axes,
)

PROBABILITY_COLOURS = LinearSegmentedColormap.from_list("shares", ["#f4f4f4", BLUE])
DARK = 0.6
"""The probability from which the text of a square is white."""


def plot_totals(totals: Mapping[str, float]) -> Figure:
    """Plot the sum of each model's p(x) over all inputs on a logarithmic scale, and mark 1."""
    figure = new_figure(0.9 + 0.38 * len(totals))
    axes = style_axes(figure.subplots(), x="Σ p(x) over all inputs")
    for row, total in enumerate(totals.values()):
        axes.plot([1, total], [row, row], color=ORANGE, linewidth=9, solid_capstyle="butt")
        axes.plot(total, row, "o", color=BLUE if abs(total - 1) < TOTAL_TOLERANCE else ORANGE, markersize=9)
        axes.text(1.13 * total, row, f"{total:.3g}", va="center", fontsize=SMALL_SIZE, color=TEXT_COLOUR)
    axes.axvline(1, color=BLUE, linewidth=1.2, zorder=0)
    axes.set_xscale("log")
    axes.set_xlim(0.7, 2.2 * max(totals.values()))
    axes.set_yticks(range(len(totals)), list(totals))
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(lambda total, _: f"{total:g}")
    axes.tick_params(axis="y", length=0)
    return figure


def plot_reconstruction_tables(tables: Mapping[str, Tensor], names: Sequence[str]) -> Figure:
    """Plot tables q(y | x) side by side, with the sum of each row and of the framed diagonal.

    Args:
        tables: [m, m], by title.
        names: of the m inputs.
    """
    figure = new_figure(3.7)
    for axes, (name, table) in zip(figure.subplots(1, len(tables)), tables.items(), strict=True):
        _draw_table(style_image_axes(axes, f"{name}: diagonal {table.trace():.2f}"), table, names)
    for axes in figure.axes[1:]:
        axes.set_yticks([])  # all tables have the same rows
    figure.axes[0].set_ylabel("input x", fontsize=SMALL_SIZE, color=TEXT_COLOUR)
    return figure


def _draw_table(axes: Axes, table: Tensor, names: Sequence[str]) -> None:
    """Draw a table as coloured squares with numbers."""
    axes.imshow(table.numpy(), cmap=PROBABILITY_COLOURS, vmin=0, vmax=1)
    draw_cell_borders(axes, table.shape)
    for (row, column), probability in np.ndenumerate(table.numpy()):
        colour = "white" if probability > DARK else TEXT_COLOUR
        axes.text(column, row, f"{probability:.2f}".lstrip("0"), ha="center", va="center", fontsize=8.5, color=colour)
    for index in range(len(names)):
        frame = Rectangle((index - 0.5, index - 0.5), 1, 1, fill=False, edgecolor=ORANGE, linewidth=2, zorder=5)
        axes.add_patch(frame)
        axes.text(
            len(names) - 0.3,
            index,
            f"{table[index].sum():.2f}",
            va="center",
            fontsize=SMALL_SIZE - 1,
            color=TEXT_COLOUR,
        )
    axes.set_xticks(range(len(names)), list(names), rotation=90, fontsize=SMALL_SIZE)
    axes.set_yticks(range(len(names)), list(names), fontsize=SMALL_SIZE)
    axes.tick_params(length=0)
    axes.set_xlabel("output y; right: the sum of the row", fontsize=SMALL_SIZE, color=TEXT_COLOUR)
    axes.title.set_fontsize(TEXT_SIZE)


def plot_patterns(patterns: Tensor, probs: Mapping[str, Sequence[float]], *, side: int) -> Figure:
    """Plot patterns of pixels, and above each pattern its probability under several models, in per cent.

    Args:
        patterns: zeros and ones [m, side²].
        probs: the probability of each pattern, [m], by the name of the model.
        side: the number of pixels of a row and of a column.
    """
    figure = new_figure(3.9)
    above, below = figure.subplots(2, 1, height_ratios=(4, 1))
    width, middle = 0.8 / len(probs), (len(probs) - 1) / 2
    colours = (TEXT_COLOUR, *PALETTE)
    for number, (name, values) in enumerate(probs.items()):
        positions = np.arange(len(patterns)) + (number - middle) * width
        above.bar(positions, 100 * np.asarray(values), width, color=colours[number], label=name)
    style_axes(above, y="probability (%)").set_xticks([])
    above.set_xlim(-0.5, len(patterns) - 0.5)
    above.grid(axis="y", color=GRID_COLOUR)
    above.set_axisbelow(True)
    tiles = image_grid(patterns.view(-1, 1, side, side), Binary((1, side, side)), columns=len(patterns), scale=16)
    edges = (-0.5, len(patterns) - 0.5, 0, 1)
    style_image_axes(below).imshow(np.asarray(tiles), cmap="gray", vmin=0, vmax=255, aspect="auto", extent=edges)
    below.set_xlim(-0.5, len(patterns) - 0.5)
    add_legend_below(figure, above.get_legend_handles_labels()[0], len(probs))
    return figure
