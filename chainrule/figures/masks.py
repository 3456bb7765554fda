"""Figures of masks: which unit of a network may see which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from torch import Tensor

from chainrule.errors import ChainruleError
from chainrule.figures.style import ACCENT, FAINT, INK, PLAIN, SMALL, TEXT, WIDTH, bare, new_figure, plain
from chainrule.laws import dependence
from chainrule.layers.masked import MaskedConv2d
from chainrule.layers.masks import colour_groups
from chainrule.models.base import AutoregressiveModel
from chainrule.models.made import MADE
from chainrule.models.pixelcnn import PixelCNN

LARGEST = 24
"""Units of a layer that can be drawn and labelled."""
CLOSED, HALF = "#ececec", "#8fc1e0"
MASK_COLOURS = ListedColormap([CLOSED, HALF, PLAIN])
COLOUR_NAMES = "RGB"


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
        >>> from chainrule.domain import Binary
        >>> bool((made_masks(MADE(Binary((4,)), hidden=(8,))).paths.triu() == 0).all())
        True
    """
    order, per_site = model.order.sites, model.domain.parameters
    masks = [layer.mask.cpu() for layer in (*model.layers, model.output)]
    masks[0] = masks[0][:, order]
    masks[-1] = masks[-1][::per_site][order]
    direct = None if model.skip is None else model.skip.mask.cpu()[::per_site][order][:, order]
    return MadeMasks(tuple(masks), direct)


def made_masks_figure(model: MADE, title: str = "") -> Figure:
    """The network with the connections that the masks leave; each mask as a matrix; and their product, which counts paths.

    Hidden units carry their degree m(k).
    Source: MADE (arXiv:1502.03509), figure 1.

    Raises:
        ChainruleError: layers too wide to be drawn.
    """
    net = made_masks(model)
    widest = max(max(mask.shape) for mask in net.masks)
    if widest > LARGEST:
        raise ChainruleError(f"masks are drawn of layers up to {LARGEST} wide, not {widest}; draw a smaller model")
    heights = (0.5 + 1.1 * len(net.masks), 3.0)
    figure = new_figure(sum(heights) + (0.4 if title else 0), title)
    above, below = figure.subfigures(2, 1, height_ratios=heights)
    layers = _labels(net)
    _network(bare(above.subplots()), net, layers)
    matrices = [(mask.long(), name) for mask, name in zip(net.masks, _mask_names(len(net.masks)), strict=True)]
    ends = [*zip(layers, layers[1:], strict=False), (layers[0], layers[-1])]
    matrices.append((net.paths, "product: paths"))
    panels = below.subplots(1, len(matrices), width_ratios=[matrix.shape[1] for matrix, _ in matrices], squeeze=False)[0]
    for axes, (matrix, name), (source, target) in zip(panels, matrices, ends, strict=True):
        _matrix(axes, matrix, name, source, target)
    return figure


