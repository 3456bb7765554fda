"""Pixel-exact images of data: each pixel of the data is a square of equal pixels of the image."""

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
from chainrule.files import atomic_write, refuse_existing

ImageArray = NDArray[np.uint8]
"""Tiles [n, H, W, C], or a part of them."""

GAP, WIDE_GAP = 2, 12
"""The gap between two tiles, and the further gap before some columns, in pixels of the image."""
GAP_GRAY, SEAM_GRAY = 160, 255
"""The gray levels of gaps, which can be seen beside black and white, and of the wide gaps."""
MISSING_COLOUR = (70, 120, 200)
"""The colour of pixels outside the evidence: blue, which is no gray level."""
TINT = 0.3
"""The fraction of that blue in gray pixels that were drawn in place of missing ones."""
TILE_SIDE, IMAGE_SIDE = 64, 600
"""The side in pixels to which small tiles are enlarged, and the least longer side of the whole image."""
IMAGE_FORMATS = {".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP"}
"""The lossless formats, by the ending of a file's name."""


def image_grid(x: Tensor, domain: Domain, *, columns: int | None = None, scale: int | None = None) -> Image.Image:
    """Return data as tiles, row by row; level v of K levels is shown as round(255 · v / (K - 1)).

    Args:
        x: [n, *shape].
        domain: a domain of images with 1 or 3 channels.
        columns: the number of tiles in a row; by default the image is about square.
        scale: the side of the square that stands for a pixel; by default `fitting_scale`.

    Raises:
        ChainruleError: data that are not images, no data, values outside the domain, or columns or scale below 1.

    Example:
        >>> from chainrule.domains import Levels
        >>> picture = image_grid(torch.tensor([[[[0, 1], [2, 2]]]]), Levels((1, 2, 2), 3), scale=1)
        >>> np.asarray(picture)[2:4, 2:4].tolist()
        [[0, 128], [255, 255]]
    """
    tiles = to_pixels(x, domain)
    n, height, width = tiles.shape[:3]
    if columns is None:
        columns = min(n, math.ceil(math.sqrt(n * height / width)))
        columns = math.ceil(n / math.ceil(n / columns))  # the smallest number of columns for that number of rows
    if columns < 1:
        raise ChainruleError(f"a grid needs at least 1 column, not {columns}")
    rows = math.ceil(n / columns)
    tiles = enlarge(tiles, fitting_scale((height, width), rows, columns) if scale is None else scale)
    tops, lefts = tile_offsets(rows, tiles.shape[1]), tile_offsets(columns, tiles.shape[2])
    return paste_tiles(tiles, [(tops[i // columns], lefts[i % columns]) for i in range(n)])


def completion_grid(
    original: Tensor, evidence: Tensor, completions: Tensor, domain: Domain, *, scale: int | None = None
) -> Image.Image:
    """Return one row for each datum: the original | its evidence, all else blue | its completions.

    In completions of gray images the pixels that were drawn are bluish and those of the evidence are gray. Images in
    colour keep their colours.

    Args:
        original: [m, *shape].
        evidence: bool, True where a value is given; [*shape] for all data, or [m, *shape].
        completions: [m, n, *shape], as `complete` returns them.
        domain: a domain of images with 1 or 3 channels.
        scale: the side of the square that stands for a pixel; by default `fitting_scale`.

    Raises:
        ChainruleError: data that are not images, shapes that do not match, values outside the domain, or a scale
            below 1.
    """
    check_completions(original, evidence, completions)
    first = to_rgb(to_pixels(original, domain))
    last = to_rgb(to_pixels(completions.flatten(0, 1), domain)).reshape(*completions.shape[:2], *first.shape[1:])
    given = evidence.cpu().expand(original.shape).all(1)  # a pixel is given if all of its colours are
    middle = np.where(given.unsqueeze(-1).numpy(), first, np.array(MISSING_COLOUR, np.uint8))
    if domain.shape[0] == 1:
        last = np.where(given[:, None, ..., None].numpy(), last, tint(last))
    rows = np.concatenate([first[:, None], middle[:, None], last], 1)
    if scale is None:
        scale = completion_scale(completions)
    tiles = enlarge(rows.reshape(-1, *first.shape[1:]), scale)
    tops = tile_offsets(len(rows), tiles.shape[1])
    lefts = tile_offsets(rows.shape[1], tiles.shape[2], wide=(1, 2))
    picture = np.array(paste_tiles(tiles, [(top, left) for top in tops for left in lefts]))
    for left in lefts[1:3]:
        picture[:, left - WIDE_GAP : left - GAP] = SEAM_GRAY
    return Image.fromarray(picture)


def save_image(image: Image.Image, path: str | Path) -> None:
    """Write an image in the lossless format of the file name's ending.

    Raises:
        ChainruleError: the file exists or cannot be written, or its ending is not that of a lossless format.
    """
    path = Path(path)
    kind = IMAGE_FORMATS.get(path.suffix.lower())
    if kind is None:
        endings = ", ".join(IMAGE_FORMATS)
        raise ChainruleError(f"{path} ends in no known picture format; give a name that ends in {endings}")
    refuse_existing(path)
    with atomic_write(path) as part:
        image.save(part, kind)


def is_drawable(domain: Domain) -> bool:
    """Return whether data of the domain are images of 1 or 3 channels, which can be drawn."""
    return domain.is_image and domain.shape[0] in (1, 3)


def to_pixels(x: Tensor, domain: Domain) -> ImageArray:
    """Return data [n, *shape] as gray levels or colours from 0 to 255: uint8 [n, H, W, C], C = 1 or 3.

    Raises:
        ChainruleError: data that are not images, no data, or values outside the domain.
    """
    if not is_drawable(domain):
        raise ChainruleError(
            f"data of shape {list(domain.shape)} are not images of 1 or 3 channels and cannot be drawn; "
            "write them to an array file (.npz or .npy) instead"
        )
    if len(x) == 0:
        raise ChainruleError("there are no data to draw; give at least one datum")
    values, top = domain.check(x).detach().cpu().long(), domain.levels - 1
    return ((510 * values + top) // (2 * top)).byte().movedim(1, -1).numpy()  # rounded in exact integers


def to_rgb(tiles: ImageArray) -> ImageArray:
    """Return tiles [n, H, W, 1 or 3] as [n, H, W, 3]."""
    return np.broadcast_to(tiles, (*tiles.shape[:-1], 3))


def tint(tiles: ImageArray) -> ImageArray:
    """Return tiles [..., 3] with the fraction `TINT` of their colour replaced by `MISSING_COLOUR`.

    Example:
        >>> tint(np.array([[0, 0, 0], [255, 255, 255]], np.uint8)).tolist()
        [[21, 36, 60], [200, 214, 238]]
    """
    mixed: ImageArray = np.rint((1 - TINT) * tiles + TINT * np.array(MISSING_COLOUR)).astype(np.uint8)
    return mixed


def fitting_scale(shape: tuple[int, int], rows: int, columns: int) -> int:
    """Return the side of the square that stands for a pixel, for rows and columns of tiles of shape (H, W).

    Example:
        >>> fitting_scale((8, 8), rows=8, columns=8), fitting_scale((8, 8), rows=2, columns=2)
        (10, 38)
    """
    sides = [math.ceil((IMAGE_SIDE / count - GAP) / size) for size, count in zip(shape, (rows, columns), strict=True)]
    return max(1, TILE_SIDE // max(shape), min(sides))


def completion_scale(completions: Tensor) -> int:
    """Return `fitting_scale` for the rows of a `completion_grid` of these completions [m, n, *shape]."""
    return fitting_scale((completions.shape[-2], completions.shape[-1]), len(completions), 2 + completions.shape[1])


def enlarge(tiles: ImageArray, scale: int) -> ImageArray:
    """Return tiles [n, H, W, C] with each pixel as a square of scale × scale pixels.

    Raises:
        ChainruleError: a scale below 1.
    """
    if scale < 1:
        raise ChainruleError(f"a pixel is drawn as a square of at least 1, not {scale}")
    return tiles.repeat(scale, 1).repeat(scale, 2)


def tile_offsets(count: int, size: int, wide: Sequence[int] = ()) -> list[int]:
    """Return the first pixel of each of `count` tiles in a line; the tiles in `wide` follow a wide gap.

    Example:
        >>> tile_offsets(3, size=8, wide=(2,))
        [2, 12, 34]
    """
    return [GAP + i * (size + GAP) + WIDE_GAP * sum(each <= i for each in wide) for i in range(count)]


def paste_tiles(tiles: ImageArray, offsets: Sequence[tuple[int, int]]) -> Image.Image:
    """Return an image of tiles [n, h, w, C], each at its (top, left), on the gray of the gaps."""
    _, height, width, channels = tiles.shape
    bottom, right = np.max(offsets, 0)
    canvas = np.full((bottom + height + GAP, right + width + GAP, channels), GAP_GRAY, np.uint8)
    for tile, (top, left) in zip(tiles, offsets, strict=True):
        canvas[top : top + height, left : left + width] = tile
    return Image.fromarray(canvas[..., 0] if channels == 1 else canvas)


def check_completions(original: Tensor, evidence: Tensor, completions: Tensor) -> None:
    """Check that the shapes of a completion grid match.

    Raises:
        ChainruleError: evidence or completions of another shape, or evidence that is not boolean.
    """
    m, *shape = original.shape
    if evidence.dtype != torch.bool or list(evidence.shape) not in (shape, [m, *shape]):
        found = f"{evidence.dtype} of shape {list(evidence.shape)}"
        raise ChainruleError(f"evidence must be a boolean mask of shape {shape} or {[m, *shape]}, not {found}")
    if completions.ndim != original.ndim + 1 or [len(completions), *completions.shape[2:]] != [m, *shape]:
        wanted = f"data of shape {[m, *shape]} need {[m, 'n', *shape]}"
        raise ChainruleError(f"the completions have shape {list(completions.shape)}; {wanted}")
