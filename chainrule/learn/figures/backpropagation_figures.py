"""The figures of the lesson on the forward and the backward pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch

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
    add_legend_below,
    new_figure,
    style_axes,
    style_image_axes,
)
from chainrule.formatting import fixed
from chainrule.learn.activations import ACTIVATIONS
from chainrule.learn.arrays import FloatArray
from chainrule.learn.backpropagation import ChainDerivatives, ChainValues, Network, backward, forward

RADIUS = 0.29
"""The radius of a unit, in inches."""
COST_POSITION = (6.3, 2.5)
"""The position of the cost in the figure of a layer, in inches."""
Position = tuple[float, float]


class Edge(NamedTuple):
    """Represent an arrow of the chain, from one value to the next."""

    start: str
    end: str

    @property
    def factor(self) -> str:
        """The name of the arrow's derivative in `ChainDerivatives`."""
        return f"d{self.end}_d{self.start}"


POSITIONS = {
    "a0": (0.55, 2.0), "z1": (1.75, 2.0), "a1": (2.93, 2.0), "z2": (4.11, 2.0), "a2": (5.29, 2.0), "c": (6.47, 2.0),
    "w1": (1.22, 3.35), "b1": (2.22, 3.35), "w2": (3.58, 3.35), "b2": (4.58, 3.35), "y": (6.47, 3.35),
}  # fmt: skip
"""The position of each value of the chain, in inches."""
EDGES = [
    Edge("a0", "z1"), Edge("w1", "z1"), Edge("b1", "z1"), Edge("z1", "a1"), Edge("a1", "z2"), Edge("w2", "z2"),
    Edge("b2", "z2"), Edge("z2", "a2"), Edge("a2", "c"),
]  # fmt: skip
FORWARD = ["z1", "a1", "z2", "a2", "c"]
"""The values in the order in which the forward pass computes them."""
BACKWARD = ["a2", "z2", "w2", "b2", "a1", "z1", "w1", "b1", "a0"]
"""The values in the order in which the backward pass computes the derivatives by them."""


def plot_chain(chain: ChainValues, factors: ChainDerivatives, *, computed: int | None = None) -> Figure:
    """Plot the chain as a graph, with the values, the factor of each arrow, and the derivatives of the cost.

    Args:
        chain: the values of the forward pass.
        factors: the derivatives of the backward pass.
        computed: the number of values that the forward and then the backward pass have computed; by default all.
    """
    computed = len(FORWARD) + len(BACKWARD) if computed is None else computed
    valued = {"a0", "w1", "b1", "w2", "b2", "y", *FORWARD[:computed]}
    derived = BACKWARD[: max(0, computed - len(FORWARD))]
    figure = new_figure(4.55)
    axes = _make_canvas(figure, 4.55)
    for edge in (*EDGES, Edge("y", "c")):
        _draw_arrow(axes, POSITIONS[edge.start], POSITIONS[edge.end], BLUE if edge.end in valued else GRID_COLOUR)
        if edge.start in derived:
            _draw_factor(axes, edge, getattr(factors, edge.factor))
    for name in POSITIONS:
        _draw_unit(axes, POSITIONS[name], _format_symbol(name), TEXT_COLOUR)
        if name in valued:
            _draw_value(axes, name, getattr(chain, name))
        if name in derived:
            _draw_derivative(axes, name, getattr(factors, f"dc_d{name}"))
    _draw_key(axes)
    return figure


def draw_chain_frames(chain: ChainValues, factors: ChainDerivatives) -> list[Figure]:
    """Draw the forward pass value by value, then the backward pass: one figure for each frame."""
    return [plot_chain(chain, factors, computed=computed) for computed in range(len(FORWARD) + len(BACKWARD) + 1)]


