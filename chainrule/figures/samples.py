"""Figures of samples and of completions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from chainrule.domains import Domain
from chainrule.figures.image_grids import GAP, completion_grid, completion_scale, image_grid, tile_offsets
from chainrule.figures.nearest_neighbours import find_nearest
from chainrule.figures.style import TEXT_COLOUR, TEXT_SIZE, WIDTH, new_figure, style_image_axes

COLUMNS = 3
"""The number of grids in a row."""
TALLEST = 3
"""The largest height of a grid, in widths; a taller one is drawn narrower than its panel."""


def samples_figure(samples: Tensor, train: Tensor, domain: Domain, *, title: str = "") -> Figure:
    """Draw samples on the left, and the training datum nearest to each in the same place on the right.

    Source: MADE (arXiv:1502.03509), figure 3.

    Args:
        samples: [n, *shape].
        train: [m, *shape].
        domain: a domain of images with 1 or 3 channels.
        title: the title of the figure.

    Raises:
        ChainruleError: data that cannot be drawn, or no training data.
    """
    index, _ = find_nearest(samples, train, domain)
    pictures = {"samples": image_grid(samples, domain), "nearest training images": image_grid(train[index], domain)}
    width, height = pictures["samples"].size
    figure = new_figure(WIDTH / 2 * height / width + (0.7 if title else 0.3), title)
    for axes, (name, picture) in zip(figure.subplots(1, 2), pictures.items(), strict=True):
        style_image_axes(axes, name).imshow(np.asarray(picture), cmap="gray", vmin=0, vmax=255)
    return figure


def sample_grids_figure(data: Mapping[str, Tensor], domain: Domain, *, title: str = "") -> Figure:
    """Draw one grid of images for each entry of `data`.

    Args:
        data: [n, *shape] by the title of the grid; all have the same n.
        domain: a domain of images with 1 or 3 channels.
        title: the title of the figure.

    Raises:
        ChainruleError: data that cannot be drawn.
    """
    pictures = {name: np.asarray(image_grid(x, domain)) for name, x in data.items()}
    height, width = next(iter(pictures.values())).shape[:2]
    columns = min(COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    aspect = min(height / width, TALLEST)
    figure = new_figure(rows * (WIDTH / columns * aspect + 0.3) + (0.4 if title else 0), title)
    panels = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes in panels:
        style_image_axes(axes)
    for axes, (name, picture) in zip(panels, pictures.items(), strict=False):
        style_image_axes(axes, name).imshow(picture, cmap="gray", vmin=0, vmax=255)
    return figure


def completions_figure(
    original: Tensor, evidence: Tensor, completions: Tensor, domain: Domain, *, title: str = ""
) -> Figure:
    """Draw one row for each datum: the original, its evidence (all else blue), and completions, as `completion_grid`.

    Source: PixelRNN (arXiv:1601.06759), figure 1.

    Args:
        original: [m, *shape].
        evidence: bool, True where a value is given; [*shape] for all data, or [m, *shape].
        completions: [m, n, *shape], as `complete` returns them.
        domain: a domain of images with 1 or 3 channels.
        title: the title of the figure.

    Raises:
        ChainruleError: as `completion_grid`.
    """
    scale = completion_scale(completions)
    picture = np.asarray(completion_grid(original, evidence, completions, domain, scale=scale))
    height, width = picture.shape[:2]
    figure = new_figure(WIDTH * height / width + (0.8 if title else 0.4), title)
    axes = style_image_axes(figure.subplots())
    axes.imshow(picture)
    size = scale * domain.shape[2]
    lefts = tile_offsets(2 + completions.shape[1], size, wide=(1, 2))
    first, second, *rest = (left + size / 2 for left in lefts)
    for name, middle in {"original": first, "given": second, "completions": (rest[0] + rest[-1]) / 2}.items():
        axes.text(middle, -2 * GAP, name, ha="center", va="bottom", fontsize=TEXT_SIZE, color=TEXT_COLOUR)
    return figure
