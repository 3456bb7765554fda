"""Regions of images: masks of the given pixels, made from a name, from rectangles, or from a picture."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor

from chainrule.data import open_images, stack_images
from chainrule.domains import Domain
from chainrule.errors import ChainruleError

NAMES = ("top", "bottom", "left", "right", "center", "border")
EDGE = r"(\d{0,9})"
RECTANGLE = re.compile(f"{EDGE}:{EDGE},{EDGE}:{EDGE}")
FORM = "rows,columns from:to, such as 4:12,0:20"


def image_region(spec: str, domain: Domain) -> Tensor:
    """Return the mask of the given pixels, in all of their channels: bool [C, H, W].

    Args:
        spec: one of NAMES; or rectangles `rows,columns`, each `from:to` as in a slice (from 0, the end excluded, an
            omitted bound is the edge), separated by `;`; or the path of a picture of the image's size, whose light
            pixels (at least half of white) are given.
        domain: of images (C, H, W).

    Raises:
        ChainruleError: data that are no images, a specification of another kind, a rectangle that is empty or reaches
            out of the image, a picture that cannot be read or has another size, or a region of no or of all pixels.

    Example:
        >>> from chainrule.domains import Binary
        >>> image_region("center", Binary((1, 4, 4)))[0].int().tolist()
        [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
        >>> image_region("0:1,:; 3:,2:4", Binary((1, 4, 4)))[0].int().tolist()
        [[1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 1]]
    """
    if not domain.is_image:
        raise ChainruleError(f"regions are of images (C, H, W), and the data have shape {list(domain.shape)}")
    _, height, width = domain.shape
    if spec in NAMES:
        pixels = named_region(spec, height, width)
    elif re.fullmatch(r"[\d\s:,;-]+", spec):
        pixels = rectangles(spec, height, width)
    else:
        pixels = light_pixels(Path(spec), height, width)
    if bool(pixels.all()) or not bool(pixels.any()):
        fault = "every pixel" if bool(pixels.any()) else "no pixel"
        nothing = "drawn" if bool(pixels.any()) else "given"
        raise ChainruleError(f"{fault} in images of {height}×{width}, and nothing would be {nothing}")
    return pixels.expand(domain.shape)


def named_region(name: str, height: int, width: int) -> Tensor:
    """Return a half of the image, its middle, or all but the middle: bool [H, W].

    With an odd number of lines, the middle line is in neither half.

    Args:
        name: one of NAMES.
    """
    rows, columns = torch.arange(height)[:, None], torch.arange(width)[None, :]
    center = middle_half(height)[:, None] & middle_half(width)[None, :]
    pixels = {
        "top": rows < height // 2,
        "bottom": rows >= height - height // 2,
        "left": columns < width // 2,
        "right": columns >= width - width // 2,
        "center": center,
        "border": ~center,
    }
    return pixels[name].expand(height, width)


def middle_half(lines: int) -> Tensor:
    """Return the middle half of the lines, bool [lines]: without a quarter, rounded, at either end.

    Example:
        >>> [int(middle_half(lines).sum()) for lines in (4, 5, 6, 8, 28)]
        [2, 3, 2, 4, 14]
    """
    margin, line = (lines + 2) // 4, torch.arange(lines)
    return (line >= margin) & (line < lines - margin)


def rectangles(spec: str, height: int, width: int) -> Tensor:
    """Return the pixels of rectangles: bool [H, W].

    Raises:
        ChainruleError: no rectangle, or one that is empty or reaches out of the image.
    """
    pixels = torch.zeros(height, width, dtype=torch.bool)
    for word in re.sub(r"\s*([:,;])\s*", r"\1", spec.strip()).split(";"):
        found = RECTANGLE.fullmatch(word)
        if found is None:
            raise ChainruleError(f"{word!r} is no rectangle; give {FORM}, with ; between several")
        top, bottom, left, right = (
            int(edge or default) for edge, default in zip(found.groups(), (0, height, 0, width), strict=True)
        )
        if top >= bottom or left >= right:
            raise ChainruleError(f"the rectangle {word} is empty; give {FORM}, the last ones left out")
        if bottom > height or right > width:
            raise ChainruleError(
                f"the rectangle {word} reaches out of the image; its rows are 0:{height}, its columns 0:{width}"
            )
        pixels[top:bottom, left:right] = True
    return pixels


def light_pixels(picture: Path, height: int, width: int) -> Tensor:
    """Return the pixels of a picture that are at least half as light as white: bool [H, W].

    Raises:
        ChainruleError: no such file, a file that is no picture, or a picture of another size.
    """
    if not is_file(picture):
        names = f"{', '.join(NAMES[:-1])} or {NAMES[-1]}"
        raise ChainruleError(f"there is no such file; give {names}, rectangles of {FORM}, or a picture")
    pixels = torch.from_numpy(stack_images(open_images([picture]), 1))[0]
    if tuple(pixels.shape[:2]) != (height, width):
        sizes = f"{pixels.shape[0]} rows and {pixels.shape[1]} columns, and the images have {height} and {width}"
        raise ChainruleError(f"the picture has {sizes}; give one of their size")
    white = 1 if pixels.dtype == torch.bool else 255
    return pixels.view(height, width, -1).double().mean(-1) >= white / 2


def is_file(path: Path) -> bool:
    """Return whether the file exists; False for a name that is too long or has a null byte."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
