"""Figures of the kernels of masked convolutions."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor, nn

from chainrule.domains import channel_name
from chainrule.errors import ChainruleError
from chainrule.figures.made_masks import draw_labelled_matrix
from chainrule.figures.style import (
    BLUE,
    LIGHT_BLUE,
    LIGHT_GRAY,
    MASK_COLOURS,
    ORANGE,
    TEXT_COLOUR,
    TEXT_SIZE,
    add_colour_key,
    draw_cell_borders,
    new_figure,
    style_image_axes,
)
from chainrule.layers.convolution import MaskedConv2d
from chainrule.layers.residual import ResidualBlock
from chainrule.models import PixelCNN

OPEN_OR_CLOSED = {"open": BLUE, "closed": LIGHT_GRAY}


def find_masked_convolutions(model: nn.Module) -> dict[str, MaskedConv2d]:
    """Return one masked convolution of each mask type and kernel size in the model, by a name that says both.

    Example:
        >>> from chainrule.domains import Binary
        >>> list(find_masked_convolutions(PixelCNN(Binary((1, 4, 4)), blocks=1, features=2)))
        ['mask A, 7×7', 'mask B, 3×3', 'mask B, 1×1']
    """
    layers = [layer for layer in model.modules() if isinstance(layer, MaskedConv2d)]
    layers.sort(key=lambda layer: (layer.mask_type, -layer.kernel_size))
    found: dict[str, MaskedConv2d] = {}
    for layer in layers:
        found.setdefault(f"mask {layer.mask_type}, {layer.kernel_size}×{layer.kernel_size}", layer)
    return found


def kernels_figure(layers: Mapping[str, MaskedConv2d], *, title: str = "") -> Figure:
    """Draw the kernel of each layer, one square for each pair of colours: from the column's to the row's colour.

    Source: PixelRNN (arXiv:1601.06759), section 3.4 and figure 2.

    Args:
        layers: the masked convolutions, by name.
        title: the title of the figure.
    """
    kernels = {name: full_kernel_mask(layer) for name, layer in layers.items()}
    colours = max(len(kernel) for kernel in kernels.values())
    names = colour_names(colours)
    figure = new_figure((3.6 if colours == 1 else 4.2) + (0.4 if title else 0), title)
    widths = [1 + kernel.shape[-1] ** 0.5 for kernel in kernels.values()]
    parts = figure.subfigures(1, len(kernels), squeeze=False, width_ratios=widths)[0]
    for part, (name, kernel) in zip(parts, kernels.items(), strict=True):
        part.suptitle(f"{name}\nfrom" if colours > 1 else name, fontsize=TEXT_SIZE, color=TEXT_COLOUR)
        panels = part.subplots(*kernel.shape[:2], squeeze=False)
        for to, of in product(range(kernel.shape[0]), range(kernel.shape[1])):
            draw_kernel(panels[to, of], kernel[to, of], names[of] if to == 0 else "")
        for to in range(colours if colours > 1 else 0):
            panels[to, 0].set_ylabel(f"to {names[to]}", fontsize=TEXT_SIZE, color=TEXT_COLOUR)
    add_colour_key(figure, OPEN_OR_CLOSED, framed="the pixel itself")
    return figure


def pixelcnn_masks_figure(model: PixelCNN, *, title: str = "") -> Figure:
    """Draw mask A of the first layer and mask B of the 3×3 layers; in colour also the centre from colour to colour.

    Source: PixelRNN (arXiv:1601.06759), figure 2.

    Args:
        model: a PixelCNN with at least one block.
        title: the title of the figure.

    Raises:
        ChainruleError: a model without residual blocks, which has no 3×3 layer.
    """
    blocks = [block for block in model.modules() if isinstance(block, ResidualBlock)]
    if not blocks:
        raise ChainruleError("a PixelCNN without residual blocks has no 3×3 layer to draw; give blocks of at least 1")
    colours = model.domain.shape[0]
    kernels = {"A": full_kernel_mask(model.first), "B": full_kernel_mask(blocks[0].spread)}
    figure = new_figure((3.9 if colours == 1 else 6.5) + (0.4 if title else 0), title)
    panels = figure.subplots(1 if colours == 1 else 2, 2, squeeze=False, height_ratios=(3, 2)[: 1 + (colours > 1)])
    for column, (name, kernel) in enumerate(kernels.items()):
        size = kernel.shape[-1]
        _draw_colour_kernel(panels[0, column], kernel, f"mask {name}, {size}×{size}")
        if colours > 1:
            centre = kernel[:, :, size // 2, size // 2]
            _draw_colour_matrix(panels[1, column], centre, f"mask {name} at the centre")
    partly = {"open to some colours": LIGHT_BLUE} if colours > 1 else {}
    add_colour_key(figure, {"open": BLUE, **partly, "closed": LIGHT_GRAY}, framed="centre pixel")
    return figure


def full_kernel_mask(layer: MaskedConv2d) -> Tensor:
    """Return the mask of a kernel from colour to colour: bool [C, C, k, k], out by in.

    It has the rows below the centre, which the layer does not store.
    """
    return F.pad(layer.taps, (0, 0, 0, layer.radius))


def draw_kernel(axes: Axes, kernel: Tensor, name: str = "") -> None:
    """Draw the mask of a kernel, bool [k, k], with a frame around its centre."""
    _draw_kernel_states(axes, 2 * kernel.int(), name, frame_width=2)


def colour_names(colours: int) -> list[str]:
    """Return the names of colour groups; an empty name where there is one colour only.

    Example:
        >>> colour_names(2), colour_names(1)
        (['0', '1'], [''])
    """
    names = [channel_name(number, colours).removeprefix("channel ") for number in range(colours)]  # panels are narrow
    return names if colours > 1 else [""]


def _draw_colour_kernel(axes: Axes, kernel: Tensor, name: str) -> None:
    """Draw the mask of a kernel [C, C, k, k]: open, open to some colours, or closed."""
    states = kernel.flatten(0, 1).any(0).int() + kernel.flatten(0, 1).all(0).int()
    _draw_kernel_states(axes, states, name, frame_width=3)


def _draw_kernel_states(axes: Axes, states: Tensor, name: str, *, frame_width: float) -> None:
    style_image_axes(axes, name).imshow(states.numpy(), cmap=MASK_COLOURS, vmin=0, vmax=2)
    draw_cell_borders(axes, states.shape)
    row, column = (size // 2 - 0.5 for size in states.shape)
    axes.add_patch(Rectangle((column, row), 1, 1, fill=False, edgecolor=ORANGE, linewidth=frame_width, zorder=3))


def _draw_colour_matrix(axes: Axes, mask: Tensor, name: str) -> None:
    """Draw which colour [out] depends on which colour [in] at one pixel."""
    names: list[str | int] = [channel_name(colour, len(mask)) for colour in range(len(mask))]
    draw_labelled_matrix(axes, mask.long(), name, ("colour seen", names), ("seen by", names))
