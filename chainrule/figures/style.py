"""Sizes, colours and layout that all figures share; matplotlib's global state is left alone."""

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
from chainrule.files import atomic_write, refuse_existing

WIDTH = 7.0
"""The width of a figure in inches: its text can still be read on a phone, where it is as wide as the screen."""
DPI = 200
TEXT_SIZE, SMALL_SIZE = 13, 11
TEXT_COLOUR, LINE_COLOUR, GRID_COLOUR = "#222222", "#8a8a8a", "#e6e6e6"
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""The colours of Okabe and Ito, which colour-blind readers can tell apart."""
BLUE, ORANGE = PALETTE[0], PALETTE[1]
LIGHT_GRAY, LIGHT_BLUE = "#ececec", "#8fc1e0"
MASK_COLOURS = ListedColormap([LIGHT_GRAY, LIGHT_BLUE, BLUE])
"""The colours of mask entries: 0 closed, 1 open in part, 2 open."""
FIGURE_FORMATS = (".png", ".pdf", ".svg")
KEY_COLUMNS = 4
"""The largest number of labels that a colour key has in one line."""


def new_figure(height: float, title: str = "") -> Figure:
    """Return an empty figure of the common width and `height` inches, laid out so that nothing overlaps."""
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained", facecolor="white")
    if title:
        figure.suptitle(title, fontsize=TEXT_SIZE + 2, color=TEXT_COLOUR)
    return figure


def style_axes(axes: Axes, title: str = "", x: str = "", y: str = "") -> Axes:
    """Give axes two spines, and a title and labels in the common sizes; return the axes."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(LINE_COLOUR)
    axes.tick_params(labelsize=SMALL_SIZE, color=LINE_COLOUR, labelcolor=TEXT_COLOUR)
    axes.set_title(title, fontsize=TEXT_SIZE, color=TEXT_COLOUR)
    axes.set_xlabel(x, fontsize=TEXT_SIZE, color=TEXT_COLOUR)
    axes.set_ylabel(y, fontsize=TEXT_SIZE, color=TEXT_COLOUR)
    return axes


def style_image_axes(axes: Axes, title: str = "") -> Axes:
    """Remove the ticks and spines of axes that hold an image; return the axes."""
    style_axes(axes, title)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes


def add_panels(figure: Figure | SubFigure, columns: int, count: int) -> list[Axes]:
    """Add `count` panels row by row, and return them; unused places in the last row are hidden."""
    panels: list[Axes] = list(figure.subplots(-(-count // columns), columns, squeeze=False).flat)
    for axes in panels[count:]:
        axes.set_visible(False)
    return panels[:count]


def assign_colours(names: Iterable[str]) -> dict[str, str]:
    """Return a colour for each name: the same in all figures of the same names."""
    return dict(zip(names, cycle(PALETTE), strict=False))


def add_legend_below(figure: Figure, handles: Sequence[Artist], columns: int) -> None:
    """Add a legend under the whole figure that reads row by row; matplotlib fills its legends column by column."""
    by_columns = [handle for column in range(columns) for handle in handles[column::columns]]
    figure.legend(
        handles=by_columns, loc="outside lower center", ncols=columns, fontsize=SMALL_SIZE, frameon=False,
        labelcolor=TEXT_COLOUR, handlelength=1.6, columnspacing=1.4,
    )  # fmt: skip


def add_colour_key(figure: Figure, colours: Mapping[str, str], framed: str = "") -> None:
    """Add a key of colours by label under the whole figure, and an orange frame with the label `framed` if given."""
    patches = [Patch(facecolor=colour, label=label) for label, colour in colours.items()]
    if framed:
        patches.append(Patch(facecolor="white", edgecolor=ORANGE, linewidth=2, label=framed))
    add_legend_below(figure, patches, len(patches) if len(patches) <= KEY_COLUMNS else 3)


def draw_cell_borders(axes: Axes, shape: Sequence[int]) -> None:
    """Draw white lines between the cells of a matrix of shape (rows, columns)."""
    rows, columns = shape
    width = min(1.2, 20 / max(shape))  # small cells keep their colour
    axes.hlines([row - 0.5 for row in range(rows + 1)], -0.5, columns - 0.5, color="white", linewidth=width)
    axes.vlines([column - 0.5 for column in range(columns + 1)], -0.5, rows - 0.5, color="white", linewidth=width)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0)


def to_png(picture: Figure | Image.Image) -> bytes:
    """Return a figure or an image as the contents of a PNG file."""
    file = BytesIO()
    if isinstance(picture, Figure):
        picture.savefig(file, format="png")
    else:
        picture.save(file, "PNG")
    return file.getvalue()


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure in the format of the file name's ending: `.png`, `.pdf` or `.svg`.

    Raises:
        ChainruleError: the file exists or cannot be written, or its ending is not one of these.
    """
    path = Path(path)
    if path.suffix.lower() not in FIGURE_FORMATS:
        raise ChainruleError(
            f"{path} ends in no known figure format; give a name that ends in {', '.join(FIGURE_FORMATS)}"
        )
    refuse_existing(path)
    with atomic_write(path) as part:
        figure.savefig(part, format=path.suffix.lower().removeprefix("."))
