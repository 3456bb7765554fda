"""Drawings of the lesson on convolution: kernels that move, what layers see, and what depth does."""

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

from chainrule.domains import channel_name
from chainrule.domains.orders import Order
from chainrule.figures.fields import STATES, draw_field, field
from chainrule.figures.maps import edged
from chainrule.figures.style import (
    ACCENT,
    CLOSED,
    COLOURS,
    FAINT,
    INK,
    PALE,
    PLAIN,
    SMALL,
    TEXT,
    WIDTH,
    bare,
    key_below,
    new_figure,
    plain,
)
from chainrule.learn.convolution import Array, convolve, padded, products

LIGHT = "#fbe3d4"
"""Behind numbers that the kernel is over: ACCENT, pale."""
HIGH = 3.2
"""Inches of a frame in which a kernel moves."""
BEFORE = "#d3e6f4"
"""HALF, pale: numbers in colour are read on it."""
CHANNELS = ("#c23b3b", "#3a8f4d", "#3b62c2")
"""Red, green and blue, dark enough to read."""


def raster_figure(side: int, at: int) -> Figure:
    """The order of the sites of an image: left grey, right in colour, where each pixel is three sites.

    Args:
        side: n, the pixels of a row and of a column.
        at: the pixel that is predicted, counted from 1 in raster order.
    """
    figure = new_figure(4.5)
    left, right = figure.subplots(1, 2)
    for axes, channels in ((left, 1), (right, 3)):
        _sites(axes, side, at, channels)
    bare(left, f"grey: n² = {side**2} sites").title.set_fontsize(TEXT)
    bare(right, f"colour: 3n² = {3 * side**2} sites").title.set_fontsize(TEXT)
    key_below(figure, {"before": BEFORE, "predicted": ACCENT, "after": CLOSED})
    return figure


def _sites(axes: Axes, side: int, at: int, channels: int) -> None:
    """Squares with their numbers, from 1; those of a pixel's channels side by side. In colour, its G is predicted."""
    predicted = channels * (at - 1) + (channels + 1) // 2
    for number in range(1, channels * side**2 + 1):
        pixel, channel = divmod(number - 1, channels)
        corner = (pixel % side + channel / channels, pixel // side)
        colour = ACCENT if number == predicted else BEFORE if number < predicted else CLOSED
        axes.add_patch(Rectangle(corner, 1 / channels, 1, facecolor=colour, edgecolor="white", linewidth=0.6))
        ink = CHANNELS[channel] if channels == 3 and number != predicted else INK
        axes.text(
            corner[0] + 0.5 / channels, corner[1] + 0.5, str(number), color=ink, ha="center", va="center_baseline",
            fontsize=TEXT if channels == 1 else SMALL - 1,
        )  # fmt: skip
    for line in range(side + 1):
        axes.plot([line, line], [0, side], color="white", linewidth=3)
        axes.plot([0, side], [line, line], color="white", linewidth=3)
    axes.set(xlim=(0, side), ylim=(side, 0), aspect="equal")


def convolution_frames(image: Array, kernel: Array, stride: int = 1, padding: int = 0) -> Iterator[Figure]:
    """A kernel that goes over a small image: one frame for each number of the output, with its sum written out."""
    y = convolve(image, kernel, stride, padding)
    for i, j in product(*map(range, y.shape)):
        figure = new_figure(HIGH)
        figure.set_layout_engine("none")  # every frame has its parts at the same places
        x = padded(image, padding)
        places = _places([grid.shape for grid in (x, kernel, y)])
        over, (high, wide) = (stride * i, stride * j), kernel.shape
        _numbers(figure.add_axes(places[0]), "image", x, (over, high, wide), _beside(x, padding))
        _numbers(figure.add_axes(places[1]), "kernel", kernel, ((0, 0), high, wide))
        known = np.arange(y.size).reshape(y.shape) <= i * y.shape[1] + j
        _numbers(figure.add_axes(places[2]), "output", y, ((i, j), 1, 1), hidden=~known)
        pairs = products(image, kernel, i, j, stride, padding)
        told = " + ".join(f"{k:g}·{value:g}" for k, value in pairs) + f" = {y[i, j]:g}"
        figure.text(0.5, 0.04, told, ha="center", fontsize=TEXT + 2, color=INK)
        yield figure


def _places(shapes: Sequence[Sequence[int]]) -> list[tuple[float, float, float, float]]:
    """(left, bottom, width, height) of matrices that stand side by side, all squares of one size."""
    width, height, gap = WIDTH, HIGH - 1.1, 0.6  # inches; below is the sum, above are the names
    columns = sum(shape[1] for shape in shapes)
    unit = min((width - 4 * gap) / columns, height / max(shape[0] for shape in shapes))
    left, places = (width - unit * columns - gap * (len(shapes) - 1)) / 2, []
    for shape in shapes:
        size = (shape[1] * unit / width, shape[0] * unit / HIGH)
        places.append((left / width, (0.6 + height / 2) / HIGH - size[1] / 2, *size))
        left += shape[1] * unit + gap
    return places


def _beside(x: Array, padding: int) -> np.ndarray:
    """bool, of the shape of the padded image: True where it is padding."""
    inside = np.zeros(x.shape, dtype=bool)
    inside[padding : x.shape[0] - padding, padding : x.shape[1] - padding] = True
    return ~inside


Window = tuple[tuple[int, int], int, int]
"""The first row and column of a window, its rows, and its columns."""


def _numbers(
    axes: Axes,
    name: str,
    grid: Array,
    window: Window,
    faint: np.ndarray | None = None,
    hidden: np.ndarray | None = None,
) -> None:
    """A matrix as squares with numbers, one window of it framed; some faint, some not shown."""
    rows, columns = grid.shape
    (top, left), high, wide = window
    for row, column in product(range(rows), range(columns)):
        inside = top <= row < top + high and left <= column < left + wide
        pale = faint is not None and bool(faint[row, column])
        face = LIGHT if inside else "white" if pale else PALE
        axes.add_patch(Rectangle((column, row), 1, 1, facecolor=face, edgecolor="white" if not pale else PALE))
        if hidden is None or not hidden[row, column]:
            ink = FAINT if pale else INK
            text = f"{grid[row, column]:g}"
            axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=TEXT + 3, color=ink)
    axes.add_patch(Rectangle((left, top), wide, high, fill=False, edgecolor=ACCENT, linewidth=3, zorder=3))
    bare(axes, name).set(xlim=(-0.05, columns + 0.05), ylim=(rows + 0.05, -0.05), aspect="equal", anchor="C")


