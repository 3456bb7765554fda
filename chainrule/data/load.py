"""`load_data`: from a source's name to a data set on a domain."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from chainrule.data.arrays import arrange, whole_numbers
from chainrule.data.files import read_idx, read_npy, read_npz
from chainrule.data.hub import PREFIX, read_hub
from chainrule.data.images import read_folder
from chainrule.data.preprocessing import (
    Binarization,
    Preprocessing,
    as_kinds,
    as_words,
    draw_binary,
    numpy_generator,
    quantise,
)
from chainrule.data.raw import Raw
from chainrule.data.splits import SPLITS, TEST, TRAIN, VALID, WHOLE, Data, Split, place
from chainrule.domains import Binary, Domain, Levels, Table
from chainrule.domains.table import Kind
from chainrule.errors import ChainruleError

DIGITS = "digits"
SOURCES = (
    f"{DIGITS}, a file .npz, .npy or idx (also .gz), a table .csv, .tsv (also .gz) or .parquet, a folder of PNG or "
    f"JPEG images, {PREFIX}owner/name"
)
TABLE = r"\.(csv|tsv)(\.gz)?$|\.parquet$"
READERS = {r"\.npz$": read_npz, r"\.npy$": read_npy, r"idx\d?([-.]?ubyte)?(\.gz)?$": read_idx}
SPLITTING, FIXED, EPOCH = 1, 2, 3  # what a draw is for: the first word of its key


def load_data(
    source: str | Path,
    *,
    binarize: Binarization | None = None,
    levels: int | None = None,
    seed: int = 0,
    kinds: str | Mapping[str, Kind] | None = None,
    drop: str | Sequence[str] | None = None,
    missing: str | Sequence[str] | None = None,
    domain: Domain | None = None,
) -> Data:
    """A data set: its splits, as whole numbers or rows of a table in memory, and its domain.

    Args:
        source: `digits` (scikit-learn's, 8×8), a file (.npz, .npy, idx), a folder of images, `hf:owner/name`, or a
            table (.csv, .tsv, .parquet).
        binarize: makes gray values 0 or 1: `threshold`, `draw` or `dynamic`, as in `Preprocessing`.
        levels: quantises gray values, or those of each colour, to so many levels by rounding.
        seed: of the split, where the source has none, and of the draws.
        kinds: of a table's columns, where others are meant than the ones inferred: zip=categorical,age=real.
        drop: columns of a table to leave out, such as identifiers: id,name.
        missing: words that a table has for missing values, such as ?, besides empty fields, NA and the like.
        domain: the domain of the values, where another than the one inferred is meant.

    Raises:
        ChainruleError: there is no such source, it cannot be read, or its values fit no domain or not the one given.

    Example:
        >>> data = load_data("digits", binarize="dynamic")
        >>> data.domain, data.train, data.test
        (Binary(shape=(1, 8, 8), levels=2), Split(1297 of [1, 8, 8], drawn each epoch), Split(250 of [1, 8, 8]))
    """
    recipe = Preprocessing(binarize, levels, seed, as_kinds(kinds), as_words(drop), as_words(missing))
    if is_table(source):
        return load_table(source, recipe, domain)
    if isinstance(domain, Table) or recipe.of_tables:
        words = "the model knows tables" if isinstance(domain, Table) else f"{recipe.of_tables[0]} is for tables"
        raise ChainruleError(f"{words} (.csv, .tsv, .parquet), and {source} is none; give a table, or leave that out")
    raw = read(source)
    shape = None if domain is None else domain.shape
    arrays = {name: arrange(array, place(source, name), shape) for name, array in raw.arrays.items()}
    gray, notes = whole_numbers(arrays, source, recipe.converts)
    check_alike(gray, source)
    found, about = infer_domain(gray, raw.full_scale, recipe, source)
    gray, parted = with_splits(gray, raw.held_out, seed, source)
    splits = {name: apply_recipe(recipe, name, tensor, raw.full_scale) for name, tensor in gray.items()}
    splits = {name: replace(split, recipe=recipe) for name, split in splits.items()}
    if domain is not None:
        check_domain(domain, splits, source)
    notes = [*raw.notes, *notes, *([about] if domain is None or recipe.converts else []), parted]
    return Data(domain or found, recipe, str(source), **splits, notes=tuple(notes), parted=WHOLE in raw.arrays)


def is_table(source: str | Path) -> bool:
    """Is it the name of a table's file?"""
    return re.search(TABLE, str(source), re.IGNORECASE) is not None


def load_table(source: str | Path, recipe: Preprocessing, domain: Domain | None) -> Data:
    """The data set of a table's file; its columns are inferred, unless a table is given that the rows are to be of.

    What is measured of columns of numbers is measured on the training split alone.

    Raises:
        ChainruleError: it cannot be read, no table fits it, or not the one given.
    """
    from chainrule.data.columns import infer_table, measured  # these import pandas, which images do not need
    from chainrule.data.frames import read_frame
    from chainrule.data.rows import to_rows

    if domain is not None and not isinstance(domain, Table):
        raise ChainruleError(f"{source} is a table, and data of {domain} are meant; give an array or images")
    if recipe.converts:
        raise ChainruleError(f"binarize and levels are for gray values, and {source} is a table; leave them out")
    frame = read_frame(existing(source), recipe.missing, domain, recipe.kinds)
    table, about = (domain, ()) if domain else infer_table(frame, recipe.kinds, recipe.drop, source)
    rows = to_rows(frame.drop(columns=list(recipe.drop), errors="ignore"), table, source)
    parts, parted = with_splits({WHOLE: rows.known(source)}, None, recipe.seed, source)
    if domain is None:
        table = measured(table, parts[TRAIN])
    splits = {name: Split(values, recipe=recipe) for name, values in parts.items()}
    return Data(table, recipe, str(source), **splits, notes=(*about, *rows.notes, parted), parted=True)


def read(source: str | Path) -> Raw:
    """What the source holds.

    Raises:
        ChainruleError: no such source, or it cannot be read.
    """
    name = str(source)
    if name == DIGITS:
        return read_digits()
    if name.startswith(PREFIX):
        return read_hub(name)
    path = existing(source)
    if path.is_dir():
        return read_folder(path)
    for ending, reader in READERS.items():
        if re.search(ending, name, re.IGNORECASE):
            return reader(path)
    raise ChainruleError(f"{name} is a file of no kind that is known by its ending; sources of data are {SOURCES}")


def existing(source: str | Path) -> Path:
    """The path of a file or folder.

    Raises:
        ChainruleError: there is none.
    """
    try:
        if str(source) and Path(source).exists():
            return Path(source)
    except OSError:  # a name longer than any file's
        pass
    raise ChainruleError(f"there is no file or folder {str(source)!r}; sources of data are {SOURCES}")


def read_digits() -> Raw:
    """scikit-learn's handwritten digits: 1797 images of 8×8, gray values 0 … 16; 250 each for valid and test."""
    from sklearn.datasets import load_digits

    return Raw({WHOLE: load_digits().images}, full_scale=16, held_out=250)


def check_alike(gray: dict[str, Tensor], source: object) -> None:
    """Raises ChainruleError unless the data of all splits have one shape."""
    shapes = {name: list(tensor.shape[1:]) for name, tensor in gray.items()}
    if len(set(map(tuple, shapes.values()))) > 1:
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ChainruleError(f"{source} has splits of different shapes: {found}; crop or pad the images to one")


def infer_domain(gray: dict[str, Tensor], full_scale: int, recipe: Preprocessing, source: object) -> tuple[Domain, str]:
    """The domain after the recipe, and why, from the values of all splits before it.

    Raises:
        ChainruleError: values that are binary already are to be binarized or quantised.
    """
    shape = tuple(next(iter(gray.values())).shape[1:])
    high = max(int(tensor.max()) for tensor in gray.values())
    if high <= 1:
        if recipe.converts:
            raise ChainruleError(f"{source} is binary already: all values are 0 or 1; leave out binarize and levels")
        return Binary(shape), "all values are 0 or 1: binary"
    scale = f"{'colour' if len(shape) == 3 and shape[0] == 3 else 'gray'} values on the scale 0 … {full_scale}"
    if 2 * high < full_scale:
        scale += f", though none is above {high}: if that is full scale, rescale the data, or give the domain"
    if recipe.binarize:
        return Binary(shape), f"{scale}, binarized ({recipe.binarize})"
    if recipe.levels:
        return Levels(shape, recipe.levels), f"{scale}, quantised to {recipe.levels} levels"
    if len(shape) == 1:
        return Levels(shape, high + 1), f"rows of whole numbers, the largest {high}: {high + 1} levels"
    return Levels(shape, full_scale + 1), scale


def with_splits(
    gray: dict[str, Tensor], held_out: int | None, seed: int, source: object
) -> tuple[dict[str, Tensor], str]:
    """The splits there are, or those that the seed makes of a whole set; and a note on it.

    Raises:
        ChainruleError: too few data to split.
    """
    if WHOLE not in gray:
        missing = ", ".join(name for name in SPLITS if name not in gray)
        return gray, f"splits as in the source{', without ' if missing else ''}{missing}"
    whole = gray[WHOLE]
    n, held = len(whole), held_out or max(1, len(whole) // 10)
    if n < 3:
        raise ChainruleError(f"{source} has no splits and {n} data, too few to make any; give at least 3")
    order = numpy_generator(seed, SPLITTING).permutation(n)
    parts = {TRAIN: order[2 * held :], VALID: order[:held], TEST: order[held : 2 * held]}
    splits = {name: whole[torch.from_numpy(np.sort(part))] for name, part in parts.items()}
    return splits, f"no splits in the source: {n - 2 * held} train, {held} valid, {held} test, drawn with seed {seed}"


def apply_recipe(recipe: Preprocessing, name: str, gray: Tensor, full_scale: int) -> Split:
    """One split's values, as the recipe makes them from its gray values; only training data are drawn afresh."""
    if recipe.levels:
        return Split(quantise(gray, recipe.levels, full_scale))
    if recipe.binarize is None:
        return Split(gray)
    if recipe.binarize == "threshold":
        return Split(quantise(gray, 2, full_scale))
    draw = partial(draw_epoch, full_scale, recipe.seed, SPLITS.index(name) + 1)
    return Split(gray, draw) if recipe.binarize == "dynamic" and name == TRAIN else Split(draw(gray, None))


def draw_epoch(full_scale: int, seed: int, split: int, gray: Tensor, epoch: int | None) -> Tensor:
    """The draw of an epoch, or the fixed one. Keys end in no zero: trailing zeros do not tell two keys apart."""
    key = (FIXED, split) if epoch is None else (EPOCH, split, epoch + 1)
    return draw_binary(gray, full_scale, seed, *key)


def check_domain(domain: Domain, splits: dict[str, Split], source: object) -> None:
    """Raises ChainruleError unless the values lie in the domain; draws are 0 or 1, and lie in every one."""
    for name, split in splits.items():
        high = 1 if split.draw else int(split.stored.max())
        if high >= domain.levels:
            raise ChainruleError(
                f"{place(source, name)} has values up to {high}, and those of the domain are 0 … {domain.levels - 1}; "
                "binarize or quantise them, or give another domain"
            )
