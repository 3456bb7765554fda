"""Regions of images: which pixels are given, as a mask made from a name, from rectangles, or from a picture."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor

from chainrule.data.images import open_images, stack_images
from chainrule.domains import Domain
from chainrule.errors import ChainruleError

NAMES = ("top", "bottom", "left", "right", "center", "border")
EDGE = r"(\d{0,9})"
RECTANGLE = re.compile(f"{EDGE}:{EDGE},{EDGE}:{EDGE}")
FORM = "rows,columns from:to, such as 4:12,0:20"


def region(what: str, domain: Domain) -> Tensor:
    """The pixels that are given, in all of their channels: bool [C, H, W].

    Args:
        what: one of NAMES; or rectangles `rows,columns`, each from:to as a slice is (the first is 0, the last is left
            out, what is not said is the edge), with `;` between several; or the path of a picture of the image's size,
            of which light pixels (half of white, or more) are given.
        domain: of images (C, H, W).

    Raises:
        ChainruleError: data that are no images, words of no such kind, a rectangle that is empty or reaches out of the
            image, a picture that cannot be read or has another size, or a region of no pixel or of all of them.

    Example:
        >>> from chainrule.domains import Binary
        >>> region("center", Binary((1, 4, 4)))[0].int().tolist()
        [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
        >>> region("0:1,:; 3:,2:4", Binary((1, 4, 4)))[0].int().tolist()
        [[1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 1]]
    """
    if not domain.is_image:
        raise ChainruleError(f"regions are of images (C, H, W), and the data have shape {list(domain.shape)}")
    _, height, width = domain.shape
    if what in NAMES:
        pixels = named(what, height, width)
    elif re.fullmatch(r"[\d\s:,;-]+", what):
        pixels = rectangles(what, height, width)
    else:
        pixels = light(Path(what), height, width)
    if bool(pixels.all()) or not bool(pixels.any()):
        fault = "every pixel" if bool(pixels.any()) else "no pixel"
        nothing = "drawn" if bool(pixels.any()) else "given"
        raise ChainruleError(f"{fault} in images of {height}×{width}, and nothing would be {nothing}")
    return pixels.expand(domain.shape)


def named(name: str, height: int, width: int) -> Tensor:
    """A half of the image, its middle, or all but the middle: bool [H, W].

    Of an odd number of lines, the middle one is in no half.

    Args:
        name: one of NAMES.
    """
    rows, columns = torch.arange(height)[:, None], torch.arange(width)[None, :]
    center = middle(height)[:, None] & middle(width)[None, :]
    pixels = {
        "top": rows < height // 2,
        "bottom": rows >= height - height // 2,
        "left": columns < width // 2,
        "right": columns >= width - width // 2,
        "center": center,
        "border": ~center,
    }
    return pixels[name].expand(height, width)


def middle(lines: int) -> Tensor:
    """The middle half of so many lines, bool [lines]: without a quarter of them, rounded, at either end.

    Example:
        >>> [int(middle(lines).sum()) for lines in (4, 5, 6, 8, 28)]
        [2, 3, 2, 4, 14]
    """
    margin, line = (lines + 2) // 4, torch.arange(lines)
    return (line >= margin) & (line < lines - margin)


def rectangles(words: str, height: int, width: int) -> Tensor:
    """All pixels of the rectangles that the words name: bool [H, W].

    Raises:
        ChainruleError: words that are no rectangles, or one that is empty or reaches out of the image.
    """
    pixels = torch.zeros(height, width, dtype=torch.bool)
    for word in re.sub(r"\s*([:,;])\s*", r"\1", words.strip()).split(";"):
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


def light(picture: Path, height: int, width: int) -> Tensor:
    """The pixels of a picture that are at least half as light as white: bool [H, W].

    Raises:
        ChainruleError: there is no such file, it is no picture, in gray or in colour, or it has another size.
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
    """Is there such a file? A name that is too long for one, or has a null byte, is that of none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
