"""Drawings of the lesson on orders: how a sample grows, orders, what averages sum to, and what is missing."""

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

from chainrule.domains.orders import Order
from chainrule.figures.maps import edged
from chainrule.figures.pixels import MISSING, Pixels, enlarged
from chainrule.figures.style import (
    ACCENT,
    COLOURS,
    FAINT,
    INK,
    PALE,
    PLAIN,
    SMALL,
    WIDTH,
    bare,
    legend_below,
    new_figure,
    plain,
)
from chainrule.learn.orders import Step
from chainrule.learn.pictures.animation import MOVING_DPI, as_frame

RANKS = LinearSegmentedColormap.from_list("ranks", ["#eaf2f8", PLAIN])
DRAWN, EXPECTED = "the pixels so far", "p(1 | what is before), when it was drawn"
MARK = np.array(ImageColor.getrgb(ACCENT), np.uint8)
MARGIN, LABEL, BAR = 14, 34, 6
"""Of a frame, in its pixels: at the left, above each strip for its name, and the height of the bar below the name."""


def as_tiles(values: Tensor, known: Tensor) -> Pixels:
    """Maps of numbers from 0 to 1 [n, 1, H, W] as grey, blue where nothing is known yet: uint8 [n, H, W, 3].

    Example:
        >>> as_tiles(torch.tensor([[[[1.0, 0.0]]]]), torch.tensor([[[True, False]]])).tolist()
        [[[[255, 255, 255], [70, 120, 200]]]]
    """
    gray = (values.double() * 255).round().byte().movedim(1, -1).numpy()
    tiles: Pixels = np.where(known.movedim(0, -1).numpy(), gray, np.array(MISSING, np.uint8))
    return tiles


