"""Data sets of the Hugging Face hub, through the optional extra `[hf]`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from chainrule.data.images import stack_images
from chainrule.data.raw import Raw, one_line, split_names
from chainrule.data.splits import ALIASES, TRAIN, WHOLE, place
from chainrule.errors import ChainruleError

PREFIX = "hf:"


def read_hub(source: str) -> Raw:
    """The images of `hf:owner/name`, downloaded by the `datasets` library, which keeps its own cache.

    The download has not been tried against the network; what is made of its result (`from_hub`) is tested.

    Raises:
        ChainruleError: `datasets` is not installed, the name is not owner/name, or the download failed.
    """
    name = source.removeprefix(PREFIX)
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise ChainruleError(f"{source} is no name on the hub; give hf:owner/name")
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise ChainruleError(f"{source} needs the library datasets: pip install 'chainrule[hf]'") from error
    try:
        splits = load_dataset(name)
    except Exception as error:
        raise ChainruleError(f"{source} was not fetched ({one_line(error)}); check name and connection") from error
    return from_hub(splits, source)


def from_hub(splits: Mapping[str, Any], source: str) -> Raw:
    """What a `datasets.DatasetDict`, or any mapping of such data sets, holds in its column of images.

    A split named neither train, valid, validation, val nor test is passed over. A set with no split but train, which is
    what the hub calls a set without splits, is taken as a set without splits.

    Raises:
        ChainruleError: no split with a name that is known, or not exactly one column of images.
    """
    others = [name for name in splits if name not in ALIASES]
    names = split_names((name for name in splits if name in ALIASES), source)
    if not names:
        raise ChainruleError(f"{source} has the splits {', '.join(others)}; none is train, valid or test")
    arrays = {split: _stack(splits[name], place(source, split)) for name, split in names.items()}
    if list(arrays) == [TRAIN] and not others:
        arrays = {WHOLE: arrays[TRAIN]}
    return Raw(arrays, notes=(f"splits not read: {', '.join(others)}",) if others else ())


def _stack(split: Any, where: str) -> Any:
    columns = [name for name, feature in split.features.items() if type(feature).__name__ == "Image"]
    if len(columns) != 1:
        found = f"several columns of images ({', '.join(columns)})" if columns else "no column of images"
        raise ChainruleError(f"{where} has {found}; one is needed: save it to a folder or .npz and give that")
    return stack_images(_named(split[columns[0]], where), len(split))


def _named(images: Any, where: str) -> Iterator[tuple[str, Any]]:
    for index, image in enumerate(images):
        if image is None:
            raise ChainruleError(f"{where} has no image at row {index}; save it without that row and give the file")
        yield f"{where}, image {index}", image
