"""Figures of several models beside each other: how fast they learn, and what they draw."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from chainrule.domains import Domain
from chainrule.figures.curves import COLUMNS, nats_limits
from chainrule.figures.pixels import grid
from chainrule.figures.style import PALE, WIDTH, bare, colours_of, legend_below, new_figure, plain
from chainrule.training import History

TALLEST = 3
"""A grid that is taller by its width than this is drawn narrower than its place."""


def minutes_figure(histories: Mapping[str, History], names: Sequence[str] = (), title: str = "") -> Figure:
    """Each model's validation NLL by minutes of training and validation, the epoch that was kept marked.

    The beginning, far above the rest, is cut off.

    Args:
        names: all models of a report, some of which may have no history, so that each has the colour that it has in
            the other figures.
    """
    figure = new_figure(4.4, title)
    colours = colours_of(names or histories)
    axes = plain(figure.subplots(), x="minutes of training", y="validation NLL (nats)")
    for name, history in histories.items():
        colour = colours[name]
        minutes = [row.seconds / 60 for row in history.rows]
        marker = "o" if len(history.rows) == 1 else ""
        valid = [row.valid_nats for row in history.rows]
        axes.plot(minutes, valid, color=colour, linewidth=2.2, label=name, marker=marker)
        best = history.best_row
        axes.plot(best.seconds / 60, best.valid_nats, "o", color=colour, markersize=8, markeredgecolor="white")
    axes.set_ylim(*nats_limits([_validation(history) for history in histories.values()]))
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.grid(axis="y", color=PALE)
    models = axes.get_legend_handles_labels()[0]
    legend_below(figure, models, COLUMNS)
    return figure


def grids_figure(data: Mapping[str, Tensor], domain: Domain, title: str = "") -> Figure:
    """Images of several origins, a grid each.

    Args:
        data: by what to write above them, [n, *shape], each with as many, of a domain of images with 1 or 3 channels.

    Raises:
        ChainruleError: data that cannot be drawn.
    """
    pictures = {name: np.asarray(grid(x, domain)) for name, x in data.items()}
    height, width = next(iter(pictures.values())).shape[:2]
    columns = min(COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    aspect = min(height / width, TALLEST)
    figure = new_figure(rows * (WIDTH / columns * aspect + 0.3) + (0.4 if title else 0), title)
    panels = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes in panels:
        bare(axes)
    for axes, (name, picture) in zip(panels, pictures.items(), strict=False):
        bare(axes, name).imshow(picture, cmap="gray", vmin=0, vmax=255)
    return figure


def _validation(history: History) -> History:
    """The record without training NLLs."""
    return History([replace(row, train_nats=math.nan) for row in history.rows], history.best)
