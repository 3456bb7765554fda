"""Figures of numbers: learning curves, and the likelihoods of several models."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from chainrule.figures.style import INK, PALE, SMALL, TEXT, colours_of, legend_below, new_figure, plain
from chainrule.inference.evaluate import Evaluation
from chainrule.training import History

COLUMNS = 3
"""So many names of models fit beside each other, in a legend or above pictures."""


def learning_curves(histories: Mapping[str, History], title: str = "") -> Figure:
    """Each model's NLL by epoch: training dashed, validation solid, the epoch that was kept marked.

    The first epochs, far above the rest, are cut off.
    """
    figure = new_figure(4.4 + 0.25 * ((len(histories) - 1) // COLUMNS), title)  # as many more lines in the legend
    axes, colours = plain(figure.subplots(), x="epoch", y="NLL (nats)"), colours_of(histories)
    for name, history in histories.items():
        _curve(axes, name, history, colours[name])
    axes.set_ylim(*nats_limits(list(histories.values())))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.grid(axis="y", color=PALE)
    _legend(figure, axes)
    return figure


def likelihoods_figure(results: Mapping[str, Evaluation], title: str = "") -> Figure:
    """Each model's test NLL with two standard errors to either side; lower is better."""
    figure = new_figure(1.5 + 0.45 * len(results), title)
    axes = plain(figure.subplots(), x="test NLL (nats, ± 2 standard errors; lower is better)")
    colours = colours_of(results)
    for row, (name, result) in enumerate(results.items()):
        colour, spread = colours[name], 0.0 if math.isnan(result.stderr) else 2 * result.stderr
        axes.errorbar(result.nats, row, xerr=spread, fmt="o", color=colour, markersize=9, capsize=5, elinewidth=2)
        axes.text(result.nats, row - 0.22, f"{result.nats:.2f}", ha="center", va="bottom", fontsize=SMALL, color=INK)
        axes.axhline(row, color=PALE, zorder=0)
    axes.set_yticks(range(len(results)), list(results), fontsize=TEXT)
    axes.set_ylim(len(results) - 0.5, -0.8)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure


def nats_limits(histories: Sequence[History]) -> tuple[float, float]:
    """A range for the axis that shows what matters: from the lowest NLL to a little above the worst model's best."""
    values = [value for history in histories for row in history.rows for value in (row.train_nats, row.valid_nats)]
    low = min(value for value in values if not math.isnan(value))
    rows = [history.best_row for history in histories]
    high = max(row.train_nats if math.isnan(row.valid_nats) else row.valid_nats for row in rows)
    spread = max(high - low, 0.1 * abs(low), 1e-3)
    return low - 0.08 * spread, high + 0.4 * spread


def _curve(axes: Axes, name: str, history: History, colour: str) -> None:
    epochs = [row.epoch for row in history.rows]
    valid = [row.valid_nats for row in history.rows]
    axes.plot(epochs, [row.train_nats for row in history.rows], "--", color=colour, linewidth=1.5)
    axes.plot(epochs, valid, "-", color=colour, linewidth=2.2, label=name)
    if not math.isnan(history.best_row.valid_nats):
        axes.plot(history.best, history.best_row.valid_nats, "o", color=colour, markersize=8, markeredgecolor="white")


def _legend(figure: Figure, axes: Axes) -> None:
    """Models in the upper rows, what the lines mean in the lowest."""
    models = axes.get_legend_handles_labels()[0]
    blanks = [Line2D([], [], linestyle="", label=" ")] * (-len(models) % COLUMNS)
    styles = [
        Line2D([], [], color=INK, linestyle="--", label="training"),
        Line2D([], [], color=INK, label="validation"),
        Line2D([], [], color=INK, linestyle="", marker="o", label="epoch kept"),
    ]
    legend_below(figure, [*models, *blanks, *styles], COLUMNS)