def pixelcnn_masks_figure(model: PixelCNN, title: str = "") -> Figure:
    """Mask A of the first layer and mask B of the 3×3 layers, as pixels; for colour, who sees whom at the centre pixel.

    Source: PixelRNN (arXiv:1601.06759), figure 2.

    Raises:
        ChainruleError: a model without residual blocks, which has no 3×3 layer.
    """
    if model.blocks < 1:
        raise ChainruleError("a PixelCNN without residual blocks has no 3×3 layer to draw; give blocks of at least 1")
    colours, features = model.domain.shape[0], model.features
    in_colours, wide, narrow = torch.arange(colours), colour_groups(2 * features, colours), colour_groups(features, colours)
    block = next(iter(model.stack))
    a = colour_taps(model.first, wide, in_colours)
    b = colour_taps(block.spread, narrow, narrow)
    figure = new_figure((3.9 if colours == 1 else 6.4) + (0.4 if title else 0), title)
    panels = figure.subplots(1 if colours == 1 else 2, 2, squeeze=False)
    for column, (taps, name) in enumerate(((a, "mask A, first layer"), (b, "mask B, later layers"))):
        size = taps.shape[-1]
        _kernel(panels[0, column], taps, f"{name}: {size}×{size}")
        if colours > 1:
            _colours(panels[1, column], taps[:, :, size // 2, size // 2], f"{name}: at the centre")
    return figure


def colour_taps(layer: MaskedConv2d, out_groups: Tensor, in_groups: Tensor) -> Tensor:
    """Which taps of a layer are open from colour to colour: bool [C, C, k, k], out by in, with the rows below the centre.

    Args:
        out_groups, in_groups: the colour of each output and input feature.
    """
    colours = int(in_groups.max()) + 1
    mask = F.pad(layer.mask.cpu(), (0, 0, 0, layer.reach))  # the layer does not store the rows below
    rows = [torch.stack([mask[out_groups == to][:, in_groups == of].any(0).any(0) for of in range(colours)]) for to in range(colours)]
    return torch.stack(rows)


def context_figure(models: Mapping[str, AutoregressiveModel], site: int, title: str = "", seed: int = 0) -> Figure:
    """For each model, the pixels that its conditional of one site depends on, found by gradients and by changing values.

    Args:
        models: by name, all of one domain of images.
        site: as numbered in the flattened datum.
        seed: draws the data that the models are looked at with.

    Raises:
        ChainruleError: a domain that is not of images.
    """
    figure = new_figure(WIDTH / max(3, len(models)) + (1.1 if title else 0.7), title)
    panels = figure.subplots(1, len(models), squeeze=False)[0]
    for axes, (name, model) in zip(panels, models.items(), strict=True):
        if not model.domain.is_image:
            raise ChainruleError(f"{name} is a model of data of shape {list(model.domain.shape)}; give models of images")
        _context(axes, name, pixels_seen(model, site, seed), model, site)
    keys = {"the pixel": ACCENT, "seen": PLAIN, "before it, not seen": HALF, "after it": CLOSED}
    patches = [Patch(facecolor=colour, label=name) for name, colour in keys.items()]
    figure.legend(handles=patches, loc="outside lower center", ncols=4, fontsize=SMALL, frameon=False)
    return figure


def pixels_seen(model: AutoregressiveModel, site: int, seed: int = 0) -> Tensor:
    """bool [H, W]: the pixels of which some channel changes the conditional of the site."""
    return dependence(model, seed).ever[site].view(model.domain.shape).any(0)


def _labels(net: MadeMasks) -> list[tuple[str, list[int]]]:
    """The name of each layer of units, and what its units are called: places in the order, or degrees."""
    places = list(range(1, net.masks[0].shape[1] + 1))
    names = [f"hidden {layer}, m(k)" for layer in range(1, len(net.masks))] if len(net.masks) > 2 else ["hidden, m(k)"]
    degrees = [(name, each.tolist()) for name, each in zip(names, net.degrees, strict=False)]
    return [("input d", places), *degrees, ("output d", places)]


def _mask_names(count: int) -> list[str]:
    hidden = ["$M^W$"] if count == 2 else [f"$M^{{W^{layer}}}$" for layer in range(1, count)]
    return [*hidden[: count - 1], "$M^V$"]


def _network(axes: Axes, net: MadeMasks, layers: Sequence[tuple[str, list[int]]]) -> None:
    """Units in rows, inputs below; a line for each open connection."""
    places = [[(k - (len(units) - 1) / 2, level) for k in range(len(units))] for level, (_, units) in enumerate(layers)]
    for level, mask in enumerate(net.masks):
        _connect(axes, mask, places[level], places[level + 1], FAINT)
    if net.direct is not None:
        _connect(axes, net.direct, places[0], places[-1], HALF)
    half = max(len(units) for _, units in layers) / 2
    for level, (name, units) in enumerate(layers):
        xs, ys = zip(*places[level], strict=True)
        axes.scatter(xs, ys, s=330, color="white", edgecolors=PLAIN if 0 < level < len(layers) - 1 else INK, linewidths=1.6, zorder=2)
        for (x, y), unit in zip(places[level], units, strict=True):
            axes.text(x, y, str(unit), ha="center", va="center_baseline", fontsize=SMALL, color=INK)
        axes.text(-half - 0.3, level, name, ha="right", va="center", fontsize=TEXT, color=INK)
    axes.set_xlim(-half - 0.3, half)
    axes.set_ylim(-0.35, len(layers) - 0.65)


def _connect(axes: Axes, mask: Tensor, below: Sequence[tuple[float, float]], above: Sequence[tuple[float, float]], colour: str) -> None:
    lines = [(below[source], above[target]) for target, source in mask.nonzero().tolist()]
    axes.add_collection(LineCollection(lines, colors=colour, linewidths=1.0, zorder=1))


def _matrix(axes: Axes, matrix: Tensor, name: str, source: tuple[str, list[int]], target: tuple[str, list[int]]) -> None:
    """A matrix [target, source] as squares; numbers other than 0 and 1 are written into theirs."""
    plain(axes, name, x=source[0], y=target[0])
    axes.imshow((matrix > 0) * 2, cmap=MASK_COLOURS, vmin=0, vmax=2)
    _lines_between(axes, matrix.shape)
    axes.set_xticks(range(matrix.shape[1]), [str(unit) for unit in source[1]], fontsize=SMALL - 2)
    axes.set_yticks(range(matrix.shape[0]), [str(unit) for unit in target[1]], fontsize=SMALL - 2)
    if int(matrix.max()) > 1:
        for row, column in matrix.nonzero().tolist():
            axes.text(column, row, str(int(matrix[row, column])), ha="center", va="center", fontsize=SMALL - 1, color="white")


def _kernel(axes: Axes, taps: Tensor, name: str) -> None:
    """The taps of a kernel [C, C, k, k]: open, open to some colours, or closed; the centre framed."""
    state = taps.flatten(0, 1).any(0).int() + taps.flatten(0, 1).all(0).int()
    size = len(state)
    bare(axes, name).imshow(state, cmap=MASK_COLOURS, vmin=0, vmax=2)
    _lines_between(axes, state.shape)
    axes.add_patch(Rectangle((size // 2 - 0.5, size // 2 - 0.5), 1, 1, fill=False, edgecolor=ACCENT, linewidth=3))


def _colours(axes: Axes, sees: Tensor, name: str) -> None:
    """Which colour [out] sees which [in] at one pixel."""
    names = list(COLOUR_NAMES[: len(sees)]) if len(sees) == 3 else [str(colour) for colour in range(len(sees))]
    _matrix(axes, sees.long(), name, ("colour seen", []), ("colour that sees", []))
    axes.set_xticks(range(len(names)), names, fontsize=SMALL)
    axes.set_yticks(range(len(names)), names, fontsize=SMALL)


def _context(axes: Axes, name: str, seen: Tensor, model: AutoregressiveModel, site: int) -> None:
    """One model's panel of the figure of contexts."""
    _, height, width = model.domain.shape
    before = (model.order.rank < model.order.rank[site]).view(model.domain.shape).any(0)
    bare(axes, name).imshow(before.int() + (seen & before).int(), cmap=MASK_COLOURS, vmin=0, vmax=2)
    _lines_between(axes, (height, width))
    row, column = divmod(site % (height * width), width)
    axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=ACCENT))


def _lines_between(axes: Axes, shape: Sequence[int]) -> None:
    """White lines between the squares of a matrix."""
    axes.hlines([row - 0.5 for row in range(shape[0] + 1)], -0.5, shape[1] - 0.5, color="white", linewidth=1.2)
    axes.vlines([column - 0.5 for column in range(shape[1] + 1)], -0.5, shape[0] - 0.5, color="white", linewidth=1.2)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0)
