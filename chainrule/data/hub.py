"""The reader of data sets of the Hugging Face hub, which needs the optional extra `[hf]`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from chainrule.data.image_files import stack_images
from chainrule.data.raw import RawData, error_text, match_splits
from chainrule.data.splits import SPLIT_ALIASES, TRAIN, UNSPLIT, describe_split
from chainrule.errors import ChainruleError

PREFIX = "hf:"


def read_hub(source: str) -> RawData:
    """Download the images of `hf:owner/name` with the library `datasets`, which has a cache of its own.

    The download has not been tried against the network; the conversion of its result (`from_hub`) is tested.

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
        raise ChainruleError(f"{source} was not fetched ({error_text(error)}); check name and connection") from error
    return from_hub(splits, source)


def from_hub(splits: Mapping[str, Any], source: str) -> RawData:
    """Convert a `datasets.DatasetDict`, or any mapping of such data sets, with one column of images each.

    Splits other than train, valid, validation, val and test are ignored. A set whose only split is train has no splits:
    the hub calls it so.

    Raises:
        ChainruleError: no split with a known name, or not exactly one column of images.
    """
    ignored = [name for name in splits if name not in SPLIT_ALIASES]
    names = match_splits((name for name in splits if name in SPLIT_ALIASES), source)
    if not names:
        raise ChainruleError(f"{source} has the splits {', '.join(ignored)}; none is train, valid or test")
    arrays = {split: _stack(splits[name], describe_split(source, split)) for name, split in names.items()}
    if list(arrays) == [TRAIN] and not ignored:
        arrays = {UNSPLIT: arrays[TRAIN]}
    return RawData(arrays, messages=(f"splits not read: {', '.join(ignored)}",) if ignored else ())


def _stack(split: Any, where: str) -> Any:
    columns = [name for name, feature in split.features.items() if type(feature).__name__ == "Image"]
    if len(columns) != 1:
        found = f"several columns of images ({', '.join(columns)})" if columns else "no column of images"
        raise ChainruleError(f"{where} has {found}; one is needed: save it to a folder or .npz and give that")
    return stack_images(_name_images(split[columns[0]], where), len(split))


def _name_images(images: Any, where: str) -> Iterator[tuple[str, Any]]:
    for index, image in enumerate(images):
        if image is None:
            raise ChainruleError(f"{where} has no image at row {index}; save it without that row and give the file")
        yield f"{where}, image {index}", image
