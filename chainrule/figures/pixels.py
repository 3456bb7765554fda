"""Pixel-exact pictures of data: every pixel of the data is a square of equal pixels of the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from chainrule.domains import Domain
from chainrule.errors import ChainruleError
from chainrule.files import refuse_existing, replacing

Pixels = NDArray[np.uint8]

GAP, WIDE_GAP = 2, 12
"""Pixels of the picture between two tiles, and between two groups of columns."""
GAP_GRAY, SEAM_GRAY = 160, 255
"""Of the gaps, seen beside black and beside white; and of the wide ones within them."""
MISSING = (70, 120, 200)
"""The colour of pixels that are not given: blue, which no gray value is."""
TINT = 0.3
"""How much of it is in the gray pixels that were drawn in their place."""
TILE, LONGER = 64, 600
"""Small images are enlarged to about so many pixels a side; to more, where the longer side of the whole picture would
have fewer than so many."""
FORMATS = {".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP"}
"""Those that keep every pixel as it is."""


def grid(x: Tensor, domain: Domain, columns: int | None = None, scale: int | None = None) -> Image.Image:
    """Data as tiles, row by row; level v of K is shown as round(255 · v / (K - 1)).

    Args:
        x: [n, *shape], of a domain of images with 1 or 3 channels.
        columns: tiles in a row; unless given, as many as make the picture about square.
        scale: the side of the square that stands for a pixel; `fitting_scale` unless it is given.

    Raises:
        ChainruleError: data that are not images, no data, values outside the domain, or columns or scale below 1.

    Example:
        >>> from chainrule.domains import Levels
        >>> picture = grid(torch.tensor([[[[0, 1], [2, 2]]]]), Levels((1, 2, 2), 3), scale=1)
        >>> np.asarray(picture)[2:4, 2:4].tolist()
        [[0, 128], [255, 255]]
    """
    tiles = to_bytes(x, domain)
    n, height, width = tiles.shape[:3]
    if columns is None:
        columns = min(n, math.ceil(math.sqrt(n * height / width)))
        columns = math.ceil(n / math.ceil(n / columns))  # no more than so many rows need
    if columns < 1:
        raise ChainruleError(f"a grid needs at least 1 column, not {columns}")
    rows = math.ceil(n / columns)
    tiles = enlarged(tiles, fitting_scale((height, width), rows, columns) if scale is None else scale)
    tops, lefts = starts(rows, tiles.shape[1]), starts(columns, tiles.shape[2])
    return paste(tiles, [(tops[i // columns], lefts[i % columns]) for i in range(n)])


def completion_grid(
    original: Tensor, evidence: Tensor, completions: Tensor, domain: Domain, scale: int | None = None
) -> Image.Image:
    """One row a datum: the original | what is given, the rest blue | its completions.

    In completions of gray images, pixels that were drawn are bluish, those that were given are gray. Of images in
    colour, all colours stay as they are.

    Args:
        original: [m, *shape], of a domain of images with 1 or 3 channels.
        evidence: bool, True where a value is given; [*shape] for all data alike, or [m, *shape].
        completions: [m, n, *shape], as `complete` gives them.
        scale: the side of the square that stands for a pixel; `fitting_scale` unless it is given.

    Raises:
        ChainruleError: data that are not images, shapes that do not belong together, values outside the domain, or a
            scale below 1.
    """
    check_completions(original, evidence, completions)
    first = in_colour(to_bytes(original, domain))
    last = in_colour(to_bytes(completions.flatten(0, 1), domain)).reshape(*completions.shape[:2], *first.shape[1:])
    given = evidence.cpu().expand(original.shape).all(1)  # a pixel is given once all of its colours are
    middle = np.where(given.unsqueeze(-1).numpy(), first, np.array(MISSING, np.uint8))
    if domain.shape[0] == 1:
        last = np.where(given[:, None, ..., None].numpy(), last, tinted(last))
    rows = np.concatenate([first[:, None], middle[:, None], last], 1)
    if scale is None:
        scale = completion_scale(completions)
    tiles = enlarged(rows.reshape(-1, *first.shape[1:]), scale)
    tops, lefts = starts(len(rows), tiles.shape[1]), starts(rows.shape[1], tiles.shape[2], wide=(1, 2))
    picture = np.array(paste(tiles, [(top, left) for top in tops for left in lefts]))
    for left in lefts[1:3]:
        picture[:, left - WIDE_GAP : left - GAP] = SEAM_GRAY
    return Image.fromarray(picture)


def save_image(image: Image.Image, path: str | Path) -> None:
    """Writes a picture, in the format that its name ends in; whole or not at all.

    Raises:
        ChainruleError: something is there already, an ending of no lossless format, or a place that cannot be written.
    """
    path = Path(path)
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise ChainruleError(f"{path} ends in no known picture format; give a name that ends in {', '.join(FORMATS)}")
    refuse_existing(path)
    with replacing(path) as part:
        image.save(part, kind)


def is_picture(domain: Domain) -> bool:
    """Can its data be shown as pictures: are they images of 1 or 3 channels?"""
    return domain.is_image and domain.shape[0] in (1, 3)


def to_bytes(x: Tensor, domain: Domain) -> Pixels:
    """Data [n, *shape] as gray values or colours: uint8 [n, H, W, C], C = 1 or 3.

    Raises:
        ChainruleError: data that are not images, no data, or values outside the domain.
    """
    if not is_picture(domain):
        raise ChainruleError(
            f"data of shape {list(domain.shape)} are not images of 1 or 3 channels and cannot be drawn; "
            "write them to an array file (.npz or .npy) instead"
        )
    if len(x) == 0:
        raise ChainruleError("there are no data to draw; give at least one datum")
    whole, top = domain.check(x).detach().cpu().long(), domain.levels - 1
    return ((510 * whole + top) // (2 * top)).byte().movedim(1, -1).numpy()  # rounded in exact integers


def in_colour(tiles: Pixels) -> Pixels:
    """[n, H, W, 1 or 3] as [n, H, W, 3]."""
    return np.broadcast_to(tiles, (*tiles.shape[:-1], 3))


def tinted(tiles: Pixels) -> Pixels:
    """Tiles [..., 3] with a part of their colour replaced by that of what is not given.

    Example:
        >>> tinted(np.array([[0, 0, 0], [255, 255, 255]], np.uint8)).tolist()
        [[21, 36, 60], [200, 214, 238]]
    """
    mixed: Pixels = np.rint((1 - TINT) * tiles + TINT * np.array(MISSING)).astype(np.uint8)
    return mixed


def fitting_scale(shape: tuple[int, int], rows: int, columns: int) -> int:
    """The side of the square that stands for a pixel of images [H, W], in so many rows and columns of tiles.

    Example:
        >>> fitting_scale((8, 8), rows=8, columns=8), fitting_scale((8, 8), rows=2, columns=2)
        (10, 38)
    """
    longer = [math.ceil((LONGER / count - GAP) / size) for size, count in zip(shape, (rows, columns), strict=True)]
    return max(1, TILE // max(shape), min(longer))


def completion_scale(completions: Tensor) -> int:
    """The same for the rows of a `completion_grid`, by its completions [m, n, *shape]."""
    return fitting_scale((completions.shape[-2], completions.shape[-1]), len(completions), 2 + completions.shape[1])


def enlarged(tiles: Pixels, scale: int) -> Pixels:
    """Each pixel as a square of scale × scale."""
    if scale < 1:
        raise ChainruleError(f"a pixel is drawn as a square of at least 1, not {scale}")
    return tiles.repeat(scale, 1).repeat(scale, 2)


def starts(count: int, size: int, wide: Sequence[int] = ()) -> list[int]:
    """Where each of so many tiles in a line begins, with wide gaps before those named.

    Example:
        >>> starts(3, size=8, wide=(2,))
        [2, 12, 34]
    """
    return [GAP + i * (size + GAP) + WIDE_GAP * sum(each <= i for each in wide) for i in range(count)]


def paste(tiles: Pixels, places: Sequence[tuple[int, int]]) -> Image.Image:
    """Tiles [n, h, w, C] at their (top, left) on a ground of gaps."""
    _, height, width, channels = tiles.shape
    bottom, right = np.max(places, 0)
    canvas = np.full((bottom + height + GAP, right + width + GAP, channels), GAP_GRAY, np.uint8)
    for tile, (top, left) in zip(tiles, places, strict=True):
        canvas[top : top + height, left : left + width] = tile
    return Image.fromarray(canvas[..., 0] if channels == 1 else canvas)


def check_completions(original: Tensor, evidence: Tensor, completions: Tensor) -> None:
    """Raises ChainruleError unless the shapes belong together."""
    m, *shape = original.shape
    if evidence.dtype != torch.bool or list(evidence.shape) not in (shape, [m, *shape]):
        found = f"{evidence.dtype} of shape {list(evidence.shape)}"
        raise ChainruleError(f"evidence must be a boolean mask of shape {shape} or {[m, *shape]}, not {found}")
    if completions.ndim != original.ndim + 1 or [len(completions), *completions.shape[2:]] != [m, *shape]:
        wanted = f"data of shape {[m, *shape]} need {[m, 'n', *shape]}"
        raise ChainruleError(f"the completions have shape {list(completions.shape)}; {wanted}")
