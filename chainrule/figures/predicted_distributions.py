"""The figure of the distributions that a model predicts at some sites of one datum."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from chainrule.distributions import Distributions
from chainrule.domains import Binary, Domain
from chainrule.figures.expected_values import draw_heatmaps, draw_image
from chainrule.figures.image_grids import is_drawable
from chainrule.figures.receptive_fields import check_sites
from chainrule.figures.style import (
    BLUE,
    ORANGE,
    SMALL_SIZE,
    TEXT_COLOUR,
    TEXT_SIZE,
    add_panels,
    new_figure,
    style_axes,
)
from chainrule.models import AutoregressiveModel

DEFAULT_SITES, MAX_SITES, COLUMNS = 6, 9, 3
"""The default and the largest number of sites in a figure, and the number of panels in a row."""
PANEL_HEIGHT = 1.9
"""The height of a row of panels in inches."""
TICKS = 5
"""The number of labelled values below a distribution, the lowest and the highest value among them."""


def distributions_figure(
    model: AutoregressiveModel,
    x: Tensor,
    sites: Sequence[int] | None = None,
    *,
    show_nats: bool = True,
    title: str = "",
) -> Figure:
    """Draw the conditionals of some sites of one datum as bars, with the bar of the true value in orange.

    Of images with 1 or 3 channels, the image is drawn above, with the pixels of these sites numbered.
    Source: PixelRNN (arXiv:1601.06759), figure 6.

    Args:
        model: the model.
        x: [*shape], one datum of the model's domain.
        sites: at most 9 indices of sites in the flattened datum; by default `informative_sites`.
        show_nats: whether a map beside the image shows the nats of each pixel, summed over channels.
        title: the title of the figure.

    Raises:
        ChainruleError: data or sites that the domain does not have.

    Example:
        >>> from chainrule.models import Independent
        >>> len(distributions_figure(Independent(Binary((4,))), torch.tensor([0, 1, 1, 0]), [0, 3]).axes)
        3
    """
    domain = model.domain
    with torch.no_grad():
        conditionals = model.conditionals(domain.check(x[None]).to(model.device))
    chosen = informative_sites(model, conditionals) if sites is None else list(sites)
    check_sites(chosen, domain, MAX_SITES)
    rows, above = -(-len(chosen) // COLUMNS), _image_height(domain)
    figure = new_figure(above + PANEL_HEIGHT * rows + (0.4 if title else 0), title)
    below: Figure | SubFigure = figure
    if above:
        top, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(above, PANEL_HEIGHT * rows))[:, 0]
        left, *right = top.subplots(1, 1 + show_nats, squeeze=False)[0]
        draw_image(left, "the image", x, domain)
        _number_pixels(left, chosen, domain)
        if show_nats:
            nats = -conditionals.log_prob(x[None].to(model.device))[0].sum(0).detach().cpu()
            draw_heatmaps(top, right, {f"nats by pixel (sum {nats.sum():.1f})": nats})
    _draw_panels(below, conditionals, x, chosen, domain)
    return figure


def informative_sites(
    model: AutoregressiveModel, conditionals: Distributions, *, count: int = DEFAULT_SITES
) -> list[int]:
    """Return the first site of the order, and one site from each of `count` - 1 equal parts of the rest of the order.

    Of each part it is the site whose entropy is nearest to half of the greatest possible entropy, ½ ln K: the model is
    neither certain there nor without any information.

    Args:
        model: the model, for the order of its sites.
        conditionals: the conditionals of a single datum.
        count: the number of sites; fewer are returned where the order is shorter.
    """
    log_probs = conditionals.log_probs[0].flatten(0, -2).cpu()
    entropy = -(log_probs.exp() * log_probs.clamp(min=-1e9)).sum(-1)  # 0 · ln 0 = 0
    distance = (entropy - math.log(model.domain.levels) / 2).abs()
    first, *rest = model.order.permutation
    parts = np.array_split(np.array(rest, dtype=np.int64), count - 1)
    return [first, *(int(part[int(distance[part].argmin())]) for part in parts if len(part))]


def format_ranges(numbers: Sequence[int]) -> str:
    """Return rising numbers as text, three or more consecutive ones as a range.

    Example:
        >>> format_ranges([3]), format_ranges([3, 4, 5]), format_ranges([1, 4, 5])
        ('3', '3–5', '1, 4, 5')
    """
    first, last = numbers[0], numbers[-1]
    if last - first == len(numbers) - 1 > 1:
        return f"{first}–{last}"
    return ", ".join(map(str, numbers))


def _number_pixels(axes: Axes, sites: Sequence[int], domain: Domain) -> None:
    """Mark the pixel of each site with the number of the site, from 1; the channels of a pixel share a mark."""
    _, height, width = domain.shape
    numbers: dict[int, list[int]] = {}
    for number, site in enumerate(sites, 1):
        numbers.setdefault(site % (height * width), []).append(number)
    box = {"boxstyle": "round,pad=0.2,rounding_size=0.6", "facecolor": "white", "edgecolor": ORANGE}
    for pixel, some in numbers.items():
        row, column = divmod(pixel, width)
        axes.text(
            column, row, format_ranges(some), ha="center", va="center_baseline", fontsize=SMALL_SIZE,
            color=TEXT_COLOUR, bbox=box,
        )  # fmt: skip


def _image_height(domain: Domain) -> float:
    """Return the height in inches of the image and its title; 0 for data that cannot be drawn."""
    if not is_drawable(domain):
        return 0.0
    _, height, width = domain.shape
    return min(max(3.0 * height / width + 0.4, 1.4), 3.4)


def _draw_panels(
    part: Figure | SubFigure, conditionals: Distributions, x: Tensor, sites: Sequence[int], domain: Domain
) -> None:
    """Draw one panel of bars for each site."""
    for number, (axes, site) in enumerate(zip(add_panels(part, COLUMNS, len(sites)), sites, strict=True), 1):
        _draw_bars(axes, conditionals, site, int(x.flatten()[site]), domain)
        axes.set_title(f"{number}: {domain.describe_site(site)}", fontsize=SMALL_SIZE, color=TEXT_COLOUR)
    part.supxlabel("value (the true one in orange)", fontsize=TEXT_SIZE, color=TEXT_COLOUR)
    part.supylabel("probability", fontsize=TEXT_SIZE, color=TEXT_COLOUR)


def _draw_bars(axes: Axes, conditionals: Distributions, site: int, true: int, domain: Domain) -> None:
    """Draw the distribution of one site over its K values, the bar of the true value in orange."""
    probabilities = conditionals.select_sites(torch.tensor([site])).probs[0, 0].tolist()
    colours = [ORANGE if value == true else BLUE for value in range(domain.levels)]
    binary = isinstance(domain, Binary)
    width = 0.6 if binary else 0.9 if domain.levels <= 32 else 1.0  # between narrow bars no gap can be seen
    style_axes(axes).bar(range(domain.levels), probabilities, width=width, color=colours)
    top = 1.0 if binary else max(probabilities)
    axes.plot(true, probabilities[true] + 0.08 * top, "v", color=ORANGE, markersize=7)  # a low bar is hard to see
    axes.set_xticks(sorted({round(value) for value in np.linspace(0, domain.levels - 1, TICKS)}))
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.set_xlim(-0.7, domain.levels - 0.3)
    axes.set_ylim(0, 1.16 * top)
