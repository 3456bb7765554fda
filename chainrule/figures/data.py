"""Figures of data: samples beside what is nearest to them, completions, and the distributions behind a pixel."""

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
from chainrule.figures.fields import check_sites
from chainrule.figures.maps import draw_costs, draw_image
from chainrule.figures.neighbours import nearest
from chainrule.figures.pixels import GAP, completion_grid, completion_scale, grid, is_picture, starts
from chainrule.figures.style import ACCENT, INK, PLAIN, SMALL, TEXT, WIDTH, bare, new_figure, panels_of, plain
from chainrule.models.base import AutoregressiveModel

PANELS, MOST, COLUMNS = 6, 9, 3
"""How many distributions a figure shows unless told, how many at most, and how many in a row."""
TICKS = 5
"""Values that are named below a distribution, the lowest and the highest among them."""


def samples_figure(samples: Tensor, train: Tensor, domain: Domain, title: str = "") -> Figure:
    """Left samples, right the training datum nearest to each, at the same place.

    Source: MADE (arXiv:1502.03509), figure 3.

    Args:
        samples: [n, *shape], of a domain of images with 1 or 3 channels.
        train: [m, *shape].

    Raises:
        ChainruleError: data that cannot be drawn, or no training data.
    """
    near, _ = nearest(samples, train, domain)
    pictures = {"samples": grid(samples, domain), "nearest training images": grid(train[near], domain)}
    width, height = pictures["samples"].size
    figure = new_figure(WIDTH / 2 * height / width + (0.7 if title else 0.3), title)
    for axes, (name, picture) in zip(figure.subplots(1, 2), pictures.items(), strict=True):
        bare(axes, name).imshow(np.asarray(picture), cmap="gray", vmin=0, vmax=255)
    return figure


def completions_figure(
    original: Tensor, evidence: Tensor, completions: Tensor, domain: Domain, title: str = ""
) -> Figure:
    """One row a datum: the original, what is given (the rest blue), and completions, as in `completion_grid`.

    Source: PixelRNN (arXiv:1601.06759), figure 1.

    Raises:
        ChainruleError: as `completion_grid`.
    """
    scale = completion_scale(completions)
    picture = np.asarray(completion_grid(original, evidence, completions, domain, scale))
    height, width = picture.shape[:2]
    figure = new_figure(WIDTH * height / width + (0.8 if title else 0.4), title)
    axes = bare(figure.subplots())
    axes.imshow(picture)
    size = scale * domain.shape[2]
    first, second, *rest = (left + size / 2 for left in starts(2 + completions.shape[1], size, wide=(1, 2)))
    for name, middle in {"original": first, "given": second, "completions": (rest[0] + rest[-1]) / 2}.items():
        axes.text(middle, -2 * GAP, name, ha="center", va="bottom", fontsize=TEXT, color=INK)
    return figure


def distributions_figure(
    model: AutoregressiveModel, x: Tensor, sites: Sequence[int] | None = None, title: str = "", nats: bool = True
) -> Figure:
    """What the model expects at some sites of one datum, given all that comes before each; the true value is marked.

    Above, of images of 1 or 3 channels, the image with those pixels numbered.
    Source: PixelRNN (arXiv:1601.06759), figure 6.

    Args:
        x: [*shape], one datum of the model's domain.
        sites: as numbered in the flattened datum, at most 9; `telling_sites` unless given.
        nats: whether the nats that each pixel costs (all channels together) are shown beside the image.

    Raises:
        ChainruleError: data or sites that the domain does not have.
    """
    domain = model.domain
    with torch.no_grad():
        conditionals = model.conditionals(domain.check(x[None]).to(model.device))
    chosen = telling_sites(model, conditionals) if sites is None else list(sites)
    check_sites(chosen, domain, MOST)
    rows, above = -(-len(chosen) // COLUMNS), _height_above(domain)
    figure = new_figure(above + 1.9 * rows + (0.4 if title else 0), title)
    below: Figure | SubFigure = figure
    if above:
        top, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(above, 1.9 * rows))[:, 0]
        left, *right = top.subplots(1, 1 + nats, squeeze=False)[0]
        draw_image(left, "the image", x, domain)
        _number_pixels(left, chosen, domain)
        if nats:
            cost = -conditionals.log_prob(x[None].to(model.device))[0].sum(0).detach().cpu()
            draw_costs(top, right, {f"nats by pixel (sum {cost.sum():.1f})": cost})
    panels = panels_of(below, COLUMNS, len(chosen))
    for number, (axes, site) in enumerate(zip(panels, chosen, strict=True), 1):
        _bars(axes, conditionals, site, int(x.flatten()[site]), domain)
        axes.set_title(f"{number}: {domain.describe_site(site)}", fontsize=SMALL, color=INK)
    below.supxlabel("value (the true one in orange)", fontsize=TEXT, color=INK)
    below.supylabel("probability", fontsize=TEXT, color=INK)
    return figure


