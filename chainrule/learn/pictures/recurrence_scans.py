"""The drawings of how PixelRNN's layers go through an image: two animations, and the shift by one row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Patch, Rectangle
from PIL import Image
from torch import Tensor

from chainrule.domains import Binary
from chainrule.domains.orders import Order
from chainrule.figures.cells import DIRECTIONS, EMPTY, Pixel, skewed, steps_back, steps_of, taps_of
from chainrule.figures.fields import ITSELF, LEAK, SEEN, STATES, UNSEEN, draw_field, field
from chainrule.figures.style import (
    ACCENT,
    CLOSED,
    HALF,
    INK,
    PLAIN,
    SMALL,
    bare,
    key_below,
    legend_below,
    lines_between,
    new_figure,
)
from chainrule.layers.receptive_field import diagonal_reach, itself, mirrored_diagonal_reach
from chainrule.layers.scan_plan import diagonals_sweep, rows_sweep
from chainrule.learn.pictures.animation import as_frame

TO_COME, DONE, NOW, NONE = range(4)
PLACES = ListedColormap([CLOSED, HALF, PLAIN, "white"])
KEY = {"to come": CLOSED, "done": HALF, "computed now": PLAIN, "a pixel, and what it reads": ACCENT}
"""What the colours of the animations mean."""
GLIDE = (0.0, 0.5, 1.0, 1.0)
"""Rows by which the states from the right have moved down, frame by frame."""


def rows_frames(height: int, width: int) -> Iterator[Image.Image]:
    """The Row LSTM goes down an image: what is computed, and where the state of one pixel comes from."""
    sweep, column = rows_sweep(height, width), width // 2
    steps = steps_of(sweep, height, width)
    figure, (left, right) = _moving(3.1, (1, 1))
    for step in range(height):
        pixel = (step, column)
        _draw(left, steps, step, f"step {step + 1} of {height}", pixel, taps_of(sweep, pixel, width))
        back = steps_back(sweep, pixel, (height, width))
        _squares(right, torch.where(back == EMPTY, TO_COME, DONE), "where its state comes from")
        _mark(right, pixel, [])
        yield _picture(figure)


def diagonals_frames(height: int, width: int) -> Iterator[Image.Image]:
    """The Diagonal BiLSTM: both scans, the image and its skewed map; then the shift of the scan from the right."""
    sweep = diagonals_sweep(height, width)
    steps = [steps_of(sweep, height, width, way) for way in range(2)]
    figure, panels = _moving(6.1, (width, height + width - 1), (width, height + width - 1))
    for step in range(len(sweep.steps)):
        for way, (image, map_) in enumerate(zip(panels[::2], panels[1::2], strict=True)):
            pixels = (steps[way] == step).nonzero().tolist()
            row, column = pixels[len(pixels) // 2]
            taps = taps_of(sweep, (row, column), width, way)
            _draw(image, steps[way], step, DIRECTIONS[way], (row, column), taps)
            moved = [(r, int(steps[way][r, c])) for r, c in ((row, column), *taps)]
            title = f"skewed map, column {step + 1} of {len(sweep.steps)}"
            _draw(map_, skewed(steps[way]), step, title, moved[0], moved[1:])
        yield _picture(figure)
    for way, map_ in enumerate(panels[1::2]):
        _draw(map_, skewed(steps[way]), len(sweep.steps), "skewed map, done", None, [])
    _numbered(panels[0], (height, width), DIRECTIONS[0])
    for down in GLIDE:
        _numbered(panels[2], (height, width), f"{DIRECTIONS[1]}{', one row down' if down else ''}", down)
        yield _picture(figure)


def shift_figure(height: int, width: int, pixel: Pixel) -> Figure:
    """Which features the states at one pixel come from: each scan and their sum, without the shift and with it.

    Source: PixelRNN (arXiv:1601.06759), section 3.2.
    """
    domain = Binary((1, height, width))
    order, site = Order(tuple(range(domain.sites))), pixel[0] * width + pixel[1]
    features = itself(domain.shape)
    left, shifted = diagonal_reach(features), mirrored_diagonal_reach(features)
    unshifted = diagonal_reach(features.flip(2)).flip(2)
    figure = new_figure(2 * (2.1 * height / width + 0.45) + 0.7)
    panels = figure.subplots(2, 3)
    for row, (name, right) in zip(panels, (("not shifted", unshifted), ("shifted", shifted)), strict=True):
        fields = (("from the left", left), (f"from the right, {name}", right), ("the sum", left | right))
        for axes, (title, seen) in zip(row, fields, strict=True):
            others = seen[0].flatten(0, 1).clone()
            others.fill_diagonal_(False)  # what a pixel's own features may hold is the masks' concern
            draw_field(axes, title, field(others, order, site).view(height, width))
    patches = [Patch(facecolor=STATES[each][1], label=STATES[each][0]) for each in (ITSELF, SEEN, UNSEEN, LEAK)]
    legend_below(figure, patches, 2)
    return figure


def _moving(height: float, *ratios: tuple[int, ...]) -> tuple[Figure, list[Axes]]:
    """A figure for frames, and its panels: a row of them for each of the ratios of their widths."""
    figure = new_figure(height)
    key_below(figure, KEY)
    panels: list[Axes] = list(figure.subplots(len(ratios), len(ratios[0]), squeeze=False, width_ratios=ratios[0]).flat)
    return figure, panels


def _picture(figure: Figure) -> Image.Image:
    """The figure as it is now; the parts stay where they are in the first."""
    frame = as_frame(figure)
    figure.set_layout_engine("none")
    return frame


def _draw(axes: Axes, steps: Tensor, step: int, title: str, pixel: Pixel | None, taps: Sequence[Pixel]) -> None:
    """A map of steps [rows, columns] at one of them: what is done and computed, and what one pixel reads."""
    state = torch.where(steps < step, DONE, torch.where(steps == step, NOW, TO_COME))
    state[steps == EMPTY] = NONE
    _squares(axes, state, title)
    if pixel is not None:
        _mark(axes, pixel, taps)


def _squares(axes: Axes, state: Tensor, title: str) -> None:
    """A map of places; what was drawn of the frame before is taken away."""
    if axes.images:
        axes.images[0].set_data(state.numpy())
        for old in (*axes.images[1:], *axes.patches, *axes.texts):
            old.remove()
    else:
        bare(axes).imshow(state.numpy(), cmap=PLACES, vmin=0, vmax=3)
        lines_between(axes, state.shape)
    axes.set_title(title, fontsize=SMALL, color=INK)


def _mark(axes: Axes, pixel: Pixel, taps: Sequence[Pixel]) -> None:
    """One pixel, and arrows to it from those whose states it reads."""
    axes.add_patch(Rectangle((pixel[1] - 0.5, pixel[0] - 0.5), 1, 1, facecolor=ACCENT, zorder=2))
    for row, column in taps:
        ends = (column, row), (pixel[1], pixel[0])
        axes.add_patch(FancyArrowPatch(*ends, arrowstyle="-|>", mutation_scale=12, linewidth=2, color=INK, zorder=5))


def _numbered(axes: Axes, shape: tuple[int, int], title: str, down: float = 0.0) -> None:
    """All states, so many rows further down than they were computed: each says for which row that was."""
    height, width = shape
    _squares(axes, torch.full(shape, TO_COME), title)
    extent = (-0.5, width - 0.5, height - 0.5 + down, down - 0.5)
    axes.imshow(torch.full(shape, DONE).numpy(), cmap=PLACES, vmin=0, vmax=3, extent=extent, zorder=1)
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
    rows = {row + down: str(row + 1) for row in range(height)} | ({0.0: "zero"} if down == 1 else {})
    for place, word in rows.items():
        for column in range(width):
            axes.text(column, place, word, ha="center", va="center", fontsize=SMALL - 2, color=INK, clip_on=True)
