"""What a source holds before anything is made of it, and what readers of sources share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from chainrule.data.splits import ALIASES, SPLITS
from chainrule.errors import ChainruleError

Array = NDArray[Any]


@dataclass(frozen=True)
class Raw:
    """What a source holds, as it holds it.

    Attributes:
        arrays: by split; under WHOLE alone if the source has no splits.
        full_scale: the gray value that is white.
        held_out: how many data go to valid, and to test, of a set without splits; None: a tenth each.
        notes: what was decided in reading.
    """

    arrays: dict[str, Array]
    full_scale: int = 255
    held_out: int | None = None
    notes: tuple[str, ...] = ()


def unreadable(where: object, error: Exception) -> ChainruleError:
    """The error to raise for a file that a library could not read; damaged files make them raise errors of any kind."""
    if "allow_pickle" in str(error):
        return ChainruleError(f"{where} holds pickled Python objects, which are never loaded; save it as plain numbers")
    return ChainruleError(f"{where} cannot be read ({one_line(error)}); it may be damaged or cut short")


def one_line(error: Exception) -> str:
    """What an error says, or its name if it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__


def split_names(names: Iterable[str], where: str) -> dict[str, str]:
    """From the names of splits in a source (train; valid, validation or val; test) to ours, in our order.

    Raises:
        ChainruleError: two names for one split.
    """
    found: dict[str, str] = {}
    for name in names:
        split = ALIASES[name]
        if split in found.values():
            raise ChainruleError(f"{where} has more than one {split} split, {name!r} among them; keep one")
        found[name] = split
    return dict(sorted(found.items(), key=lambda item: SPLITS.index(item[1])))
