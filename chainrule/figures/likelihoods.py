"""The figure of the test likelihoods of several models."""

from __future__ import annotations

import math
from collections.abc import Mapping

from matplotlib.figure import Figure

from chainrule.figures.style import (
    GRID_COLOUR,
    SMALL_SIZE,
    TEXT_COLOUR,
    TEXT_SIZE,
    assign_colours,
    new_figure,
    style_axes,
)
from chainrule.inference import Evaluation


def likelihoods_figure(results: Mapping[str, Evaluation], *, title: str = "") -> Figure:
    """Draw the test NLL of each model with two standard errors to either side; lower is better.

    Args:
        results: the evaluation of each model, by the model's name.
        title: the title of the figure.

    Example:
        >>> results = {"MADE": Evaluation(17.3, 0.29, 250, 64), "PixelCNN": Evaluation(17.5, 0.32, 250, 64)}
        >>> [label.get_text() for label in likelihoods_figure(results).axes[0].get_yticklabels()]
        ['MADE', 'PixelCNN']
    """
    figure = new_figure(1.5 + 0.45 * len(results), title)
    axes = style_axes(figure.subplots(), x="test NLL (nats, ± 2 standard errors; lower is better)")
    colours = assign_colours(results)
    for row, (name, result) in enumerate(results.items()):
        colour, spread = colours[name], 0.0 if math.isnan(result.stderr) else 2 * result.stderr
        axes.errorbar(result.nats, row, xerr=spread, fmt="o", color=colour, markersize=9, capsize=5, elinewidth=2)
        label = f"{result.nats:.2f}"
        axes.text(
            result.nats, row - 0.22, label, ha="center", va="bottom", fontsize=SMALL_SIZE, color=TEXT_COLOUR
        )  # fmt: skip
        axes.axhline(row, color=GRID_COLOUR, zorder=0)
    axes.set_yticks(range(len(results)), list(results), fontsize=TEXT_SIZE)
    axes.set_ylim(len(results) - 0.5, -0.8)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure
