"""The figures of the lesson on autoencoders."""

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
from chainrule.figures import (
    BLUE,
    GRID_COLOUR,
    LINE_COLOUR,
    ORANGE,
    PALETTE,
    SMALL_SIZE,
    TEXT_COLOUR,
    TEXT_SIZE,
    WIDTH,
    image_grid,
    new_figure,
    style_axes,
    style_image_axes,
)

GRAYS = Levels((1, 8, 8), 256)
"""The domain of the grey values of reconstructions."""
GLYPH = 46
"""The size of the digits that mark points."""
SIDE = 7
"""The number of codes along each side of the square that is decoded."""
TEN = (*PALETTE, TEXT_COLOUR, LINE_COLOUR, "#7a4a00", "#5e3c99")
"""The colour of each digit."""
LETTER_WIDTH, TITLE_HEIGHT = 0.105, 0.4
"""Approximate sizes of a letter of a row's name, and of the title above the rows, in inches."""


def plot_networks(networks: Mapping[str, tuple[Tensor, Tensor]], flipped: Mapping[str, Sequence[int]]) -> Figure:
    """Plot small autoencoders side by side: inputs below, h in the middle, outputs above, and their connections.

    Args:
        networks: the masks of W, bool [K, D], and of V, bool [D, K], by title.
        flipped: the indices of inputs that are shown as corrupted, by title.
    """
    figure = new_figure(2.5)
    for axes, (name, masks) in zip(figure.subplots(1, len(networks)), networks.items(), strict=True):
        _draw_network(style_image_axes(axes, name), *masks, flipped.get(name, ()))
    return figure


def _draw_network(axes: Axes, below: Tensor, above: Tensor, flipped: Sequence[int]) -> None:
    """Draw the units of three layers, and a line for each open connection."""
    layers = [spread_evenly(below.shape[1]), spread_evenly(len(below)), spread_evenly(len(above))]
    for height, mask in enumerate((below, above)):
        lines = [
            [(layers[height][start], height), (layers[height + 1][end], height + 1)] for end, start in mask.nonzero()
        ]
        axes.add_collection(LineCollection(lines, colors=LINE_COLOUR, linewidths=0.7, zorder=0))
    for height, (layer, colour) in enumerate(zip(layers, (TEXT_COLOUR, BLUE, TEXT_COLOUR), strict=True)):
        axes.scatter(layer, [height] * len(layer), s=52, color=colour, zorder=2)
    corrupted = [layers[0][site] for site in flipped]
    axes.scatter(corrupted, [0] * len(corrupted), s=90, color=ORANGE, zorder=3)
    for height, letter in enumerate(("x", "h", "x̂")):
        axes.text(-0.13, height, letter, ha="right", va="center", fontsize=TEXT_SIZE, color=TEXT_COLOUR)
    axes.set_xlim(-0.3, 1.06)
    axes.set_ylim(-0.25, 2.25)


def spread_evenly(count: int) -> list[float]:
    """Return the centres of `count` equal intervals of (0, 1).

    Example:
        >>> spread_evenly(2), spread_evenly(4)
        ([0.25, 0.75], [0.125, 0.375, 0.625, 0.875])
    """
    return [(index + 0.5) / count for index in range(count)]


def plot_image_rows(rows: Mapping[str, Tensor], groups: Mapping[str, int]) -> Figure:
    """Plot images in named rows and in named groups of columns; each column is one datum.

    Args:
        rows: zeros and ones, or probabilities of a one, [n, 64], by the name of the row.
        groups: the number of columns of each group, by its name, from left to right; the sum is n.
    """
    tile = (WIDTH - LETTER_WIDTH * max(map(len, rows))) / sum(groups.values())
    figure = new_figure(TITLE_HEIGHT + tile * len(rows))
    panels = figure.subplots(1, len(groups), width_ratios=list(groups.values()), squeeze=False)[0]
    parts = zip(*(torch.split(row, list(groups.values())) for row in rows.values()), strict=True)
    for axes, name, part in zip(panels, groups, parts, strict=True):
        image = np.asarray(image_grid(to_gray_levels(torch.cat(part)), GRAYS, columns=len(part[0]), scale=8))
        # The automatic aspect: with a fixed aspect the layout leaves no space for the names beside the images.
        style_image_axes(axes, name).imshow(image, cmap="gray", vmin=0, vmax=255, aspect="auto")
    height = image.shape[0] / len(rows)
    panels[0].tick_params(length=0, labelsize=TEXT_SIZE)
    panels[0].set_yticks([(row + 0.5) * height for row in range(len(rows))], list(rows))
    return figure