def edges_figure(image: Array, kernel: Array, maps: Mapping[str, Array]) -> Figure:
    """A grey image, a kernel, and maps that were made of the two: positive numbers blue, negative ones red."""
    figure = new_figure(2.25)
    first, second, *rest = figure.subplots(1, 2 + len(maps), width_ratios=[1, 0.62, *[1] * len(maps)])
    bare(first, "image").imshow(image, cmap="gray")
    edged(first)
    top = float(np.abs(kernel).max())
    bare(second, "kernel").imshow(kernel, cmap="RdBu", vmin=-1.6 * top, vmax=1.6 * top)
    for row, column in product(*map(range, kernel.shape)):
        second.text(
            column, row, f"{kernel[row, column]:g}".replace("-", "−"), ha="center", va="center_baseline", fontsize=SMALL
        )
    edged(second)
    for axes, (name, each) in zip(rest, maps.items(), strict=True):
        reach = float(np.abs(each).max())
        bare(axes, name).imshow(each, cmap="RdBu", vmin=-reach, vmax=reach)
        edged(axes)
    return figure


def followed_figure(red: Tensor, green: Tensor, true: tuple[int, int], nats: Sequence[float]) -> Figure:
    """One pixel's R; its G for each R that it might have had; and what the colours cost on average.

    Args:
        red: [K], p(R | before).
        green: [K, K], row r is p(G | before, R = r).
        true: the pixel's own R and G.
        nats: the mean of -log p of each colour, over many pixels.
    """
    figure = new_figure(2.9)
    first, second, third = figure.subplots(1, 3, width_ratios=(1, 1.15, 0.9))
    levels = range(len(red))
    plain(first, "p(R)", x="R")
    first.bar(levels, red.numpy(), color=[ACCENT if level == true[0] else CHANNELS[0] for level in levels], width=0.9)
    plain(second, "p(G | R)", x="G", y="R").imshow(green.numpy(), cmap="Greens", vmin=0, origin="lower")
    second.add_patch(Rectangle((true[1] - 0.5, true[0] - 0.5), 1, 1, fill=False, edgecolor=ACCENT, linewidth=2.5))
    names = [channel_name(channel, len(nats)) for channel in range(len(nats))]
    plain(third, "nats, mean").bar(names, nats, color=CHANNELS, width=0.75)
    third.set_ylim(0, 1.12 * max(nats))
    for axes in (first, second):
        axes.set_xticks([0, len(red) - 1])
    second.set_yticks([0, len(red) - 1])
    for place, cost in enumerate(nats):
        third.text(place, cost, f"{cost:.2f}", ha="center", va="bottom", fontsize=SMALL, color=INK)
    return figure


