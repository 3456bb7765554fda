"""The figure of a leak check: the outputs that depend on sites that they must not see, and the past that they use."""

from __future__ import annotations

from textwrap import fill

import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, ListedColormap, to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from torch import Tensor

from chainrule.checks import LeakReport
from chainrule.domains import channel_name
from chainrule.figures.receptive_fields import AFTER, LEAK, SEEN, UNSEEN, draw_dependence_matrix, site_states
from chainrule.figures.style import (
    BLUE,
    LIGHT_BLUE,
    LIGHT_GRAY,
    ORANGE,
    SMALL_SIZE,
    TEXT_COLOUR,
    WIDTH,
    add_legend_below,
    draw_cell_borders,
    new_figure,
    style_axes,
    style_image_axes,
)
from chainrule.formatting import counted

MAX_OFFSET = 4
"""The largest offset, in rows and columns, in the panel of offsets."""
LEAK_COLOURS = ListedColormap([LIGHT_GRAY, LIGHT_BLUE, BLUE, LIGHT_GRAY, ORANGE])
"""The colour of each state of `site_states`. An output's own site is framed, and coloured only where it leaks."""
SHARE_COLOURS = LinearSegmentedColormap.from_list("shares", [LIGHT_BLUE, BLUE])
TITLE_HEIGHT, TITLE_LETTERS = 0.3, 58
"""The height of a line of the title in inches, and the largest number of letters in it."""
LABELS = {
    BLUE: "before it, seen",
    LIGHT_BLUE: "before it, not seen",
    LIGHT_GRAY: "not before it",
    ORANGE: "leak: seen, not before it",
}


def leak_figure(report: LeakReport, *, title: str = "") -> Figure:
    """Draw what `check_leak` found.

    Of images: for each channel the output with most leaks (without leaks the one in the middle) and what it sees of the
    image, with the channels of a pixel side by side. Then all outputs together: what lies at each offset, with the
    number of leaks; and in colour, the dependence between the channels of a pixel. Of rows: the dependence matrix.

    Args:
        report: the report of `check_leak`.
        title: by default the verdict, and what was checked.

    Example:
        >>> from torch import nn
        >>> from chainrule.checks import check_leak
        >>> report = check_leak(nn.Conv2d(1, 1, 3, padding=1), (1, 4, 4), levels=2, layout="n,c,h,w")
        >>> len(leak_figure(report).axes)
        2
    """
    title = title or headline(report)
    if not report.domain.is_image:
        return _rows_figure(report, title)
    channels, height, width = report.domain.shape
    top = min(max(WIDTH / max(channels, 2) * height / width + 0.6, 1.9), 6.0)
    below = 0.0 if channels == 1 else 3.7
    figure = new_figure(top + below + 0.9 + TITLE_HEIGHT * (1 + title.count("\n")), title)
    if channels == 1:
        left, right = figure.subplots(1, 2)
        draw_output(left, report, report.worst_output(0))
    else:
        parts = figure.add_gridspec(2, 2 * channels, height_ratios=(top, below))
        for channel in range(channels):
            axes = figure.add_subplot(parts[0, 2 * channel : 2 * channel + 2])
            draw_output(axes, report, report.worst_output(channel))
        right = figure.add_subplot(parts[1, :channels])
        draw_channels(figure.add_subplot(parts[1, channels:]), report)
    draw_offsets(right, report)
    framed = Patch(facecolor="white", edgecolor=TEXT_COLOUR, linewidth=2, label="the output's own site")
    add_legend_below(figure, [*(Patch(facecolor=colour, label=label) for colour, label in LABELS.items()), framed], 3)
    return figure


def headline(report: LeakReport) -> str:
    """Return the verdict, and what was checked, in lines that fit the figure."""
    pairs = counted(int(report.leak_mask.sum()), "pair")
    verdict = f"{report.name} {'does not leak' if report.passed else f'leaks: {pairs} of sites'}"
    domain = report.domain
    kind = f"images {'×'.join(map(str, domain.shape))}" if domain.is_image else f"rows of {domain.sites} sites"
    checked = f"{kind}, {domain.levels} levels, layout {report.layout}"
    return "\n".join(fill(line, TITLE_LETTERS) for line in (verdict, checked))


