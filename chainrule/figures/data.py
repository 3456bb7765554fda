"""Figures of data: samples beside what is nearest to them, completions, and the distributions behind a pixel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from chainrule.conditionals import Conditionals
from chainrule.domain import Binary, Domain
from chainrule.errors import ChainruleError
from chainrule.figures.neighbours import nearest
from chainrule.figures.pixels import GAP, completion_grid, enlarged, grid, starts, to_bytes
from chainrule.figures.style import ACCENT, INK, PLAIN, SMALL, TEXT, WIDTH, bare, new_figure, plain
from chainrule.models.base import AutoregressiveModel

PANELS = 6
"""Distributions that a figure shows, in rows of three."""


def samples_figure(samples: Tensor, train: Tensor, domain: Domain, title: str = "", columns: int | None = None) -> Figure:
    """Left samples, right the training datum nearest to each, at the same place.

    Source: MADE (arXiv:1502.03509), figure 3.

    Args:
        samples: [n, *shape], of a domain of images with 1 or 3 channels.
        train: [m, *shape].
        columns: tiles in a row of one side; about a square unless given.

    Raises:
        ChainruleError: data that cannot be drawn, or no training data.
    """
    pictures = [np.asarray(grid(x, domain, columns)) for x in (samples, train[nearest(samples, train, domain)[0]])]
    height, width = pictures[0].shape[:2]
    figure = new_figure(WIDTH / 2 * height / width + (0.8 if title else 0.4), title)
    for axes, picture, name in zip(figure.subplots(1, 2), pictures, ("samples", "nearest training images"), strict=True):
        bare(axes, name).imshow(picture, cmap="gray", vmin=0, vmax=255)
    return figure


def completions_figure(
    original: Tensor, evidence: Tensor, completions: Tensor, domain: Domain, title: str = ""
) -> Figure:
    """One row a datum: the original, what is given (the rest blue), and completions, as in `completion_grid`.

    Source: PixelRNN (arXiv:1601.06759), figure 1.

    Raises:
        ChainruleError: as `completion_grid`.
    """
    picture = np.asarray(completion_grid(original, evidence, completions, domain))
    height, width = picture.shape[:2]
    figure = new_figure(WIDTH * height / width + (0.8 if title else 0.4), title)
    axes = bare(figure.subplots())
    axes.imshow(picture)
    size = enlarged(to_bytes(original[:1], domain), None).shape[2]
    lefts = starts(2 + completions.shape[1], size, wide=(1, 2))
    middles = {"original": lefts[0] + size / 2, "given": lefts[1] + size / 2, "completions": (lefts[2] + lefts[-1] + size) / 2}
    for name, middle in middles.items():
        axes.text(middle, -2 * GAP, name, ha="center", va="bottom", fontsize=TEXT, color=INK)
    return figure


def distributions_figure(
    model: AutoregressiveModel, x: Tensor, sites: Sequence[int] | None = None, title: str = ""
) -> Figure:
    """What the model expects at some pixels of one image, given all pixels before each; the true value is marked.

    Above, the image with those pixels numbered, and the nats that each of its pixels costs, summed over channels.
    Source: PixelRNN (arXiv:1601.06759), figure 6.

    Args:
        x: [*shape], one datum of a domain of images with 1 or 3 channels.
        sites: as numbered in the flattened datum, at most 6; `telling_sites` unless given.

    Raises:
        ChainruleError: data that cannot be drawn, or sites that the domain does not have.
    """
    picture = to_bytes(x[None], model.domain)[0]
    conditionals = _conditionals(model, x)
    chosen = telling_sites(model, conditionals) if sites is None else list(sites)
    _check_sites(chosen, model.domain)
    rows = -(-len(chosen) // 3)
    figure = new_figure(3.4 + 1.9 * rows + (0.4 if title else 0), title)
    above, below = figure.subfigures(2, 1, height_ratios=(3.2, 1.9 * rows))
    left, right = above.subplots(1, 2)
    bare(left, "the image").imshow(picture, cmap="gray", vmin=0, vmax=255)
    _number_pixels(left, chosen, model.domain)
    nats = -conditionals.log_prob(x[None].to(model.device))[0].sum(0).cpu()
    shown = bare(right, f"nats by pixel (sum {nats.sum():.1f})").imshow(nats, cmap="magma_r", vmin=0)
    above.colorbar(shown, ax=right, shrink=0.85).ax.tick_params(labelsize=SMALL)
    table, true = conditionals.table[0].flatten(0, -2).cpu(), x.flatten().tolist()
    panels = below.subplots(rows, 3, squeeze=False, sharey=True).flatten()
    for number, (axes, site) in enumerate(zip(panels, chosen, strict=False), 1):
        _bars(axes, table[site], int(true[site]), f"{number}: {_where(site, model.domain)}", model.domain)
    for axes in panels[len(chosen) :]:
        axes.set_visible(False)
    below.supxlabel("value (the true one in orange)", fontsize=TEXT, color=INK)
    below.supylabel("probability", fontsize=TEXT, color=INK)
    return figure


def telling_sites(model: AutoregressiveModel, conditionals: Conditionals, count: int = PANELS) -> list[int]:
    """The first site of the order, and of each of `count` - 1 equal stretches of the rest the one of greatest entropy.

    Args:
        conditionals: those of a single datum.
    """
    log_table = conditionals.log_table[0].flatten(0, -2).cpu()
    entropy = -(log_table.exp() * log_table.clamp(min=-1e9)).sum(-1)
    first, *rest = model.order.permutation
    stretches = np.array_split(np.array(rest, dtype=np.int64), max(1, min(count - 1, len(rest))))
    return [first, *(int(part[int(entropy[part].argmax())]) for part in stretches if len(part))]


@torch.no_grad()
def _conditionals(model: AutoregressiveModel, x: Tensor) -> Conditionals:
    return model.conditionals(model.domain.check(x[None]).to(model.device))


def _check_sites(sites: Sequence[int], domain: Domain) -> None:
    if not 1 <= len(sites) <= PANELS or not all(0 <= site < domain.sites for site in sites):
        raise ChainruleError(f"sites must name 1 to {PANELS} of the sites 0 … {domain.sites - 1}, not {list(sites)}")


def _number_pixels(axes: Axes, sites: Sequence[int], domain: Domain) -> None:
    """Marks the pixel of each site with its number, from 1."""
    _, height, width = domain.shape
    for number, site in enumerate(sites, 1):
        row, column = divmod(site % (height * width), width)
        axes.plot(column, row, "o", color="white", markeredgecolor=ACCENT, markeredgewidth=1.5, markersize=14)
        axes.text(column, row, str(number), ha="center", va="center_baseline", fontsize=SMALL, color=INK)


def _where(site: int, domain: Domain) -> str:
    channels, height, width = domain.shape
    channel, pixel = divmod(site, height * width)
    name = f"row {pixel // width}, col {pixel % width}"
    return name if channels == 1 else f"{name}, {'RGB'[channel]}"


def _bars(axes: Axes, probabilities: Tensor, true: int, title: str, domain: Domain) -> None:
    """One distribution over the K values, the bar of the true one in another colour."""
    values = range(domain.levels)
    colours = [ACCENT if value == true else PLAIN for value in values]
    plain(axes).bar(values, probabilities.tolist(), width=0.6 if isinstance(domain, Binary) else 0.9, color=colours)
    axes.set_title(title, fontsize=SMALL, color=INK)
    # A bar of a small probability cannot be seen, but where the truth lay must be.
    axes.plot(true, -0.04, "^", color=ACCENT, clip_on=False, transform=axes.get_xaxis_transform(), markersize=7)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.tick_params(axis="x", pad=6)
    axes.set_xlim(-0.7, domain.levels - 0.3)
