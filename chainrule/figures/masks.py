"""Figures of masks: which unit of a network may see which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from chainrule.domains import channel_name
from chainrule.errors import ChainruleError
from chainrule.figures.style import (
    ACCENT,
    CLOSED,
    FAINT,
    HALF,
    INK,
    MASK_COLOURS,
    PLAIN,
    SMALL,
    TEXT,
    WIDTH,
    bare,
    key_below,
    lines_between,
    new_figure,
    panels_of,
    plain,
)
from chainrule.layers.masked import MaskedConv2d
from chainrule.layers.residual import ResidualBlock
from chainrule.models.made import MADE
from chainrule.models.pixelcnn import PixelCNN

LARGEST = 24
"""Units of a layer that can be drawn and labelled."""
COLUMNS = 3
"""Matrices in a row, where they are too large for labels."""

Layer = tuple[str, list[str | int]]
"""A layer's name, and those of its units."""
Place = tuple[float, float]


@dataclass(frozen=True, eq=False)
class MadeMasks:
    """The masks of a MADE, its inputs and outputs put in the model's order, one output a site.

    Attributes:
        masks: bool [out, in], of each hidden layer and of the output.
        direct: bool [D, D], of the direct weights; None without.
    """

    masks: tuple[Tensor, ...]
    direct: Tensor | None

    @property
    def degrees(self) -> tuple[Tensor, ...]:
        """m(k) of each hidden layer, int64 [width], as the masks have it: how many inputs have a path to the unit."""
        return tuple((paths > 0).sum(1) for paths in self._paths()[:-1])

    @property
    def paths(self) -> Tensor:
        """int64 [D, D]: how many paths lead to an output from an input, the product of all masks."""
        through = self._paths()[-1]
        return through if self.direct is None else through + self.direct.long()

    def _paths(self) -> list[Tensor]:
        products = [self.masks[0].long()]
        for mask in self.masks[1:]:
            products.append(mask.long() @ products[-1])
        return products


def made_masks(model: MADE) -> MadeMasks:
    """The masks that the model's layers use.

    Example:
        >>> from chainrule.domains import Binary
        >>> bool((made_masks(MADE(Binary((4,)), hidden=(8,))).paths.triu() == 0).all())
        True
    """
    # All numbers that stand for a site, and all that a network gives for one, have the same mask: the first is shown.
    inputs, outputs = (
        (each.cumsum(0) - each)[model.order.sites] for each in (model.domain.inputs, model.domain.outputs)
    )
    masks = [layer.mask.cpu() for layer in (*model.layers, model.output)]
    masks[0] = masks[0][:, inputs]
    masks[-1] = masks[-1][outputs]
    direct = None if model.skip is None else model.skip.mask.cpu()[outputs][:, inputs]
    return MadeMasks(tuple(masks), direct)


def made_masks_figure(model: MADE, title: str = "") -> Figure:
    """The network with the connections that the masks leave; each mask as a matrix; and their product: the paths.

    Hidden units carry their degree m(k).
    Source: MADE (arXiv:1502.03509), figure 1.

    Raises:
        ChainruleError: layers too wide to be drawn.
    """
    net = made_masks(model)
    widest = max(max(mask.shape) for mask in net.masks)
    if widest > LARGEST:
        raise ChainruleError(f"masks are drawn of layers up to {LARGEST} wide, not {widest}; draw a smaller model")
    layers = _layers(net)
    matrices = [(mask.long(), name) for mask, name in zip(net.masks, _mask_names(len(net.masks)), strict=True)]
    matrices.append((net.paths, "paths"))
    widths = [matrix.shape[1] for matrix, _ in matrices]
    square = (WIDTH - 0.7 * len(matrices)) / sum(widths)  # inches, the labels beside each matrix left out
    heights = (0.5 + 1.1 * len(net.masks), 1.1 + square * max(len(matrix) for matrix, _ in matrices))
    figure = new_figure(sum(heights) + (0.4 if title else 0), title)
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)[:, 0]
    _network(bare(above.subplots()), net, layers)
    panels = below.subplots(1, len(matrices), width_ratios=widths, squeeze=False)[0]
    ends = [*pairwise(layers), (layers[0], layers[-1])]
    for axes, (matrix, name), (source, target) in zip(panels, matrices, ends, strict=True):
        _matrix(axes, matrix, name, source, target)
    return figure


