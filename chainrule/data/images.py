"""Image files: folders of PNG and JPEG, and images as Pillow holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chainrule.data.raw import Array, Raw, split_names, unreadable
from chainrule.data.splits import ALIASES, WHOLE
from chainrule.errors import ChainruleError

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg")
MODES = ("1", "L", "RGB")  # Pillow's words for black and white, gray, and colour


def read_folder(root: Path) -> Raw:
    """All PNG and JPEG files under a folder, in the order of their paths; its subfolders train, valid, test are splits.

    Hidden files and folders, those whose names begin with a dot, are passed over.

    Raises:
        ChainruleError: no images, an unreadable one, one of another size or mode, or images beside the splits.
    """
    files = [file for file in root.rglob("*") if file.is_file() and not f"/{_name(file, root)}".count("/.")]
    images = sorted((file for file in files if file.suffix.lower() in SUFFIXES), key=lambda file: _name(file, root))
    if not images:
        raise ChainruleError(f"the folder {root} has no PNG or JPEG images; give a folder that has, or the file itself")
    groups = split_folders(root, images)
    ordered = [image for group in groups.values() for image in group]
    stack = stack_images(open_images(ordered), len(ordered))  # one stack, so that all have one size and mode
    starts = np.cumsum([len(group) for group in groups.values()])[:-1]
    others = len(files) - len(images)
    notes = (f"files not read, neither PNG nor JPEG: {others}",) if others else ()
    return Raw(dict(zip(groups, np.split(stack, starts), strict=True)), notes=notes)


def split_folders(root: Path, images: list[Path]) -> dict[str, list[Path]]:
    """The images by split, if `root` has subfolders named so; else all of them as WHOLE."""
    folders = split_names((name for name in ALIASES if (root / name).is_dir()), f"the folder {root}")
    if not folders:
        return {WHOLE: images}
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


def _name(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix()


def open_images(files: Iterable[Path]) -> Iterator[tuple[str, Image]]:
    """Each file's path and its image, read, one at a time.

    Raises:
        ChainruleError: a file that is no image, or is damaged.
    """
    from PIL import Image

    for file in files:
        try:
            with Image.open(file) as image:
                image.load()
        except Exception as error:
            raise unreadable(file, error) from error
        yield str(file), image


def stack_images(images: Iterable[tuple[str, Image]], count: int) -> Array:
    """`count` named images as one array [n, H, W] or [n, H, W, 3], of bytes, or of booleans if black and white.

    Raises:
        ChainruleError: an image that is neither gray nor RGB, or differs from the first in size or mode.
    """
    stack, wanted, first = np.empty(0), "", ""
    for index, (name, image) in enumerate(images):
        if image.mode not in MODES:
            remedy = 'make it gray ("L") or RGB, as Image.open(file).convert("RGB").save(file) of Pillow does'
            raise ChainruleError(f"{name} has the mode {image.mode}; {remedy}")
        pixels, form = np.asarray(image), f"{image.width}×{image.height} {image.mode}"
        if index == 0:
            stack, wanted, first = np.empty((count, *pixels.shape), pixels.dtype), form, name
        if form != wanted:
            raise ChainruleError(f"{name} is {form}, and the first image, {first}, is {wanted}; all must be alike")
        stack[index] = pixels
    return stack
