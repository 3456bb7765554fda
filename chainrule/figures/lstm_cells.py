"""The figure of what the LSTM cells of PixelRNN read: of their input by gate and colour, and of neighbouring states."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from chainrule.figures.convolution_masks import OPEN_OR_CLOSED, colour_names, draw_kernel
from chainrule.figures.lstm_steps import DIRECTIONS, Pixel, state_sources
from chainrule.figures.style import (
    MASK_COLOURS,
    SMALL_SIZE,
    TEXT_COLOUR,
    TEXT_SIZE,
    add_colour_key,
    draw_cell_borders,
    new_figure,
    style_axes,
)
from chainrule.layers.lstm import DiagonalBiLSTM, RowLSTM
from chainrule.layers.masks import colour_groups
from chainrule.layers.receptive_field import colour_taps
from chainrule.layers.scan_plan import diagonal_plan, row_plan

GATES = ("output", "input", "forget", "content")
"""The gates in the order in which the layers store them."""


def lstm_cell_figure(layer: RowLSTM | DiagonalBiLSTM, colours: int, *, title: str = "") -> Figure:
    """Draw the input-to-state mask of each gate by colour, and the neighbours whose states a cell reads.

    Source: PixelRNN (arXiv:1601.06759), sections 3.1, 3.2 and 3.4.

    Args:
        layer: the recurrent layer.
        colours: the number of colour groups of the features.
        title: the title of the figure.
    """
    figure = new_figure(4.4 + (0.4 if title else 0), title)
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(3, 2))[0]
    left.suptitle("input-to-state, mask B", fontsize=TEXT_SIZE, color=TEXT_COLOUR)
    right.suptitle("state-to-state, no mask", fontsize=TEXT_SIZE, color=TEXT_COLOUR)
    mask = gate_mask(layer, colours)
    axes = style_axes(left.subplots(), x="from the input", y="to the gate")
    axes.imshow(2 * mask.int().numpy(), cmap=MASK_COLOURS, vmin=0, vmax=2, aspect="auto" if colours > 1 else "equal")
    draw_cell_borders(axes, mask.shape)
    _label_gates(axes, mask, colours)
    kernels = state_kernels(layer)
    for part, (name, kernel) in zip(right.subplots(len(kernels), 1, squeeze=False)[:, 0], kernels.items(), strict=True):
        draw_kernel(part, kernel, name)
    add_colour_key(figure, OPEN_OR_CLOSED, framed="the pixel itself")
    return figure


def gate_mask(layer: RowLSTM | DiagonalBiLSTM, colours: int) -> Tensor:
    """Return the mask from each colour of the input to each colour of each gate: bool [4 · colours, pixels · colours].

    The pixels of the input are the pixel itself and, of a Row LSTM, its left neighbour.
    """
    mask = layer.mask
    features = len(mask) // len(GATES)
    out = torch.cat([gate * colours + colour_groups(features, colours) for gate in range(len(GATES))])
    pixels = mask.shape[1] // (2 * features)
    of = torch.cat([pixel * colours + colour_groups(2 * features, colours) for pixel in range(pixels)])
    return colour_taps(mask[:, :, None, None], out, of)[:, :, 0, 0]


def state_kernels(layer: RowLSTM | DiagonalBiLSTM) -> dict[str, Tensor]:
    """Return the neighbours whose states are read for the centre pixel, by direction of the scan: bool [3, 3]."""
    centre = (1, 1)
    if isinstance(layer, RowLSTM):
        return {"from the row above": _kernel_of(state_sources(row_plan(3, 3), centre, 3))}
    plan = diagonal_plan(3, 3)
    return {
        name: _kernel_of(state_sources(plan, centre, 3, direction=direction))
        for direction, name in enumerate(DIRECTIONS)
    }


def _kernel_of(pixels: Sequence[Pixel]) -> Tensor:
    kernel = torch.zeros(3, 3, dtype=torch.bool)
    for pixel in pixels:
        kernel[pixel] = True
    return kernel


def _label_gates(axes: Axes, mask: Tensor, colours: int) -> None:
    """Label rows by gate and colour and columns by pixel and colour, and draw lines between gates and pixels."""
    pixels = ["itself", "left"][: mask.shape[1] // colours]
    names = colour_names(colours)
    axes.set_xticks(range(mask.shape[1]), [f"{pixel}\n{name}".strip() for pixel in pixels for name in names])
    axes.set_yticks(range(len(mask)), [f"{gate} {name}".strip() for gate in GATES for name in names])
    axes.tick_params(labelsize=SMALL_SIZE)
    rows = [gate * colours - 0.5 for gate in range(1, len(GATES))]
    columns = [pixel * colours - 0.5 for pixel in range(1, len(pixels))]
    axes.hlines(rows, -0.5, mask.shape[1] - 0.5, color=TEXT_COLOUR)
    axes.vlines(columns, -0.5, len(mask) - 0.5, color=TEXT_COLOUR)
