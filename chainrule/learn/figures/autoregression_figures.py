"""The figures of the lesson on autoregression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from chainrule.figures import (
    BLUE,
    GRID_COLOUR,
    LINE_COLOUR,
    ORANGE,
    PALETTE,
    SMALL_SIZE,
    TEXT_COLOUR,
    TEXT_SIZE,
    add_legend_below,
    new_figure,
    style_axes,
)
from chainrule.learn.arrays import FloatArray
from chainrule.learn.time_series import prediction_interval

SHADES = ("#d5e8f4", "#b2d3e8", "#8fbcdb")
"""The colours of the levels of a variable, from its first level."""
LETTER_WIDTH = 0.0165
"""The width of a letter of size SMALL_SIZE, relative to the width of the axes."""
INTERVALS = {0.9: 0.25, 0.5: 0.55}
"""The coverage of each prediction interval, and the opacity of its colour."""


@dataclass(frozen=True)
class Factorization:
    """Hold variables in one order: their names, the names of their levels, and their conditional tables."""

    names: Sequence[str]
    levels: Sequence[Sequence[str]]
    factors: Sequence[FloatArray]


def plot_factorizations(factorizations: Sequence[Factorization], chosen: Mapping[str, str]) -> Figure:
    """Plot each variable as a row of boxes with probabilities as widths; each box is divided by the next conditional.

    Args:
        factorizations: of one joint table, in several orders.
        chosen: the level of each variable in the outcome that is marked.
    """
    figure = new_figure(0.75 + 2.1 * len(factorizations))
    for axes, factorization in zip(
        figure.subplots(len(factorizations), 1, squeeze=False)[:, 0], factorizations, strict=True
    ):
        _draw_boxes(axes, factorization, chosen)
    axes.set_xlabel(
        "share of all days; the numbers are the conditional probabilities", fontsize=TEXT_SIZE, color=TEXT_COLOUR
    )
    return figure


def _draw_boxes(axes: Axes, factorization: Factorization, chosen: Mapping[str, str]) -> None:
    joint = np.ones(())
    for row, (levels, factor) in enumerate(zip(factorization.levels, factorization.factors, strict=True)):
        joint = joint[..., None] * factor
        right = joint.cumsum().reshape(joint.shape)
        for index in np.ndindex(joint.shape):
            path = zip(factorization.names, factorization.levels, index, strict=False)
            marked = all(options[level] == chosen[name] for name, options, level in path)
            lines = (levels[index[-1]], f"{factor[index]:.2f}")
            colour = ORANGE if marked else SHADES[index[-1]]
            _draw_box(axes, row, float(right[index]), float(joint[index]), lines, colour)
    style_axes(axes, ", then ".join(factorization.names))
    axes.set_yticks(range(len(factorization.names)), factorization.names, fontsize=TEXT_SIZE)
    axes.set_ylim(len(factorization.names) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(axis="y", length=0)


def _draw_box(axes: Axes, row: int, right: float, width: float, lines: tuple[str, str], colour: str) -> None:
    """Draw a box with this width and right edge, and its text if it fits."""
    axes.barh(row, width, left=right - width, height=0.94, color=colour, edgecolor="white")
    if max(map(len, lines)) * LETTER_WIDTH < width:
        ink = "white" if colour == ORANGE else TEXT_COLOUR
        axes.text(right - width / 2, row, "\n".join(lines), ha="center", va="center", fontsize=SMALL_SIZE, color=ink)


def plot_series(years: Sequence[int], values: FloatArray, parts: Mapping[str, tuple[int, int]]) -> Figure:
    """Plot the whole series, with the parts for training, validation and test in different colours.

    Args:
        years: the year of each value.
        values: the series.
        parts: the first and the last year of each part, by name.
    """
    figure = new_figure(3.0)
    axes = style_axes(figure.subplots(), x="year", y="sunspot number")
    year = np.asarray(years)
    for (name, (first, last)), colour in zip(parts.items(), PALETTE, strict=False):
        inside = (year >= first - 1) & (year <= last)  # includes the last point of the previous part
        axes.plot(year[inside], values[inside], color=colour, linewidth=1.5)
        axes.text((first + last) / 2, 205, name, ha="center", va="bottom", fontsize=SMALL_SIZE, color=colour)
        axes.axvline(first, color=GRID_COLOUR, zorder=0)
    axes.set_ylim(0, 230)
    axes.set_xlim(year[0], year[-1] + 2)
    return figure


def plot_order_selection(train: Sequence[float], valid: Sequence[float], chosen: int) -> Figure:
    """Plot the NLL against the number of past values, from 0, and mark the chosen number."""
    figure = new_figure(3.2)
    axes = style_axes(figure.subplots(), x="p, the number of past values that are read", y="nats per value")
    for values, label, style, colour in (
        (train, "fitted", "--", LINE_COLOUR),
        (valid, "held out to choose p", "-", BLUE),
    ):
        axes.plot(range(len(values)), values, style, marker="o", markersize=5, color=colour, linewidth=2, label=label)
    axes.plot(chosen, valid[chosen], "o", color=ORANGE, markersize=11)
    axes.annotate(
        f"p = {chosen}", (chosen, valid[chosen]), (0, 14), textcoords="offset points", ha="center", fontsize=TEXT_SIZE,
        color=ORANGE,
    )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=GRID_COLOUR)
    axes.legend(fontsize=SMALL_SIZE, frameon=False, labelcolor=TEXT_COLOUR)
    return figure


@dataclass(frozen=True)
class YearForecast:
    """Hold the forecasts of one year: the density of each model on a grid of values, and the true value."""

    year: int
    truth: float
    grid: FloatArray
    densities: Mapping[str, FloatArray]


def plot_forecast_densities(years: Sequence[YearForecast]) -> Figure:
    """Plot the densities of some years side by side; the true value is a line, and impossible values are grey."""
    figure = new_figure(3.4)
    panels = figure.subplots(1, len(years), squeeze=False)[0]
    for axes, forecast in zip(panels, years, strict=True):
        style_axes(axes, str(forecast.year), x="sunspot number")
        for (name, density), colour in zip(forecast.densities.items(), PALETTE, strict=False):
            axes.fill_between(forecast.grid, density, color=colour, alpha=0.25, linewidth=0)
            axes.plot(forecast.grid, density, color=colour, linewidth=2, label=name)
        axes.axvline(forecast.truth, color=TEXT_COLOUR, linestyle=":", linewidth=2)
        axes.axvspan(forecast.grid[0], 0, color=GRID_COLOUR, zorder=0)
        axes.set_xlim(forecast.grid[0], forecast.grid[-1])
        axes.set_ylim(0, None)
        axes.yaxis.set_major_locator(MaxNLocator(4))
    panels[0].set_ylabel("density", fontsize=TEXT_SIZE, color=TEXT_COLOUR)
    handles = [
        *panels[0].get_legend_handles_labels()[0],
        Line2D([], [], color=TEXT_COLOUR, linestyle=":", label="came true"),
    ]
    add_legend_below(figure, handles, len(handles))
    return figure


def plot_forecasts(
    years: Sequence[int], values: FloatArray, starts: Sequence[int], draws: Mapping[str, FloatArray]
) -> Figure:
    """Plot the true values, and the medians and the 50 % and 90 % prediction intervals of forecasts.

    Args:
        years, values: the true values, beginning some years before the first forecast.
        starts: the year in which each forecast begins.
        draws: samples [starts, n, steps], by the name of the model.
    """
    figure = new_figure(0.8 + 2.4 * len(draws))
    panels = figure.subplots(len(draws), 1, squeeze=False, sharey=True)[:, 0]
    for axes, (name, forecasts) in zip(panels, draws.items(), strict=True):
        style_axes(axes, name, y="sunspot number")
        for start, samples in zip(starts, forecasts, strict=True):
            ahead = np.arange(start, start + samples.shape[1])
            for coverage, opacity in INTERVALS.items():
                ends = prediction_interval(samples, coverage=coverage)
                axes.fill_between(ahead, *ends, color=BLUE, alpha=opacity, linewidth=0)
            axes.plot(ahead, np.median(samples, 0), color="white", linewidth=2)
            axes.axvline(start - 0.5, color=LINE_COLOUR, linewidth=1, linestyle=":")
        axes.axhline(0, color=LINE_COLOUR, linewidth=1)
        axes.plot(years, values, "o-", color=ORANGE, markersize=3.5, linewidth=1.5)
        axes.set_xlim(years[0], years[-1] + 1)
    keys = [
        Line2D([], [], color=ORANGE, marker="o", markersize=4, label="came true"),
        Patch(facecolor=BLUE, alpha=0.7, label="50 % of draws"),
        Patch(facecolor=BLUE, alpha=INTERVALS[0.9], label="90 % of draws"),
        Line2D([], [], color=LINE_COLOUR, linestyle=":", label="a forecast begins"),
    ]
    add_legend_below(figure, keys, len(keys))
    return figure
