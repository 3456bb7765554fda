"""Figures of the value that a model expects at each site of one datum, and of the bits that each site costs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from chainrule.distributions import Distributions
from chainrule.domains import Binary, Domain, channel_name
from chainrule.figures.image_grids import to_pixels
from chainrule.figures.receptive_fields import ORDER_LABEL, TALLEST
from chainrule.figures.style import (
    BLUE,
    LINE_COLOUR,
    ORANGE,
    SMALL_SIZE,
    TEXT_COLOUR,
    WIDTH,
    new_figure,
    style_axes,
    style_image_axes,
)
from chainrule.models import AutoregressiveModel
from chainrule.sampling import evaluating


def expected_image_figure(model: AutoregressiveModel, x: Tensor, *, title: str = "") -> Figure:
    """Draw an image, the mean of p(x_i | x_<i) at each site (of binary sites p(x_i = 1 | x_<i)), and the bits.

    In colour, the bits of each channel are drawn below.

    Args:
        model: the model.
        x: [*shape], one image of 1 or 3 channels.
        title: the title of the figure.

    Raises:
        ChainruleError: data that cannot be drawn, or that the domain does not have.
    """
    domain = model.domain
    to_pixels(x[None], domain)  # refuses what cannot be drawn
    channels, height, width = domain.shape
    conditionals, bits = conditionals_and_bits(model, x)
    rows = 1 if channels == 1 else 2
    panel = min(max((WIDTH / 3 - 0.3) * height / width, 0.5), TALLEST)
    figure = new_figure(rows * (panel + 0.5) + (0.4 if title else 0), title)
    panels = figure.subplots(rows, 3, squeeze=False)
    draw_image(panels[0, 0], "the image", x, domain)
    name = "p(1 | what is before)" if isinstance(domain, Binary) else "the value expected"
    style_image_axes(panels[0, 1], name).imshow(_channels_last(means(conditionals)), cmap="gray", vmin=0, vmax=1)
    draw_edge(panels[0, 1])
    draw_heatmaps(figure, panels[0, 2:], {f"bits (sum {bits.sum():.1f})": bits.sum(0)})
    if rows == 2:
        by_channel = {f"bits of {channel_name(c, len(bits))}": each for c, each in enumerate(bits)}
        draw_heatmaps(figure, panels[1], by_channel)
    return figure


def expected_values_figure(model: AutoregressiveModel, x: Tensor, *, title: str = "") -> Figure:
    """Draw the mean of the conditional of each site beside the true value, and the bits of each site, in the order.

    Args:
        model: the model.
        x: [*shape], one datum, which need not be an image.
        title: the title of the figure.

    Raises:
        ChainruleError: data that the domain does not have.
    """
    conditionals, bits = conditionals_and_bits(model, x)
    order, top = model.order.sites, model.domain.levels - 1
    figure = new_figure(5.2 + (0.4 if title else 0), title)
    above, below = figure.subplots(2, 1, sharex=True)
    places = np.arange(len(order))
    edges = np.arange(len(order) + 1) - 0.5
    mean = top * means(conditionals).flatten()[order]
    style_axes(above, y="p(1 | before)" if isinstance(model.domain, Binary) else "value")
    above.stairs(mean.numpy(), edges, fill=True, color=BLUE, label="expected")
    above.plot(places, x.flatten().cpu()[order].numpy(), ".", color=ORANGE, label="true", clip_on=False)
    above.legend(
        loc="lower right", bbox_to_anchor=(1, 1), ncols=2, fontsize=SMALL_SIZE, frameon=False, labelcolor=TEXT_COLOUR
    )
    style_axes(below, x=ORDER_LABEL, y=f"bits (sum {bits.sum():.1f})")
    below.stairs(bits.flatten()[order].numpy(), edges, fill=True, color=BLUE)
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def conditionals_and_bits(model: AutoregressiveModel, x: Tensor) -> tuple[Distributions, Tensor]:
    """Return the conditionals of one datum [*shape], and -log2 p(x_i | x_<i) of each site: float64 [*shape], CPU.

    Example:
        >>> from chainrule.models.independent import Independent
        >>> bits = conditionals_and_bits(Independent(Binary((3,))), torch.tensor([0, 1, 1]))[1]
        >>> bits.round(decimals=4).tolist()
        [1.0, 1.0, 1.0]
    """
    batch = model.domain.check(x[None]).to(model.device)
    with evaluating(model):
        conditionals = model.conditionals(batch)
    return conditionals, -conditionals.log_prob(batch)[0].detach().cpu().double() / math.log(2)


def means(conditionals: Distributions) -> Tensor:
    """Return the mean of each conditional of one datum, scaled to 0 (lowest value) … 1 (highest): float64 [*shape]."""
    probs = conditionals.probs[0].detach().cpu().double()
    return probs @ torch.linspace(0, 1, probs.shape[-1], dtype=torch.float64)


def draw_image(axes: Axes, name: str, x: Tensor, domain: Domain) -> None:
    """Draw one image [*shape] of 1 or 3 channels, with an edge, since it may be white."""
    style_image_axes(axes, name).imshow(to_pixels(x[None], domain)[0], cmap="gray", vmin=0, vmax=255)
    draw_edge(axes)


def draw_edge(axes: Axes) -> None:
    """Draw thin lines around an image."""
    for spine in axes.spines.values():
        spine.set(visible=True, color=LINE_COLOUR, linewidth=0.6)


def draw_heatmaps(figure: Figure | SubFigure, panels: Iterable[Axes], maps: Mapping[str, Tensor]) -> None:
    """Draw maps [H, W] of nats or bits, by title, with one colour scale."""
    top = max(float(each.max()) for each in maps.values()) or 1.0  # a model that is certain costs nothing anywhere
    axes_of_maps = list(panels)
    for axes, (name, each) in zip(axes_of_maps, maps.items(), strict=True):
        shown = style_image_axes(axes, name).imshow(each.numpy(), cmap="magma_r", vmin=0, vmax=top)
    scale = figure.colorbar(shown, ax=axes_of_maps, shrink=0.85, panchor=False)  # leaves space for the titles of maps
    scale.ax.tick_params(labelsize=SMALL_SIZE)


def _channels_last(mean: Tensor) -> np.ndarray:
    """Return means [C, H, W] as imshow takes them: [H, W], or [H, W, 3] in colour."""
    shown: np.ndarray = mean.clamp(0, 1).movedim(0, -1).squeeze(-1).numpy()
    return shown
