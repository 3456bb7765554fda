"""`load_data`: from the name of a source to a data set."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from chainrule.data.array_files import read_idx, read_npy, read_npz
from chainrule.data.arrays import arrange, to_gray
from chainrule.data.hub import PREFIX, read_hub
from chainrule.data.image_files import read_folder
from chainrule.data.preprocessing import (
    Binarization,
    Preprocessing,
    draw_binary,
    numpy_generator,
    parse_kinds,
    parse_names,
    quantise,
)
from chainrule.data.raw import RawData
from chainrule.data.splits import SPLITS, TEST, TRAIN, UNSPLIT, VALID, Data, Split, describe_split
from chainrule.domains import Binary, Domain, Kind, Levels, Table
from chainrule.errors import ChainruleError

DIGITS = "digits"
SOURCES = (
    f"{DIGITS}, a file .npz, .npy or idx (also .gz), a table .csv, .tsv (also .gz) or .parquet, a folder of PNG or "
    f"JPEG images, {PREFIX}owner/name"
)
TABLE_ENDINGS = r"\.(csv|tsv)(\.gz)?$|\.parquet$"
READERS = {r"\.npz$": read_npz, r"\.npy$": read_npy, r"idx\d?([-.]?ubyte)?(\.gz)?$": read_idx}
SPLIT_KEY, FIXED_DRAW_KEY, EPOCH_DRAW_KEY = 1, 2, 3
"""The first number of the key of a random draw, by its purpose."""


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
    """Load a data set: its domain, and its splits as whole numbers or rows of a table in memory.

    Args:
        source: `digits` (scikit-learn's, 8×8), a file (.npz, .npy, idx), a folder of images, `hf:owner/name`, or a
            table (.csv, .tsv, .parquet).
        binarize: makes gray values 0 or 1: `threshold`, `draw` or `dynamic`, as in `Preprocessing`.
        levels: quantises gray values, or those of each colour, to this number of levels by rounding.
        seed: of the random split of a source without splits, and of the draws.
        kinds: of a table's columns, where others are meant than the ones inferred: zip=categorical,age=real.
        drop: columns of a table to leave out, such as identifiers: id,name.
        missing: words that a table has for missing values, such as ?, besides empty fields, NA and the like.
        domain: the domain of the values, where another than the one inferred is meant.

    Raises:
        ChainruleError: no such source, an unreadable one, or values that fit no domain or not the one given.

    Example:
        >>> data = load_data("digits", binarize="dynamic")
        >>> data.domain, data.train, data.test
        (Binary(shape=(1, 8, 8), levels=2), Split(1297 of [1, 8, 8], drawn each epoch), Split(250 of [1, 8, 8]))
    """
    preprocessing = Preprocessing(binarize, levels, seed, parse_kinds(kinds), parse_names(drop), parse_names(missing))
    if is_table_file(source):
        return load_table(source, preprocessing, domain)
    if isinstance(domain, Table) or preprocessing.table_options:
        option = (
            "the model knows tables" if isinstance(domain, Table) else f"{preprocessing.table_options[0]} is for tables"
        )
        raise ChainruleError(f"{option} (.csv, .tsv, .parquet), and {source} is none; give a table, or leave that out")
    return load_arrays(source, preprocessing, domain)


def load_arrays(source: str | Path, preprocessing: Preprocessing, domain: Domain | None) -> Data:
    """Load images, or rows of whole numbers.

    Raises:
        ChainruleError: no such source, an unreadable one, or values that fit no domain or not the one given.
    """
    raw = read_source(source)
    shape = None if domain is None else domain.shape
    arrays = {name: arrange(array, describe_split(source, name), shape) for name, array in raw.arrays.items()}
    gray, messages = to_gray(arrays, source, quantises=preprocessing.quantises)
    check_equal_shapes(gray, source)
    inferred, reason = infer_domain(gray, raw.full_scale, preprocessing, source)
    gray, split_message = split_data(gray, raw.held_out_size, preprocessing.seed, source)
    splits = {name: preprocess_split(preprocessing, name, values, raw.full_scale) for name, values in gray.items()}
    if domain is not None:
        check_domain(domain, splits, source)
    reasons = [reason] if domain is None or preprocessing.quantises else []
    return Data(
        domain or inferred,
        preprocessing,
        str(source),
        **splits,
        messages=(*raw.messages, *messages, *reasons, split_message),
        randomly_split=UNSPLIT in raw.arrays,
    )


def is_table_file(source: str | Path) -> bool:
    """Return whether a source is the name of a table file.

    Example:
        >>> is_table_file("people.csv.gz"), is_table_file("digits")
        (True, False)
    """
    return re.search(TABLE_ENDINGS, str(source), re.IGNORECASE) is not None


def load_table(source: str | Path, preprocessing: Preprocessing, domain: Domain | None) -> Data:
    """Load a table file; its columns are inferred unless a table is given.

    Quantiles and resolutions of numeric columns are measured on the training split alone.

    Raises:
        ChainruleError: no such file, an unreadable one, or rows that fit no table or not the one given.
    """
    from chainrule.data.rows import to_rows  # these import pandas, which images do not need
    from chainrule.data.table_files import read_frame
    from chainrule.data.table_inference import infer_table, measure_columns

    if domain is not None and not isinstance(domain, Table):
        raise ChainruleError(f"{source} is a table, and data of {domain} are meant; give an array or images")
    if preprocessing.quantises:
        raise ChainruleError(f"binarize and levels are for gray values, and {source} is a table; leave them out")
    kinds, drop, missing = preprocessing.kinds, preprocessing.drop, preprocessing.missing
    frame = read_frame(existing_path(source), missing=missing, table=domain, kinds=kinds)
    table, messages = (domain, ()) if domain else infer_table(frame, kinds=kinds, drop=drop, source=source)
    rows = to_rows(frame.drop(columns=list(drop), errors="ignore"), table, source=source)
    parts, split_message = split_data({UNSPLIT: rows.require_known(source)}, None, preprocessing.seed, source)
    if domain is None:
        table = measure_columns(table, parts[TRAIN])
    splits = {name: Split(values, preprocessing=preprocessing) for name, values in parts.items()}
    all_messages = (*messages, *rows.messages, split_message)
    return Data(table, preprocessing, str(source), **splits, messages=all_messages, randomly_split=True)


def read_source(source: str | Path) -> RawData:
    """Read a source of images, or of rows of whole numbers.

    Raises:
        ChainruleError: no such source, or an unreadable one.
    """
    name = str(source)
    if name == DIGITS:
        return read_digits()
    if name.startswith(PREFIX):
        return read_hub(name)
    path = existing_path(source)
    if path.is_dir():
        return read_folder(path)
    for ending, reader in READERS.items():
        if re.search(ending, name, re.IGNORECASE):
            return reader(path)
    raise ChainruleError(f"{name} is a file of no kind that is known by its ending; sources of data are {SOURCES}")


def existing_path(source: str | Path) -> Path:
    """Return the path of a file or folder that exists.

    Raises:
        ChainruleError: it does not exist.
    """
    try:
        if str(source) and Path(source).exists():
            return Path(source)
    except OSError:  # a name longer than any file's
        pass
    raise ChainruleError(f"there is no file or folder {str(source)!r}; sources of data are {SOURCES}")


def read_digits() -> RawData:
    """Read scikit-learn's handwritten digits: 1797 images of 8×8, gray values 0 … 16; 250 each for valid and test."""
    from sklearn.datasets import load_digits

    return RawData({UNSPLIT: load_digits().images}, full_scale=16, held_out_size=250)


def check_equal_shapes(gray: Mapping[str, Tensor], source: object) -> None:
    """Check that the data of all splits have the same shape.

    Raises:
        ChainruleError: they have not.
    """
    shapes = {name: list(values.shape[1:]) for name, values in gray.items()}
    if len(set(map(tuple, shapes.values()))) > 1:
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ChainruleError(f"{source} has splits of different shapes: {found}; crop or pad the images to one")


def infer_domain(
    gray: Mapping[str, Tensor], full_scale: int, preprocessing: Preprocessing, source: object
) -> tuple[Domain, str]:
    """Infer the domain after preprocessing from the values of all splits before it; return it and the reason.

    Raises:
        ChainruleError: values that are binary already are to be binarized or quantised.
    """
    shape = tuple(next(iter(gray.values())).shape[1:])
    high = max(int(values.max()) for values in gray.values())
    if high <= 1:
        if preprocessing.quantises:
            raise ChainruleError(f"{source} is binary already: all values are 0 or 1; leave out binarize and levels")
        return Binary(shape), "all values are 0 or 1: binary"
    scale = f"{'colour' if len(shape) == 3 and shape[0] == 3 else 'gray'} values on the scale 0 … {full_scale}"
    if 2 * high < full_scale:
        scale += f", though none is above {high}: if that is full scale, rescale the data, or give the domain"
    if preprocessing.binarize:
        return Binary(shape), f"{scale}, binarized ({preprocessing.binarize})"
    if preprocessing.levels:
        return Levels(shape, preprocessing.levels), f"{scale}, quantised to {preprocessing.levels} levels"
    if len(shape) == 1:
        return Levels(shape, high + 1), f"rows of whole numbers, the largest {high}: {high + 1} levels"
    return Levels(shape, full_scale + 1), scale


def split_data(
    data: dict[str, Tensor], held_out_size: int | None, seed: int, source: object
) -> tuple[dict[str, Tensor], str]:
    """Split the data of a source without splits at random; return the splits, and a message about them.

    Args:
        data: by split; under UNSPLIT alone if the source has no splits.
        held_out_size: the size of the validation and of the test split; None: a tenth each.
        seed: of the split.
        source: for messages.

    Raises:
        ChainruleError: too few data to split.
    """
    if UNSPLIT not in data:
        absent = ", ".join(name for name in SPLITS if name not in data)
        return data, f"splits as in the source{', without ' if absent else ''}{absent}"
    whole = data[UNSPLIT]
    n, held_out = len(whole), held_out_size or max(1, len(whole) // 10)
    if n < 3:
        raise ChainruleError(f"{source} has no splits and {n} data, too few to make any; give at least 3")
    permutation = numpy_generator(seed, SPLIT_KEY).permutation(n)
    rows = {
        TRAIN: permutation[2 * held_out :],
        VALID: permutation[:held_out],
        TEST: permutation[held_out : 2 * held_out],
    }
    splits = {name: whole[torch.from_numpy(np.sort(selected))] for name, selected in rows.items()}
    sizes = f"{n - 2 * held_out} train, {held_out} valid, {held_out} test"
    return splits, f"no splits in the source: {sizes}, drawn with seed {seed}"


def preprocess_split(preprocessing: Preprocessing, name: str, gray: Tensor, full_scale: int) -> Split:
    """Return a split of preprocessed gray values; only training data are binarized anew in each epoch."""
    if preprocessing.binarize in ("draw", "dynamic"):
        binarize = partial(binarize_epoch, full_scale, preprocessing.seed, SPLITS.index(name) + 1)
        if preprocessing.binarize == "dynamic" and name == TRAIN:
            return Split(gray, binarize, preprocessing)
        return Split(binarize(gray, None), preprocessing=preprocessing)
    levels = 2 if preprocessing.binarize else preprocessing.levels
    return Split(quantise(gray, levels, full_scale=full_scale) if levels else gray, preprocessing=preprocessing)


def binarize_epoch(full_scale: int, seed: int, split: int, gray: Tensor, epoch: int | None) -> Tensor:
    """Binarize gray values at random: the draw of an epoch, or the fixed one for None."""
    # Keys must not end in zero: keys that differ in trailing zeros alone give the same draw.
    key = (FIXED_DRAW_KEY, split) if epoch is None else (EPOCH_DRAW_KEY, split, epoch + 1)
    return draw_binary(gray, full_scale, seed, *key)


def check_domain(domain: Domain, splits: Mapping[str, Split], source: object) -> None:
    """Check that the values of all splits lie in the domain.

    Raises:
        ChainruleError: values above its levels.
    """
    for name, split in splits.items():
        high = 1 if split.transform else int(split.stored.max())
        if high >= domain.levels:
            raise ChainruleError(
                f"{describe_split(source, name)} has values up to {high}, and those of the domain are 0 … "
                f"{domain.levels - 1}; binarize or quantise them, or give another domain"
            )