def draw_output(axes: Axes, report: LeakReport, site: int) -> None:
    """Draw what one output sees of the image, the channels of a pixel side by side and its own site framed."""
    channels, height, width = report.domain.shape
    states = site_states(report.dependence.matrix, report.order, site)
    by_pixel = states.view(channels, height, width).permute(1, 2, 0).flatten(1)
    leaks = int(report.leak_mask[site].sum())
    style_image_axes(axes, f"{report.domain.describe_site(site)}\n{counted(leaks, 'leak')}")
    axes.title.set_fontsize(SMALL_SIZE)
    axes.imshow(by_pixel.numpy(), cmap=LEAK_COLOURS, vmin=0, vmax=4, aspect=channels)
    draw_cell_borders(axes, by_pixel.shape)
    if channels > 1:  # the channels of a pixel belong together
        names = ", ".join(channel_name(each, channels).removeprefix("channel ") for each in range(channels))
        axes.set_xlabel(f"in each pixel: {names}", fontsize=SMALL_SIZE, color=TEXT_COLOUR)
        edges = [column * channels - 0.5 for column in range(width + 1)]
        axes.vlines(edges, -0.5, height - 0.5, color="white", linewidth=2)
    channel, pixel = divmod(site, height * width)
    draw_frame(axes, pixel // width, pixel % width * channels + channel)


def draw_offsets(axes: Axes, report: LeakReport) -> None:
    """Draw the number of leaks at each offset, over all outputs, and the share of the past that is seen there."""
    _, height, width = report.domain.shape
    rows, columns = min(height - 1, MAX_OFFSET), min(width - 1, MAX_OFFSET)
    before = report.order.before
    leaks, past, seen = (
        report.count_by_offset(mask)[height - 1 - rows : height + rows, width - 1 - columns : width + columns]
        for mask in (report.leak_mask, before, report.dependence.matrix & before)
    )
    colours = torch.from_numpy(SHARE_COLOURS((seen / past.clamp(min=1)).numpy()))
    for state, where in ((AFTER, past == 0), (LEAK, leaks > 0)):
        colours[where] = torch.tensor(LEAK_COLOURS(state), dtype=colours.dtype)
    style_axes(axes, x="columns to the right", y="rows down").imshow(colours.numpy())
    count = counted(int(report.leak_mask.sum()), "leak")
    axes.set_title(f"all outputs together\n{count}", fontsize=SMALL_SIZE, color=TEXT_COLOUR)
    axes.set_xticks(range(2 * columns + 1), signed_labels(columns))
    axes.set_yticks(range(2 * rows + 1), signed_labels(rows))
    draw_counts(axes, leaks, SMALL_SIZE - 2)
    draw_frame(axes, rows, columns)


def draw_channels(axes: Axes, report: LeakReport) -> None:
    """Draw the dependence between the channels of a pixel, over all pixels: a row for each channel of an output."""
    before = report.order.before
    leaks, past, seen = (
        report.count_by_channel(mask) for mask in (report.leak_mask, before, report.dependence.matrix & before)
    )
    states = torch.where(past > 0, torch.where(seen > 0, SEEN, UNSEEN), AFTER)
    states[leaks > 0] = LEAK
    names = [channel_name(channel, len(states)) for channel in range(len(states))]
    style_axes(axes, x="channel seen", y="output's channel")
    axes.imshow(states.numpy(), cmap=LEAK_COLOURS, vmin=0, vmax=4)
    axes.set_title(f"within a pixel\n{int(leaks.sum())} of them", fontsize=SMALL_SIZE, color=TEXT_COLOUR)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    draw_counts(axes, leaks, SMALL_SIZE)


def draw_counts(axes: Axes, counts: Tensor, size: int) -> None:
    """Draw the counts that are not 0 on a map [rows, columns], in letters of that size, and borders between cells."""
    draw_cell_borders(axes, counts.shape)
    for row, column in counts.nonzero().tolist():
        number = str(int(counts[row, column]))
        axes.text(column, row, number, ha="center", va="center_baseline", fontsize=size, color="white")


def draw_frame(axes: Axes, row: int, column: int) -> None:
    """Draw a frame around one cell."""
    axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=TEXT_COLOUR, linewidth=2, zorder=3))


def signed_labels(largest: int) -> list[str]:
    """Return labels from -largest to +largest.

    Example:
        >>> signed_labels(1)
        ['-1', '0', '+1']
    """
    return [f"{each:+d}" if each else "0" for each in range(-largest, largest + 1)]


def _rows_figure(report: LeakReport, title: str) -> Figure:
    """Draw the dependence matrix of rows."""
    figure = new_figure(5.8 + TITLE_HEIGHT * (1 + title.count("\n")), title)
    states = draw_dependence_matrix(figure.subplots(), report.dependence.matrix, report.order, LEAK_COLOURS)
    shown = {LEAK_COLOURS(state) for state in set(states.flatten().tolist())}
    patches = [Patch(facecolor=colour, label=label) for colour, label in LABELS.items() if to_rgba(colour) in shown]
    add_legend_below(figure, patches, 2)
    return figure
