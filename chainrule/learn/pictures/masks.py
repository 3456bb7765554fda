"""Drawings of MADE's masks, connection by connection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from torch import Tensor

from chainrule.figures.style import (
    ACCENT,
    FAINT,
    HALF,
    INK,
    MASK_COLOURS,
    PALE,
    PLAIN,
    SMALL,
    TEXT,
    bare,
    key_below,
    lines_between,
    new_figure,
    plain,
)

Place = tuple[float, float]
HEIGHT = 3.7
"""Inches of a frame."""


def two_networks_figure(masks: Sequence[Tensor], degrees: Tensor, output: int) -> Figure:
    """The same network without and with masks, and all that one output sees.

    Args:
        masks: bool [out, in] of each layer.
        degrees: m(k) of the hidden units.
        output: the one that is followed, from 0.
    """
    figure = new_figure(3.6)
    left, right = figure.subplots(1, 2)
    everything = [torch.ones_like(mask) for mask in masks]
    _network(bare(left, "autoencoder"), everything, output=output)
    _network(bare(right, "with masks"), masks, degrees, output=output)
    key_below(figure, {"may be seen": PLAIN, "must not be seen, and is": ACCENT})
    return figure


class Moment(NamedTuple):
    """A frame: its words, what is open, what is cut just now, the degrees once drawn, the output that is followed."""

    words: str
    masks: Sequence[Tensor]
    cut: Sequence[Tensor] = ()
    degrees: Tensor | None = None
    output: int | None = None


def masking_frames(masks: Sequence[Tensor], degrees: Tensor) -> list[Figure]:
    """One hidden layer: degrees are drawn, units and outputs lose connections, and what is left is followed."""
    return [_frame(moment) for moment in _story(masks, degrees)]


def _story(masks: Sequence[Tensor], degrees: Tensor) -> Iterator[Moment]:
    w, v = (torch.ones_like(mask) for mask in masks)
    none_of_w, none_of_v = (torch.zeros_like(mask) for mask in masks)
    yield Moment("An autoencoder: each unit sees all units below it", [w, v])
    yield Moment("Each hidden unit draws a degree m(k)", [w, v], (), degrees)
    for k, m in enumerate(degrees.tolist()):
        cut = none_of_w.clone()
        cut[k] = ~masks[0][k]
        w = w & ~cut
        yield Moment(f"A unit with m(k) = {m} sees inputs up to {m}", [w, v], [cut, none_of_v], degrees)
    for d in range(len(v)):
        cut = none_of_v.clone()
        cut[d] = ~masks[1][d]
        v = v & ~cut
        yield Moment(f"Output {d + 1} reads units with m(k) < {d + 1}", [w, v], [none_of_w, cut], degrees)
    for d in range(len(v)):
        seen = ", ".join(map(str, range(1, d + 1))) or "none, its bias alone"
        yield Moment(f"Inputs that reach output {d + 1}: {seen}", [w, v], (), degrees, d)


def _frame(moment: Moment) -> Figure:
    figure = new_figure(HEIGHT)
    figure.set_layout_engine("none")
    axes = bare(figure.add_axes((0.02, 0.02, 0.96, 0.86)))
    figure.text(0.5, 0.94, moment.words, ha="center", va="center", fontsize=TEXT, color=INK)
    _network(axes, moment.masks, moment.degrees, moment.cut, moment.output)
    return figure


def order_figure(masks: Sequence[Tensor], paths: Tensor, degrees: Tensor, order: Sequence[int]) -> Figure:
    """Masks of another order: with the sites as they are numbered, and put in the order.

    Args:
        masks: M^W and M^V, bool, with sites as they are numbered.
        paths: their product.
        degrees: m(k) of the hidden units.
        order: the sites, from 0, in the order in which they come.
    """
    figure = new_figure(5.6)
    above, below = figure.subfigures(2, 1, squeeze=False)[:, 0]
    units = [str(m) for m in degrees.tolist()]
    for part, sites, title in (
        (above, list(range(len(order))), "sites as they are numbered"),
        (below, list(order), "the same masks, sites in their order"),
    ):
        part.suptitle(title, fontsize=TEXT, color=INK)
        names = [f"$x_{site + 1}$" for site in sites]
        panels = part.subplots(1, 3, width_ratios=(len(order), len(units), len(order)))
        _squares(panels[0], masks[0][:, sites], "$M^W$", names, units)
        _squares(panels[1], masks[1][sites], "$M^V$", units, names)
        _squares(panels[2], paths[sites][:, sites], "paths", names, names)
    return figure


def lost_figure(left: Sequence[int], weights: int) -> Figure:
    """How many weights of a layer are left after each pass, where masks are multiplied into them."""
    figure = new_figure(3.2)
    axes = plain(figure.subplots(), x="passes, each with a mask of its own", y="weights that are not 0")
    passes = range(1, len(left) + 1)
    axes.axhline(weights, color=PLAIN, linewidth=2)
    axes.plot([0, *passes], [weights, *left], color=ACCENT, linewidth=2, marker="o", markersize=5)
    axes.text(len(left), weights * 0.97, "mask * weight", ha="right", va="top", fontsize=TEXT, color=PLAIN)
    axes.text(
        len(left),
        left[-1] + weights * 0.1,
        "weight.data *= mask",
        ha="right",
        va="bottom",
        fontsize=TEXT,
        color=ACCENT,
    )
    axes.set_ylim(0, weights * 1.05)
    axes.grid(axis="y", color=PALE)
    return figure


def _network(
    axes: Axes,
    masks: Sequence[Tensor],
    degrees: Tensor | None = None,
    cut: Sequence[Tensor] = (),
    output: int | None = None,
) -> None:
    """Units in rows, inputs below, and a line for each open connection; what reaches one output, if one is given."""
    sizes = [masks[0].shape[1], *(len(mask) for mask in masks)]
    places = [[(k - (size - 1) / 2, level * 1.3) for k in range(size)] for level, size in enumerate(sizes)]
    seen, ways = _reached(masks, output)
    for level, (mask, (below, above)) in enumerate(zip(masks, pairwise(places), strict=True)):
        _lines(axes, mask & ~ways[level], below, above, PALE if output is not None else FAINT, 1.0)
        _lines(axes, ways[level], below, above, INK, 1.6)
        if cut:
            _lines(axes, cut[level], below, above, ACCENT, 1.8)
    for site, place in enumerate(places[0]):
        colour = INK if output is None or not seen[site] else PLAIN if site < output else ACCENT
        _unit(axes, place, f"$x_{site + 1}$", colour)
    for k, place in enumerate(places[1]):
        _unit(axes, place, "" if degrees is None else str(int(degrees[k])), HALF)
    for site, place in enumerate(places[-1]):
        _unit(axes, place, rf"$\hat{{x}}_{site + 1}$", INK)
    half = max(sizes) / 2
    axes.set_xlim(-half, half)
    axes.set_ylim(-0.4, 1.3 * (len(sizes) - 1) + 0.4)


def _reached(masks: Sequence[Tensor], output: int | None) -> tuple[Tensor, list[Tensor]]:
    """Which inputs have a path to an output, bool [D], and the connections of each layer on such paths."""
    reached = torch.zeros(len(masks[-1]), dtype=torch.bool)
    if output is not None:
        reached[output] = True
    ways = []
    for mask in reversed(masks):
        ways.append(mask & reached[:, None])
        reached = ways[-1].any(0)
    return reached, ways[::-1]


def _lines(axes: Axes, mask: Tensor, below: Sequence[Place], above: Sequence[Place], colour: str, width: float) -> None:
    lines = [(below[source], above[target]) for target, source in mask.nonzero().tolist()]
    axes.add_collection(LineCollection(lines, colors=colour, linewidths=width, zorder=1))


def _unit(axes: Axes, place: Place, words: str, colour: str) -> None:
    axes.scatter(
        *place, s=520, color="white", edgecolors=colour, linewidths=2.4 if colour in (PLAIN, ACCENT) else 1.6, zorder=2
    )
    axes.text(*place, words, ha="center", va="center", fontsize=TEXT, color=INK, zorder=3)


def _squares(axes: Axes, matrix: Tensor, title: str, columns: Sequence[str], rows: Sequence[str]) -> None:
    """A matrix [rows, columns] as squares, with its numbers where it counts further than 1."""
    plain(axes, title).set_anchor("N")
    axes.imshow((matrix > 0).numpy() * 2, cmap=MASK_COLOURS, vmin=0, vmax=2)
    lines_between(axes, matrix.shape)
    axes.set_xticks(range(len(columns)), columns, fontsize=SMALL)
    axes.set_yticks(range(len(rows)), rows, fontsize=SMALL)
    if int(matrix.max()) > 1:
        for row, column in matrix.nonzero().tolist():
            count = str(int(matrix[row, column]))
            axes.text(column, row, count, ha="center", va="center_baseline", fontsize=SMALL, color="white")
