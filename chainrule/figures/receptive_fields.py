"""Figures of receptive fields: the sites that a conditional depends on, and the earlier sites that it does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from chainrule.checks import measure_dependence
from chainrule.domains import Domain, Order, channel_name
from chainrule.errors import ChainruleError
from chainrule.figures.style import (
    BLUE,
    LIGHT_BLUE,
    LIGHT_GRAY,
    ORANGE,
    PALETTE,
    SMALL_SIZE,
    TEXT_COLOUR,
    WIDTH,
    add_colour_key,
    add_panels,
    draw_cell_borders,
    new_figure,
    style_axes,
    style_image_axes,
)
from chainrule.models import AutoregressiveModel

AFTER, UNSEEN, SEEN, PREDICTED, LEAK = range(5)
"""The state of a site with respect to the predicted site. Of a pixel's channels the greatest state is shown."""
STATES = {
    PREDICTED: ("predicted", ORANGE),
    SEEN: ("seen", BLUE),
    UNSEEN: ("before it, not seen", LIGHT_BLUE),
    AFTER: ("after it", LIGHT_GRAY),
    LEAK: ("seen, not before it: a leak", PALETTE[3]),
}
"""The label and colour of each state."""
STATE_COLOURS = ListedColormap([STATES[state][1] for state in range(5)])
COLUMNS = 3
"""The number of panels in a row."""
LOWEST, TALLEST = 0.5, 3.2
"""The least and greatest height of a panel in inches, whatever the shape of its image."""
ORDER_LABEL = "site, by its place in the order, from 0"
"""The label of an axis of sites in the model's order."""


def site_states(seen: Tensor, order: Order, site: int) -> Tensor:
    """Return the state of every site with respect to the conditional of one site.

    Args:
        seen: bool [D, D], True at [i, j] where the conditional of site i depends on site j.
        order: the order of the sites.
        site: the site that is predicted.

    Returns:
        int64 [D]: AFTER, UNSEEN (before the site), SEEN (before the site), PREDICTED, or LEAK (seen, not before it).

    Example:
        >>> site_states(torch.tensor([[0, 0, 0], [1, 0, 0], [0, 1, 0]]).bool(), Order((0, 1, 2)), 2).tolist()
        [1, 2, 3]
    """
    before, row = order.past(site), seen[site].cpu()
    states = torch.where(before, UNSEEN + row.long(), LEAK * row.long())
    states[site] = LEAK if row[site] else PREDICTED
    return states


def receptive_fields_figure(
    seen: Tensor, order: Order, domain: Domain, sites: Sequence[int], *, title: str = ""
) -> Figure:
    """Draw the receptive fields of some sites of an image, a panel each; in colour a row of channels each.

    Source: PixelRNN (arXiv:1601.06759), figure 4; Gated PixelCNN (arXiv:1606.05328), figure 1, for the blind spot.

    Args:
        seen: bool [D, D], True at [i, j] where the conditional of site i depends on site j.
        order: the order of the sites.
        domain: a domain of images.
        sites: indices of sites in the flattened datum.
        title: the title of the figure.

    Raises:
        ChainruleError: a domain that is not of images, or sites that it does not have.
    """
    channels, height, width = _image_shape(domain)
    check_sites(sites, domain)
    columns = channels if channels > 1 else min(COLUMNS, len(sites))
    rows = len(sites) if channels > 1 else -(-len(sites) // columns)
    figure = _new_panels_figure(rows, columns, height / width, title)
    panels = add_panels(figure, columns, len(sites) * channels)
    states = [site_states(seen, order, site).view(domain.shape) for site in sites]
    for number, axes in enumerate(panels):
        row, channel = divmod(number, channels)
        state, name = states[row][channel], domain.describe_site(sites[row])
        heading = f"{name}\n" if channels == 1 else f"{channel_name(channel, channels)}: "
        draw_site_states(axes, heading + _count_seen(state), state)
        if channels > 1 and channel == 0:
            axes.set_ylabel(name.replace(", ", "\n", 1), fontsize=SMALL_SIZE, color=TEXT_COLOUR)
    _add_state_key(figure, states)
    return figure


def receptive_field_comparison_figure(
    seen: Mapping[str, Tensor], order: Order, domain: Domain, site: int, *, title: str = ""
) -> Figure:
    """Draw the receptive field of one site in several models, such as models of several depths; channels together.

    Args:
        seen: bool [D, D] by the name of the model, True at [i, j] where the conditional of site i depends on site j.
        order: the order of the sites.
        domain: a domain of images.
        site: the index of the site in the flattened datum.
        title: the title of the figure.

    Raises:
        ChainruleError: a domain that is not of images.
    """
    channels, height, width = _image_shape(domain)
    columns = min(COLUMNS, len(seen)) if len(seen) != 4 else 2
    rows = -(-len(seen) // columns)
    figure = _new_panels_figure(rows, columns, height / width, title)
    states = {name: site_states(each, order, site).view(channels, height, width).amax(0) for name, each in seen.items()}
    for axes, (name, state) in zip(add_panels(figure, columns, len(seen)), states.items(), strict=True):
        draw_site_states(axes, f"{name}\n{_count_seen(state)}", state)
    _add_state_key(figure, states.values())
    return figure


def dependence_matrix_figure(seen: Tensor, order: Order, *, title: str = "") -> Figure:
    """Draw the dependence of all conditionals on all sites as a matrix, in the model's order.

    A row is a conditional, a column a site that the conditional may depend on.

    Args:
        seen: bool [D, D], True at [i, j] where the conditional of site i depends on site j.
        order: the order of the sites.
        title: the title of the figure.
    """
    figure = new_figure(5.6 + (0.4 if title else 0), title)
    states = draw_dependence_matrix(figure.subplots(), seen, order, STATE_COLOURS)
    _add_state_key(figure, [states])
    return figure


def draw_dependence_matrix(axes: Axes, seen: Tensor, order: Order, colours: ListedColormap) -> Tensor:
    """Draw the matrix of states in the model's order, a row for each conditional; return it: int64 [D, D]."""
    states = torch.stack([site_states(seen, order, site)[order.sites] for site in order.permutation])
    style_axes(axes, x=ORDER_LABEL, y="conditional of the site").imshow(states.numpy(), cmap=colours, vmin=0, vmax=4)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, integer=True))
    return states


