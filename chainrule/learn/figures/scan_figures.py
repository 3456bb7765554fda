"""The figures of PixelRNN's scans: an animation of each recurrent layer, and the shift by one row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Patch, Rectangle
from PIL import Image
from torch import Tensor

from chainrule.domains import Binary, Order
from chainrule.figures import (
    BLUE,
    DIRECTIONS,
    EMPTY,
    LEAK,
    LIGHT_BLUE,
    LIGHT_GRAY,
    ORANGE,
    PREDICTED,
    SEEN,
    SMALL_SIZE,
    STATES,
    TEXT_COLOUR,
    UNSEEN,
    Pixel,
    add_colour_key,
    add_legend_below,
    draw_cell_borders,
    draw_site_states,
    new_figure,
    path_lengths,
    site_states,
    skew,
    state_sources,
    step_map,
    style_image_axes,
)
from chainrule.layers.receptive_field import diagonal_field, identity_field, mirrored_diagonal_field
from chainrule.layers.scan_plan import diagonal_plan, row_plan
from chainrule.learn.figures.animation import render_frame

PENDING, DONE, CURRENT, EMPTY_CELL = range(4)
STATE_COLOURS = ListedColormap([LIGHT_GRAY, LIGHT_BLUE, BLUE, "white"])
KEY = {"to come": LIGHT_GRAY, "done": LIGHT_BLUE, "computed now": BLUE, "a pixel, and what it reads": ORANGE}
"""The colours of the animations by their meaning."""
SHIFTS = (0.0, 0.5, 1.0, 1.0)
"""The number of rows by which the states from the right are shifted down in each of the last frames."""


def draw_row_frames(height: int, width: int) -> Iterator[Image.Image]:
    """Draw the Row LSTM step by step: the computed rows, and the states on which the state of one pixel depends."""
    plan, column = row_plan(height, width), width // 2
    steps = step_map(plan, height, width)
    figure, (left, right) = _make_frame_figure(3.1, (1, 1))
    for step in range(height):
        pixel = (step, column)
        _draw_steps(left, steps, step, f"step {step + 1} of {height}", pixel, state_sources(plan, pixel, width))
        back = path_lengths(plan, pixel, (height, width))
        _draw_states(right, torch.where(back == EMPTY, PENDING, DONE), "where its state comes from")
        _mark_pixel(right, pixel, [])
        yield _render(figure)


def draw_diagonal_frames(height: int, width: int) -> Iterator[Image.Image]:
    """Draw both scans of the Diagonal BiLSTM on the image and on its skewed map, and the shift of the second scan."""
    plan = diagonal_plan(height, width)
    steps = [step_map(plan, height, width, direction=direction) for direction in range(2)]
    figure, panels = _make_frame_figure(6.1, (width, height + width - 1), (width, height + width - 1))
    for step in range(len(plan.steps)):
        for direction, (image, map_) in enumerate(zip(panels[::2], panels[1::2], strict=True)):
            pixels = (steps[direction] == step).nonzero().tolist()
            row, column = pixels[len(pixels) // 2]
            taps = state_sources(plan, (row, column), width, direction=direction)
            _draw_steps(image, steps[direction], step, DIRECTIONS[direction], (row, column), taps)
            moved = [(r, int(steps[direction][r, c])) for r, c in ((row, column), *taps)]
            title = f"skewed map, column {step + 1} of {len(plan.steps)}"
            _draw_steps(map_, skew(steps[direction]), step, title, moved[0], moved[1:])
        yield _render(figure)
    for direction, map_ in enumerate(panels[1::2]):
        _draw_steps(map_, skew(steps[direction]), len(plan.steps), "skewed map, done", None, [])
    _draw_row_numbers(panels[0], (height, width), DIRECTIONS[0])
    for shift in SHIFTS:
        _draw_row_numbers(panels[2], (height, width), f"{DIRECTIONS[1]}{', one row down' if shift else ''}", shift)
        yield _render(figure)


def plot_shift(height: int, width: int, *, pixel: Pixel) -> Figure:
    """Plot the features that each scan and their sum read at one pixel, without the shift and with it.

    Source: PixelRNN (arXiv:1601.06759), section 3.2.
    """
    domain = Binary((1, height, width))
    order, site = Order(tuple(range(domain.sites))), pixel[0] * width + pixel[1]
    features = identity_field(domain.shape)
    left, shifted = diagonal_field(features), mirrored_diagonal_field(features)
    unshifted = diagonal_field(features.flip(2)).flip(2)
    figure = new_figure(2 * (2.1 * height / width + 0.45) + 0.7)
    panels = figure.subplots(2, 3)
    for row, (name, right) in zip(panels, (("not shifted", unshifted), ("shifted", shifted)), strict=True):
        fields = (("from the left", left), (f"from the right, {name}", right), ("the sum", left | right))
        for axes, (title, field) in zip(row, fields, strict=True):
            others = field[0].flatten(0, 1).clone()
            others.fill_diagonal_(False)  # the masks, not the scans, decide what a pixel's own features hold
            draw_site_states(axes, title, site_states(others, order, site).view(height, width))
    patches = [Patch(facecolor=STATES[state][1], label=STATES[state][0]) for state in (PREDICTED, SEEN, UNSEEN, LEAK)]
    add_legend_below(figure, patches, 2)
    return figure


def _make_frame_figure(height: float, *ratios: tuple[int, ...]) -> tuple[Figure, list[Axes]]:
    """Return a figure for frames and its panels, one row of panels for each tuple of width ratios."""
    figure = new_figure(height)
    add_colour_key(figure, KEY)
    panels: list[Axes] = list(figure.subplots(len(ratios), len(ratios[0]), squeeze=False, width_ratios=ratios[0]).flat)
    return figure, panels


def _render(figure: Figure) -> Image.Image:
    """Render the current state of the figure, and keep the layout of the first frame."""
    frame = render_frame(figure)
    figure.set_layout_engine("none")
    return frame


def _draw_steps(axes: Axes, steps: Tensor, step: int, title: str, pixel: Pixel | None, taps: Sequence[Pixel]) -> None:
    """Draw a map of steps [rows, columns] at one step: finished and current pixels, and what one pixel reads."""
    state = torch.where(steps < step, DONE, torch.where(steps == step, CURRENT, PENDING))
    state[steps == EMPTY] = EMPTY_CELL
    _draw_states(axes, state, title)
    if pixel is not None:
        _mark_pixel(axes, pixel, taps)


def _draw_states(axes: Axes, state: Tensor, title: str) -> None:
    """Draw a map of states, and remove what was drawn for the previous frame."""
    if axes.images:
        axes.images[0].set_data(state.numpy())
        for old in (*axes.images[1:], *axes.patches, *axes.texts):
            old.remove()
    else:
        style_image_axes(axes).imshow(state.numpy(), cmap=STATE_COLOURS, vmin=0, vmax=3)
        draw_cell_borders(axes, state.shape)
    axes.set_title(title, fontsize=SMALL_SIZE, color=TEXT_COLOUR)


def _mark_pixel(axes: Axes, pixel: Pixel, taps: Sequence[Pixel]) -> None:
    """Draw one pixel, and arrows to it from the pixels whose states it reads."""
    axes.add_patch(Rectangle((pixel[1] - 0.5, pixel[0] - 0.5), 1, 1, facecolor=ORANGE, zorder=2))
    for row, column in taps:
        ends = (column, row), (pixel[1], pixel[0])
        axes.add_patch(
            FancyArrowPatch(*ends, arrowstyle="-|>", mutation_scale=12, linewidth=2, color=TEXT_COLOUR, zorder=5)
        )


def _draw_row_numbers(axes: Axes, shape: tuple[int, int], title: str, shift: float = 0.0) -> None:
    """Draw all states shifted down by `shift` rows, with the number of the row for which each was computed."""
    height, width = shape
    _draw_states(axes, torch.full(shape, PENDING), title)
    extent = (-0.5, width - 0.5, height - 0.5 + shift, shift - 0.5)
    axes.imshow(torch.full(shape, DONE).numpy(), cmap=STATE_COLOURS, vmin=0, vmax=3, extent=extent, zorder=1)
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
    rows = {row + shift: str(row + 1) for row in range(height)} | ({0.0: "zero"} if shift == 1 else {})
    for position, text in rows.items():
        for column in range(width):
            axes.text(
                column,
                position,
                text,
                ha="center",
                va="center",
                fontsize=SMALL_SIZE - 2,
                color=TEXT_COLOUR,
                clip_on=True,
            )
