"""Figures of receptive fields: what the conditional of a site sees of the sites before it, and what it does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from chainrule.checks import dependence
from chainrule.domains import Domain, channel_name
from chainrule.domains.orders import Order
from chainrule.errors import ChainruleError
from chainrule.figures.style import (
    ACCENT,
    CLOSED,
    COLOURS,
    HALF,
    INK,
    PLAIN,
    SMALL,
    WIDTH,
    bare,
    key_below,
    lines_between,
    new_figure,
    panels_of,
    plain,
)
from chainrule.models.base import AutoregressiveModel

AFTER, UNSEEN, SEEN, ITSELF, LEAK = range(5)
"""What a site is to the one that is predicted. Of a pixel's channels the greatest counts."""
STATES = {
    ITSELF: ("predicted", ACCENT),
    SEEN: ("seen", PLAIN),
    UNSEEN: ("before it, not seen", HALF),
    AFTER: ("after it", CLOSED),
    LEAK: ("seen, not before it: a leak", COLOURS[3]),
}
STATE_COLOURS = ListedColormap([STATES[state][1] for state in range(5)])
COLUMNS = 3
"""Panels in a row."""
LOWEST, TALLEST = 0.5, 3.2
"""Inches of a panel, however wide or tall its image is."""
PLACE = "site, by its place in the order, from 0"


def field(seen: Tensor, order: Order, site: int) -> Tensor:
    """What each site is to the conditional of one, of a model that fulfils the contract or of one that does not.

    Args:
        seen: bool [D, D], True at [i, j] where the conditional of site i sees site j.

    Returns:
        int64 [D]: AFTER, UNSEEN (before it), SEEN (before it), ITSELF, or LEAK (seen, and not before it).

    Example:
        >>> field(torch.tensor([[0, 0, 0], [1, 0, 0], [0, 1, 0]]).bool(), Order((0, 1, 2)), 2).tolist()
        [1, 2, 3]
    """
    before, row = order.past(site), seen[site].cpu()
    state = torch.where(before, UNSEEN + row.long(), LEAK * row.long())
    state[site] = LEAK if row[site] else ITSELF
    return state


def fields_figure(seen: Tensor, order: Order, domain: Domain, sites: Sequence[int], title: str = "") -> Figure:
    """What the conditionals of some sites of an image see: a panel a site; of colours, a row a site, a panel a channel.

    Source: PixelRNN (arXiv:1601.06759), figure 4; Gated PixelCNN (arXiv:1606.05328), figure 1, for the blind spot.

    Args:
        seen: bool [D, D], True at [i, j] where the conditional of site i sees site j.
        sites: as numbered in the flattened datum.

    Raises:
        ChainruleError: a domain that is not of images, or sites that it does not have.
    """
    channels, height, width = _image_shape(domain)
    check_sites(sites, domain)
    columns = channels if channels > 1 else min(COLUMNS, len(sites))
    rows = len(sites) if channels > 1 else -(-len(sites) // columns)
    figure = _panels_figure(rows, columns, height / width, title)
    panels = panels_of(figure, columns, len(sites) * channels)
    states = [field(seen, order, site).view(domain.shape) for site in sites]
    for number, axes in enumerate(panels):
        row, channel = divmod(number, channels)
        each, site = states[row][channel], domain.describe_site(sites[row])
        name = f"{site}\n" if channels == 1 else f"{channel_name(channel, channels)}: "
        draw_field(axes, name + _count(each), each)
        if channels > 1 and channel == 0:
            axes.set_ylabel(site.replace(", ", "\n", 1), fontsize=SMALL, color=INK)
    _key(figure, states)
    return figure


def growth_figure(models: Mapping[str, Tensor], order: Order, domain: Domain, site: int, title: str = "") -> Figure:
    """What one conditional sees in several models, such as the same one with more and more layers; channels together.

    Args:
        models: by name, who sees whom, bool [D, D].

    Raises:
        ChainruleError: a domain that is not of images.
    """
    channels, height, width = _image_shape(domain)
    columns = min(COLUMNS, len(models)) if len(models) != 4 else 2
    rows = -(-len(models) // columns)
    figure = _panels_figure(rows, columns, height / width, title)
    states = {name: field(seen, order, site).view(channels, height, width).amax(0) for name, seen in models.items()}
    for axes, (name, state) in zip(panels_of(figure, columns, len(models)), states.items(), strict=True):
        draw_field(axes, f"{name}\n{_count(state)}", state)
    _key(figure, states.values())
    return figure


def sites_figure(seen: Tensor, order: Order, title: str = "") -> Figure:
    """Who sees whom, of all sites at once, in the model's order: a row is a conditional, a column what it may see.

    Args:
        seen: bool [D, D], True at [i, j] where the conditional of site i sees site j.
    """
    figure = new_figure(5.6 + (0.4 if title else 0), title)
    states = draw_sites(figure.subplots(), seen, order, STATE_COLOURS)
    _key(figure, [states])
    return figure


def draw_sites(axes: Axes, seen: Tensor, order: Order, colours: ListedColormap) -> Tensor:
    """Who sees whom as a matrix, and its states, int64 [D, D], in the order: a row is a conditional."""
    states = torch.stack([field(seen, order, site)[order.sites] for site in order.permutation])
    plain(axes, x=PLACE, y="conditional of the site").imshow(states.numpy(), cmap=colours, vmin=0, vmax=4)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, integer=True))
    return states


