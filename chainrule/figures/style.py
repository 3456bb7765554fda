"""How figures look: one place for sizes and colours, and no global state of matplotlib's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from itertools import cycle
from pathlib import Path

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Patch
from PIL import Image

from chainrule.errors import ChainruleError
from chainrule.files import refuse_existing, replacing

WIDTH = 7.0
"""Inches: with the text below, still readable on a phone, where a figure is as wide as the screen."""
DPI = 200
TEXT, SMALL = 13, 11
INK, FAINT, PALE = "#222222", "#8a8a8a", "#e6e6e6"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's, told apart by colour-blind readers too."""
PLAIN, ACCENT = COLOURS[0], COLOURS[1]
CLOSED, HALF = "#ececec", "#8fc1e0"
MASK_COLOURS = ListedColormap([CLOSED, HALF, PLAIN])
"""Closed, open in part, open."""
FORMATS = (".png", ".pdf", ".svg")
ABREAST = 4
"""So many names of colours have room in one line."""


def new_figure(height: float, title: str = "") -> Figure:
    """An empty figure of the common width, its parts laid out so that nothing overlaps."""
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained", facecolor="white")
    if title:
        figure.suptitle(title, fontsize=TEXT + 2, color=INK)
    return figure


def plain(axes: Axes, title: str = "", x: str = "", y: str = "") -> Axes:
    """Axes with two spines, and their words in the common sizes."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(FAINT)
    axes.tick_params(labelsize=SMALL, color=FAINT, labelcolor=INK)
    axes.set_title(title, fontsize=TEXT, color=INK)
    axes.set_xlabel(x, fontsize=TEXT, color=INK)
    axes.set_ylabel(y, fontsize=TEXT, color=INK)
    return axes


def panels_of(part: Figure | SubFigure, columns: int, count: int) -> list[Axes]:
    """So many panels, row by row; the places that are left over in the last row stay empty."""
    panels: list[Axes] = list(part.subplots(-(-count // columns), columns, squeeze=False).flat)
    for axes in panels[count:]:
        axes.set_visible(False)
    return panels[:count]


def bare(axes: Axes, title: str = "") -> Axes:
    """Axes for a picture: no ticks, no spines."""
    plain(axes, title)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes


def colours_of(names: Iterable[str]) -> dict[str, str]:
    """A colour for each name: the same in all figures that are given the same names."""
    return dict(zip(names, cycle(COLOURS), strict=False))


def legend_below(figure: Figure, handles: Sequence[Artist], columns: int) -> None:
    """A legend under the whole figure, to be read row by row; matplotlib fills it column by column."""
    by_columns = [handle for column in range(columns) for handle in handles[column::columns]]
    figure.legend(
        handles=by_columns, loc="outside lower center", ncols=columns, fontsize=SMALL, frameon=False, labelcolor=INK,
        handlelength=1.6, columnspacing=1.4,
    )  # fmt: skip


def key_below(figure: Figure, colours: Mapping[str, str], framed: str = "") -> None:
    """What the colours of squares mean, under the whole figure; and what the frame in ACCENT marks, if anything."""
    patches = [Patch(facecolor=colour, label=name) for name, colour in colours.items()]
    if framed:
        patches.append(Patch(facecolor="white", edgecolor=ACCENT, linewidth=2, label=framed))
    legend_below(figure, patches, len(patches) if len(patches) <= ABREAST else 3)


def lines_between(axes: Axes, shape: Sequence[int]) -> None:
    """White lines between the squares of a matrix [rows, columns]."""
    rows, columns = shape
    width = min(1.2, 20 / max(shape))  # small squares keep their colour
    axes.hlines([row - 0.5 for row in range(rows + 1)], -0.5, columns - 0.5, color="white", linewidth=width)
    axes.vlines([column - 0.5 for column in range(columns + 1)], -0.5, rows - 0.5, color="white", linewidth=width)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0)


def to_png(picture: Figure | Image.Image) -> bytes:
    """The picture as the contents of a PNG file."""
    file = BytesIO()
    if isinstance(picture, Figure):
        picture.savefig(file, format="png")
    else:
        picture.save(file, "PNG")
    return file.getvalue()


def save_figure(figure: Figure, path: str | Path) -> None:
    """Writes a figure, in the format that its name ends in; whole or not at all.

    Raises:
        ChainruleError: something is there already, an ending that is not known, or a place that cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ChainruleError(f"{path} ends in no known figure format; give a name that ends in {', '.join(FORMATS)}")
    refuse_existing(path)
    with replacing(path) as part:
        figure.savefig(part, format=path.suffix.lower().removeprefix("."))
