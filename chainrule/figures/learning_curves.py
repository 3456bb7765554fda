"""Figures of the NLL during training, by epoch and by minutes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from chainrule.figures.style import (
    GRID_COLOUR,
    TEXT_COLOUR,
    add_legend_below,
    assign_colours,
    new_figure,
    style_axes,
)
from chainrule.training import History

COLUMNS = 3
"""The number of model names in a line of the legend."""


def learning_curves_figure(histories: Mapping[str, History], *, title: str = "") -> Figure:
    """Draw the NLL of each model by epoch: training dashed, validation solid, the epoch that was kept marked.

    The first epochs, far above the rest, are cut off.

    Args:
        histories: the training history of each model, by the model's name.
        title: the title of the figure.
    """
    figure = new_figure(4.4 + 0.25 * ((len(histories) - 1) // COLUMNS), title)  # more height for further legend lines
    axes, colours = style_axes(figure.subplots(), x="epoch", y="NLL (nats)"), assign_colours(histories)
    for name, history in histories.items():
        _draw_curve(axes, name, history, colours[name])
    axes.set_ylim(*nats_limits(list(histories.values())))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.grid(axis="y", color=GRID_COLOUR)
    _add_legend(figure, axes)
    return figure


def training_time_figure(histories: Mapping[str, History], *, names: Sequence[str] = (), title: str = "") -> Figure:
    """Draw the validation NLL of each model by minutes of training and validation, the epoch that was kept marked.

    The beginning, far above the rest, is cut off.

    Args:
        histories: the training history of each model, by the model's name.
        names: all models of a report, including models without a history: a model then has one colour in all figures.
        title: the title of the figure.
    """
    figure = new_figure(4.4, title)
    colours = assign_colours(names or histories)
    axes = style_axes(figure.subplots(), x="minutes of training", y="validation NLL (nats)")
    for name, history in histories.items():
        _draw_curve_by_minutes(axes, name, history, colours[name])
    axes.set_ylim(*nats_limits([_without_training(history) for history in histories.values()]))
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.grid(axis="y", color=GRID_COLOUR)
    add_legend_below(figure, axes.get_legend_handles_labels()[0], COLUMNS)
    return figure


def nats_limits(histories: Sequence[History]) -> tuple[float, float]:
    """Return limits for an NLL axis: from the lowest NLL to a little above the best epoch of the worst model."""
    values = [value for history in histories for row in history.rows for value in (row.train_nats, row.valid_nats)]
    low = min(value for value in values if not math.isnan(value))
    rows = [history.best_row for history in histories]
    high = max(row.train_nats if math.isnan(row.valid_nats) else row.valid_nats for row in rows)
    spread = max(high - low, 0.1 * abs(low), 1e-3)
    return low - 0.08 * spread, high + 0.4 * spread


def _draw_curve(axes: Axes, name: str, history: History, colour: str) -> None:
    epochs = [row.epoch for row in history.rows]
    valid = [row.valid_nats for row in history.rows]
    axes.plot(epochs, [row.train_nats for row in history.rows], "--", color=colour, linewidth=1.5)
    axes.plot(epochs, valid, "-", color=colour, linewidth=2.2, label=name)
    if not math.isnan(history.best_row.valid_nats):
        axes.plot(history.best, history.best_row.valid_nats, "o", color=colour, markersize=8, markeredgecolor="white")


def _draw_curve_by_minutes(axes: Axes, name: str, history: History, colour: str) -> None:
    minutes = [row.seconds / 60 for row in history.rows]
    valid = [row.valid_nats for row in history.rows]
    marker = "o" if len(history.rows) == 1 else ""  # a line of one point cannot be seen
    axes.plot(minutes, valid, color=colour, linewidth=2.2, label=name, marker=marker)
    best = history.best_row
    axes.plot(best.seconds / 60, best.valid_nats, "o", color=colour, markersize=8, markeredgecolor="white")


def _without_training(history: History) -> History:
    """Return the history with NaN as the training NLL of each epoch."""
    return History([replace(row, train_nats=math.nan) for row in history.rows], history.best)


def _add_legend(figure: Figure, axes: Axes) -> None:
    """Add a legend with the models in the upper lines, and the line styles in the lowest line."""
    models = axes.get_legend_handles_labels()[0]
    blanks = [Line2D([], [], linestyle="", label=" ")] * (-len(models) % COLUMNS)
    styles = [
        Line2D([], [], color=TEXT_COLOUR, linestyle="--", label="training"),
        Line2D([], [], color=TEXT_COLOUR, label="validation"),
        Line2D([], [], color=TEXT_COLOUR, linestyle="", marker="o", label="epoch kept"),
    ]
    add_legend_below(figure, [*models, *blanks, *styles], COLUMNS)
