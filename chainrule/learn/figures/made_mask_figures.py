"""The figures of the lesson on MADE's masks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from torch import Tensor

from chainrule.figures import (
    BLUE,
    GRID_COLOUR,
    LIGHT_BLUE,
    LINE_COLOUR,
    MASK_COLOURS,
    ORANGE,
    SMALL_SIZE,
    TEXT_COLOUR,
    TEXT_SIZE,
    add_colour_key,
    draw_cell_borders,
    new_figure,
    style_axes,
    style_image_axes,
)

Position = tuple[float, float]
FRAME_HEIGHT = 3.7
"""The height of a frame, in inches."""


def plot_two_networks(masks: Sequence[Tensor], degrees: Tensor, *, output: int) -> Figure:
    """Plot the same network without and with masks, and the inputs and paths that reach one output.

    Args:
        masks: bool [out, in] of each layer.
        degrees: m(k) of the hidden units.
        output: the index of the output, from 0.
    """
    figure = new_figure(3.6)
    left, right = figure.subplots(1, 2)
    all_open = [torch.ones_like(mask) for mask in masks]
    _draw_network(style_image_axes(left, "autoencoder"), all_open, output=output)
    _draw_network(style_image_axes(right, "with masks"), masks, degrees, output=output)
    add_colour_key(figure, {"may be seen": BLUE, "must not be seen, and is": ORANGE})
    return figure


class MaskStep(NamedTuple):
    """Hold one step of the construction of masks.

    Attributes:
        caption: of the frame.
        masks: the open connections of each layer, bool [out, in].
        closed: the connections that this step closes, bool [out, in] of each layer.
        degrees: m(k) of the hidden units, once they are drawn.
        output: the index of the output whose inputs are shown.
    """

    caption: str
    masks: Sequence[Tensor]
    closed: Sequence[Tensor] = ()
    degrees: Tensor | None = None
    output: int | None = None


def draw_masking_frames(masks: Sequence[Tensor], degrees: Tensor) -> list[Figure]:
    """Draw the construction of the masks of one hidden layer, step by step: one figure for each frame.

    Args:
        masks: M^W and M^V, bool [out, in].
        degrees: m(k) of the hidden units.
    """
    return [_draw_frame(step) for step in _mask_steps(masks, degrees)]


def _mask_steps(masks: Sequence[Tensor], degrees: Tensor) -> Iterator[MaskStep]:
    """Yield the steps: draw degrees, close connections unit by unit and output by output, and follow the paths."""
    w, v = (torch.ones_like(mask) for mask in masks)
    none_of_w, none_of_v = (torch.zeros_like(mask) for mask in masks)
    yield MaskStep("An autoencoder: each unit sees all units below it", [w, v])
    yield MaskStep("Each hidden unit draws a degree m(k)", [w, v], (), degrees)
    for k, m in enumerate(degrees.tolist()):
        closed = none_of_w.clone()
        closed[k] = ~masks[0][k]
        w = w & ~closed
        yield MaskStep(f"A unit with m(k) = {m} sees inputs up to {m}", [w, v], [closed, none_of_v], degrees)
    for d in range(len(v)):
        closed = none_of_v.clone()
        closed[d] = ~masks[1][d]
        v = v & ~closed
        yield MaskStep(f"Output {d + 1} reads units with m(k) < {d + 1}", [w, v], [none_of_w, closed], degrees)
    for d in range(len(v)):
        inputs = ", ".join(map(str, range(1, d + 1))) or "none, its bias alone"
        yield MaskStep(f"Inputs that reach output {d + 1}: {inputs}", [w, v], (), degrees, d)


def _draw_frame(step: MaskStep) -> Figure:
    figure = new_figure(FRAME_HEIGHT)
    figure.set_layout_engine("none")
    axes = style_image_axes(figure.add_axes((0.02, 0.02, 0.96, 0.86)))
    figure.text(0.5, 0.94, step.caption, ha="center", va="center", fontsize=TEXT_SIZE, color=TEXT_COLOUR)
    _draw_network(axes, step.masks, step.degrees, step.closed, step.output)
    return figure


def plot_masks_in_order(masks: Sequence[Tensor], paths: Tensor, degrees: Tensor, order: Sequence[int]) -> Figure:
    """Plot the masks of another order, with the sites in their own numbering and in the order.

    Args:
        masks: M^W and M^V, bool, with the sites in their own numbering.
        paths: the product of the masks.
        degrees: m(k) of the hidden units.
        order: the indices of the sites in the order, from 0.
    """
    figure = new_figure(5.6)
    above, below = figure.subfigures(2, 1, squeeze=False)[:, 0]
    units = [str(m) for m in degrees.tolist()]
    for part, sites, title in (
        (above, list(range(len(order))), "sites as they are numbered"),
        (below, list(order), "the same masks, sites in their order"),
    ):
        part.suptitle(title, fontsize=TEXT_SIZE, color=TEXT_COLOUR)
        names = [f"$x_{site + 1}$" for site in sites]
        panels = part.subplots(1, 3, width_ratios=(len(order), len(units), len(order)))
        _draw_matrix(panels[0], masks[0][:, sites], "$M^W$", names, units)
        _draw_matrix(panels[1], masks[1][sites], "$M^V$", units, names)
        _draw_matrix(panels[2], paths[sites][:, sites], "paths", names, names)
    return figure


def plot_lost_weights(remaining: Sequence[int], *, weights: int) -> Figure:
    """Plot the number of nonzero weights after each pass, if masks are multiplied into the weights.

    Args:
        remaining: the number of nonzero weights after each pass.
        weights: the number of weights of the layer.
    """
    figure = new_figure(3.2)
    axes = style_axes(figure.subplots(), x="passes, each with a mask of its own", y="weights that are not 0")
    passes = range(1, len(remaining) + 1)
    axes.axhline(weights, color=BLUE, linewidth=2)
    axes.plot([0, *passes], [weights, *remaining], color=ORANGE, linewidth=2, marker="o", markersize=5)
    axes.text(len(remaining), weights * 0.97, "mask * weight", ha="right", va="top", fontsize=TEXT_SIZE, color=BLUE)
    axes.text(
        len(remaining),
        remaining[-1] + weights * 0.1,
        "weight.data *= mask",
        ha="right",
        va="bottom",
        fontsize=TEXT_SIZE,
        color=ORANGE,
    )
    axes.set_ylim(0, weights * 1.05)
    axes.grid(axis="y", color=GRID_COLOUR)
    return figure


def _draw_network(
    axes: Axes,
    masks: Sequence[Tensor],
    degrees: Tensor | None = None,
    closed: Sequence[Tensor] = (),
    output: int | None = None,
) -> None:
    """Draw units in rows, inputs below, and a line for each open connection; mark the paths to one output, if given."""
    sizes = [masks[0].shape[1], *(len(mask) for mask in masks)]
    positions = [[(k - (size - 1) / 2, level * 1.3) for k in range(size)] for level, size in enumerate(sizes)]
    reached, on_paths = _find_paths(masks, output)
    for level, (mask, (below, above)) in enumerate(zip(masks, pairwise(positions), strict=True)):
        _draw_connections(
            axes, mask & ~on_paths[level], below, above, GRID_COLOUR if output is not None else LINE_COLOUR, 1.0
        )
        _draw_connections(axes, on_paths[level], below, above, TEXT_COLOUR, 1.6)
        if closed:
            _draw_connections(axes, closed[level], below, above, ORANGE, 1.8)
    for site, position in enumerate(positions[0]):
        colour = TEXT_COLOUR if output is None or not reached[site] else BLUE if site < output else ORANGE
        _draw_unit(axes, position, f"$x_{site + 1}$", colour)
    for k, position in enumerate(positions[1]):
        _draw_unit(axes, position, "" if degrees is None else str(int(degrees[k])), LIGHT_BLUE)
    for site, position in enumerate(positions[-1]):
        _draw_unit(axes, position, rf"$\hat{{x}}_{site + 1}$", TEXT_COLOUR)
    half = max(sizes) / 2
    axes.set_xlim(-half, half)
    axes.set_ylim(-0.4, 1.3 * (len(sizes) - 1) + 0.4)


def _find_paths(masks: Sequence[Tensor], output: int | None) -> tuple[Tensor, list[Tensor]]:
    """Return the inputs with a path to an output, bool [D], and the connections of each layer on such paths."""
    reached = torch.zeros(len(masks[-1]), dtype=torch.bool)
    if output is not None:
        reached[output] = True
    on_paths = []
    for mask in reversed(masks):
        on_paths.append(mask & reached[:, None])
        reached = on_paths[-1].any(0)
    return reached, on_paths[::-1]


def _draw_connections(
    axes: Axes, mask: Tensor, below: Sequence[Position], above: Sequence[Position], colour: str, width: float
) -> None:
    lines = [(below[source], above[target]) for target, source in mask.nonzero().tolist()]
    axes.add_collection(LineCollection(lines, colors=colour, linewidths=width, zorder=1))


def _draw_unit(axes: Axes, position: Position, text: str, colour: str) -> None:
    axes.scatter(
        *position,
        s=520,
        color="white",
        edgecolors=colour,
        linewidths=2.4 if colour in (BLUE, ORANGE) else 1.6,
        zorder=2,
    )
    axes.text(*position, text, ha="center", va="center", fontsize=TEXT_SIZE, color=TEXT_COLOUR, zorder=3)


def _draw_matrix(axes: Axes, matrix: Tensor, title: str, columns: Sequence[str], rows: Sequence[str]) -> None:
    """Draw a matrix [rows, columns] as squares, with numbers if it has entries above 1."""
    style_axes(axes, title).set_anchor("N")
    axes.imshow((matrix > 0).numpy() * 2, cmap=MASK_COLOURS, vmin=0, vmax=2)
    draw_cell_borders(axes, matrix.shape)
    axes.set_xticks(range(len(columns)), columns, fontsize=SMALL_SIZE)
    axes.set_yticks(range(len(rows)), rows, fontsize=SMALL_SIZE)
    if int(matrix.max()) > 1:
        for row, column in matrix.nonzero().tolist():
            count = str(int(matrix[row, column]))
            axes.text(column, row, count, ha="center", va="center_baseline", fontsize=SMALL_SIZE, color="white")
