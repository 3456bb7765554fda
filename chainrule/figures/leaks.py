"""Figures of leaks: which sites the outputs of a callable see and must not, and how much of the past they see."""

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
from chainrule.figures.fields import AFTER, LEAK, SEEN, UNSEEN, draw_sites, field
from chainrule.figures.style import (
    ACCENT,
    CLOSED,
    HALF,
    INK,
    PLAIN,
    SMALL,
    WIDTH,
    bare,
    legend_below,
    lines_between,
    new_figure,
    plain,
)
from chainrule.formatting import counted

REACH = 4
"""Rows and columns to each side of an output in the panel of offsets."""
COLOURS = ListedColormap([CLOSED, HALF, PLAIN, CLOSED, ACCENT])
"""By state, as `field` numbers them. An output's own site is framed, and coloured only where it leaks."""
SHARES = LinearSegmentedColormap.from_list("shares", [HALF, PLAIN])
TITLE, WIDEST = 0.3, 58
"""Inches for a line of the title, and letters that it holds."""
NAMES = {
    PLAIN: "before it, seen",
    HALF: "before it, not seen",
    CLOSED: "not before it",
    ACCENT: "leak: seen, not before it",
}


def leak_figure(report: LeakReport, title: str = "") -> Figure:
    """What `check_leak` found, as pictures.

    For each channel the output with most leaks (where none leaks, the one in the middle), and what it sees of the
    image; the channels of a pixel are side by side. Then all outputs together: what lies at each offset from them, with
    the number of leaks; and, of colours, who sees whom within a pixel. Of rows: who sees whom.

    Args:
        title: the verdict, and what was checked, unless given.

    Example:
        >>> from torch import nn
        >>> from chainrule.checks import check_leak
        >>> report = check_leak(nn.Conv2d(1, 1, 3, padding=1), (1, 4, 4), levels=2, layout="n,c,h,w")
        >>> len(leak_figure(report).axes)
        2
    """
    title = title or headline(report)
    if not report.domain.is_image:
        return rows_figure(report, title)
    channels, height, width = report.domain.shape
    top = min(max(WIDTH / max(channels, 2) * height / width + 0.6, 1.9), 6.0)
    below = 0.0 if channels == 1 else 3.7
    figure = new_figure(top + below + 0.9 + TITLE * (1 + title.count("\n")), title)
    if channels == 1:
        left, right = figure.subplots(1, 2)
        draw_output(left, report, report.worst(0))
    else:
        parts = figure.add_gridspec(2, 2 * channels, height_ratios=(top, below))
        for channel in range(channels):
            axes = figure.add_subplot(parts[0, 2 * channel : 2 * channel + 2])
            draw_output(axes, report, report.worst(channel))
        right = figure.add_subplot(parts[1, :channels])
        draw_channels(figure.add_subplot(parts[1, channels:]), report)
    draw_offsets(right, report)
    framed = Patch(facecolor="white", edgecolor=INK, linewidth=2, label="the output's own site")
    legend_below(figure, [*(Patch(facecolor=colour, label=name) for colour, name in NAMES.items()), framed], 3)
    return figure


def headline(report: LeakReport) -> str:
    """The verdict, and what was checked; broken where it would be wider than the figure."""
    pairs = counted(int(report.wrong.sum()), "pair")
    verdict = f"{report.name} {'does not leak' if report.passed else f'leaks: {pairs} of sites'}"
    domain = report.domain
    kind = f"images {'×'.join(map(str, domain.shape))}" if domain.is_image else f"rows of {domain.sites} sites"
    checked = f"{kind}, {domain.levels} levels, layout {report.layout}"
    return "\n".join(fill(line, WIDEST) for line in (verdict, checked))


def rows_figure(report: LeakReport, title: str) -> Figure:
    """Who sees whom, of rows."""
    figure = new_figure(5.8 + TITLE * (1 + title.count("\n")), title)
    states = draw_sites(figure.subplots(), report.seen.ever, report.order, COLOURS)
    shown = {COLOURS(state) for state in set(states.flatten().tolist())}
    patches = [Patch(facecolor=colour, label=name) for colour, name in NAMES.items() if to_rgba(colour) in shown]
    legend_below(figure, patches, 2)
    return figure


