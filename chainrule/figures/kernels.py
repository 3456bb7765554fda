"""Figures of kernels: which neighbours a convolution or a recurrent cell reads, from which colour to which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor, nn

from chainrule.domains import channel_name
from chainrule.figures.cells import DIRECTIONS, taps_of
from chainrule.figures.masks import whole_taps
from chainrule.figures.style import (
    ACCENT,
    CLOSED,
    INK,
    MASK_COLOURS,
    PLAIN,
    SMALL,
    TEXT,
    bare,
    key_below,
    lines_between,
    new_figure,
    plain,
)
from chainrule.layers.lstm import DiagonalBiLSTM, RowLSTM
from chainrule.layers.masked import MaskedConv2d
from chainrule.layers.masks import colour_groups
from chainrule.layers.receptive_field import colour_taps
from chainrule.layers.scan_plan import diagonals_sweep, rows_sweep

GATES = ("output", "input", "forget", "content")
"""As the layers keep them, first to last."""
OPEN_OR_CLOSED = {"open": PLAIN, "closed": CLOSED}


def masked_convolutions(model: nn.Module) -> dict[str, MaskedConv2d]:
    """One masked convolution of each size and kind that the model has, by both, first to last.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.pixelcnn import PixelCNN
        >>> list(masked_convolutions(PixelCNN(Binary((1, 4, 4)), blocks=1, features=2)))
        ['mask A, 7×7', 'mask B, 3×3', 'mask B, 1×1']
    """
    found: dict[str, MaskedConv2d] = {}
    for layer in model.modules():
        if isinstance(layer, MaskedConv2d):
            size = layer.mask.shape[3]
            kind = "B" if bool(layer.taps[0, 0, -1, size // 2]) else "A"  # does the first colour see itself?
            found.setdefault(f"mask {kind}, {size}×{size}", layer)
    return dict(sorted(found.items(), key=lambda each: (each[0][:6], -each[1].mask.shape[3])))


def kernels_figure(layers: Mapping[str, MaskedConv2d], title: str = "") -> Figure:
    """The kernel of each layer as squares, one for each pair of colours: from the column's to the row's.

    Source: PixelRNN (arXiv:1601.06759), section 3.4 and figure 2.

    Args:
        layers: by name.
    """
    taps = {name: whole_taps(each) for name, each in layers.items()}
    colours = max(len(each) for each in taps.values())
    names = _names(colours)
    figure = new_figure((3.6 if colours == 1 else 4.2) + (0.4 if title else 0), title)
    widths = [1 + each.shape[-1] ** 0.5 for each in taps.values()]
    parts = figure.subfigures(1, len(taps), squeeze=False, width_ratios=widths)[0]
    for part, (name, each) in zip(parts, taps.items(), strict=True):
        part.suptitle(f"{name}\nfrom" if colours > 1 else name, fontsize=TEXT, color=INK)
        panels = part.subplots(*each.shape[:2], squeeze=False)
        for to, of in product(range(each.shape[0]), range(each.shape[1])):
            draw_kernel(panels[to, of], each[to, of], names[of] if to == 0 else "")
        for to in range(colours if colours > 1 else 0):
            panels[to, 0].set_ylabel(f"to {names[to]}", fontsize=TEXT, color=INK)
    key_below(figure, OPEN_OR_CLOSED, framed="the pixel itself")
    return figure


def cell_figure(layer: RowLSTM | DiagonalBiLSTM, colours: int, title: str = "") -> Figure:
    """What a recurrent cell reads: of the input, gate by gate and colour by colour; and of other pixels' states.

    Source: PixelRNN (arXiv:1601.06759), sections 3.1, 3.2 and 3.4.

    Args:
        colours: the number of colour groups of the features.
    """
    figure = new_figure(4.4 + (0.4 if title else 0), title)
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(3, 2))[0]
    left.suptitle("input-to-state, mask B", fontsize=TEXT, color=INK)
    right.suptitle("state-to-state, no mask", fontsize=TEXT, color=INK)
    mask = gate_mask(layer, colours)
    axes = plain(left.subplots(), x="from the input", y="to the gate")
    axes.imshow(2 * mask.int().numpy(), cmap=MASK_COLOURS, vmin=0, vmax=2, aspect="auto" if colours > 1 else "equal")
    lines_between(axes, mask.shape)
    _name_gates(axes, mask, colours)
    maps = state_taps(layer)
    for part, (name, taps) in zip(right.subplots(len(maps), 1, squeeze=False)[:, 0], maps.items(), strict=True):
        draw_kernel(part, taps, name)
    key_below(figure, OPEN_OR_CLOSED, framed="the pixel itself")
    return figure


def gate_mask(layer: RowLSTM | DiagonalBiLSTM, colours: int) -> Tensor:
    """From which colour of the input to which of each gate: bool [4 · colours, places · colours].

    The places are the pixel itself and, of a Row LSTM, its left neighbour.
    """
    mask = layer.mask
    features = len(mask) // len(GATES)
    out = torch.cat([gate * colours + colour_groups(features, colours) for gate in range(len(GATES))])
    places = mask.shape[1] // (2 * features)
    of = torch.cat([place * colours + colour_groups(2 * features, colours) for place in range(places)])
    return colour_taps(mask[:, :, None, None], out, of)[:, :, 0, 0]


def state_taps(layer: RowLSTM | DiagonalBiLSTM) -> dict[str, Tensor]:
    """For each direction, around a pixel at the centre, whose states are read: bool [3, 3]."""
    centre = (1, 1)
    if isinstance(layer, RowLSTM):
        return {"from the row above": _around(taps_of(rows_sweep(3, 3), centre, 3))}
    sweep = diagonals_sweep(3, 3)
    return {name: _around(taps_of(sweep, centre, 3, number)) for number, name in enumerate(DIRECTIONS)}


def draw_kernel(axes: Axes, taps: Tensor, name: str = "") -> None:
    """The taps of a kernel, bool [k, k], the centre framed."""
    bare(axes, name).imshow(2 * taps.int().numpy(), cmap=MASK_COLOURS, vmin=0, vmax=2)
    lines_between(axes, taps.shape)
    corner = [size // 2 - 0.5 for size in taps.shape]
    axes.add_patch(Rectangle((corner[1], corner[0]), 1, 1, fill=False, edgecolor=ACCENT, linewidth=2, zorder=3))


def _around(taps: Sequence[tuple[int, int]]) -> Tensor:
    grid = torch.zeros(3, 3, dtype=torch.bool)
    for tap in taps:
        grid[tap] = True
    return grid


def _names(colours: int) -> list[str]:
    """What colour groups are called; nothing where there is but one.

    Example:
        >>> _names(2), _names(1)
        (['0', '1'], [''])
    """
    names = [channel_name(number, colours).removeprefix("channel ") for number in range(colours)]  # panels are narrow
    return names if colours > 1 else [""]


def _name_gates(axes: Axes, mask: Tensor, colours: int) -> None:
    """Names rows by gate and colour, columns by place and colour; lines part the gates and the places."""
    places = ["itself", "left"][: mask.shape[1] // colours]
    names = _names(colours)
    axes.set_xticks(range(mask.shape[1]), [f"{place}\n{name}".strip() for place in places for name in names])
    axes.set_yticks(range(len(mask)), [f"{gate} {name}".strip() for gate in GATES for name in names])
    axes.tick_params(labelsize=SMALL)
    axes.hlines([gate * colours - 0.5 for gate in range(1, len(GATES))], -0.5, mask.shape[1] - 0.5, color=INK)
    axes.vlines([place * colours - 0.5 for place in range(1, len(places))], -0.5, len(mask) - 0.5, color=INK)
