"""The content of a source before preprocessing, and helpers that all readers of sources share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from chainrule.data.splits import SPLIT_ALIASES, SPLITS
from chainrule.errors import ChainruleError

Array = NDArray[Any]


@dataclass(frozen=True)
class RawData:
    """The content of a source as the source has it.

    Attributes:
        arrays: by split; under UNSPLIT alone if the source has no splits.
        full_scale: the gray value of white.
        held_out_size: the size of the validation and of the test split of a source without splits; None: a tenth each.
        messages: what was decided in reading.
    """

    arrays: dict[str, Array]
    full_scale: int = 255
    held_out_size: int | None = None
    messages: tuple[str, ...] = ()


def read_error(where: object, error: Exception) -> ChainruleError:
    """Return the error to raise for a file that a library cannot read; damaged files cause errors of any type."""
    if "allow_pickle" in str(error):
        return ChainruleError(f"{where} holds pickled Python objects, which are never loaded; save it as plain numbers")
    return ChainruleError(f"{where} cannot be read ({error_text(error)}); it may be damaged or cut short")


def error_text(error: Exception) -> str:
    """Return the message of an error in one line, or its type if it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def match_splits(names: Iterable[str], where: str) -> dict[str, str]:
    """Map the names of splits in a source (train; valid, validation or val; test) to ours, in our order.

    Raises:
        ChainruleError: two names for one split.

    Example:
        >>> match_splits(["test", "val"], "x.npz")
        {'val': 'valid', 'test': 'test'}
    """
    found: dict[str, str] = {}
    for name in names:
        split = SPLIT_ALIASES[name]
        if split in found.values():
            raise ChainruleError(f"{where} has more than one {split} split, {name!r} among them; keep one")
        found[name] = split
    return dict(sorted(found.items(), key=lambda item: SPLITS.index(item[1])))