def draw_output(axes: Axes, report: LeakReport, site: int) -> None:
    """What one output sees of the image; the channels of a pixel beside each other, its own site framed."""
    channels, height, width = report.domain.shape
    state = field(report.seen.ever, report.order, site).view(channels, height, width).permute(1, 2, 0).flatten(1)
    leaks = int(report.wrong[site].sum())
    bare(axes, f"{report.domain.describe_site(site)}\n{counted(leaks, 'leak')}")
    axes.title.set_fontsize(SMALL)
    axes.imshow(state.numpy(), cmap=COLOURS, vmin=0, vmax=4, aspect=channels)
    lines_between(axes, state.shape)
    if channels > 1:  # the channels of a pixel belong together
        names = ", ".join(channel_name(each, channels).removeprefix("channel ") for each in range(channels))
        axes.set_xlabel(f"in each pixel: {names}", fontsize=SMALL, color=INK)
        edges = [column * channels - 0.5 for column in range(width + 1)]
        axes.vlines(edges, -0.5, height - 0.5, color="white", linewidth=2)
    channel, pixel = divmod(site, height * width)
    frame(axes, pixel // width, pixel % width * channels + channel)


def draw_offsets(axes: Axes, report: LeakReport) -> None:
    """What lies around an output, all outputs together: the number of leaks; of the past, the share that is seen."""
    _, height, width = report.domain.shape
    rows, columns = min(height - 1, REACH), min(width - 1, REACH)
    wrong, before, seen = (
        report.by_offset(pairs)[height - 1 - rows : height + rows, width - 1 - columns : width + columns]
        for pairs in (report.wrong, report.order.before, report.seen.ever & report.order.before)
    )
    colours = torch.from_numpy(SHARES((seen / before.clamp(min=1)).numpy()))
    for state, where in ((AFTER, before == 0), (LEAK, wrong > 0)):
        colours[where] = torch.tensor(COLOURS(state), dtype=colours.dtype)
    plain(axes, x="columns to the right", y="rows down").imshow(colours.numpy())
    leaks = int(report.wrong.sum())
    axes.set_title(f"all outputs together\n{counted(leaks, 'leak')}", fontsize=SMALL, color=INK)
    axes.set_xticks(range(2 * columns + 1), signed(columns))
    axes.set_yticks(range(2 * rows + 1), signed(rows))
    counts(axes, wrong, SMALL - 2)
    frame(axes, rows, columns)


def draw_channels(axes: Axes, report: LeakReport) -> None:
    """Who sees whom within a pixel, all pixels together: a row is an output's channel, a column an input's."""
    wrong, before, seen = (
        report.at_the_pixel(pairs)
        for pairs in (report.wrong, report.order.before, report.seen.ever & report.order.before)
    )
    states = torch.where(before > 0, torch.where(seen > 0, SEEN, UNSEEN), AFTER)
    states[wrong > 0] = LEAK
    names = [channel_name(channel, len(states)) for channel in range(len(states))]
    plain(axes, x="channel seen", y="output's channel").imshow(states.numpy(), cmap=COLOURS, vmin=0, vmax=4)
    axes.set_title(f"within a pixel\n{int(wrong.sum())} of them", fontsize=SMALL, color=INK)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    counts(axes, wrong, SMALL)


def counts(axes: Axes, wrong: Tensor, size: int) -> None:
    """The numbers of leaks on a map [rows, columns], and lines between its squares."""
    lines_between(axes, wrong.shape)
    for row, column in wrong.nonzero().tolist():
        number = str(int(wrong[row, column]))
        axes.text(column, row, number, ha="center", va="center_baseline", fontsize=size, color="white")


def frame(axes: Axes, row: int, column: int) -> None:
    """A frame around one square."""
    axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=INK, linewidth=2, zorder=3))


def signed(reach: int) -> list[str]:
    """Labels from -reach to +reach.

    Example:
        >>> signed(1)
        ['-1', '0', '+1']
    """
    return [f"{each:+d}" if each else "0" for each in range(-reach, reach + 1)]