def measured_receptive_fields_figure(
    models: Mapping[str, AutoregressiveModel], site: int, *, title: str = "", seed: int = 0
) -> Figure:
    """Draw the pixels that the conditional of one site depends on in each model, as measured by `measure_dependence`.

    Args:
        models: the models by name, all of one domain of images.
        site: the index of the site in the flattened datum.
        title: the title of the figure.
        seed: draws the data that the models are tried on.

    Raises:
        ChainruleError: a domain that is not of images.
    """
    figure = new_figure(WIDTH / max(3, len(models)) + (1.1 if title else 0.7), title)
    panels = figure.subplots(1, len(models), squeeze=False)[0]
    for axes, (name, model) in zip(panels, models.items(), strict=True):
        channels, height, width = _image_shape(model.domain)
        states = site_states(measure_dependence(model, seed=seed).matrix, model.order, site)
        draw_site_states(axes, name, states.view(channels, height, width).amax(0))
    add_colour_key(figure, {STATES[state][0]: STATES[state][1] for state in (PREDICTED, SEEN, UNSEEN, AFTER)})
    return figure


def measure_receptive_field(model: AutoregressiveModel, site: int, *, seed: int = 0) -> Tensor:
    """Return the pixels that the conditional of one site depends on, as measured by `measure_dependence`.

    Returns:
        bool [H, W]: True where some channel of the pixel changes the conditional.

    Raises:
        ChainruleError: a model of data that are not images.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models import Independent
        >>> int(measure_receptive_field(Independent(Binary((1, 3, 3))), 8).sum())
        0
    """
    _image_shape(model.domain)
    return measure_dependence(model, seed=seed).matrix[site].view(model.domain.shape).any(0)


def draw_site_states(axes: Axes, name: str, states: Tensor) -> None:
    """Draw a map of states [H, W]; the predicted site is a square without borders."""
    style_image_axes(axes, name).imshow(states.numpy(), cmap=STATE_COLOURS, vmin=0, vmax=4)
    axes.title.set_fontsize(SMALL_SIZE)
    draw_cell_borders(axes, states.shape)
    for row, column in (states == PREDICTED).nonzero().tolist():
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=ORANGE))


def check_sites(sites: Sequence[int], domain: Domain, most: int | None = None) -> None:
    """Check that these are sites of the domain, at least one and at most `most`.

    Raises:
        ChainruleError: no sites, too many, or a site that the domain does not have.
    """
    if not 1 <= len(sites) <= (most or len(sites)) or not all(0 <= site < domain.sites for site in sites):
        count = f"1 to {most}" if most else "some"
        raise ChainruleError(f"sites must name {count} of the sites 0 … {domain.sites - 1}, not {list(sites)}")


def _image_shape(domain: Domain) -> tuple[int, int, int]:
    """Return the (C, H, W) of the domain.

    Raises:
        ChainruleError: a domain that is not of images.
    """
    if not domain.is_image:
        raise ChainruleError(f"data of shape {list(domain.shape)} have no pixels; give a model of images (C, H, W)")
    channels, height, width = domain.shape
    return channels, height, width


def _new_panels_figure(rows: int, columns: int, aspect: float, title: str) -> Figure:
    """Return a figure for panels of that height by width, each with a title, and a key of up to two lines."""
    panel = min(max((WIDTH / columns - 0.2) * aspect, LOWEST), TALLEST)
    return new_figure(rows * (panel + 0.6) + (1.2 if title else 0.8), title)


def _count_seen(states: Tensor) -> str:
    """Return the number of sites that are seen, of those before the predicted site, in words."""
    seen, before = int((states == SEEN).sum()), int(((states == SEEN) | (states == UNSEEN)).sum())
    return f"{seen} of {before} seen"


def _add_state_key(figure: Figure, states: Iterable[Tensor]) -> None:
    """Add a key of the states that occur."""
    found = {value for state in states for value in state.flatten().tolist()}
    add_colour_key(figure, {label: colour for state, (label, colour) in STATES.items() if state in found})
