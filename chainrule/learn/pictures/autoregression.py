"""The drawings of the lesson on autoregression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from chainrule.figures.style import (
    ACCENT,
    COLOURS,
    FAINT,
    INK,
    PALE,
    PLAIN,
    SMALL,
    TEXT,
    legend_below,
    new_figure,
    plain,
)
from chainrule.learn.autoregression import Floats, band

SHADES = ("#d5e8f4", "#b2d3e8", "#8fbcdb")
"""Of the levels of a variable, from its first."""
LETTER = 0.0165
"""How wide a letter in SMALL is, as a share of the width of the axes."""
BANDS = {0.9: 0.25, 0.5: 0.55}
"""The share of draws within each band, and how strong its colour is."""


@dataclass(frozen=True)
class Arrangement:
    """Variables in one order: their names, the names of their levels, and their conditional tables."""

    names: Sequence[str]
    levels: Sequence[Sequence[str]]
    factors: Sequence[Floats]


def factors_figure(arrangements: Sequence[Arrangement], chosen: Mapping[str, str]) -> Figure:
    """Each variable a row of boxes, whose widths are probabilities; each box is divided by the next conditional.

    Args:
        chosen: the level of each variable in the outcome that is marked.
    """
    figure = new_figure(0.75 + 2.1 * len(arrangements))
    for axes, arrangement in zip(figure.subplots(len(arrangements), 1, squeeze=False)[:, 0], arrangements, strict=True):
        _boxes(axes, arrangement, chosen)
    axes.set_xlabel("share of all days; the numbers are the conditional probabilities", fontsize=TEXT, color=INK)
    return figure


def _boxes(axes: Axes, arrangement: Arrangement, chosen: Mapping[str, str]) -> None:
    joint = np.ones(())
    for row, (levels, factor) in enumerate(zip(arrangement.levels, arrangement.factors, strict=True)):
        joint = joint[..., None] * factor
        right = joint.cumsum().reshape(joint.shape)
        for place in np.ndindex(joint.shape):
            path = zip(arrangement.names, arrangement.levels, place, strict=False)
            marked = all(options[level] == chosen[name] for name, options, level in path)
            words = (levels[place[-1]], f"{factor[place]:.2f}")
            _box(axes, row, float(right[place]), float(joint[place]), words, ACCENT if marked else SHADES[place[-1]])
    plain(axes, ", then ".join(arrangement.names))
    axes.set_yticks(range(len(arrangement.names)), arrangement.names, fontsize=TEXT)
    axes.set_ylim(len(arrangement.names) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(axis="y", length=0)


def _box(axes: Axes, row: int, right: float, share: float, words: tuple[str, str], colour: str) -> None:
    """A box as wide as its share, with its words where there is room for them."""
    axes.barh(row, share, left=right - share, height=0.94, color=colour, edgecolor="white")
    if max(map(len, words)) * LETTER < share:
        ink = "white" if colour == ACCENT else INK
        axes.text(right - share / 2, row, "\n".join(words), ha="center", va="center", fontsize=SMALL, color=ink)


def series_figure(years: Sequence[int], values: Floats, parts: Mapping[str, tuple[int, int]]) -> Figure:
    """The whole series, the stretches that it is parted into in colours.

    Args:
        parts: the first and the last year of each stretch, by what it is for.
    """
    figure = new_figure(3.0)
    axes = plain(figure.subplots(), x="year", y="sunspot number")
    year = np.asarray(years)
    for (name, (first, last)), colour in zip(parts.items(), COLOURS, strict=False):
        inside = (year >= first - 1) & (year <= last)  # from the last point of the stretch before
        axes.plot(year[inside], values[inside], color=colour, linewidth=1.5)
        axes.text((first + last) / 2, 205, name, ha="center", va="bottom", fontsize=SMALL, color=colour)
        axes.axvline(first, color=PALE, zorder=0)
    axes.set_ylim(0, 230)
    axes.set_xlim(year[0], year[-1] + 2)
    return figure


def orders_figure(train: Sequence[float], valid: Sequence[float], chosen: int) -> Figure:
    """The NLL by the number of past values, from 0; the choice is marked."""
    figure = new_figure(3.2)
    axes = plain(figure.subplots(), x="p, the number of past values that are read", y="nats per value")
    for values, label, style, colour in ((train, "fitted", "--", FAINT), (valid, "held out to choose p", "-", PLAIN)):
        axes.plot(range(len(values)), values, style, marker="o", markersize=5, color=colour, linewidth=2, label=label)
    axes.plot(chosen, valid[chosen], "o", color=ACCENT, markersize=11)
    axes.annotate(
        f"p = {chosen}", (chosen, valid[chosen]), (0, 14), textcoords="offset points", ha="center", fontsize=TEXT,
        color=ACCENT,
    )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=PALE)
    axes.legend(fontsize=SMALL, frameon=False, labelcolor=INK)
    return figure


@dataclass(frozen=True)
class Expected:
    """What two models expect of one year: densities at the numbers of a grid, by model, and what came true."""

    year: int
    truth: float
    grid: Floats
    densities: Mapping[str, Floats]


def densities_figure(years: Sequence[Expected]) -> Figure:
    """The densities of some years side by side; what came true is a line, and what cannot be is gray."""
    figure = new_figure(3.4)
    panels = figure.subplots(1, len(years), squeeze=False)[0]
    for axes, each in zip(panels, years, strict=True):
        plain(axes, str(each.year), x="sunspot number")
        for (name, density), colour in zip(each.densities.items(), COLOURS, strict=False):
            axes.fill_between(each.grid, density, color=colour, alpha=0.25, linewidth=0)
            axes.plot(each.grid, density, color=colour, linewidth=2, label=name)
        axes.axvline(each.truth, color=INK, linestyle=":", linewidth=2)
        axes.axvspan(each.grid[0], 0, color=PALE, zorder=0)
        axes.set_xlim(each.grid[0], each.grid[-1])
        axes.set_ylim(0, None)
        axes.yaxis.set_major_locator(MaxNLocator(4))
    panels[0].set_ylabel("density", fontsize=TEXT, color=INK)
    handles = [*panels[0].get_legend_handles_labels()[0], Line2D([], [], color=INK, linestyle=":", label="came true")]
    legend_below(figure, handles, len(handles))
    return figure


def forecasts_figure(
    years: Sequence[int], values: Floats, starts: Sequence[int], draws: Mapping[str, Floats]
) -> Figure:
    """What came true, and forecasts side by side: their medians and the bands that hold 50 and 90 % of the draws.

    Args:
        years, values: what came true, from some years before the first forecast on.
        starts: the year in which each forecast begins.
        draws: [starts, n, steps], by model.
    """
    figure = new_figure(0.8 + 2.4 * len(draws))
    panels = figure.subplots(len(draws), 1, squeeze=False, sharey=True)[:, 0]
    for axes, (name, paths) in zip(panels, draws.items(), strict=True):
        plain(axes, name, y="sunspot number")
        for start, some in zip(starts, paths, strict=True):
            ahead = np.arange(start, start + some.shape[1])
            for share, strength in BANDS.items():
                axes.fill_between(ahead, *band(some, share), color=PLAIN, alpha=strength, linewidth=0)
            axes.plot(ahead, np.median(some, 0), color="white", linewidth=2)
            axes.axvline(start - 0.5, color=FAINT, linewidth=1, linestyle=":")
        axes.axhline(0, color=FAINT, linewidth=1)
        axes.plot(years, values, "o-", color=ACCENT, markersize=3.5, linewidth=1.5)
        axes.set_xlim(years[0], years[-1] + 1)
    keys = [
        Line2D([], [], color=ACCENT, marker="o", markersize=4, label="came true"),
        Patch(facecolor=PLAIN, alpha=0.7, label="50 % of draws"),
        Patch(facecolor=PLAIN, alpha=BANDS[0.9], label="90 % of draws"),
        Line2D([], [], color=FAINT, linestyle=":", label="a forecast begins"),
    ]
    legend_below(figure, keys, len(keys))
    return figure