def telling_sites(model: AutoregressiveModel, conditionals: Distributions, count: int = PANELS) -> list[int]:
    """The first site of the order, and from each of `count` - 1 equal stretches of the rest one that is worth a look.

    That is the site whose entropy lies nearest to half of the greatest possible, ½ ln K: neither certain nor a guess.

    Args:
        conditionals: those of a single datum.
    """
    log_probs = conditionals.log_probs[0].flatten(0, -2).cpu()
    entropy = -(log_probs.exp() * log_probs.clamp(min=-1e9)).sum(-1)  # 0 · ln 0 = 0
    off = (entropy - math.log(model.domain.levels) / 2).abs()
    first, *rest = model.order.permutation
    stretches = np.array_split(np.array(rest, dtype=np.int64), count - 1)
    return [first, *(int(part[int(off[part].argmin())]) for part in stretches if len(part))]


def _number_pixels(axes: Axes, sites: Sequence[int], domain: Domain) -> None:
    """Marks the pixel of each site with its number, from 1; sites of one pixel, its channels, share a mark."""
    _, height, width = domain.shape
    numbers: dict[int, list[int]] = {}
    for number, site in enumerate(sites, 1):
        numbers.setdefault(site % (height * width), []).append(number)
    for pixel, some in numbers.items():
        row, column = divmod(pixel, width)
        box = {"boxstyle": "round,pad=0.2,rounding_size=0.6", "facecolor": "white", "edgecolor": ACCENT}
        axes.text(
            column, row, in_short(some), ha="center", va="center_baseline", fontsize=SMALL, color=INK, bbox=box
        )  # fmt: skip


def in_short(numbers: Sequence[int]) -> str:
    """Rising numbers, those that follow each other as from and to.

    Example:
        >>> in_short([3]), in_short([3, 4, 5]), in_short([1, 4, 5])
        ('3', '3–5', '1, 4, 5')
    """
    first, last = numbers[0], numbers[-1]
    if last - first == len(numbers) - 1 > 1:
        return f"{first}–{last}"
    return ", ".join(map(str, numbers))


def _height_above(domain: Domain) -> float:
    """Inches for the image and its title; none for data that are no pictures."""
    if not is_picture(domain):
        return 0.0
    _, height, width = domain.shape
    return min(max(3.0 * height / width + 0.4, 1.4), 3.4)


def _bars(axes: Axes, conditionals: Distributions, site: int, true: int, domain: Domain) -> None:
    """One distribution over the K values, the bar of the true one in another colour."""
    probabilities = conditionals.select_sites(torch.tensor([site])).probs[0, 0].tolist()
    colours = [ACCENT if value == true else PLAIN for value in range(domain.levels)]
    binary = isinstance(domain, Binary)
    width = 0.6 if binary else 0.9 if domain.levels <= 32 else 1.0  # narrow bars leave no room between them
    plain(axes).bar(range(domain.levels), probabilities, width=width, color=colours)
    top = 1.0 if binary else max(probabilities)
    axes.plot(true, probabilities[true] + 0.08 * top, "v", color=ACCENT, markersize=7)  # a low bar alone is overlooked
    axes.set_xticks(sorted({round(value) for value in np.linspace(0, domain.levels - 1, TICKS)}))
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.set_xlim(-0.7, domain.levels - 0.3)
    axes.set_ylim(0, 1.16 * top)
