"""The figures of the lesson on orders: growing samples, orders, averages of models, and missing values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from PIL import Image, ImageColor
from torch import Tensor

from chainrule.domains import Order
from chainrule.figures import (
    BLUE,
    GRID_COLOUR,
    LINE_COLOUR,
    MISSING_COLOUR,
    ORANGE,
    PALETTE,
    SMALL_SIZE,
    TEXT_COLOUR,
    WIDTH,
    ImageArray,
    add_legend_below,
    draw_edge,
    enlarge,
    new_figure,
    style_axes,
    style_image_axes,
)
from chainrule.learn.figures.animation import FRAME_DPI, render_frame
from chainrule.learn.naive_sampling import SamplingStep

RANK_COLOURS = LinearSegmentedColormap.from_list("ranks", ["#eaf2f8", BLUE])
SAMPLE_TITLE, EXPECTED_TITLE = "the pixels so far", "p(1 | what is before), when it was drawn"
FRAME_COLOUR = np.array(ImageColor.getrgb(ORANGE), np.uint8)
MARGIN, LABEL_HEIGHT, BAR_HEIGHT = 14, 34, 6
"""Sizes in a frame, in pixels: the left margin, the name above each strip, and the progress bar below the name."""


def to_tiles(values: Tensor, known: Tensor) -> ImageArray:
    """Return maps of values in [0, 1], [n, 1, H, W], as grey, and blue at unknown pixels: uint8 [n, H, W, 3].

    Example:
        >>> to_tiles(torch.tensor([[[[1.0, 0.0]]]]), torch.tensor([[[True, False]]])).tolist()
        [[[[255, 255, 255], [70, 120, 200]]]]
    """
    gray = (values.double() * 255).round().byte().movedim(1, -1).numpy()
    tiles: ImageArray = np.where(known.movedim(0, -1).numpy(), gray, np.array(MISSING_COLOUR, np.uint8))
    return tiles


def frame_sites(tiles: ImageArray, sites: Tensor, scale: int) -> ImageArray:
    """Enlarge tiles [n, H, W, 3], and draw a frame around these sites."""
    width, large = tiles.shape[2], enlarge(tiles, scale)
    edge = max(1, scale // 6)
    for site in sites.tolist():
        top, left = (scale * index for index in divmod(site, width))
        inside = large[:, top + edge : top + scale - edge, left + edge : left + scale - edge].copy()
        large[:, top : top + scale, left : left + scale] = FRAME_COLOUR
        large[:, top + edge : top + scale - edge, left + edge : left + scale - edge] = inside
    return large


def plot_growing_image(steps: Sequence[SamplingStep], titles: Sequence[str]) -> Figure:
    """Plot one image at several steps: its pixels, and the mean of the conditional from which each pixel was drawn."""
    figure = new_figure(2.75)
    panels = figure.subplots(2, len(steps))
    for step, title, (above, below) in zip(steps, titles, panels.T, strict=True):
        for axes, values in ((above, step.x[:1]), (below, step.expected[:1])):
            style_image_axes(axes).imshow(frame_sites(to_tiles(values, step.known), step.sites, 24)[0])
            draw_edge(axes)
        above.set_title(title, fontsize=SMALL_SIZE, color=TEXT_COLOUR)
    for axes, name in zip(panels[:, 0], ("pixels", "p(1 | before)"), strict=True):
        axes.set_ylabel(name, fontsize=SMALL_SIZE, color=TEXT_COLOUR)
    return figure


@dataclass(frozen=True, eq=False)
class ImageStrip:
    """Hold a row of images of an animation.

    Attributes:
        name: the text above the images.
        frames: the images after each step, uint8 [n, h, w, 3]; the last frame stays until the animation ends.
    """

    name: str
    frames: Sequence[ImageArray]


def make_growing_strips(steps: Sequence[SamplingStep], scale: int) -> list[ImageStrip]:
    """Return a strip of images while they are sampled, and a strip of the means of their conditionals."""
    pixels, maps = ([_blank_tiles(steps[0], scale)] for _ in range(2))
    for step in steps:
        pixels.append(frame_sites(to_tiles(step.x, step.known), step.sites, scale))
        maps.append(frame_sites(to_tiles(step.expected, step.known), step.sites, scale))
    return [
        ImageStrip(SAMPLE_TITLE, _add_final_frame(pixels, steps[-1].x, scale)),
        ImageStrip(EXPECTED_TITLE, _add_final_frame(maps, steps[-1].expected, scale)),
    ]


def make_pixel_strip(name: str, steps: Sequence[SamplingStep], scale: int) -> ImageStrip:
    """Return a strip of images while they are sampled."""
    frames = [frame_sites(to_tiles(step.x, step.known), step.sites, scale) for step in steps]
    return ImageStrip(name, _add_final_frame([_blank_tiles(steps[0], scale), *frames], steps[-1].x, scale))


def _blank_tiles(step: SamplingStep, scale: int) -> ImageArray:
    return enlarge(to_tiles(step.x, torch.zeros_like(step.known)), scale)


def _add_final_frame(frames: list[ImageArray], values: Tensor, scale: int) -> list[ImageArray]:
    """Return the frames, and the complete images without a frame around a pixel."""
    return [*frames, enlarge(to_tiles(values, torch.ones_like(values[0], dtype=torch.bool)), scale)]


def draw_strip_frames(strips: Sequence[ImageStrip]) -> Iterator[Image.Image]:
    """Draw the frames of all strips, one step in each frame, with a progress bar for each strip."""
    background, tops = _draw_background(strips)
    for number in range(max(len(strip.frames) for strip in strips)):
        frame = background.copy()
        for strip, top in zip(strips, tops, strict=True):
            last = len(strip.frames) - 1
            _paste_strip(frame, strip.frames[min(number, last)], top, min(1.0, number / (last - 1)))
        yield Image.fromarray(frame)


def _draw_background(strips: Sequence[ImageStrip]) -> tuple[ImageArray, list[int]]:
    """Return what all frames have in common, the names, and the top of the images of each strip."""
    heights = [LABEL_HEIGHT + BAR_HEIGHT + 6 + strip.frames[0].shape[1] for strip in strips]
    tops = [8 + sum(heights[:number]) for number in range(len(strips))]
    height = sum(heights) + 8 + MARGIN
    figure = Figure(figsize=(WIDTH, height / FRAME_DPI), dpi=FRAME_DPI, facecolor="white")
    for strip, top in zip(strips, tops, strict=True):
        figure.text(
            MARGIN / (WIDTH * FRAME_DPI), 1 - (top + LABEL_HEIGHT - 10) / height, strip.name, fontsize=SMALL_SIZE,
            color=TEXT_COLOUR,
        )  # fmt: skip
    return np.array(render_frame(figure)), [top + LABEL_HEIGHT for top in tops]


def _paste_strip(frame: ImageArray, tiles: ImageArray, top: int, fraction: float) -> None:
    """Draw a progress bar and the images of a strip into a frame."""
    n, height, width, _ = tiles.shape
    right = frame.shape[1] - MARGIN
    frame[top : top + BAR_HEIGHT, MARGIN:right] = ImageColor.getrgb(GRID_COLOUR)
    frame[top : top + BAR_HEIGHT, MARGIN : MARGIN + round(fraction * (right - MARGIN))] = FRAME_COLOUR
    top += BAR_HEIGHT + 6
    spacing = (right - MARGIN - n * width) // max(1, n - 1)
    for number, tile in enumerate(tiles):
        left = MARGIN + number * (width + spacing)
        frame[top : top + height, left : left + width] = tile


def plot_orders(orders: Mapping[str, Order], *, shape: tuple[int, int], captions: Mapping[str, str]) -> Figure:
    """Plot orders as maps of the position of each pixel in the order; early pixels are pale.

    Args:
        orders: by name.
        shape: of the images, (H, W).
        captions: the text below each map, by name.
    """
    figure = new_figure(2.4)
    for axes, (name, order) in zip(figure.subplots(1, len(orders)), orders.items(), strict=True):
        style_image_axes(axes).imshow(order.rank.view(shape).numpy(), cmap=RANK_COLOURS)
        axes.plot(*_get_route(order, shape), color=TEXT_COLOUR, linewidth=0.7, alpha=0.75)
        axes.set_title(name, fontsize=SMALL_SIZE, color=TEXT_COLOUR)
        axes.set_xlabel(captions[name], fontsize=SMALL_SIZE, color=TEXT_COLOUR)
    return figure


def _get_route(order: Order, shape: tuple[int, int]) -> tuple[list[int], list[int]]:
    """Return the columns and the rows of the pixels, in the order."""
    rows, columns = zip(*(divmod(site, shape[1]) for site in order.permutation), strict=True)
    return list(columns), list(rows)


def plot_ensemble_sizes(curves: Mapping[str, Sequence[tuple[int, float]]], *, single: tuple[str, float]) -> Figure:
    """Plot the test NLL of ensembles against the number of members, one curve for each trained model.

    Args:
        curves: pairs (members, nats), by name.
        single: the name and the nats of a single model.
    """
    figure = new_figure(3.9)
    axes = style_axes(figure.subplots(), x="members in the ensemble", y="test NLL in nats")
    for colour, (name, points) in zip(PALETTE, curves.items(), strict=False):
        axes.plot(*zip(*points, strict=True), "o-", color=colour, label=name)
    axes.axhline(single[1], color=LINE_COLOUR, linestyle="--", label=single[0])
    counts = sorted({count for points in curves.values() for count, _ in points})
    axes.set_xscale("log", base=2)
    axes.set_xticks(counts, [str(count) for count in counts])
    add_legend_below(figure, axes.get_lines(), 2)
    return figure


def plot_totals(totals: Mapping[str, Sequence[tuple[int, float]]]) -> Figure:
    """Plot the sum over all images against the number of averaged models, one line for each kind of average."""
    figure = new_figure(4.1)
    axes = style_axes(figure.subplots(), x="models that are averaged", y="sum over all images")
    for colour, mark, (name, points) in zip(PALETTE, "os^D", totals.items(), strict=False):
        axes.plot(*zip(*points, strict=True), mark + "-", color=colour, label=name)
    counts = sorted({count for points in totals.values() for count, _ in points})
    axes.set_xscale("log", base=2)
    axes.set_xticks(counts, [str(count) for count in counts])
    add_legend_below(figure, axes.get_lines(), 2)
    return figure


def plot_missing(x: Tensor, evidence: Tensor, maps: Mapping[str, Tensor]) -> Figure:
    """Plot the evidence of one binary image, and p(1 | evidence) of the missing pixels by several methods.

    Args:
        x: the image, [1, H, W].
        evidence: bool [1, H, W], True at known pixels.
        maps: p(1 | evidence) [1, H, W], by the name of the method.
    """
    figure = new_figure(2.6)
    panels = figure.subplots(1, 1 + len(maps))
    style_image_axes(panels[0]).imshow(to_tiles(x[None].double(), evidence)[0])
    panels[0].set_title("given", fontsize=SMALL_SIZE, color=TEXT_COLOUR)
    draw_edge(panels[0])
    for axes, (name, probs) in zip(panels[1:], maps.items(), strict=True):
        style_image_axes(axes).imshow(probs[0].numpy(), cmap="gray", vmin=0, vmax=1)
        axes.set_title(name, fontsize=SMALL_SIZE, color=TEXT_COLOUR)
        draw_edge(axes)
        _draw_probabilities(axes, probs[0], evidence[0])
    return figure


def _draw_probabilities(axes: Axes, probs: Tensor, evidence: Tensor) -> None:
    """Draw the probabilities of the missing pixels as text."""
    for row, column in torch.nonzero(~evidence).tolist():
        p = float(probs[row, column])
        axes.text(
            column, row, f"{p:.2f}"[-3:] if p < 0.995 else "1", ha="center", va="center", fontsize=SMALL_SIZE,
            color=TEXT_COLOUR if p > 0.5 else "white",
        )  # fmt: skip