def framed(tiles: Pixels, sites: Tensor, scale: int) -> Pixels:
    """Tiles [n, H, W, 3] enlarged, with a frame around the pixels that were drawn last."""
    width, large = tiles.shape[2], enlarged(tiles, scale)
    edge = max(1, scale // 6)
    for site in sites.tolist():
        top, left = (scale * each for each in divmod(site, width))
        inside = large[:, top + edge : top + scale - edge, left + edge : left + scale - edge].copy()
        large[:, top : top + scale, left : left + scale] = MARK
        large[:, top + edge : top + scale - edge, left + edge : left + scale - edge] = inside
    return large


def growing_figure(steps: Sequence[Step], titles: Sequence[str]) -> Figure:
    """One image at several steps: its pixels above, and below what the model expected of each when it was drawn."""
    figure = new_figure(2.75)
    panels = figure.subplots(2, len(steps))
    for step, title, (above, below) in zip(steps, titles, panels.T, strict=True):
        for axes, values in ((above, step.x[:1]), (below, step.expected[:1])):
            bare(axes).imshow(framed(as_tiles(values, step.known), step.sites, 24)[0])
            edged(axes)
        above.set_title(title, fontsize=SMALL, color=INK)
    for axes, name in zip(panels[:, 0], ("pixels", "p(1 | before)"), strict=True):
        axes.set_ylabel(name, fontsize=SMALL, color=INK)
    return figure


@dataclass(frozen=True, eq=False)
class Strip:
    """A row of images in an animation, under its name.

    Attributes:
        name: in words.
        frames: the images as they are after each step, uint8 [n, h, w, 3] each; once they are done they stay.
    """

    name: str
    frames: Sequence[Pixels]


def growing_strips(steps: Sequence[Step], scale: int) -> list[Strip]:
    """The pixels of several images as they are drawn, and below them what the model expected of each."""
    pixels, maps = ([_blank_tiles(steps[0], scale)] for _ in range(2))
    for step in steps:
        pixels.append(framed(as_tiles(step.x, step.known), step.sites, scale))
        maps.append(framed(as_tiles(step.expected, step.known), step.sites, scale))
    return [Strip(DRAWN, _ended(pixels, steps[-1].x, scale)), Strip(EXPECTED, _ended(maps, steps[-1].expected, scale))]


def pixels_strip(name: str, steps: Sequence[Step], scale: int) -> Strip:
    """The pixels of several images as they are drawn."""
    frames = [framed(as_tiles(step.x, step.known), step.sites, scale) for step in steps]
    return Strip(name, _ended([_blank_tiles(steps[0], scale), *frames], steps[-1].x, scale))


def _blank_tiles(step: Step, scale: int) -> Pixels:
    return enlarged(as_tiles(step.x, torch.zeros_like(step.known)), scale)


def _ended(frames: list[Pixels], values: Tensor, scale: int) -> list[Pixels]:
    """The frames, and at last the whole images without a frame around the last pixel."""
    return [*frames, enlarged(as_tiles(values, torch.ones_like(values[0], dtype=torch.bool)), scale)]


def animated(strips: Sequence[Strip]) -> Iterator[Image.Image]:
    """Frames in which all strips grow side by side, a step a frame; a bar shows how far each is."""
    ground, tops = _ground(strips)
    for number in range(max(len(strip.frames) for strip in strips)):
        picture = ground.copy()
        for strip, top in zip(strips, tops, strict=True):
            last = len(strip.frames) - 1
            _paste(picture, strip.frames[min(number, last)], top, min(1.0, number / (last - 1)))
        yield Image.fromarray(picture)


def _ground(strips: Sequence[Strip]) -> tuple[Pixels, list[int]]:
    """What stays the same in all frames: the names; and where the images of each strip begin."""
    tall = [LABEL + BAR + 6 + strip.frames[0].shape[1] for strip in strips]
    tops = [8 + sum(tall[:number]) for number in range(len(strips))]
    height = sum(tall) + 8 + MARGIN
    figure = Figure(figsize=(WIDTH, height / MOVING_DPI), dpi=MOVING_DPI, facecolor="white")
    for strip, top in zip(strips, tops, strict=True):
        figure.text(
            MARGIN / (WIDTH * MOVING_DPI), 1 - (top + LABEL - 10) / height, strip.name, fontsize=SMALL, color=INK
        )  # fmt: skip
    return np.array(as_frame(figure)), [top + LABEL for top in tops]


def _paste(picture: Pixels, tiles: Pixels, top: int, share: float) -> None:
    """Puts a bar and the images of a strip into a frame."""
    n, height, width, _ = tiles.shape
    right = picture.shape[1] - MARGIN
    picture[top : top + BAR, MARGIN:right] = ImageColor.getrgb(PALE)
    picture[top : top + BAR, MARGIN : MARGIN + round(share * (right - MARGIN))] = MARK
    top += BAR + 6
    apart = (right - MARGIN - n * width) // max(1, n - 1)
    for number, tile in enumerate(tiles):
        left = MARGIN + number * (width + apart)
        picture[top : top + height, left : left + width] = tile


def orders_figure(orders: Mapping[str, Order], shape: tuple[int, int], below: Mapping[str, str]) -> Figure:
    """Orders as maps: each pixel has its place in the order; pale ones come first.

    Args:
        orders: by their names.
        shape: of the images, (H, W).
        below: what to write under each.
    """
    figure = new_figure(2.4)
    for axes, (name, order) in zip(figure.subplots(1, len(orders)), orders.items(), strict=True):
        bare(axes).imshow(order.rank.view(shape).numpy(), cmap=RANKS)
        axes.plot(*_route(order, shape), color=INK, linewidth=0.7, alpha=0.75)
        axes.set_title(name, fontsize=SMALL, color=INK)
        axes.set_xlabel(below[name], fontsize=SMALL, color=INK)
    return figure


def _route(order: Order, shape: tuple[int, int]) -> tuple[list[int], list[int]]:
    """The columns and the rows of the pixels, in the order."""
    rows, columns = zip(*(divmod(site, shape[1]) for site in order.permutation), strict=True)
    return list(columns), list(rows)


def members_figure(curves: Mapping[str, Sequence[tuple[int, float]]], alone: tuple[str, float]) -> Figure:
    """Test NLL of ensembles by how many members they have, one curve for each training.

    Args:
        curves: by name, (members, nats).
        alone: the name and the nats of one model for itself.
    """
    figure = new_figure(3.9)
    axes = plain(figure.subplots(), x="members in the ensemble", y="test NLL in nats")
    for colour, (name, points) in zip(COLOURS, curves.items(), strict=False):
        axes.plot(*zip(*points, strict=True), "o-", color=colour, label=name)
    axes.axhline(alone[1], color=FAINT, linestyle="--", label=alone[0])
    counts = sorted({count for points in curves.values() for count, _ in points})
    axes.set_xscale("log", base=2)
    axes.set_xticks(counts, [str(count) for count in counts])
    legend_below(figure, axes.get_lines(), 2)
    return figure


def totals_figure(totals: Mapping[str, Sequence[tuple[int, float]]]) -> Figure:
    """What averages of models sum to, by how many are averaged: one line for each way to average."""
    figure = new_figure(4.1)
    axes = plain(figure.subplots(), x="models that are averaged", y="sum over all images")
    for colour, mark, (name, points) in zip(COLOURS, "os^D", totals.items(), strict=False):
        axes.plot(*zip(*points, strict=True), mark + "-", color=colour, label=name)
    counts = sorted({count for points in totals.values() for count, _ in points})
    axes.set_xscale("log", base=2)
    axes.set_xticks(counts, [str(count) for count in counts])
    legend_below(figure, axes.get_lines(), 2)
    return figure


def missing_figure(x: Tensor, evidence: Tensor, maps: Mapping[str, Tensor]) -> Figure:
    """One binary image, what is given of it, and p(1 | given) of the other pixels as several ways have it.

    Args:
        x: [1, H, W].
        evidence: bool [1, H, W].
        maps: p(1 | given) by the name of the way, [1, H, W].
    """
    figure = new_figure(2.6)
    panels = figure.subplots(1, 1 + len(maps))
    bare(panels[0]).imshow(as_tiles(x[None].double(), evidence)[0])
    panels[0].set_title("given", fontsize=SMALL, color=INK)
    edged(panels[0])
    for axes, (name, each) in zip(panels[1:], maps.items(), strict=True):
        bare(axes).imshow(each[0].numpy(), cmap="gray", vmin=0, vmax=1)
        axes.set_title(name, fontsize=SMALL, color=INK)
        edged(axes)
        _numbers(axes, each[0], evidence[0])
    return figure


def _numbers(axes: Axes, values: Tensor, evidence: Tensor) -> None:
    """Writes the probabilities of the missing pixels into them."""
    for row, column in torch.nonzero(~evidence).tolist():
        p = float(values[row, column])
        axes.text(
            column, row, f"{p:.2f}"[-3:] if p < 0.995 else "1", ha="center", va="center", fontsize=SMALL,
            color=INK if p > 0.5 else "white",
        )  # fmt: skip
