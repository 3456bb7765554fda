"""The figures of the lesson on recurrent networks: gradients, the recall task, and the LSTM cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch
from torch import Tensor

from chainrule.figures import (
    LINE_COLOUR,
    ORANGE,
    PALETTE,
    SMALL_SIZE,
    TEXT_COLOUR,
    TEXT_SIZE,
    add_legend_below,
    new_figure,
    style_axes,
    style_image_axes,
)
from chainrule.learn.recurrent_networks import Gates

GATE_COLOURS = {"output": PALETTE[3], "input": PALETTE[2], "forget": PALETTE[0], "content": PALETTE[4]}
Position = tuple[float, float]


def plot_fading_gradients(panels: Mapping[str, Mapping[float, Tensor]]) -> Figure:
    """Plot the norms of ∂h_T/∂h_t against the distance for several spectral radii, one panel for each kind of input.

    Args:
        panels: the norms for the distances 0, 1, …, T, by spectral radius, by title.
    """
    figure = new_figure(4.3)
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    lines: list[Line2D] = []
    for panel, (title, norms) in zip(axes, panels.items(), strict=True):
        style_axes(panel, title, "steps back, T − t").set_yscale("log")
        lines = [
            panel.plot(norm.numpy(), color=colour, linewidth=2.2, label=f"radius {radius:g}")[0]
            for (radius, norm), colour in zip(norms.items(), PALETTE, strict=False)
        ]
        panel.axhline(1, color=LINE_COLOUR, linewidth=1, linestyle=":")
    axes[0].set_ylabel("norm of ∂h$_T$ / ∂h$_t$", fontsize=TEXT_SIZE, color=TEXT_COLOUR)
    add_legend_below(figure, lines, 3)
    return figure


def plot_recall(accuracies: Mapping[str, Tensor], lengths: Sequence[int]) -> Figure:
    """Plot the accuracy of the first bit against the length of the sequence: points for networks, lines for means.

    Args:
        accuracies: from 0 to 1, [lengths, networks], by kind of network.
        lengths: the numbers of steps.
    """
    figure = new_figure(3.9)
    axes = style_axes(figure.subplots(), "", "steps between the bit and the answer", "first bit said rightly")
    handles = []
    for number, ((name, accuracy), colour) in enumerate(zip(accuracies.items(), (LINE_COLOUR, *PALETTE), strict=False)):
        positions = [index + 0.07 * (number - (len(accuracies) - 1) / 2) for index in range(len(lengths))]
        handles += axes.plot(positions, accuracy.mean(1).numpy(), color=colour, linewidth=2.2, label=name)
        for network in accuracy.T:
            axes.plot(positions, network.numpy(), "o", color=colour, markersize=6, markeredgecolor="white")
    axes.axhline(0.5, color=TEXT_COLOUR, linewidth=1, linestyle=":")
    axes.text(-0.2, 0.515, "guessing", fontsize=SMALL_SIZE, color=TEXT_COLOUR)
    axes.set_xticks(range(len(lengths)), [str(length) for length in lengths])
    axes.set_yticks([0.5, 0.75, 1.0], ["50 %", "75 %", "100 %"])
    axes.set_ylim(0.4, 1.04)
    add_legend_below(figure, handles, 1)
    return figure


def plot_gradient_norms(norms: Mapping[str, Tensor]) -> Figure:
    """Plot the norms of ∂state_T/∂state_t of trained networks against the distance.

    Args:
        norms: for the distances 0, 1, …, by name; lines whose names contain "alone" (the cell line) are dashed.
    """
    figure = new_figure(4.3)
    axes = style_axes(figure.subplots(), "", "steps back, T − t", "norm of ∂state$_T$ / ∂state$_t$")
    axes.set_yscale("log")
    line_colours = (LINE_COLOUR, PALETTE[0], PALETTE[0], PALETTE[1], PALETTE[1])
    handles = [
        axes.plot(norm.numpy(), color=colour, linewidth=2.2, linestyle="--" if "alone" in name else "-", label=name)[0]
        for (name, norm), colour in zip(norms.items(), line_colours, strict=True)
    ]
    add_legend_below(figure, handles, 1)
    return figure


def plot_gates(bits: Tensor, cell: Tensor, flipped: Tensor, gates: Gates) -> Figure:
    """Plot the gates and the cell of each unit (rows) of an LSTM at each step (columns) of one sequence.

    Args:
        bits: the sequence, [T], −1 or 1.
        cell: the cell states, [T, h].
        flipped: the cell states after the first bit is flipped, [T, h].
        gates: [T, h] each.
    """
    figure = new_figure(8.4)
    panels = list(figure.subplots(7, 1, sharex=True, height_ratios=(0.7, *[2] * 6)))
    style_image_axes(panels[0]).imshow(bits[None].numpy(), cmap="gray", aspect="auto", vmin=-1.6, vmax=1.6)
    _label_panel(panels[0], "bits")
    gate_values = {"output": gates.output, "input": gates.input, "forget": gates.forget}
    _draw_heat_maps(figure, panels[1:4], gate_values, (0, 0.5, 1), "Blues")
    _draw_heat_maps(figure, panels[4:5], {"content": gates.content}, (-1, 0, 1), "PuOr")
    largest = float(torch.stack([cell, flipped]).abs().max())
    _draw_heat_maps(
        figure, panels[5:], {"cell": cell, "cell,\nfirst bit\nflipped": flipped}, (-largest, 0, largest), "PuOr"
    )
    ticks = [0, *range(9, len(bits), 10)]
    panels[-1].set_xticks(ticks, [str(step + 1) for step in ticks])
    panels[-1].set_xlabel("step", fontsize=TEXT_SIZE, color=TEXT_COLOUR)
    return figure


def plot_lstm_cell() -> Figure:
    """Draw one step of an LSTM: the cell line above, the four gates below it, and the inputs and outputs.

    Source: PixelRNN (arXiv:1601.06759), equation 3.
    """
    figure = new_figure(3.8)
    axes = style_image_axes(figure.subplots())
    axes.set_xlim(-0.6, 15.2)
    axes.set_ylim(-1.0, 7.4)
    axes.set_aspect("equal")
    _draw_wires(axes)
    boxes = (("forget", "f", 3.0), ("input", "i", 5.2), ("content", "g", 8.0), ("output", "o", 10.3))
    for name, letter, x in boxes:
        _draw_box(axes, (x, 2.6), "tanh" if letter == "g" else "σ", GATE_COLOURS[name])
        position = (11.15, 2.95) if letter == "o" else (x + 0.15, 3.75)
        axes.text(*position, f"${letter}_i$", fontsize=TEXT_SIZE, color=TEXT_COLOUR, ha="left")
        axes.text(x, 0.55, name, fontsize=SMALL_SIZE, color=TEXT_COLOUR, ha="center")
    _draw_box(axes, (12.2, 4.5), "tanh", LINE_COLOUR)
    for position, sign in (((3.0, 6.2), "×"), ((6.6, 6.2), "+"), ((6.6, 4.6), "×"), ((12.2, 2.6), "×")):
        axes.add_patch(Circle(position, 0.42, facecolor="white", edgecolor=TEXT_COLOUR, linewidth=1.6, zorder=4))
        axes.text(
            *position, sign, fontsize=TEXT_SIZE + 2, color=TEXT_COLOUR, ha="center", va="center_baseline", zorder=5
        )
    labels = (
        ((-0.5, 6.6), "$c_{i-1}$"), ((14.2, 6.6), "$c_i$"), ((14.2, 3.05), "$h_i$"),
        ((-0.5, -0.75), "$h_{i-1}$ through $K^{ss}$,  plus  $x_i$ through $K^{is}$"),
    )  # fmt: skip
    for position, label in labels:
        axes.text(*position, label, fontsize=TEXT_SIZE, color=TEXT_COLOUR, ha="left")
    axes.text(
        5.0, 6.95, "the cell line: one multiplication, one addition", fontsize=SMALL_SIZE, color=ORANGE, ha="left"
    )
    return figure


def _draw_wires(axes: Axes) -> None:
    """Draw the lines between the parts, from bottom to top."""
    _draw_arrow(axes, (-0.5, 6.2), (15.0, 6.2), ORANGE, 3.0)
    axes.plot([-0.5, 10.3], [0.0, 0.0], color=TEXT_COLOUR, linewidth=1.6)
    for x in (3.0, 5.2, 8.0, 10.3):
        axes.plot([x, x], [0.0, 0.4], color=TEXT_COLOUR, linewidth=1.6)
        _draw_arrow(axes, (x, 1.15), (x, 1.9))
    _draw_arrow(axes, (3.0, 3.3), (3.0, 5.75))
    for x, end in ((5.2, 6.2), (8.0, 7.0)):
        axes.plot([x, x], [3.3, 4.6], color=TEXT_COLOUR, linewidth=1.6)
        _draw_arrow(axes, (x, 4.6), (end, 4.6))
    _draw_arrow(axes, (6.6, 5.0), (6.6, 5.75))
    _draw_arrow(axes, (11.0, 2.6), (11.8, 2.6))
    _draw_arrow(axes, (12.2, 6.2), (12.2, 5.2))
    _draw_arrow(axes, (12.2, 3.8), (12.2, 3.05))
    _draw_arrow(axes, (12.6, 2.6), (15.0, 2.6))


def _draw_arrow(axes: Axes, start: Position, end: Position, colour: str = TEXT_COLOUR, width: float = 1.6) -> None:
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=13,
            linewidth=width,
            color=colour,
            shrinkA=0,
            shrinkB=0,
            zorder=2,
        )
    )


def _draw_box(axes: Axes, centre: Position, word: str, colour: str) -> None:
    corner = (centre[0] - 0.7, centre[1] - 0.6)
    axes.add_patch(
        FancyBboxPatch(corner, 1.4, 1.2, "round,pad=0.08", facecolor=colour, edgecolor=TEXT_COLOUR, zorder=3)
    )
    axes.text(*centre, word, fontsize=TEXT_SIZE, color="white", ha="center", va="center_baseline", zorder=4)


def _label_panel(axes: Axes, name: str) -> None:
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.set_ylabel(name, fontsize=SMALL_SIZE, color=TEXT_COLOUR, rotation=0, ha="right", va="center", labelpad=6)


def _draw_heat_maps(
    figure: Figure, panels: Sequence[Axes], maps: Mapping[str, Tensor], ticks: Sequence[float], colours: str
) -> None:
    """Draw maps [T, h] as heat maps with one row for each unit, and one colour scale for all maps."""
    for axes, (name, values) in zip(panels, maps.items(), strict=True):
        image = style_axes(axes).imshow(values.T.numpy(), cmap=colours, aspect="auto", vmin=ticks[0], vmax=ticks[-1])
        _label_panel(axes, name)
    bar = figure.colorbar(image, ax=list(panels), fraction=0.03, pad=0.015, ticks=list(ticks))
    bar.ax.set_yticklabels([f"{tick:.2g}".replace("-", "−") for tick in ticks], fontsize=SMALL_SIZE, color=TEXT_COLOUR)
    bar.outline.set_visible(False)