def depth_frames(
    seen: Mapping[int, Tensor], order: Order, shape: tuple[int, int], site: int, reachable: int
) -> Iterator[Figure]:
    """What one pixel sees of a grey image, with more and more blocks: its field, and the count so far.

    Args:
        seen: by the number of blocks, who sees whom, bool [D, D].
        shape: (H, W).
        reachable: how many pixels are seen at any depth.
    """
    past = int(order.past(site).sum())
    counts = {blocks: int(each[site].sum()) for blocks, each in seen.items()}
    for blocks, each in seen.items():
        figure = new_figure(4.2)
        figure.set_layout_engine("none")  # every frame has its parts at the same places
        left, right = figure.add_axes((0.01, 0.16, 0.45, 0.75)), figure.add_axes((0.53, 0.22, 0.42, 0.69))
        draw_field(left, "", field(each, order, site).view(shape))
        left.set_title(f"{blocks} block{'' if blocks == 1 else 's'}", fontsize=TEXT, color=INK)
        _counts(right, {depth: count for depth, count in counts.items() if depth <= blocks}, past, reachable)
        right.set(xlim=(-0.5, max(seen) + 0.5), ylim=(0, past * 1.12))
        key_below(figure, {STATES[state][0]: STATES[state][1] for state in (3, 2, 1, 0)})
        yield figure


def _counts(axes: Axes, counts: Mapping[int, int], past: int, reachable: int) -> None:
    """Pixels seen against blocks, below the number of those that could be."""
    plain(axes, "pixels seen", x="residual blocks")
    for height, text in ((past, f"all {past} before it"), (reachable, f"without the blind spot: {reachable}")):
        axes.axhline(height, color=FAINT, linewidth=1, linestyle="--")
        above = height == past
        axes.annotate(
            text, (0, height), (0, 3 if above else -3), textcoords="offset points", fontsize=SMALL, color=INK,
            va="bottom" if above else "top",
        )  # fmt: skip
    axes.plot(list(counts), list(counts.values()), "o-", color=PLAIN, clip_on=False)
    last = max(counts)
    axes.annotate(
        str(counts[last]), (last, counts[last]), (6, -14), textcoords="offset points", fontsize=TEXT, color=INK
    )


@dataclass(frozen=True)
class Arm:
    """A kind of block, and what was measured with it.

    Attributes:
        gradients: by depth, the norm of the first layer's gradient before training.
        nats: by depth, the NLL on test data after training, and its standard error.
    """

    gradients: Mapping[int, float]
    nats: Mapping[int, tuple[float, float]]


def depths_figure(arms: Mapping[str, Arm]) -> Figure:
    """Gradients before training, and likelihoods after it, against depth: a line for each kind of block."""
    figure = new_figure(3.9)
    left, right = figure.subplots(1, 2)
    plain(left, "first layer's gradient", x="blocks").set_yscale("log")
    plain(right, "test NLL, nats", x="blocks")
    for (name, arm), colour, mark in zip(arms.items(), COLOURS, "osD", strict=False):
        left.plot(list(arm.gradients), list(arm.gradients.values()), f"{mark}-", color=colour, markersize=5)
        means, errors = zip(*arm.nats.values(), strict=True)
        right.errorbar(list(arm.nats), means, errors, fmt=f"{mark}-", color=colour, label=name, markersize=5, capsize=3)
    left.set_xscale("symlog", base=2, linthresh=1)
    ticks = sorted({depth for arm in arms.values() for depth in arm.gradients})
    left.set_xticks(ticks, [str(depth) for depth in ticks])
    right.set_xticks(sorted({depth for arm in arms.values() for depth in arm.nats}))
    figure.legend(loc="outside lower center", ncols=1, fontsize=SMALL, frameon=False, labelcolor=INK)
    return figure


def as_gray(image: Tensor) -> Array:
    """An image [1, H, W] as numbers for `convolve`: float64 [H, W]."""
    return torch.as_tensor(image[0], dtype=torch.float64).numpy()