def plot_layer(network: Network, x: FloatArray, y: FloatArray, k: int) -> Figure:
    """Plot the last layer of a network, and all paths from unit k below it to the cost, with their factors."""
    values, da = forward(network, x[None]), backward(network, x[None], y[None]).a[-1][0]
    w, slopes = network.weights[-1], ACTIVATIONS[network.activations[-1]].derivative(values.z[-1])[0]
    below, above = (_column_positions(0.85, count) for count in w.shape[::-1])
    above = [(3.45, height) for _, height in above]
    figure = new_figure(4.6)
    axes = _make_canvas(figure, 4.6)
    for j, unit in enumerate(above):
        for other, source in enumerate(below):
            _draw_arrow(axes, source, unit, ORANGE if other == k else GRID_COLOUR)
        _draw_arrow(axes, unit, COST_POSITION, ORANGE)
        _draw_label(
            axes, _interpolate(below[k], unit, 0.5), f"$w_{{{j}{k}}}$ = {fixed(w[j, k], 3)}", ORANGE, boxed=True
        )
        _draw_unit(axes, unit, f"$a_{j}^{{(L)}}$", TEXT_COLOUR)
        _draw_label(axes, (unit[0], unit[1] - 0.48), rf"$\sigma'(z_{j})$ = {fixed(slopes[j], 3)}", ORANGE)
        text = rf"$\partial C_0/\partial a_{j}$ = {fixed(da[j], 3)}"
        _draw_label(axes, _interpolate(unit, COST_POSITION, 0.55), text, ORANGE, boxed=True)
    for other, source in enumerate(below):
        _draw_unit(axes, source, f"$a_{other}^{{(L-1)}}$", ORANGE if other == k else LINE_COLOUR)
    _draw_unit(axes, COST_POSITION, "$C_0$", TEXT_COLOUR)
    _draw_path_sum(axes, k, [w[j, k] * slopes[j] * da[j] for j in range(len(above))])
    for x_layer, name in ((0.85, "layer L − 1"), (3.45, "layer L")):
        axes.text(x_layer, 4.42, name, ha="center", va="center", fontsize=TEXT_SIZE, color=TEXT_COLOUR)
    return figure


def _draw_path_sum(axes: Axes, k: int, products: Sequence[float]) -> None:
    """Draw the derivative by unit k as the sum of the products of its paths."""
    total = " + ".join(fixed(product, 3) if product >= 0 else f"({fixed(product, 3)})" for product in products)
    text = rf"$\partial C_0/\partial a_{k}^{{(L-1)}}$ = {total} = {fixed(sum(products), 3)}"
    axes.text(WIDTH / 2, 0.2, text, ha="center", va="center", fontsize=TEXT_SIZE, color=TEXT_COLOUR)


def plot_training(costs: Mapping[str, FloatArray], network: Network, x: FloatArray, y: FloatArray) -> Figure:
    """Plot the mean cost over the steps of gradient descent, and the output of the final network on the plane."""
    figure = new_figure(3.5)
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    style_axes(left, x="step", y="mean cost")
    for colour, (name, values) in zip((LINE_COLOUR, BLUE), costs.items(), strict=True):
        left.plot(values, color=colour, linewidth=2, label=name)
    left.set_yscale("log")
    left.legend(fontsize=SMALL_SIZE, frameon=False, labelcolor=TEXT_COLOUR, loc="center right")
    side = np.linspace(-0.5, 1.5, 81)
    points = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    surface = forward(network, points).output.reshape(len(side), -1)
    style_axes(right, "output after the last step", "$x_1$", "$x_2$")
    image = right.imshow(surface, origin="lower", extent=(-0.5, 1.5, -0.5, 1.5), cmap="RdBu", vmin=0, vmax=1)
    for point, target in zip(x, y[:, 0], strict=True):
        right.scatter(*point, s=300, color="white", edgecolors=TEXT_COLOUR, zorder=2)
        right.text(*point, f"{target:.0f}", ha="center", va="center_baseline", fontsize=SMALL_SIZE, color=TEXT_COLOUR)
    right.set_xticks([0, 1])
    right.set_yticks([0, 1])
    bar = figure.colorbar(image, ax=right, ticks=[0, 0.5, 1], shrink=0.8)
    bar.ax.tick_params(labelsize=SMALL_SIZE)
    return figure


def plot_fading_gradients(sizes: Mapping[str, Sequence[float]]) -> Figure:
    """Plot the derivatives of activations, and the size of ∂C_0/∂a in each layer of deep networks.

    Args:
        sizes: the size in each layer, from the input to the output, by the name of the activation.
    """
    figure = new_figure(3.7)
    left, right = figure.subplots(1, 2)
    style_axes(left, "derivative of one activation", "z", "$A'(z)$")
    style_axes(right, r"size of $\partial C_0/\partial a^{(l)}$", "layers back from the output")
    z, lines = np.linspace(-6, 6, 601), []
    for colour, (name, values) in zip(PALETTE, sizes.items(), strict=False):
        lines += left.plot(z, ACTIVATIONS[name].derivative(z), color=colour, linewidth=2, label=name)
        right.plot(list(values)[::-1], color=colour, linewidth=2)
    right.set_yscale("log")
    right.grid(axis="y", color=GRID_COLOUR)
    left.set_xticks([-5, 0, 5])
    right.set_xticks(range(0, len(next(iter(sizes.values()))), 5))
    add_legend_below(figure, lines, len(lines))
    return figure