def made_matrices_figure(model: MADE, title: str = "") -> Figure:
    """The masks of a MADE of any width as matrices, and the paths: inputs and outputs in the order, units by degree.

    Sorted so, what is open lies below a staircase.
    """
    net = made_masks(model)
    matrices = sorted_masks(net)
    rows = -(-len(matrices) // COLUMNS)
    figure = new_figure(rows * (WIDTH / COLUMNS + 0.5) + (1.0 if title else 0.6), title)
    panels = panels_of(figure, COLUMNS, len(matrices))
    names = [*_mask_names(len(net.masks)), "paths"]
    places = ["input d", *["hidden, by m(k)"] * (len(net.masks) - 1), "output d"]
    ends = [*pairwise(places), (places[0], places[-1])]
    for axes, matrix, name, (source, target) in zip(panels, matrices, names, ends, strict=True):
        plain(axes, name, x=source, y=target)
        bottom, right = (size + 0.5 for size in matrix.shape)  # units are counted from 1
        extent = (0.5, right, bottom, 0.5)
        axes.imshow(2 * matrix.int().numpy(), cmap=MASK_COLOURS, vmin=0, vmax=2, aspect="auto", extent=extent)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(3, integer=True))
        axes.title.set_fontsize(SMALL)
    key_below(figure, {"open": PLAIN, "closed": CLOSED})
    return figure


def sorted_masks(net: MadeMasks) -> list[Tensor]:
    """The masks, bool [out, in], with the units of each hidden layer sorted by degree; and whether there are paths."""
    below, paths, found = torch.arange(net.masks[0].shape[1]), torch.eye(net.masks[0].shape[1]), []
    for number, mask in enumerate(net.masks, 1):
        paths = (mask.float() @ paths > 0).float()  # of wide layers, products of floats are far faster
        hidden = number < len(net.masks)
        above = paths.sum(1).argsort(stable=True) if hidden else torch.arange(len(mask))
        found.append(mask[above][:, below])
        below = above
    return [*found, paths > 0 if net.direct is None else (paths > 0) | net.direct]


