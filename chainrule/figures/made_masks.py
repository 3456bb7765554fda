"""Figures of the masks of MADE, as a network and as matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from chainrule.errors import ChainruleError
from chainrule.figures.style import (
    BLUE,
    LIGHT_BLUE,
    LIGHT_GRAY,
    LINE_COLOUR,
    MASK_COLOURS,
    SMALL_SIZE,
    TEXT_COLOUR,
    TEXT_SIZE,
    WIDTH,
    add_colour_key,
    add_panels,
    draw_cell_borders,
    new_figure,
    style_axes,
    style_image_axes,
)
from chainrule.models import AutoregressiveModel

MAX_UNITS = 24
"""The largest number of units in a layer that can be drawn and labelled."""
COLUMNS = 3
"""The number of matrices in a row, where they are too large for labels."""

Layer = tuple[str, list[str | int]]
"""The label of a layer, and the labels of its units."""
Point = tuple[float, float]


@dataclass(frozen=True, eq=False)
class SiteMasks:
    """The masks of a fully connected network, with one input and one output for each site, in the model's order.

    Attributes:
        masks: bool [out, in], of each hidden layer and of the output.
        direct: bool [D, D], of the direct connections; None without.
    """

    masks: tuple[Tensor, ...]
    direct: Tensor | None

    @property
    def degrees(self) -> tuple[Tensor, ...]:
        """The degrees m(k) of each hidden layer, int64 [width]: the number of inputs with a path to the unit."""
        return tuple((paths > 0).sum(1) for paths in self._count_paths()[:-1])

    @property
    def paths(self) -> Tensor:
        """The number of paths from each input to each output, the product of all masks: int64 [D, D]."""
        paths = self._count_paths()[-1]
        return paths if self.direct is None else paths + self.direct.long()

    def _count_paths(self) -> list[Tensor]:
        products = [self.masks[0].long()]
        for mask in self.masks[1:]:
            products.append(mask.long() @ products[-1])
        return products


def site_masks(model: AutoregressiveModel) -> SiteMasks:
    """Return the masks of a MADE, reduced to one input and one output for each site.

    Raises:
        ChainruleError: a model without masks of fully connected layers.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.made import MADE
        >>> bool((site_masks(MADE(Binary((4,)), hidden=(8,))).paths.triu() == 0).all())
        True
    """
    by_layer = {name: mask.cpu() for name, mask in model.layer_masks().items()}
    if not by_layer:
        raise ChainruleError(f"{model.display_name} has no masks of fully connected layers to draw")
    # All inputs of a site have the same mask, and so have all its outputs: the first is shown.
    inputs, outputs = (
        (each.cumsum(0) - each)[model.order.sites] for each in (model.domain.inputs, model.domain.outputs)
    )
    direct = by_layer.pop("skip", None)
    masks = list(by_layer.values())
    masks[0] = masks[0][:, inputs]
    masks[-1] = masks[-1][outputs]
    return SiteMasks(tuple(masks), None if direct is None else direct[outputs][:, inputs])


def made_masks_figure(model: AutoregressiveModel, *, title: str = "") -> Figure:
    """Draw the masks of a small MADE as a network and as matrices, and their product, the number of paths.

    Hidden units carry their degree m(k).
    Source: MADE (arXiv:1502.03509), figure 1.

    Args:
        model: a MADE with layers of at most 24 units.
        title: the title of the figure.

    Raises:
        ChainruleError: layers too wide to be drawn, or a model without masks of fully connected layers.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.made import MADE
        >>> len(made_masks_figure(MADE(Binary((3,)), hidden=(5,))).axes)  # the network, two masks, the paths
        4
    """
    net = site_masks(model)
    widest = max(max(mask.shape) for mask in net.masks)
    if widest > MAX_UNITS:
        raise ChainruleError(f"masks are drawn of layers up to {MAX_UNITS} wide, not {widest}; draw a smaller model")
    layers = _layers(net)
    matrices = [(mask.long(), name) for mask, name in zip(net.masks, _mask_names(len(net.masks)), strict=True)]
    matrices.append((net.paths, "paths"))
    widths = [matrix.shape[1] for matrix, _ in matrices]
    square = (WIDTH - 0.7 * len(matrices)) / sum(widths)  # inches; 0.7 for the labels beside each matrix
    heights = (0.5 + 1.1 * len(net.masks), 1.1 + square * max(len(matrix) for matrix, _ in matrices))
    figure = new_figure(sum(heights) + (0.4 if title else 0), title)
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)[:, 0]
    _draw_network(style_image_axes(above.subplots()), net, layers)
    panels = below.subplots(1, len(matrices), width_ratios=widths, squeeze=False)[0]
    ends = [*pairwise(layers), (layers[0], layers[-1])]
    for axes, (matrix, name), (source, target) in zip(panels, matrices, ends, strict=True):
        draw_labelled_matrix(axes, matrix, name, source, target)
    return figure


def made_mask_matrices_figure(model: AutoregressiveModel, *, title: str = "") -> Figure:
    """Draw the masks of a MADE of any width as matrices, and the pairs of input and output that a path connects.

    Inputs and outputs are in the model's order and hidden units are sorted by degree: open entries then lie below a
    staircase.

    Args:
        model: a MADE.
        title: the title of the figure.

    Raises:
        ChainruleError: a model without masks of fully connected layers.
    """
    net = site_masks(model)
    matrices = sorted_masks(net)
    rows = -(-len(matrices) // COLUMNS)
    figure = new_figure(rows * (WIDTH / COLUMNS + 0.5) + (1.0 if title else 0.6), title)
    panels = add_panels(figure, COLUMNS, len(matrices))
    names = [*_mask_names(len(net.masks)), "paths"]
    layers = ["input d", *["hidden, by m(k)"] * (len(net.masks) - 1), "output d"]
    ends = [*pairwise(layers), (layers[0], layers[-1])]
    for axes, matrix, name, (source, target) in zip(panels, matrices, names, ends, strict=True):
        style_axes(axes, name, x=source, y=target)
        bottom, right = (size + 0.5 for size in matrix.shape)  # units are counted from 1
        extent = (0.5, right, bottom, 0.5)
        axes.imshow(2 * matrix.int().numpy(), cmap=MASK_COLOURS, vmin=0, vmax=2, aspect="auto", extent=extent)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(3, integer=True))
        axes.title.set_fontsize(SMALL_SIZE)
    add_colour_key(figure, {"open": BLUE, "closed": LIGHT_GRAY})
    return figure


def sorted_masks(net: SiteMasks) -> list[Tensor]:
    """Return the masks, bool [out, in], with hidden units sorted by degree; and whether a path connects each pair."""
    below, paths, found = torch.arange(net.masks[0].shape[1]), torch.eye(net.masks[0].shape[1]), []
    for number, mask in enumerate(net.masks, 1):
        paths = (mask.float() @ paths > 0).float()  # products of floats are far faster for wide layers
        hidden = number < len(net.masks)
        above = paths.sum(1).argsort(stable=True) if hidden else torch.arange(len(mask))
        found.append(mask[above][:, below])
        below = above
    return [*found, paths > 0 if net.direct is None else (paths > 0) | net.direct]


def draw_labelled_matrix(axes: Axes, matrix: Tensor, name: str, source: Layer, target: Layer) -> None:
    """Draw a matrix [target, source] of counts as cells, with the counts in them where one is above 1."""
    style_axes(axes, name, x=source[0], y=target[0]).set_anchor("N")
    axes.imshow((matrix > 0).numpy() * 2, cmap=MASK_COLOURS, vmin=0, vmax=2)
    draw_cell_borders(axes, matrix.shape)
    axes.set_xticks(range(matrix.shape[1]), list(map(str, source[1])), fontsize=SMALL_SIZE - 1)
    axes.set_yticks(range(matrix.shape[0]), list(map(str, target[1])), fontsize=SMALL_SIZE - 1)
    if int(matrix.max()) > 1:
        for row, column in matrix.nonzero().tolist():
            count = str(int(matrix[row, column]))
            axes.text(column, row, count, ha="center", va="center_baseline", fontsize=SMALL_SIZE - 1, color="white")


def _layers(net: SiteMasks) -> list[Layer]:
    """Return the label of each layer, and the labels of its units: their places in the order, or their degrees."""
    places, count = list(range(1, len(net.paths) + 1)), len(net.degrees)
    numbers = [""] if count == 1 else [f" {layer}" for layer in range(1, count + 1)]
    hidden = [(f"hidden{number}, m(k)", each.tolist()) for number, each in zip(numbers, net.degrees, strict=True)]
    return [("input d", places), *hidden, ("output d", places)]


def _mask_names(count: int) -> list[str]:
    """Return the paper's names of `count` masks, each with the rule of the mask."""
    hidden = ["W"] if count == 2 else [f"W^{layer}" for layer in range(1, count)]
    rules = [r"m(k) \geq d", *[r"m(k') \geq m(k)"] * (count - 2)]
    return [*(f"$M^{{{name}}}$: ${rule}$" for name, rule in zip(hidden, rules, strict=False)), r"$M^V$: $d > m(k)$"]


