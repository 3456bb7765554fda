"""Figures of one datum as the model meets it: what it expects at each site, and what each site costs."""

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
from chainrule.figures.fields import PLACE, TALLEST
from chainrule.figures.pixels import to_bytes
from chainrule.figures.style import ACCENT, FAINT, INK, PLAIN, SMALL, WIDTH, bare, new_figure, plain
from chainrule.models.base import AutoregressiveModel, evaluating


def expected_figure(model: AutoregressiveModel, x: Tensor, title: str = "") -> Figure:
    """An image; the mean of p(x_i | x_<i) at each site, which of binary sites is p(x_i = 1 | x_<i); and the bits.

    Below, of images in colour, the bits of each channel.

    Args:
        x: [*shape], one image of 1 or 3 channels.

    Raises:
        ChainruleError: data that cannot be drawn, or that the domain does not have.
    """
    domain = model.domain
    to_bytes(x[None], domain)  # refuses what cannot be drawn
    channels, height, width = domain.shape
    conditionals, bits = conditionals_and_bits(model, x)
    rows = 1 if channels == 1 else 2
    panel = min(max((WIDTH / 3 - 0.3) * height / width, 0.5), TALLEST)
    figure = new_figure(rows * (panel + 0.5) + (0.4 if title else 0), title)
    panels = figure.subplots(rows, 3, squeeze=False)
    draw_image(panels[0, 0], "the image", x, domain)
    name = "p(1 | what is before)" if isinstance(domain, Binary) else "the value expected"
    bare(panels[0, 1], name).imshow(_as_colours(means(conditionals)), cmap="gray", vmin=0, vmax=1)
    edged(panels[0, 1])
    draw_costs(figure, panels[0, 2:], {f"bits (sum {bits.sum():.1f})": bits.sum(0)})
    if rows == 2:
        draw_costs(figure, panels[1], {f"bits of {channel_name(c, len(bits))}": each for c, each in enumerate(bits)})
    return figure


def draw_image(axes: Axes, name: str, x: Tensor, domain: Domain) -> None:
    """One image [*shape] of 1 or 3 channels, with an edge: it may be white."""
    bare(axes, name).imshow(to_bytes(x[None], domain)[0], cmap="gray", vmin=0, vmax=255)
    edged(axes)


def edged(axes: Axes) -> None:
    """Thin lines around a picture."""
    for spine in axes.spines.values():
        spine.set(visible=True, color=FAINT, linewidth=0.6)


def expected_values_figure(model: AutoregressiveModel, x: Tensor, title: str = "") -> Figure:
    """Of data that are no pictures: the mean of each site's conditional beside the true value; and its bits.

    Args:
        x: [*shape], one datum.

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
    plain(above, y="p(1 | before)" if isinstance(model.domain, Binary) else "value")
    above.stairs(mean.numpy(), edges, fill=True, color=PLAIN, label="expected")
    above.plot(places, x.flatten().cpu()[order].numpy(), ".", color=ACCENT, label="true", clip_on=False)
    above.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, fontsize=SMALL, frameon=False, labelcolor=INK)
    plain(below, x=PLACE, y=f"bits (sum {bits.sum():.1f})")
    below.stairs(bits.flatten()[order].numpy(), edges, fill=True, color=PLAIN)
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def conditionals_and_bits(model: AutoregressiveModel, x: Tensor) -> tuple[Distributions, Tensor]:
    """All conditionals of one datum [*shape], and -log2 p(x_i | x_<i) of each site, float64 [*shape] on the CPU.

    Example:
        >>> from chainrule.models.independent import Independent
        >>> bits = conditionals_and_bits(Independent(Binary((3,))), torch.tensor([0, 1, 1]))[1]
        >>> bits.round(decimals=4).tolist()
        [1.0, 1.0, 1.0]
    """
    rows = model.domain.check(x[None]).to(model.device)
    with evaluating(model):
        conditionals = model.conditionals(rows)
    return conditionals, -conditionals.log_prob(rows)[0].detach().cpu().double() / math.log(2)


def means(conditionals: Distributions) -> Tensor:
    """The mean of each conditional of one datum, on a scale from 0 (the lowest value) to 1: float64 [*shape], CPU."""
    table = conditionals.probs[0].detach().cpu().double()
    return table @ torch.linspace(0, 1, table.shape[-1], dtype=torch.float64)


def _as_colours(mean: Tensor) -> np.ndarray:
    """[C, H, W] on the scale from 0 to 1 as imshow takes it: [H, W], or [H, W, 3]."""
    shown: np.ndarray = mean.clamp(0, 1).movedim(0, -1).squeeze(-1).numpy()
    return shown


def draw_costs(figure: Figure | SubFigure, panels: Iterable[Axes], maps: Mapping[str, Tensor]) -> None:
    """Maps [H, W] of nats or bits, by title, on one scale."""
    top = max(float(each.max()) for each in maps.values()) or 1.0  # of a certain model nothing costs anything
    axes_of = list(panels)
    for axes, (name, each) in zip(axes_of, maps.items(), strict=True):
        shown = bare(axes, name).imshow(each.numpy(), cmap="magma_r", vmin=0, vmax=top)
    scale = figure.colorbar(shown, ax=axes_of, shrink=0.85, panchor=False)  # maps stay where their titles have room
    scale.ax.tick_params(labelsize=SMALL)