def pixelcnn_masks_figure(model: PixelCNN, title: str = "") -> Figure:
    """Mask A of the first layer and mask B of the 3×3 layers, as pixels; for colour, who sees whom at the centre pixel.

    Source: PixelRNN (arXiv:1601.06759), figure 2.

    Raises:
        ChainruleError: a model without residual blocks, which has no 3×3 layer.
    """
    blocks = [block for block in model.modules() if isinstance(block, ResidualBlock)]
    if not blocks:
        raise ChainruleError("a PixelCNN without residual blocks has no 3×3 layer to draw; give blocks of at least 1")
    colours = model.domain.shape[0]
    layers = {"A": whole_taps(model.first), "B": whole_taps(blocks[0].spread)}
    figure = new_figure((3.9 if colours == 1 else 6.5) + (0.4 if title else 0), title)
    panels = figure.subplots(1 if colours == 1 else 2, 2, squeeze=False, height_ratios=(3, 2)[: 1 + (colours > 1)])
    for column, (name, taps) in enumerate(layers.items()):
        size = taps.shape[-1]
        _kernel(panels[0, column], taps, f"mask {name}, {size}×{size}")
        if colours > 1:
            _colours(panels[1, column], taps[:, :, size // 2, size // 2], f"mask {name} at the centre")
    states = {"open": PLAIN, **({"open to some colours": HALF} if colours > 1 else {}), "closed": CLOSED}
    key_below(figure, states, framed="centre pixel")
    return figure


def whole_taps(layer: MaskedConv2d) -> Tensor:
    """Which taps of a layer are open from colour to colour: bool [C, C, k, k], out by in, rows below the centre too."""
    return F.pad(layer.taps, (0, 0, 0, layer.reach))  # the layer does not store the rows below


def _layers(net: MadeMasks) -> list[Layer]:
    """The name of each layer of units, and what its units are called: places in the order, or degrees."""
    places, count = list(range(1, len(net.paths) + 1)), len(net.degrees)
    numbers = [""] if count == 1 else [f" {layer}" for layer in range(1, count + 1)]
    hidden = [(f"hidden{number}, m(k)", each.tolist()) for number, each in zip(numbers, net.degrees, strict=True)]
    return [("input d", places), *hidden, ("output d", places)]


def _mask_names(count: int) -> list[str]:
    """What the paper calls so many masks, and the rule of each."""
    hidden = ["W"] if count == 2 else [f"W^{layer}" for layer in range(1, count)]
    rules = [r"m(k) \geq d", *[r"m(k') \geq m(k)"] * (count - 2)]
    return [*(f"$M^{{{name}}}$: ${rule}$" for name, rule in zip(hidden, rules, strict=False)), r"$M^V$: $d > m(k)$"]


def _network(axes: Axes, net: MadeMasks, layers: Sequence[Layer]) -> None:
    """Units in rows, inputs below; a line for each open connection."""
    places = [[(k - (len(units) - 1) / 2, level) for k in range(len(units))] for level, (_, units) in enumerate(layers)]
    for level, mask in enumerate(net.masks):
        _connect(axes, mask, places[level], places[level + 1], FAINT)
    if net.direct is not None:
        _connect(axes, net.direct, places[0], places[-1], HALF)
    half = max(len(units) for _, units in layers) / 2
    for level, (name, units) in enumerate(layers):
        xs, ys = zip(*places[level], strict=True)
        edge = PLAIN if 0 < level < len(layers) - 1 else INK
        axes.scatter(xs, ys, s=330, color="white", edgecolors=edge, linewidths=1.6, zorder=2)
        for (x, y), unit in zip(places[level], units, strict=True):
            axes.text(x, y, str(unit), ha="center", va="center_baseline", fontsize=SMALL, color=INK)
        axes.text(-half - 0.3, level, name, ha="right", va="center", fontsize=TEXT, color=INK)
    axes.set_xlim(-half - 0.3, half)
    axes.set_ylim(-0.35, len(layers) - 0.65)


def _connect(axes: Axes, mask: Tensor, below: Sequence[Place], above: Sequence[Place], colour: str) -> None:
    """A line for each open connection of a mask [above, below]."""
    lines = [(below[source], above[target]) for target, source in mask.nonzero().tolist()]
    axes.add_collection(LineCollection(lines, colors=colour, linewidths=1.0, zorder=1))


def _matrix(axes: Axes, matrix: Tensor, name: str, source: Layer, target: Layer) -> None:
    """A matrix [target, source] as squares; where it counts further than 1, with its numbers."""
    plain(axes, name, x=source[0], y=target[0]).set_anchor("N")
    axes.imshow((matrix > 0).numpy() * 2, cmap=MASK_COLOURS, vmin=0, vmax=2)
    lines_between(axes, matrix.shape)
    axes.set_xticks(range(matrix.shape[1]), list(map(str, source[1])), fontsize=SMALL - 1)
    axes.set_yticks(range(matrix.shape[0]), list(map(str, target[1])), fontsize=SMALL - 1)
    if int(matrix.max()) > 1:
        for row, column in matrix.nonzero().tolist():
            count = str(int(matrix[row, column]))
            axes.text(column, row, count, ha="center", va="center_baseline", fontsize=SMALL - 1, color="white")


def _kernel(axes: Axes, taps: Tensor, name: str) -> None:
    """The taps of a kernel [C, C, k, k]: open, open to some colours, or closed; the centre framed."""
    state = taps.flatten(0, 1).any(0).int() + taps.flatten(0, 1).all(0).int()
    size = len(state)
    bare(axes, name).imshow(state.numpy(), cmap=MASK_COLOURS, vmin=0, vmax=2)
    lines_between(axes, state.shape)
    corner = (size // 2 - 0.5, size // 2 - 0.5)
    axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=ACCENT, linewidth=3, zorder=3))


def _colours(axes: Axes, sees: Tensor, name: str) -> None:
    """Which colour [out] sees which [in] at one pixel."""
    names: list[str | int] = [channel_name(colour, len(sees)) for colour in range(len(sees))]
    _matrix(axes, sees.long(), name, ("colour seen", names), ("seen by", names))