def _draw_network(axes: Axes, net: SiteMasks, layers: Sequence[Layer]) -> None:
    """Draw units in rows, the inputs below, and a line for each open connection."""
    points = [[(k - (len(units) - 1) / 2, level) for k in range(len(units))] for level, (_, units) in enumerate(layers)]
    for level, mask in enumerate(net.masks):
        _draw_connections(axes, mask, points[level], points[level + 1], LINE_COLOUR)
    if net.direct is not None:
        _draw_connections(axes, net.direct, points[0], points[-1], LIGHT_BLUE)
    half = max(len(units) for _, units in layers) / 2
    for level, (name, units) in enumerate(layers):
        _draw_units(axes, points[level], units, BLUE if 0 < level < len(layers) - 1 else TEXT_COLOUR)
        axes.text(-half - 0.3, level, name, ha="right", va="center", fontsize=TEXT_SIZE, color=TEXT_COLOUR)
    axes.set_xlim(-half - 0.3, half)
    axes.set_ylim(-0.35, len(layers) - 0.65)


def _draw_units(axes: Axes, points: Sequence[Point], labels: Sequence[str | int], edge: str) -> None:
    """Draw the units of a layer as labelled circles."""
    xs, ys = zip(*points, strict=True)
    axes.scatter(xs, ys, s=330, color="white", edgecolors=edge, linewidths=1.6, zorder=2)
    for (x, y), label in zip(points, labels, strict=True):
        axes.text(x, y, str(label), ha="center", va="center_baseline", fontsize=SMALL_SIZE, color=TEXT_COLOUR)


def _draw_connections(axes: Axes, mask: Tensor, below: Sequence[Point], above: Sequence[Point], colour: str) -> None:
    """Draw a line for each open connection of a mask [above, below]."""
    lines = [(below[source], above[target]) for target, source in mask.nonzero().tolist()]
    axes.add_collection(LineCollection(lines, colors=colour, linewidths=1.0, zorder=1))
