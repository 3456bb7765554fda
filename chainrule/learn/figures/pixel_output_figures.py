"""The figures of the lesson on outputs of models of pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from chainrule.figures import (
    BLUE,
    GRID_COLOUR,
    LINE_COLOUR,
    ORANGE,
    PALETTE,
    SMALL_SIZE,
    TEXT_COLOUR,
    TEXT_SIZE,
    add_legend_below,
    new_figure,
    style_axes,
    style_image_axes,
)
from chainrule.learn.pixel_outputs import discretize_gaussian, gaussian_nll

MAX_BARS = 32
"""The number of levels from which a histogram is one outline instead of bars."""
MARGIN = 0.22
"""The width of a panel beyond the levels on each side, relative to the range of the levels."""


@dataclass(frozen=True)
class PixelHistogram:
    """Hold the frequencies of the levels of real pixels, [K], and the Gaussian fitted to the pixels, in levels."""

    name: str
    frequencies: Tensor
    mean: Tensor
    std: Tensor


def plot_gaussians(histograms: Sequence[PixelHistogram]) -> Figure:
    """Plot histograms of real pixels and the Gaussians fitted to them; mass outside the levels is orange."""
    figure = new_figure(2.2 * len(histograms) + 0.6)
    panels = figure.subplots(len(histograms), 1, squeeze=False)[:, 0]
    for axes, histogram in zip(panels, histograms, strict=True):
        _draw_histogram(axes, histogram)
    keys = [
        Patch(facecolor=BLUE, label="pixels: share of each level"),
        Line2D([], [], color=TEXT_COLOUR, linewidth=2, label="Gaussian"),
        Patch(facecolor=ORANGE, label="its mass beyond"),
    ]
    add_legend_below(figure, keys, len(keys))
    return figure


def _draw_histogram(axes: Axes, histogram: PixelHistogram) -> None:
    """Draw the frequencies of the levels, the Gaussian, and its mass outside the levels."""
    levels, margin = len(histogram.frequencies), MARGIN * len(histogram.frequencies)
    x = torch.linspace(-margin, levels + margin, 1000, dtype=torch.float64)
    density = (-gaussian_nll(x, histogram.mean, histogram.std)).exp()  # almost equal to the mass of a level
    _, below, above = discretize_gaussian(histogram.mean, histogram.std, levels)
    _draw_frequencies(style_axes(axes, histogram.name), histogram.frequencies)
    axes.plot(x.numpy(), density.numpy(), color=TEXT_COLOUR, linewidth=2)
    for outside, mass, position in ((x < -0.5, below, 0.09), (x > levels - 0.5, above, 0.91)):
        axes.fill_between(x[outside].numpy(), density[outside].numpy(), color=ORANGE, alpha=0.6, linewidth=0)
        text = f"{100 * float(mass):.1f} %"
        axes.text(position, 0.42, text, transform=axes.transAxes, ha="center", fontsize=TEXT_SIZE, color=ORANGE)
    _limit_height(axes, histogram.frequencies, 3.2 * float(density.max()))
    axes.set_xlim(-margin, levels - 1 + margin)
    axes.set_xticks([0, (levels - 1) // 4, (levels - 1) // 2, 3 * (levels - 1) // 4, levels - 1])
    axes.yaxis.set_major_locator(MaxNLocator(3))


def _draw_frequencies(axes: Axes, frequencies: Tensor) -> None:
    """Draw the frequency of each level, [K], as bars, or as one outline if there are many levels."""
    if len(frequencies) < MAX_BARS:
        axes.bar(range(len(frequencies)), frequencies.tolist(), width=0.9, color=BLUE)
    else:
        edges = np.arange(len(frequencies) + 1) - 0.5
        # The line width keeps narrow spikes visible.
        axes.stairs(frequencies.tolist(), edges, fill=True, color=BLUE, linewidth=0.4)


def _limit_height(axes: Axes, frequencies: Tensor, top: float) -> None:
    """Limit the height of the axes, and label higher frequencies of the first and the last level."""
    levels = len(frequencies)
    for level, side in ((0, "left"), (levels - 1, "right")):
        if frequencies[level] > top:
            position = level + (0.04 if side == "left" else -0.04) * levels
            text = f"{100 * float(frequencies[level]):.0f} % at {level}"
            axes.text(position, 0.9 * top, text, ha=side, fontsize=SMALL_SIZE, color=BLUE)
    axes.set_ylim(0, top)


def plot_vanishing_std(stds: Sequence[float], nats: Mapping[str, Sequence[float]]) -> Figure:
    """Plot nats against the standard deviation of the Gaussian, which decreases to the right."""
    figure = new_figure(3.3)
    axes = style_axes(figure.subplots(), x="standard deviation of the Gaussian, in levels", y="nats a pixel")
    for (name, values), colour in zip(nats.items(), PALETTE[1::-1] + PALETTE[2:], strict=False):
        axes.plot(stds, values, color=colour, linewidth=2.5, label=name)
    axes.axhline(0, color=LINE_COLOUR, linewidth=1, zorder=0)
    axes.set_xscale("log")
    axes.invert_xaxis()
    axes.set_ylim(-10, 6)
    axes.grid(axis="y", color=GRID_COLOUR)
    axes.legend(fontsize=SMALL_SIZE, frameon=False, labelcolor=TEXT_COLOUR)
    return figure


@dataclass(frozen=True)
class LevelPrediction:
    """Hold a model's prediction of one colour of a pixel.

    Attributes:
        title: of the figure.
        patch: the image, uint8 [C, H, W].
        row, column: of the pixel.
        probs: the probability of each level, [K].
        truth: the true level of the pixel.
    """

    title: str
    patch: Tensor
    row: int
    column: int
    probs: Tensor
    truth: int


def plot_softmax(predictions: Sequence[LevelPrediction], *, columns: int = 3) -> Figure:
    """Plot each image with a framed pixel, and below it the softmax over the levels with the true level marked."""
    rows = -(-len(predictions) // columns)
    figure = new_figure(3.7 * rows)
    grid = figure.subplots(2 * rows, columns, squeeze=False, height_ratios=[1, 1.35] * rows)
    for number, prediction in enumerate(predictions):
        above, below = grid[2 * (number // columns) : 2 * (number // columns) + 2, number % columns]
        style_image_axes(above, prediction.title).imshow(prediction.patch.permute(1, 2, 0).numpy())
        above.add_patch(
            Rectangle(
                (prediction.column - 0.5, prediction.row - 0.5), 1, 1, fill=False, edgecolor=ORANGE, linewidth=2.5
            )
        )
        _draw_prediction(below, prediction)
    return figure


def _draw_prediction(axes: Axes, prediction: LevelPrediction) -> None:
    """Draw the probability of each level, and mark the true level."""
    levels, top = len(prediction.probs), float(prediction.probs.max())
    _draw_frequencies(style_axes(axes), prediction.probs)
    axes.plot(prediction.truth, 1.1 * top, "v", color=ORANGE, markersize=8, clip_on=False)
    axes.set_xlim(-8, levels + 7)
    axes.set_ylim(0, 1.2 * top)
    axes.set_xticks([0, levels // 2 - 1, levels - 1])
    axes.yaxis.set_major_locator(MaxNLocator(2))


def plot_weight_similarity(similarities: Mapping[str, Tensor]) -> Figure:
    """Plot the cosine similarity of the output weights of all pairs of levels: matrices [K, K], by name."""
    figure = new_figure(3.2)
    panels = figure.subplots(1, len(similarities), squeeze=False)[0]
    for axes, (name, cosines) in zip(panels, similarities.items(), strict=True):
        image = style_axes(axes, name, x="level").imshow(
            cosines.numpy(), cmap="RdBu_r", vmin=-1, vmax=1, origin="lower"
        )
        axes.set_xticks([0, len(cosines) // 2, len(cosines) - 1])
        axes.set_yticks([0, len(cosines) // 2, len(cosines) - 1])
    panels[0].set_ylabel("level", fontsize=TEXT_SIZE, color=TEXT_COLOUR)
    bar = figure.colorbar(image, ax=list(panels), shrink=0.75, ticks=[-1, 0, 1])
    bar.ax.tick_params(labelsize=SMALL_SIZE)
    bar.set_label("cosine", fontsize=TEXT_SIZE, color=TEXT_COLOUR)
    return figure
