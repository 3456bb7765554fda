"""The figures of the lesson on convolution: moving kernels, receptive fields, and the effect of depth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from chainrule.domains import Order, channel_name
from chainrule.figures import (
    BLUE,
    GRID_COLOUR,
    LIGHT_GRAY,
    LINE_COLOUR,
    ORANGE,
    PALETTE,
    SMALL_SIZE,
    STATES,
    TEXT_COLOUR,
    TEXT_SIZE,
    WIDTH,
    add_colour_key,
    draw_edge,
    draw_site_states,
    new_figure,
    site_states,
    style_axes,
    style_image_axes,
)
from chainrule.learn.arrays import FloatArray
from chainrule.learn.convolution_arithmetic import convolve, list_products, pad_image

WINDOW_COLOUR = "#fbe3d4"
"""The background of the pixels under the kernel, a pale ORANGE."""
FRAME_HEIGHT = 3.2
"""The height of a frame of a moving kernel, in inches."""
BEFORE = "#d3e6f4"
"""A pale HALF, on which coloured numbers are readable."""
CHANNEL_COLOURS = ("#c23b3b", "#3a8f4d", "#3b62c2")
"""Red, green and blue, dark enough for text."""


def plot_raster_order(side: int, *, pixel: int) -> Figure:
    """Plot the order of the sites of a grey image and of a colour image, where each pixel is three sites.

    Args:
        side: n, the number of pixels of a row and of a column.
        pixel: the position of the predicted pixel in raster order, from 1.
    """
    figure = new_figure(4.5)
    left, right = figure.subplots(1, 2)
    for axes, channels in ((left, 1), (right, 3)):
        _draw_sites(axes, side, pixel, channels)
    style_image_axes(left, f"grey: n² = {side**2} sites").title.set_fontsize(TEXT_SIZE)
    style_image_axes(right, f"colour: 3n² = {3 * side**2} sites").title.set_fontsize(TEXT_SIZE)
    add_colour_key(figure, {"before": BEFORE, "predicted": ORANGE, "after": LIGHT_GRAY})
    return figure


def _draw_sites(axes: Axes, side: int, predicted_pixel: int, channels: int) -> None:
    """Draw numbered squares, with the channels of a pixel side by side. In a colour image, G is predicted."""
    predicted = channels * (predicted_pixel - 1) + (channels + 1) // 2
    for number in range(1, channels * side**2 + 1):
        pixel, channel = divmod(number - 1, channels)
        corner = (pixel % side + channel / channels, pixel // side)
        colour = ORANGE if number == predicted else BEFORE if number < predicted else LIGHT_GRAY
        axes.add_patch(Rectangle(corner, 1 / channels, 1, facecolor=colour, edgecolor="white", linewidth=0.6))
        ink = CHANNEL_COLOURS[channel] if channels == 3 and number != predicted else TEXT_COLOUR
        axes.text(
            corner[0] + 0.5 / channels, corner[1] + 0.5, str(number), color=ink, ha="center", va="center_baseline",
            fontsize=TEXT_SIZE if channels == 1 else SMALL_SIZE - 1,
        )  # fmt: skip
    for line in range(side + 1):
        axes.plot([line, line], [0, side], color="white", linewidth=3)
        axes.plot([0, side], [line, line], color="white", linewidth=3)
    axes.set(xlim=(0, side), ylim=(side, 0), aspect="equal")


def draw_convolution_frames(
    image: FloatArray, kernel: FloatArray, *, stride: int = 1, padding: int = 0
) -> Iterator[Figure]:
    """Draw a kernel that moves over a small image: one figure for each output, with its sum written out."""
    y = convolve(image, kernel, stride=stride, padding=padding)
    for i, j in product(*map(range, y.shape)):
        figure = new_figure(FRAME_HEIGHT)
        figure.set_layout_engine("none")  # every frame has its parts at the same positions
        x = pad_image(image, padding)
        boxes = _place_matrices([matrix.shape for matrix in (x, kernel, y)])
        corner, (rows, columns) = (stride * i, stride * j), kernel.shape
        _draw_matrix(figure.add_axes(boxes[0]), "image", x, (corner, rows, columns), _padding_mask(x, padding))
        _draw_matrix(figure.add_axes(boxes[1]), "kernel", kernel, ((0, 0), rows, columns))
        known = np.arange(y.size).reshape(y.shape) <= i * y.shape[1] + j
        _draw_matrix(figure.add_axes(boxes[2]), "output", y, ((i, j), 1, 1), hidden=~known)
        pairs = list_products(image, kernel, i, j, stride=stride, padding=padding)
        equation = " + ".join(f"{k:g}·{value:g}" for k, value in pairs) + f" = {y[i, j]:g}"
        figure.text(0.5, 0.04, equation, ha="center", fontsize=TEXT_SIZE + 2, color=TEXT_COLOUR)
        yield figure


def _place_matrices(shapes: Sequence[Sequence[int]]) -> list[tuple[float, float, float, float]]:
    """Return (left, bottom, width, height) of matrices side by side, whose entries are squares of one size."""
    width, height, gap = WIDTH, FRAME_HEIGHT - 1.1, 0.6  # inches; the sum is below the matrices, the names are above
    columns = sum(shape[1] for shape in shapes)
    unit = min((width - 4 * gap) / columns, height / max(shape[0] for shape in shapes))
    left, boxes = (width - unit * columns - gap * (len(shapes) - 1)) / 2, []
    for shape in shapes:
        size = (shape[1] * unit / width, shape[0] * unit / FRAME_HEIGHT)
        boxes.append((left / width, (0.6 + height / 2) / FRAME_HEIGHT - size[1] / 2, *size))
        left += shape[1] * unit + gap
    return boxes


def _padding_mask(x: FloatArray, padding: int) -> np.ndarray:
    """Return True at the padding of a padded image: bool, of the shape of the image."""
    inside = np.zeros(x.shape, dtype=bool)
    inside[padding : x.shape[0] - padding, padding : x.shape[1] - padding] = True
    return ~inside


Window = tuple[tuple[int, int], int, int]
"""The first row and column of a window, its number of rows, and its number of columns."""


def _draw_matrix(
    axes: Axes,
    name: str,
    matrix: FloatArray,
    window: Window,
    faint: np.ndarray | None = None,
    hidden: np.ndarray | None = None,
) -> None:
    """Draw a matrix as squares with numbers and a frame around a window; some numbers are faint or hidden."""
    rows, columns = matrix.shape
    (top, left), height, width = window
    for row, column in product(range(rows), range(columns)):
        inside = top <= row < top + height and left <= column < left + width
        pale = faint is not None and bool(faint[row, column])
        face = WINDOW_COLOUR if inside else "white" if pale else GRID_COLOUR
        axes.add_patch(Rectangle((column, row), 1, 1, facecolor=face, edgecolor="white" if not pale else GRID_COLOUR))
        if hidden is None or not hidden[row, column]:
            ink = LINE_COLOUR if pale else TEXT_COLOUR
            text = f"{matrix[row, column]:g}"
            axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=TEXT_SIZE + 3, color=ink)
    axes.add_patch(Rectangle((left, top), width, height, fill=False, edgecolor=ORANGE, linewidth=3, zorder=3))
    style_image_axes(axes, name).set(
        xlim=(-0.05, columns + 0.05), ylim=(rows + 0.05, -0.05), aspect="equal", anchor="C"
    )


def plot_edge_detection(image: FloatArray, kernel: FloatArray, maps: Mapping[str, FloatArray]) -> Figure:
    """Plot a grey image, a kernel, and maps computed from both: positive values blue, negative values red."""
    figure = new_figure(2.25)
    first, second, *rest = figure.subplots(1, 2 + len(maps), width_ratios=[1, 0.62, *[1] * len(maps)])
    style_image_axes(first, "image").imshow(image, cmap="gray")
    draw_edge(first)
    limit = float(np.abs(kernel).max())
    style_image_axes(second, "kernel").imshow(kernel, cmap="RdBu", vmin=-1.6 * limit, vmax=1.6 * limit)
    for row, column in product(*map(range, kernel.shape)):
        second.text(
            column,
            row,
            f"{kernel[row, column]:g}".replace("-", "−"),
            ha="center",
            va="center_baseline",
            fontsize=SMALL_SIZE,
        )
    draw_edge(second)
    for axes, (name, values) in zip(rest, maps.items(), strict=True):
        limit = float(np.abs(values).max())
        style_image_axes(axes, name).imshow(values, cmap="RdBu", vmin=-limit, vmax=limit)
        draw_edge(axes)
    return figure


def plot_colour_conditionals(red: Tensor, green: Tensor, *, true: tuple[int, int], nats: Sequence[float]) -> Figure:
    """Plot one pixel's p(R), its p(G | R) for every R, and the mean cost of each colour.

    Args:
        red: p(R | before), [K].
        green: row r is p(G | before, R = r), [K, K].
        true: the pixel's R and G.
        nats: the mean of -log p of each colour over many pixels.
    """
    figure = new_figure(2.9)
    first, second, third = figure.subplots(1, 3, width_ratios=(1, 1.15, 0.9))
    levels = range(len(red))
    style_axes(first, "p(R)", x="R")
    first.bar(
        levels, red.numpy(), color=[ORANGE if level == true[0] else CHANNEL_COLOURS[0] for level in levels], width=0.9
    )
    style_axes(second, "p(G | R)", x="G", y="R").imshow(green.numpy(), cmap="Greens", vmin=0, origin="lower")
    second.add_patch(Rectangle((true[1] - 0.5, true[0] - 0.5), 1, 1, fill=False, edgecolor=ORANGE, linewidth=2.5))
    names = [channel_name(channel, len(nats)) for channel in range(len(nats))]
    style_axes(third, "nats, mean").bar(names, nats, color=CHANNEL_COLOURS, width=0.75)
    third.set_ylim(0, 1.12 * max(nats))
    for axes in (first, second):
        axes.set_xticks([0, len(red) - 1])
    second.set_yticks([0, len(red) - 1])
    for channel, cost in enumerate(nats):
        third.text(channel, cost, f"{cost:.2f}", ha="center", va="bottom", fontsize=SMALL_SIZE, color=TEXT_COLOUR)
    return figure


def draw_depth_frames(
    fields: Mapping[int, Tensor], *, order: Order, shape: tuple[int, int], site: int, reachable: int
) -> Iterator[Figure]:
    """Draw the receptive field of one pixel of a grey image with an increasing number of blocks, and its size.

    Args:
        fields: the receptive fields of all sites, bool [D, D], by the number of blocks.
        order: of the sites.
        shape: (H, W).
        site: the index of the pixel.
        reachable: the size of the receptive field at any depth.
    """
    past = int(order.past(site).sum())
    counts = {blocks: int(field[site].sum()) for blocks, field in fields.items()}
    for blocks, field in fields.items():
        figure = new_figure(4.2)
        figure.set_layout_engine("none")  # every frame has its parts at the same positions
        left, right = figure.add_axes((0.01, 0.16, 0.45, 0.75)), figure.add_axes((0.53, 0.22, 0.42, 0.69))
        draw_site_states(left, "", site_states(field, order, site).view(shape))
        left.set_title(f"{blocks} block{'' if blocks == 1 else 's'}", fontsize=TEXT_SIZE, color=TEXT_COLOUR)
        _draw_counts(right, {depth: count for depth, count in counts.items() if depth <= blocks}, past, reachable)
        right.set(xlim=(-0.5, max(fields) + 0.5), ylim=(0, past * 1.12))
        add_colour_key(figure, {STATES[state][0]: STATES[state][1] for state in (3, 2, 1, 0)})
        yield figure


def _draw_counts(axes: Axes, counts: Mapping[int, int], past: int, reachable: int) -> None:
    """Plot the size of the receptive field against the number of blocks, with its upper limits."""
    style_axes(axes, "pixels seen", x="residual blocks")
    for height, text in ((past, f"all {past} before it"), (reachable, f"without the blind spot: {reachable}")):
        axes.axhline(height, color=LINE_COLOUR, linewidth=1, linestyle="--")
        above = height == past
        axes.annotate(
            text, (0, height), (0, 3 if above else -3), textcoords="offset points", fontsize=SMALL_SIZE,
            color=TEXT_COLOUR, va="bottom" if above else "top",
        )  # fmt: skip
    axes.plot(list(counts), list(counts.values()), "o-", color=BLUE, clip_on=False)
    last = max(counts)
    axes.annotate(
        str(counts[last]),
        (last, counts[last]),
        (6, -14),
        textcoords="offset points",
        fontsize=TEXT_SIZE,
        color=TEXT_COLOUR,
    )


@dataclass(frozen=True)
class DepthResults:
    """Hold the results of one kind of block.

    Attributes:
        gradients: the norm of the first layer's gradient before training, by depth.
        nats: the NLL on test data after training and its standard error, by depth.
    """

    gradients: Mapping[int, float]
    nats: Mapping[int, tuple[float, float]]


def plot_depths(results: Mapping[str, DepthResults]) -> Figure:
    """Plot gradients before training and likelihoods after training against depth, one line for each kind of block."""
    figure = new_figure(3.9)
    left, right = figure.subplots(1, 2)
    style_axes(left, "first layer's gradient", x="blocks").set_yscale("log")
    style_axes(right, "test NLL, nats", x="blocks")
    for (name, result), colour, marker in zip(results.items(), PALETTE, "osD", strict=False):
        left.plot(list(result.gradients), list(result.gradients.values()), f"{marker}-", color=colour, markersize=5)
        means, errors = zip(*result.nats.values(), strict=True)
        right.errorbar(
            list(result.nats), means, errors, fmt=f"{marker}-", color=colour, label=name, markersize=5, capsize=3
        )
    left.set_xscale("symlog", base=2, linthresh=1)
    ticks = sorted({depth for result in results.values() for depth in result.gradients})
    left.set_xticks(ticks, [str(depth) for depth in ticks])
    right.set_xticks(sorted({depth for result in results.values() for depth in result.nats}))
    figure.legend(loc="outside lower center", ncols=1, fontsize=SMALL_SIZE, frameon=False, labelcolor=TEXT_COLOUR)
    return figure


def to_gray_array(image: Tensor) -> FloatArray:
    """Return an image [1, H, W] as an array for `convolve`: float64 [H, W]."""
    return torch.as_tensor(image[0], dtype=torch.float64).numpy()
