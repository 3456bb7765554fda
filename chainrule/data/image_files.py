"""Readers of image files: folders of PNG and JPEG, and images of Pillow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chainrule.data.raw import Array, RawData, match_splits, read_error
from chainrule.data.splits import SPLIT_ALIASES, UNSPLIT
from chainrule.errors import ChainruleError

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg")
MODES = ("1", "L", "RGB")
"""Pillow's names of black and white, gray, and colour."""


def read_folder(root: Path) -> RawData:
    """Read all PNG and JPEG files under a folder, in the order of their paths.

    Its subfolders train, valid and test are splits. Hidden files and folders (.name) are ignored.

    Raises:
        ChainruleError: no images, an unreadable one, one of another size or mode, or images beside the splits.
    """
    files = [file for file in root.rglob("*") if file.is_file() and not f"/{_relative(file, root)}".count("/.")]
    images = sorted((file for file in files if file.suffix.lower() in SUFFIXES), key=lambda file: _relative(file, root))
    if not images:
        raise ChainruleError(f"the folder {root} has no PNG or JPEG images; give a folder that has, or the file itself")
    groups = group_by_split(root, images)
    ordered = [image for group in groups.values() for image in group]
    stack = stack_images(open_images(ordered), len(ordered))  # one stack, so that all have one size and mode
    starts = np.cumsum([len(group) for group in groups.values()])[:-1]
    num_ignored = len(files) - len(images)
    messages = (f"files not read, neither PNG nor JPEG: {num_ignored}",) if num_ignored else ()
    return RawData(dict(zip(groups, np.split(stack, starts), strict=True)), messages=messages)


def group_by_split(root: Path, images: list[Path]) -> dict[str, list[Path]]:
    """Group images by split, if `root` has subfolders with names of splits; else all are UNSPLIT.

    Raises:
        ChainruleError: images outside the splits, or a split without images.
    """
    folders = match_splits((name for name in SPLIT_ALIASES if (root / name).is_dir()), f"the folder {root}")
    if not folders:
        return {UNSPLIT: images}
    groups: dict[str, list[Path]] = {split: [] for split in folders.values()}
    for image in images:
        folder = image.relative_to(root).parts[0]
        if folder not in folders:
            raise ChainruleError(f"{image} lies outside {', '.join(folders)}, the splits of {root}; move it into one")
        groups[folders[folder]].append(image)
    for folder, split in folders.items():
        if not groups[split]:
            raise ChainruleError(f"the folder {root / folder} has no PNG or JPEG images; fill it or remove it")
    return groups


def _relative(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix()


def open_images(files: Iterable[Path]) -> Iterator[tuple[str, Image]]:
    """Yield the path and the image of each file, one at a time.

    Raises:
        ChainruleError: a file that is no image, or is damaged.
    """
    from PIL import Image

    for file in files:
        try:
            with Image.open(file) as image:
                image.load()
        except Exception as error:
            raise read_error(file, error) from error
        yield str(file), image


def stack_images(images: Iterable[tuple[str, Image]], count: int) -> Array:
    """Stack named images into one array [n, H, W] or [n, H, W, 3], of bytes, or of booleans if black and white.

    Args:
        images: pairs of a name, for messages, and an image.
        count: n.

    Raises:
        ChainruleError: an image that is neither gray nor RGB, or differs from the first in size or mode.
    """
    stack, expected, first = np.empty(0), "", ""
    for index, (name, image) in enumerate(images):
        if image.mode not in MODES:
            remedy = 'make it gray ("L") or RGB, as Image.open(file).convert("RGB").save(file) of Pillow does'
            raise ChainruleError(f"{name} has the mode {image.mode}; {remedy}")
        pixels, form = np.asarray(image), f"{image.width}×{image.height} {image.mode}"
        if index == 0:
            stack, expected, first = np.empty((count, *pixels.shape), pixels.dtype), form, name
        if form != expected:
            raise ChainruleError(f"{name} is {form}, and the first image, {first}, is {expected}; all must be alike")
        stack[index] = pixels
    return stack
