"""Drawings of the forward and the backward pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch

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
    legend_below,
    new_figure,
    plain,
)
from chainrule.formatting import fixed
from chainrule.learn.activations import ACTIVATIONS, Floats
from chainrule.learn.backprop import Chain, Factors, Network, backward, forward

RADIUS = 0.29
"""Inches, of a unit."""


class Step(NamedTuple):
    """An arrow of the chain: the value it leads from and to, and the field of `Factors` that is its derivative."""

    start: str
    end: str

    @property
    def factor(self) -> str:
        return f"d{self.end}_d{self.start}"


PLACES = {
    "a0": (0.55, 2.0), "z1": (1.75, 2.0), "a1": (2.93, 2.0), "z2": (4.11, 2.0), "a2": (5.29, 2.0), "c": (6.47, 2.0),
    "w1": (1.22, 3.35), "b1": (2.22, 3.35), "w2": (3.58, 3.35), "b2": (4.58, 3.35), "y": (6.47, 3.35),
}  # fmt: skip
"""Where each value of the chain stands, in inches."""
STEPS = [
    Step("a0", "z1"), Step("w1", "z1"), Step("b1", "z1"), Step("z1", "a1"), Step("a1", "z2"), Step("w2", "z2"),
    Step("b2", "z2"), Step("z2", "a2"), Step("a2", "c"),
]  # fmt: skip
FORWARD = ["z1", "a1", "z2", "a2", "c"]
"""The values in the order in which the forward pass finds them."""
BACKWARD = ["a2", "z2", "w2", "b2", "a1", "z1", "w1", "b1", "a0"]
"""The values in the order in which the backward pass finds what the cost changes by with each."""


def chain_figure(chain: Chain, factors: Factors, found: int | None = None) -> Figure:
    """The chain as a graph: values in the units, the factor of each arrow beside it, their products under the units.

    Args:
        found: how many values the forward and then the backward pass have found; all unless given.
    """
    found = len(FORWARD) + len(BACKWARD) if found is None else found
    valued = {"a0", "w1", "b1", "w2", "b2", "y", *FORWARD[:found]}
    derived = BACKWARD[: max(0, found - len(FORWARD))]
    figure = new_figure(4.55)
    axes = _canvas(figure, 4.55)
    for step in (*STEPS, Step("y", "c")):
        _arrow(axes, PLACES[step.start], PLACES[step.end], PLAIN if step.end in valued else PALE)
        if step.start in derived:
            _factor(axes, step, getattr(factors, step.factor))
    for name in PLACES:
        _unit(axes, PLACES[name], _symbol(name), INK)
        if name in valued:
            _value(axes, name, getattr(chain, name))
        if name in derived:
            _derivative(axes, name, getattr(factors, f"dc_d{name}"))
    _key(axes)
    return figure


def chain_frames(chain: Chain, factors: Factors) -> list[Figure]:
    """The forward pass value by value, then the backward pass."""
    return [chain_figure(chain, factors, found) for found in range(len(FORWARD) + len(BACKWARD) + 1)]


def layer_figure(network: Network, x: Floats, y: Floats, k: int) -> Figure:
    """The last layer of a network, and all ways on which unit k below it acts on the cost: each with its factors."""
    values, found = forward(network, x[None]), backward(network, x[None], y[None])
    w, slopes = network.weights[-1], ACTIVATIONS[network.activations[-1]].slope(values.z[-1])[0]
    below, above = (_column(0.85, count) for count in w.shape[::-1])
    above = [(3.45, height) for _, height in above]
    figure = new_figure(4.6)
    axes = _canvas(figure, 4.6)
    end = (6.3, 2.5)
    for j, unit in enumerate(above):
        for other, source in enumerate(below):
            _arrow(axes, source, unit, ACCENT if other == k else PALE)
        _arrow(axes, unit, end, ACCENT)
        start = below[k]
        at = ((start[0] + unit[0]) / 2, (start[1] + unit[1]) / 2)
        _label(axes, at, f"$w_{{{j}{k}}}$ = {fixed(w[j, k], 3)}", ACCENT, boxed=True)
        _unit(axes, unit, f"$a_{j}^{{(L)}}$", INK)
        _label(axes, (unit[0], unit[1] - 0.48), rf"$\sigma'(z_{j})$ = {fixed(slopes[j], 3)}", ACCENT)
        at = (unit[0] + 0.55 * (end[0] - unit[0]), unit[1] + 0.55 * (end[1] - unit[1]))
        _label(axes, at, rf"$\partial C_0/\partial a_{j}$ = {fixed(found.a[-1][0, j], 3)}", ACCENT, boxed=True)
    for other, source in enumerate(below):
        _unit(axes, source, f"$a_{other}^{{(L-1)}}$", ACCENT if other == k else FAINT)
    _unit(axes, end, "$C_0$", INK)
    parts = [w[j, k] * slopes[j] * found.a[-1][0, j] for j in range(len(above))]
    total = " + ".join(fixed(part, 3) if part >= 0 else f"({fixed(part, 3)})" for part in parts)
    words = rf"$\partial C_0/\partial a_{k}^{{(L-1)}}$ = {total} = {fixed(sum(parts), 3)}"
    axes.text(WIDTH / 2, 0.2, words, ha="center", va="center", fontsize=TEXT, color=INK)
    for x_of, words in ((0.85, "layer L − 1"), (3.45, "layer L")):
        axes.text(x_of, 4.42, words, ha="center", va="center", fontsize=TEXT, color=INK)
    return figure


def training_figure(costs: Mapping[str, Floats], network: Network, x: Floats, y: Floats) -> Figure:
    """The mean cost over the steps of descent, and what the last network gives at every point of the plane."""
    figure = new_figure(3.5)
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    plain(left, x="step", y="mean cost")
    for colour, (name, values) in zip((FAINT, PLAIN), costs.items(), strict=True):
        left.plot(values, color=colour, linewidth=2, label=name)
    left.set_yscale("log")
    left.legend(fontsize=SMALL, frameon=False, labelcolor=INK, loc="center right")
    side = np.linspace(-0.5, 1.5, 81)
    points = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    surface = forward(network, points).output.reshape(len(side), -1)
    plain(right, "output after the last step", "$x_1$", "$x_2$")
    picture = right.imshow(surface, origin="lower", extent=(-0.5, 1.5, -0.5, 1.5), cmap="RdBu", vmin=0, vmax=1)
    for point, wanted in zip(x, y[:, 0], strict=True):
        right.scatter(*point, s=300, color="white", edgecolors=INK, zorder=2)
        right.text(*point, f"{wanted:.0f}", ha="center", va="center_baseline", fontsize=SMALL, color=INK)
    right.set_xticks([0, 1])
    right.set_yticks([0, 1])
    bar = figure.colorbar(picture, ax=right, ticks=[0, 0.5, 1], shrink=0.8)
    bar.ax.tick_params(labelsize=SMALL)
    return figure


def fading_figure(sizes: Mapping[str, Sequence[float]]) -> Figure:
    """The derivatives of activations; and the size of ∂C_0/∂a in each layer of deep networks, from the output back.

    Args:
        sizes: of each activation's network, from its input to its output.
    """
    figure = new_figure(3.7)
    left, right = figure.subplots(1, 2)
    plain(left, "derivative of one activation", "z", "$A'(z)$")
    plain(right, r"size of $\partial C_0/\partial a^{(l)}$", "layers back from the output")
    z, lines = np.linspace(-6, 6, 601), []
    for colour, (name, values) in zip(COLOURS, sizes.items(), strict=False):
        lines += left.plot(z, ACTIVATIONS[name].slope(z), color=colour, linewidth=2, label=name)
        right.plot(list(values)[::-1], color=colour, linewidth=2)
    right.set_yscale("log")
    right.grid(axis="y", color=PALE)
    left.set_xticks([-5, 0, 5])
    right.set_xticks(range(0, len(next(iter(sizes.values()))), 5))
    legend_below(figure, lines, len(lines))
    return figure


def _canvas(figure: Figure, height: float) -> Axes:
    """Axes of the whole figure, in inches."""
    figure.set_layout_engine("none")
    axes = bare(figure.add_axes((0, 0, 1, 1)))
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(0, height)
    return axes


def _column(x: float, count: int) -> list[tuple[float, float]]:
    """The places of so many units above each other."""
    return [(x, 2.5 + 1.3 * ((count - 1) / 2 - place)) for place in range(count)]


def _symbol(name: str) -> str:
    """A name such as a2 as mathematics."""
    return f"${name[0]}_{name[1]}$" if len(name) > 1 else f"${name}$"


def _unit(axes: Axes, at: tuple[float, float], words: str, colour: str) -> None:
    axes.add_patch(Circle(at, RADIUS, facecolor="white", edgecolor=colour, linewidth=1.8, zorder=2))
    axes.text(*at, words, ha="center", va="center", fontsize=SMALL if "^" in words else TEXT, color=INK, zorder=3)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    """An arrow from the rim of one unit to that of another."""
    way = np.subtract(end, start)
    rim = RADIUS * way / np.hypot(*way)
    head = FancyArrowPatch(
        tuple(start + rim), tuple(end - rim), arrowstyle="-|>", mutation_scale=13, color=colour, linewidth=1.6,
        shrinkA=0, shrinkB=0, zorder=1,
    )  # fmt: skip
    axes.add_patch(head)


def _label(axes: Axes, at: tuple[float, float], words: str, colour: str, boxed: bool = False) -> None:
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5} if boxed else None
    axes.text(*at, words, ha="center", va="center", fontsize=SMALL, color=colour, bbox=box, zorder=4)


def _value(axes: Axes, name: str, value: float) -> None:
    """What the forward pass found, above the arrow that carries it on; of the upper row above the unit."""
    x, y = PLACES[name]
    if name == "c":
        _label(axes, (x + 0.15, y - 0.45), fixed(value, 3), PLAIN)
    else:
        _label(axes, (x + 0.58, y + 0.17) if y < 3 else (x, y + 0.42), fixed(value, 3), PLAIN)


def _factor(axes: Axes, step: Step, value: float) -> None:
    """The factor of an arrow: below those of the main row, beside the others."""
    start, end = PLACES[step.start], PLACES[step.end]
    words = rf"$\partial {_symbol(step.end)[1:-1]}/\partial {_symbol(step.start)[1:-1]}$" + f"\n{fixed(value, 3)}"
    at = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    if start[1] == end[1]:
        _label(axes, (at[0], at[1] - 0.52), words, ACCENT)
    else:
        _label(axes, (at[0] + (0.42 if start[0] > end[0] else -0.42), at[1]), words, ACCENT)


def _derivative(axes: Axes, name: str, value: float) -> None:
    """∂c by this value: under the units of the main row, above the others."""
    x, y = PLACES[name]
    at = (x, y - 1.2) if y < 3 else (x, y + 0.85)
    words = rf"$\partial c/\partial {_symbol(name)[1:-1]}$" + f"\n{fixed(value, 3)}"
    axes.text(*at, words, ha="center", va="center", fontsize=SMALL, color=INK, fontweight="bold", zorder=4)


def _key(axes: Axes) -> None:
    words = (("values, forward", PLAIN), ("factor of each step", ACCENT), ("product of the factors, backward", INK))
    for x, (text, colour) in zip((0.25, 2.0, 4.0), words, strict=True):
        axes.text(x, 0.18, text, ha="left", va="center", fontsize=SMALL, color=colour)