def to_gray_levels(x: Tensor) -> Tensor:
    """Return probabilities [n, 64] as grey values, int64 [n, 1, 8, 8]."""
    return (255 * x.detach().float()).round().long().view(-1, *GRAYS.shape)


def plot_codes(codes: Tensor, labels: Tensor, decode: Callable[[Tensor], Tensor], title: str) -> Figure:
    """Plot the codes of test digits, and beside them the decoded images of a grid of codes.

    Args:
        codes: in (-1, 1), [n, 2].
        labels: the digit of each code, [n].
        decode: a function from codes [m, 2] to probabilities [m, 64].
        title: of the figure.
    """
    figure = new_figure(4.0)
    figure.suptitle(title, fontsize=TEXT_SIZE, color=TEXT_COLOUR)
    left, right = figure.subplots(1, 2)
    for digit, colour in enumerate(TEN):
        points = codes[labels == digit].numpy()
        left.scatter(*points.T, s=GLYPH, marker=f"${digit}$", color=colour, linewidths=0.3, clip_on=False)
    style_axes(left, "test digits, encoded", x="$h_1$", y="$h_2$").set_aspect("equal")
    left.set(xlim=(-1, 1), ylim=(-1, 1), xticks=(-1, 0, 1), yticks=(-1, 0, 1))
    image = np.asarray(image_grid(to_gray_levels(decode(make_code_grid())), GRAYS, columns=SIDE, scale=4))
    axes = style_axes(right, "the same square, decoded", x="$h_1$")
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, extent=(-1, 1, -1, 1), interpolation="nearest")
    axes.set(xticks=(-1, 0, 1), yticks=())
    return figure


def make_code_grid() -> Tensor:
    """Return the centres of SIDE² squares that fill (-1, 1)², row by row from the upper left: [SIDE², 2].

    Example:
        >>> make_code_grid()[[0, -1]].mul(SIDE).round().tolist()
        [[-6.0, 6.0], [6.0, -6.0]]
    """
    centres = torch.tensor(spread_evenly(SIDE)) * 2 - 1
    return torch.cartesian_prod(-centres, centres).flip(1)


def plot_widths(
    widths: Sequence[int], digits: Sequence[float], scrambled: Sequence[float], frequencies_only: float
) -> Figure:
    """Plot the reconstruction errors of test digits and of scrambled digits against the number of hidden units.

    Args:
        widths: the numbers of hidden units.
        digits, scrambled: the mean cross-entropy in nats for each width.
        frequencies_only: the error of an output that does not depend on the input.
    """
    figure = new_figure(3.6)
    axes = style_axes(figure.subplots(), x="hidden units K", y="error (nats)")
    axes.fill_between(widths, digits, scrambled, color=GRID_COLOUR, zorder=0)
    axes.axhline(frequencies_only, color=LINE_COLOUR, linestyle="--", linewidth=1.2)
    axes.text(
        widths[-1], frequencies_only + 0.4, "frequencies only", ha="right", fontsize=SMALL_SIZE, color=TEXT_COLOUR
    )
    for name, errors, colour in (("scrambled digits", scrambled, ORANGE), ("test digits", digits, BLUE)):
        axes.plot(widths, errors, "o-", color=colour, linewidth=2.2, label=name)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(list(widths)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda width, _: f"{width:.0f}")
    axes.set_ylim(0, 1.12 * frequencies_only)
    axes.legend(fontsize=SMALL_SIZE, frameon=False, labelcolor=TEXT_COLOUR, loc="lower left")
    return figure
