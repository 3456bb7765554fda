"""Data sets and their splits: levels stored as bytes until a batch is taken, or rows of a table."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from chainrule.data.preprocessing import Preprocessing
from chainrule.domains import Domain
from chainrule.seeding import generator

TRAIN, VALID, TEST = "train", "valid", "test"
SPLITS = (TRAIN, VALID, TEST)
SPLIT_ALIASES = {"train": TRAIN, "valid": VALID, "validation": VALID, "val": VALID, "test": TEST}
UNSPLIT = "data"
"""The key of all data of a source that has no splits."""
FINGERPRINT_SEED = 20150212
"""Seed of the factors of fingerprints. Any number will do, but runs record fingerprints, so it must not change."""
HASH_MULTIPLIERS = (-0x61C8864680B583EB, -0x3B314601E57A13AD)
"""Odd numbers, so that the product with one of them is a bijection of the 64-bit integers."""


@dataclass(frozen=True, eq=False)
class Split:
    """One split of a data set, held in main memory.

    Attributes:
        stored: uint8 [n, *shape], the levels, or the gray values that are binarized anew in each epoch; of a table,
            float64 [n, D], NaN for a missing value.
        transform: makes the values of an epoch from `stored` (dynamic binarization); None if values never change.
        preprocessing: how `load_data` prepared the values; None for arrays that were passed as they are.

    Example:
        >>> split = Split(torch.tensor([[0, 1, 1], [1, 0, 0]], dtype=torch.uint8))
        >>> split, len(split), split.shape
        (Split(2 of [3]), 2, (3,))
        >>> split.values().tolist()
        [[0, 1, 1], [1, 0, 0]]
    """

    stored: Tensor = field(repr=False)
    transform: Callable[[Tensor, int | None], Tensor] | None = field(default=None, repr=False)
    preprocessing: Preprocessing | None = field(default=None, repr=False)

    def __len__(self) -> int:
        """Return the number of data."""
        return len(self.stored)

    def __repr__(self) -> str:
        return f"Split({len(self)} of {list(self.shape)}{', drawn each epoch' if self.transform else ''})"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one datum."""
        return tuple(self.stored.shape[1:])

    def values(self, epoch: int | None = None) -> Tensor:
        """Return the data, [n, *shape], with the dtype of `stored`.

        If values never change, this is the tensor `stored` itself. Dynamic binarization makes a draw of its own for
        each epoch, the same whenever that epoch is asked for, and a fixed one without an epoch.

        Args:
            epoch: 0, 1, …; None for the values on which results are reported.
        """
        return self.stored if self.transform is None else self.transform(self.stored, epoch)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of shape, dtype and bytes of `stored`, in hexadecimal; the same on every machine."""
        dtype = str(self.stored.dtype).removeprefix("torch.")
        content = hashlib.sha256(f"{list(self.stored.shape)} {dtype}\n".encode())
        content.update(_canonical(self.stored).numpy().data)
        return content.hexdigest()

    def fingerprints(self) -> Tensor:
        """Return a hash of each datum, int64 [n]: equal for equal data, and hardly ever equal for others.

        Example:
            >>> same = Split(torch.tensor([[0, 1], [1, 1], [0, 1]])).fingerprints()
            >>> bool(same[0] == same[2]), bool(same[0] == same[1])
            (True, False)
        """
        rows = self.stored.flatten(1)
        factors = torch.randint(-(2**62), 2**62, (rows.shape[1],), generator=generator(FINGERPRINT_SEED))
        hashes = [(_as_integers(batch) + 1).mul(factors).sum(1) for batch in torch.split(rows, 4096)]
        return torch.cat([torch.empty(0, dtype=torch.int64), *hashes])


def _canonical(values: Tensor) -> Tensor:
    """Return the values in C order with one zero and one NaN, so that equal values have equal bits."""
    if values.is_floating_point():
        values = torch.where(values.isnan(), torch.nan, values + 0.0)  # -0.0 + 0.0 is 0.0
    return values.contiguous()


def _as_integers(values: Tensor) -> Tensor:
    """Return an int64 for each value. The low bits of a float are mostly zero, so floats are hashed."""
    if not values.is_floating_point():
        return values.long()
    bits = _canonical(values).view(torch.int64)
    for multiplier in HASH_MULTIPLIERS:
        bits = (bits ^ (bits >> 32 & 0xFFFFFFFF)) * multiplier
    return bits ^ (bits >> 32 & 0xFFFFFFFF)


def describe_split(source: object, split: str) -> str:
    """Return the name of a split of a source, for messages."""
    return str(source) if split == UNSPLIT else f"the {split} split of {source}"


@dataclass(frozen=True, eq=False)
class Data:
    """A data set, as `load_data` returns it.

    Attributes:
        domain: of all its data.
        preprocessing: how raw values became values of the domain, as keyword arguments of `load_data`.
        source: where the data came from.
        train: the training split; None if the source has no such split.
        valid: the validation split, or None.
        test: the test split, or None.
        messages: what was inferred or decided, in words.
        randomly_split: whether the source has no splits, so that they were drawn with the seed.

    Example:
        >>> from chainrule.data import load_data
        >>> data = load_data("digits")
        >>> data.domain, data.test, data.randomly_split
        (Levels(shape=(1, 8, 8), levels=17), Split(250 of [1, 8, 8]), True)
        >>> data.messages[0]
        'gray values on the scale 0 … 16'
    """

    domain: Domain
    preprocessing: Preprocessing
    source: str
    train: Split | None = None
    valid: Split | None = None
    test: Split | None = None
    messages: tuple[str, ...] = ()
    randomly_split: bool = False