def _interpolate(start: Position, end: Position, fraction: float) -> Position:
    """Return the position at this fraction of the way from `start` to `end`."""
    return start[0] + fraction * (end[0] - start[0]), start[1] + fraction * (end[1] - start[1])


def _make_canvas(figure: Figure, height: float) -> Axes:
    """Return axes that cover the whole figure, in inches."""
    figure.set_layout_engine("none")
    axes = style_image_axes(figure.add_axes((0, 0, 1, 1)))
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(0, height)
    return axes


def _column_positions(x: float, count: int) -> list[Position]:
    """Return the positions of `count` units in a column."""
    return [(x, 2.5 + 1.3 * ((count - 1) / 2 - index)) for index in range(count)]


def _format_symbol(name: str) -> str:
    """Return a name such as a2 as mathematics."""
    return f"${name[0]}_{name[1]}$" if len(name) > 1 else f"${name}$"


def _draw_unit(axes: Axes, position: Position, text: str, colour: str) -> None:
    """Draw a unit as a circle with a text."""
    axes.add_patch(Circle(position, RADIUS, facecolor="white", edgecolor=colour, linewidth=1.8, zorder=2))
    axes.text(
        *position,
        text,
        ha="center",
        va="center",
        fontsize=SMALL_SIZE if "^" in text else TEXT_SIZE,
        color=TEXT_COLOUR,
        zorder=3,
    )


def _draw_arrow(axes: Axes, start: Position, end: Position, colour: str) -> None:
    """Draw an arrow from the rim of one unit to the rim of another unit."""
    direction = np.subtract(end, start)
    rim = RADIUS * direction / np.hypot(*direction)
    head = FancyArrowPatch(
        tuple(start + rim), tuple(end - rim), arrowstyle="-|>", mutation_scale=13, color=colour, linewidth=1.6,
        shrinkA=0, shrinkB=0, zorder=1,
    )  # fmt: skip
    axes.add_patch(head)


def _draw_label(axes: Axes, position: Position, text: str, colour: str, boxed: bool = False) -> None:
    """Draw a small text, on a white box if `boxed`."""
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5} if boxed else None
    axes.text(*position, text, ha="center", va="center", fontsize=SMALL_SIZE, color=colour, bbox=box, zorder=4)


def _draw_value(axes: Axes, name: str, value: float) -> None:
    """Draw a value of the forward pass: above its arrow, or above the unit in the upper row."""
    x, y = POSITIONS[name]
    if name == "c":
        _draw_label(axes, (x + 0.15, y - 0.45), fixed(value, 3), BLUE)
    else:
        _draw_label(axes, (x + 0.58, y + 0.17) if y < 3 else (x, y + 0.42), fixed(value, 3), BLUE)


def _draw_factor(axes: Axes, edge: Edge, value: float) -> None:
    """Draw the factor of an arrow: below the arrows of the main row, beside the other arrows."""
    start, end = POSITIONS[edge.start], POSITIONS[edge.end]
    text = (
        rf"$\partial {_format_symbol(edge.end)[1:-1]}/\partial {_format_symbol(edge.start)[1:-1]}$"
        + f"\n{fixed(value, 3)}"
    )
    position = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    if start[1] == end[1]:
        _draw_label(axes, (position[0], position[1] - 0.52), text, ORANGE)
    else:
        _draw_label(axes, (position[0] + (0.42 if start[0] > end[0] else -0.42), position[1]), text, ORANGE)


def _draw_derivative(axes: Axes, name: str, value: float) -> None:
    """Draw the derivative of c by a value: below the units of the main row, above the other units."""
    x, y = POSITIONS[name]
    position = (x, y - 1.2) if y < 3 else (x, y + 0.85)
    text = rf"$\partial c/\partial {_format_symbol(name)[1:-1]}$" + f"\n{fixed(value, 3)}"
    axes.text(
        *position, text, ha="center", va="center", fontsize=SMALL_SIZE, color=TEXT_COLOUR, fontweight="bold", zorder=4
    )


def _draw_key(axes: Axes) -> None:
    """Draw the meaning of the colours."""
    entries = (
        ("values, forward", BLUE),
        ("factor of each step", ORANGE),
        ("product of the factors, backward", TEXT_COLOUR),
    )
    for x, (text, colour) in zip((0.25, 2.0, 4.0), entries, strict=True):
        axes.text(x, 0.18, text, ha="left", va="center", fontsize=SMALL_SIZE, color=colour)