def context_figure(models: Mapping[str, AutoregressiveModel], site: int, title: str = "", seed: int = 0) -> Figure:
    """For each model, the pixels that its conditional of one site depends on, found by asking it.

    Args:
        models: by name, all of one domain of images.
        site: as numbered in the flattened datum.
        seed: draws the data that the models are asked about.

    Raises:
        ChainruleError: a domain that is not of images.
    """
    figure = new_figure(WIDTH / max(3, len(models)) + (1.1 if title else 0.7), title)
    panels = figure.subplots(1, len(models), squeeze=False)[0]
    for axes, (name, model) in zip(panels, models.items(), strict=True):
        channels, height, width = _image_shape(model.domain)
        state = field(dependence(model, seed).ever, model.order, site)
        draw_field(axes, name, state.view(channels, height, width).amax(0))
    key_below(figure, {STATES[state][0]: STATES[state][1] for state in (ITSELF, SEEN, UNSEEN, AFTER)})
    return figure


def pixels_seen(model: AutoregressiveModel, site: int, seed: int = 0) -> Tensor:
    """bool [H, W]: the pixels of which some channel changes the conditional of the site, found by `laws.dependence`.

    Raises:
        ChainruleError: a model of data that are not images.
    """
    _image_shape(model.domain)
    return dependence(model, seed).ever[site].view(model.domain.shape).any(0)


def draw_field(axes: Axes, name: str, state: Tensor) -> None:
    """A map of states [H, W]; the predicted site as a square without a grid."""
    bare(axes, name).imshow(state.numpy(), cmap=STATE_COLOURS, vmin=0, vmax=4)
    axes.title.set_fontsize(SMALL)
    lines_between(axes, state.shape)
    for row, column in (state == ITSELF).nonzero().tolist():
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=ACCENT))


def check_sites(sites: Sequence[int], domain: Domain, most: int | None = None) -> None:
    """Raises ChainruleError unless these are sites of the domain, at least one, and not more than so many."""
    if not 1 <= len(sites) <= (most or len(sites)) or not all(0 <= site < domain.sites for site in sites):
        count = f"1 to {most}" if most else "some"
        raise ChainruleError(f"sites must name {count} of the sites 0 … {domain.sites - 1}, not {list(sites)}")


def _image_shape(domain: Domain) -> tuple[int, int, int]:
    """The domain's (C, H, W).

    Raises:
        ChainruleError: it is not of images.
    """
    if not domain.is_image:
        raise ChainruleError(f"data of shape {list(domain.shape)} have no pixels; give a model of images (C, H, W)")
    channels, height, width = domain.shape
    return channels, height, width


def _panels_figure(rows: int, columns: int, aspect: float, title: str) -> Figure:
    """A figure for so many maps of that height by width, each with a title and a key of up to two lines."""
    panel = min(max((WIDTH / columns - 0.2) * aspect, LOWEST), TALLEST)
    return new_figure(rows * (panel + 0.6) + (1.2 if title else 0.8), title)


def _count(state: Tensor) -> str:
    """How much of what is before it is seen."""
    seen, before = int((state == SEEN).sum()), int(((state == SEEN) | (state == UNSEEN)).sum())
    return f"{seen} of {before} seen"


def _key(figure: Figure, states: Iterable[Tensor]) -> None:
    """The states that there are."""
    there = {value for state in states for value in state.flatten().tolist()}
    key_below(figure, {name: colour for state, (name, colour) in STATES.items() if state in there})
