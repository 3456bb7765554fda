"""The drawings of the lesson on outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from chainrule.figures.style import (
    ACCENT,
    COLOURS,
    FAINT,
    INK,
    PALE,
    PLAIN,
    SMALL,
    TEXT,
    bare,
    legend_below,
    new_figure,
    plain,
)
from chainrule.learn.output import density_nats, mass_of_levels

MANY = 32
"""So many levels have no bars of their own."""
BEYOND = 0.22
"""How far a panel reaches beyond the levels, in their range."""


@dataclass(frozen=True)
class Pixels:
    """How often real pixels have each level, [K], and the Gaussian that was fitted to them, in levels."""

    name: str
    shares: Tensor
    mean: Tensor
    std: Tensor


def gaussians_figure(some: Sequence[Pixels]) -> Figure:
    """Real pixels beside the Gaussian that was fitted to them; what lies beyond the levels is orange, with its "
    "share."""
    figure = new_figure(2.2 * len(some) + 0.6)
    for axes, each in zip(figure.subplots(len(some), 1, squeeze=False)[:, 0], some, strict=True):
        _beyond(axes, each)
    keys = [
        Patch(facecolor=PLAIN, label="pixels: share of each level"),
        Line2D([], [], color=INK, linewidth=2, label="Gaussian"),
        Patch(facecolor=ACCENT, label="its mass beyond"),
    ]
    legend_below(figure, keys, len(keys))
    return figure


def _beyond(axes: Axes, each: Pixels) -> None:
    levels, wide = len(each.shares), BEYOND * len(each.shares)
    at = torch.linspace(-wide, levels + wide, 1000, dtype=torch.float64)
    density = (-density_nats(at, each.mean, each.std)).exp()  # as good as the mass of a level
    _, below, above = mass_of_levels(each.mean, each.std, levels)
    _shares(plain(axes, each.name), each.shares)
    axes.plot(at.numpy(), density.numpy(), color=INK, linewidth=2)
    for outside, share, place in ((at < -0.5, below, 0.09), (at > levels - 0.5, above, 0.91)):
        axes.fill_between(at[outside].numpy(), density[outside].numpy(), color=ACCENT, alpha=0.6, linewidth=0)
        words = f"{100 * float(share):.1f} %"
        axes.text(place, 0.42, words, transform=axes.transAxes, ha="center", fontsize=TEXT, color=ACCENT)
    _cut(axes, each.shares, 3.2 * float(density.max()))
    axes.set_xlim(-wide, levels - 1 + wide)
    axes.set_xticks([0, (levels - 1) // 4, (levels - 1) // 2, 3 * (levels - 1) // 4, levels - 1])
    axes.yaxis.set_major_locator(MaxNLocator(3))


def _shares(axes: Axes, shares: Tensor) -> None:
    """The share of each level, [K]: a bar each, or one outline of all where there are many."""
    if len(shares) < MANY:
        axes.bar(range(len(shares)), shares.tolist(), width=0.9, color=PLAIN)
    else:
        edges = np.arange(len(shares) + 1) - 0.5
        axes.stairs(shares.tolist(), edges, fill=True, color=PLAIN, linewidth=0.4)  # so that no spike is too thin


def _cut(axes: Axes, shares: Tensor, top: float) -> None:
    """Cuts off what is higher, and says how high it is at the ends of the scale."""
    levels = len(shares)
    for level, side in ((0, "left"), (levels - 1, "right")):
        if shares[level] > top:
            place = level + (0.04 if side == "left" else -0.04) * levels
            words = f"{100 * float(shares[level]):.0f} % at {level}"
            axes.text(place, 0.9 * top, words, ha=side, fontsize=SMALL, color=PLAIN)
    axes.set_ylim(0, top)


def vanishing_figure(stds: Sequence[float], nats: Mapping[str, Sequence[float]]) -> Figure:
    """Nats by the standard deviation of the Gaussian, which becomes smaller to the right."""
    figure = new_figure(3.3)
    axes = plain(figure.subplots(), x="standard deviation of the Gaussian, in levels", y="nats a pixel")
    for (name, values), colour in zip(nats.items(), COLOURS[1::-1] + COLOURS[2:], strict=False):
        axes.plot(stds, values, color=colour, linewidth=2.5, label=name)
    axes.axhline(0, color=FAINT, linewidth=1, zorder=0)
    axes.set_xscale("log")
    axes.invert_xaxis()
    axes.set_ylim(-10, 6)
    axes.grid(axis="y", color=PALE)
    axes.legend(fontsize=SMALL, frameon=False, labelcolor=INK)
    return figure


@dataclass(frozen=True)
class Predicted:
    """What a model expects of one colour of a pixel.

    Attributes:
        title: what is worth a look.
        patch: the image, uint8 [C, H, W].
        row, column: the pixel.
        shares: the probability of each level, [K].
        truth: the level that the pixel has.
    """

    title: str
    patch: Tensor
    row: int
    column: int
    shares: Tensor
    truth: int


def softmax_figure(some: Sequence[Predicted], columns: int = 3) -> Figure:
    """Each pixel in its image, and below it what the softmax says of its levels; the true one is marked."""
    rows = -(-len(some) // columns)
    figure = new_figure(3.7 * rows)
    grid = figure.subplots(2 * rows, columns, squeeze=False, height_ratios=[1, 1.35] * rows)
    for number, each in enumerate(some):
        above, below = grid[2 * (number // columns) : 2 * (number // columns) + 2, number % columns]
        bare(above, each.title).imshow(each.patch.permute(1, 2, 0).numpy())
        above.add_patch(
            Rectangle((each.column - 0.5, each.row - 0.5), 1, 1, fill=False, edgecolor=ACCENT, linewidth=2.5)
        )
        _levels(below, each)
    return figure


def _levels(axes: Axes, each: Predicted) -> None:
    levels, top = len(each.shares), float(each.shares.max())
    _shares(plain(axes), each.shares)
    axes.plot(each.truth, 1.1 * top, "v", color=ACCENT, markersize=8, clip_on=False)
    axes.set_xlim(-8, levels + 7)
    axes.set_ylim(0, 1.2 * top)
    axes.set_xticks([0, levels // 2 - 1, levels - 1])
    axes.yaxis.set_major_locator(MaxNLocator(2))


def likeness_figure(likeness: Mapping[str, Tensor]) -> Figure:
    """How alike the output weights of each two levels are: a matrix [K, K] of cosines, by name."""
    figure = new_figure(3.2)
    panels = figure.subplots(1, len(likeness), squeeze=False)[0]
    for axes, (name, cosines) in zip(panels, likeness.items(), strict=True):
        shown = plain(axes, name, x="level").imshow(cosines.numpy(), cmap="RdBu_r", vmin=-1, vmax=1, origin="lower")
        axes.set_xticks([0, len(cosines) // 2, len(cosines) - 1])
        axes.set_yticks([0, len(cosines) // 2, len(cosines) - 1])
    panels[0].set_ylabel("level", fontsize=TEXT, color=INK)
    bar = figure.colorbar(shown, ax=list(panels), shrink=0.75, ticks=[-1, 0, 1])
    bar.ax.tick_params(labelsize=SMALL)
    bar.set_label("cosine", fontsize=TEXT, color=INK)
    return figure
