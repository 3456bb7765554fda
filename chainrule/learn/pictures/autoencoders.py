"""Drawings of the lesson on autoencoders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
from torch import Tensor

from chainrule.domains import Levels
from chainrule.figures import grid
from chainrule.figures.style import (
    ACCENT,
    COLOURS,
    FAINT,
    INK,
    PALE,
    PLAIN,
    SMALL,
    TEXT,
    WIDTH,
    bare,
    new_figure,
    plain,
)

GRAYS = Levels((1, 8, 8), 256)
"""Reconstructions are shown as grey values."""
GLYPH = 46
"""The size of a digit that stands for a point."""
SIDE = 7
"""So many codes to a side are decoded."""
TEN = (*COLOURS, INK, FAINT, "#7a4a00", "#5e3c99")
"""A colour for each digit."""
LETTER, TITLE = 0.105, 0.4
"""Inches that a letter of a row's name takes, and the line above the rows, roughly."""


def networks_figure(networks: Mapping[str, tuple[Tensor, Tensor]], flipped: Mapping[str, Sequence[int]]) -> Figure:
    """Small autoencoders side by side: inputs below, h in the middle, outputs above, and their connections.

    Args:
        networks: the masks of W, bool [K, D], and of V, bool [D, K], by what to write above.
        flipped: inputs that are drawn as corrupted, by the same name.
    """
    figure = new_figure(2.5)
    for axes, (name, masks) in zip(figure.subplots(1, len(networks)), networks.items(), strict=True):
        draw_network(bare(axes, name), *masks, flipped.get(name, ()))
    return figure


def draw_network(axes: Axes, below: Tensor, above: Tensor, flipped: Sequence[int]) -> None:
    layers = [places(below.shape[1]), places(len(below)), places(len(above))]
    for height, mask in enumerate((below, above)):
        lines = [
            [(layers[height][start], height), (layers[height + 1][end], height + 1)] for end, start in mask.nonzero()
        ]
        axes.add_collection(LineCollection(lines, colors=FAINT, linewidths=0.7, zorder=0))
    for height, (layer, colour) in enumerate(zip(layers, (INK, PLAIN, INK), strict=True)):
        axes.scatter(layer, [height] * len(layer), s=52, color=colour, zorder=2)
    wrong = [layers[0][site] for site in flipped]
    axes.scatter(wrong, [0] * len(wrong), s=90, color=ACCENT, zorder=3)
    for height, letter in enumerate(("x", "h", "x̂")):
        axes.text(-0.13, height, letter, ha="right", va="center", fontsize=TEXT, color=INK)
    axes.set_xlim(-0.3, 1.06)
    axes.set_ylim(-0.25, 2.25)


def places(count: int) -> list[float]:
    """So many places between 0 and 1.

    Example:
        >>> places(2), places(4)
        ([0.25, 0.75], [0.125, 0.375, 0.625, 0.875])
    """
    return [(place + 0.5) / count for place in range(count)]


def rows_figure(rows: Mapping[str, Tensor], groups: Mapping[str, int]) -> Figure:
    """Images in rows that have names, and in groups of columns that have names: each column is one datum.

    Args:
        rows: zeros and ones, or probabilities of a one, [n, 64] each.
        groups: how many columns each group has, from left to right; together n.
    """
    tile = (WIDTH - LETTER * max(map(len, rows))) / sum(groups.values())
    figure = new_figure(TITLE + tile * len(rows))
    panels = figure.subplots(1, len(groups), width_ratios=list(groups.values()), squeeze=False)[0]
    parts = zip(*(torch.split(each, list(groups.values())) for each in rows.values()), strict=True)
    for axes, name, part in zip(panels, groups, parts, strict=True):
        picture = np.asarray(grid(grays(torch.cat(part)), GRAYS, columns=len(part[0]), scale=8))
        # Of automatic aspect: the layout would leave no room for names beside pictures of a fixed one.
        bare(axes, name).imshow(picture, cmap="gray", vmin=0, vmax=255, aspect="auto")
    height = picture.shape[0] / len(rows)
    panels[0].tick_params(length=0, labelsize=TEXT)
    panels[0].set_yticks([(row + 0.5) * height for row in range(len(rows))], list(rows))
    return figure


def grays(x: Tensor) -> Tensor:
    """Probabilities [n, 64] as grey values, int64 [n, 1, 8, 8]."""
    return (255 * x.detach().float()).round().long().view(-1, *GRAYS.shape)


def codes_figure(codes: Tensor, labels: Tensor, decode: Callable[[Tensor], Tensor], title: str) -> Figure:
    """Left where test digits lie among codes of two units, right what the places of that square are decoded to.

    Args:
        codes: in (-1, 1), [n, 2].
        labels: which digit each is, [n].
        decode: from codes [m, 2] to probabilities [m, 64].
    """
    figure = new_figure(4.0)
    figure.suptitle(title, fontsize=TEXT, color=INK)
    left, right = figure.subplots(1, 2)
    for digit, colour in enumerate(TEN):
        mine = codes[labels == digit].numpy()
        left.scatter(*mine.T, s=GLYPH, marker=f"${digit}$", color=colour, linewidths=0.3, clip_on=False)
    plain(left, "test digits, encoded", x="$h_1$", y="$h_2$").set_aspect("equal")
    left.set(xlim=(-1, 1), ylim=(-1, 1), xticks=(-1, 0, 1), yticks=(-1, 0, 1))
    picture = np.asarray(grid(grays(decode(codes_of_square())), GRAYS, columns=SIDE, scale=4))
    axes = plain(right, "the same square, decoded", x="$h_1$")
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255, extent=(-1, 1, -1, 1), interpolation="nearest")
    axes.set(xticks=(-1, 0, 1), yticks=())
    return figure


def codes_of_square() -> Tensor:
    """The middles of SIDE² squares that fill (-1, 1)², row by row from the upper left: [SIDE², 2].

    Example:
        >>> codes_of_square()[[0, -1]].mul(SIDE).round().tolist()
        [[-6.0, 6.0], [6.0, -6.0]]
    """
    along = torch.tensor(places(SIDE)) * 2 - 1
    return torch.cartesian_prod(-along, along).flip(1)


def widths_figure(
    widths: Sequence[int], digits: Sequence[float], noise: Sequence[float], knows_nothing: float
) -> Figure:
    """The reconstruction error of test digits and of scrambled ones, by the number of hidden units.

    Args:
        digits, noise: mean cross-entropy in nats, one for each width.
        knows_nothing: the error of an output that is the same whatever the input.
    """
    figure = new_figure(3.6)
    axes = plain(figure.subplots(), x="hidden units K", y="error (nats)")
    axes.fill_between(widths, digits, noise, color=PALE, zorder=0)
    axes.axhline(knows_nothing, color=FAINT, linestyle="--", linewidth=1.2)
    axes.text(widths[-1], knows_nothing + 0.4, "frequencies only", ha="right", fontsize=SMALL, color=INK)
    for name, errors, colour in (("scrambled digits", noise, ACCENT), ("test digits", digits, PLAIN)):
        axes.plot(widths, errors, "o-", color=colour, linewidth=2.2, label=name)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(list(widths)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda width, _: f"{width:.0f}")
    axes.set_ylim(0, 1.12 * knows_nothing)
    axes.legend(fontsize=SMALL, frameon=False, labelcolor=INK, loc="lower left")
    return figure
