"""The drawings of the lesson on recurrent networks: sequences, gradients, and the LSTM's cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch
from torch import Tensor

from chainrule.figures.style import ACCENT, COLOURS, FAINT, INK, SMALL, TEXT, bare, legend_below, new_figure, plain
from chainrule.learn.recurrence import Gates

GATE_COLOURS = {"output": COLOURS[3], "input": COLOURS[2], "forget": COLOURS[0], "content": COLOURS[4]}
Place = tuple[float, float]


def fading_figure(panels: Mapping[str, Mapping[float, Tensor]]) -> Figure:
    """How strongly a state depends on an earlier one, by distance and spectral radius; a panel for each kind of input.

    Args:
        panels: by title, and then by spectral radius, the norms for the distances 0, 1, …, T.
    """
    figure = new_figure(4.3)
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    lines: list[Line2D] = []
    for each, (title, norms) in zip(axes, panels.items(), strict=True):
        plain(each, title, "steps back, T − t").set_yscale("log")
        lines = [
            each.plot(norm.numpy(), color=colour, linewidth=2.2, label=f"radius {radius:g}")[0]
            for (radius, norm), colour in zip(norms.items(), COLOURS, strict=False)
        ]
        each.axhline(1, color=FAINT, linewidth=1, linestyle=":")
    axes[0].set_ylabel("norm of ∂h$_T$ / ∂h$_t$", fontsize=TEXT, color=INK)
    legend_below(figure, lines, 3)
    return figure


def recall_figure(shares: Mapping[str, Tensor], lengths: Sequence[int]) -> Figure:
    """How often networks say the first bit rightly, by the length of the sequence: a point a network, a line the mean.

    Args:
        shares: by kind of network, [lengths, networks], from 0 to 1.
    """
    figure = new_figure(3.9)
    axes = plain(figure.subplots(), "", "steps between the bit and the answer", "first bit said rightly")
    handles = []
    for number, ((name, share), colour) in enumerate(zip(shares.items(), (FAINT, *COLOURS), strict=False)):
        places = [place + 0.07 * (number - (len(shares) - 1) / 2) for place in range(len(lengths))]
        handles += axes.plot(places, share.mean(1).numpy(), color=colour, linewidth=2.2, label=name)
        for network in share.T:
            axes.plot(places, network.numpy(), "o", color=colour, markersize=6, markeredgecolor="white")
    axes.axhline(0.5, color=INK, linewidth=1, linestyle=":")
    axes.text(-0.2, 0.515, "guessing", fontsize=SMALL, color=INK)
    axes.set_xticks(range(len(lengths)), [str(length) for length in lengths])
    axes.set_yticks([0.5, 0.75, 1.0], ["50 %", "75 %", "100 %"])
    axes.set_ylim(0.4, 1.04)
    legend_below(figure, handles, 1)
    return figure


def paths_figure(norms: Mapping[str, Tensor]) -> Figure:
    """How strongly the last state of trained networks depends on earlier ones, by distance.

    Args:
        norms: by name, for the distances 0, 1, …; those of the cell line alone, whose names say so, are dashed.
    """
    figure = new_figure(4.3)
    axes = plain(figure.subplots(), "", "steps back, T − t", "norm of ∂state$_T$ / ∂state$_t$")
    axes.set_yscale("log")
    colours = (FAINT, COLOURS[0], COLOURS[0], COLOURS[1], COLOURS[1])
    handles = [
        axes.plot(norm.numpy(), color=colour, linewidth=2.2, linestyle="--" if "alone" in name else "-", label=name)[0]
        for (name, norm), colour in zip(norms.items(), colours, strict=True)
    ]
    legend_below(figure, handles, 1)
    return figure


def gates_figure(bits: Tensor, cell: Tensor, flipped: Tensor, gates: Gates) -> Figure:
    """What each unit of an LSTM does at each step of one sequence: a row a unit, a column a step.

    Args:
        bits: [T], −1 or 1.
        cell: [T, h].
        flipped: the cell where the first bit is the other one, [T, h].
        gates: each [T, h].
    """
    figure = new_figure(8.4)
    parts = list(figure.subplots(7, 1, sharex=True, height_ratios=(0.7, *[2] * 6)))
    bare(parts[0]).imshow(bits[None].numpy(), cmap="gray", aspect="auto", vmin=-1.6, vmax=1.6)
    _name(parts[0], "bits")
    shares = {"output": gates.output, "input": gates.input, "forget": gates.forget}
    _heat(figure, parts[1:4], shares, (0, 0.5, 1), "Blues")
    _heat(figure, parts[4:5], {"content": gates.content}, (-1, 0, 1), "PuOr")
    largest = float(torch.stack([cell, flipped]).abs().max())
    _heat(figure, parts[5:], {"cell": cell, "cell,\nfirst bit\nflipped": flipped}, (-largest, 0, largest), "PuOr")
    ticks = [0, *range(9, len(bits), 10)]
    parts[-1].set_xticks(ticks, [str(step + 1) for step in ticks])
    parts[-1].set_xlabel("step", fontsize=TEXT, color=INK)
    return figure


def cell_drawing() -> Figure:
    """One step of an LSTM: the cell line above, the four gates below it, and what goes in and out.

    Source: PixelRNN (arXiv:1601.06759), equation 3.
    """
    figure = new_figure(3.8)
    axes = bare(figure.subplots())
    axes.set_xlim(-0.6, 15.2)
    axes.set_ylim(-1.0, 7.4)
    axes.set_aspect("equal")
    _wires(axes)
    boxes = (("forget", "f", 3.0), ("input", "i", 5.2), ("content", "g", 8.0), ("output", "o", 10.3))
    for name, letter, x in boxes:
        _box(axes, (x, 2.6), "tanh" if letter == "g" else "σ", GATE_COLOURS[name])
        beside = (11.15, 2.95) if letter == "o" else (x + 0.15, 3.75)
        axes.text(*beside, f"${letter}_i$", fontsize=TEXT, color=INK, ha="left")
        axes.text(x, 0.55, name, fontsize=SMALL, color=INK, ha="center")
    _box(axes, (12.2, 4.5), "tanh", FAINT)
    for place, sign in (((3.0, 6.2), "×"), ((6.6, 6.2), "+"), ((6.6, 4.6), "×"), ((12.2, 2.6), "×")):
        axes.add_patch(Circle(place, 0.42, facecolor="white", edgecolor=INK, linewidth=1.6, zorder=4))
        axes.text(*place, sign, fontsize=TEXT + 2, color=INK, ha="center", va="center_baseline", zorder=5)
    words = (
        ((-0.5, 6.6), "$c_{i-1}$"), ((14.2, 6.6), "$c_i$"), ((14.2, 3.05), "$h_i$"),
        ((-0.5, -0.75), "$h_{i-1}$ through $K^{ss}$,  plus  $x_i$ through $K^{is}$"),
    )  # fmt: skip
    for place, word in words:
        axes.text(*place, word, fontsize=TEXT, color=INK, ha="left")
    axes.text(5.0, 6.95, "the cell line: one multiplication, one addition", fontsize=SMALL, color=ACCENT, ha="left")
    return figure


def _wires(axes: Axes) -> None:
    """The lines of the drawing, from below to above."""
    _arrow(axes, (-0.5, 6.2), (15.0, 6.2), ACCENT, 3.0)
    axes.plot([-0.5, 10.3], [0.0, 0.0], color=INK, linewidth=1.6)
    for x in (3.0, 5.2, 8.0, 10.3):
        axes.plot([x, x], [0.0, 0.4], color=INK, linewidth=1.6)
        _arrow(axes, (x, 1.15), (x, 1.9))
    _arrow(axes, (3.0, 3.3), (3.0, 5.75))
    for x, to in ((5.2, 6.2), (8.0, 7.0)):
        axes.plot([x, x], [3.3, 4.6], color=INK, linewidth=1.6)
        _arrow(axes, (x, 4.6), (to, 4.6))
    _arrow(axes, (6.6, 5.0), (6.6, 5.75))
    _arrow(axes, (11.0, 2.6), (11.8, 2.6))
    _arrow(axes, (12.2, 6.2), (12.2, 5.2))
    _arrow(axes, (12.2, 3.8), (12.2, 3.05))
    _arrow(axes, (12.6, 2.6), (15.0, 2.6))


def _arrow(axes: Axes, of: Place, to: Place, colour: str = INK, width: float = 1.6) -> None:
    axes.add_patch(
        FancyArrowPatch(
            of, to, arrowstyle="-|>", mutation_scale=13, linewidth=width, color=colour, shrinkA=0, shrinkB=0, zorder=2
        )
    )


def _box(axes: Axes, centre: Place, word: str, colour: str) -> None:
    corner = (centre[0] - 0.7, centre[1] - 0.6)
    axes.add_patch(FancyBboxPatch(corner, 1.4, 1.2, "round,pad=0.08", facecolor=colour, edgecolor=INK, zorder=3))
    axes.text(*centre, word, fontsize=TEXT, color="white", ha="center", va="center_baseline", zorder=4)


def _name(axes: Axes, name: str) -> None:
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.set_ylabel(name, fontsize=SMALL, color=INK, rotation=0, ha="right", va="center", labelpad=6)


def _heat(
    figure: Figure, parts: Sequence[Axes], maps: Mapping[str, Tensor], ticks: Sequence[float], colours: str
) -> None:
    """Maps [T, h] as squares, a row a unit, with one scale of colours for all of them."""
    for axes, (name, values) in zip(parts, maps.items(), strict=True):
        shown = plain(axes).imshow(values.T.numpy(), cmap=colours, aspect="auto", vmin=ticks[0], vmax=ticks[-1])
        _name(axes, name)
    bar = figure.colorbar(shown, ax=list(parts), fraction=0.03, pad=0.015, ticks=list(ticks))
    bar.ax.set_yticklabels([f"{tick:.2g}".replace("-", "−") for tick in ticks], fontsize=SMALL, color=INK)
    bar.outline.set_visible(False)
