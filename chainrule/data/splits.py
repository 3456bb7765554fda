"""What a data set is once it is loaded: splits of whole numbers, kept as bytes until a batch is taken, or of rows."""

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
ALIASES = {"train": TRAIN, "valid": VALID, "validation": VALID, "val": VALID, "test": TEST}
FINGERPRINT = 20150212  # the seed of the factors: any number, but always the same
MIXERS = (-0x61C8864680B583EB, -0x3B314601E57A13AD)  # odd: a product with them loses no bit
WHOLE = "data"  # stands for a split's name in a set that has no splits yet


@dataclass(frozen=True, eq=False)
class Split:
    """One split of a data set, whole in main memory.

    Attributes:
        stored: uint8 [n, *shape]: the values, or the gray values from which each epoch's are drawn. Of a table, float64
            [n, D], NaN where a value is missing.
        draw: makes the values of an epoch from `stored` (dynamic binarization); None where the values never change.
        recipe: how `load_data` prepared the values; None for arrays that came as they are.
    """

    stored: Tensor = field(repr=False)
    draw: Callable[[Tensor, int | None], Tensor] | None = field(default=None, repr=False)
    recipe: Preprocessing | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.stored)

    def __repr__(self) -> str:
        return f"Split({len(self)} of {list(self.shape)}{', drawn each epoch' if self.draw else ''})"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one datum."""
        return tuple(self.stored.shape[1:])

    def values(self, epoch: int | None = None) -> Tensor:
        """The data of an epoch (0, 1, …), as `stored` has them; without an epoch, those that reports are made on.

        Where the values never change, this is the same tensor each time, and no copy. Dynamic binarization gives each
        epoch a draw of its own, the same whenever that epoch is asked for, and gives one fixed draw without an epoch.
        """
        return self.stored if self.draw is None else self.draw(self.stored, epoch)

    @cached_property
    def digest(self) -> str:
        """sha256, in hexadecimal, of the shape, type and bytes of what is stored; the same on every machine."""
        kind = str(self.stored.dtype).removeprefix("torch.")
        content = hashlib.sha256(f"{list(self.stored.shape)} {kind}\n".encode())
        content.update(_canonical(self.stored).numpy().data)
        return content.hexdigest()

    def fingerprints(self) -> Tensor:
        """A number for each datum, int64 [n]: equal data have equal ones, and others hardly ever."""
        rows = self.stored.flatten(1)
        factors = torch.randint(-(2**62), 2**62, (rows.shape[1],), generator=generator(FINGERPRINT))
        parts = [(_as_integers(some) + 1).mul(factors).sum(1) for some in torch.split(rows, 4096)]
        return torch.cat([torch.empty(0, dtype=torch.int64), *parts])


def _canonical(values: Tensor) -> Tensor:
    """The values with one zero and one NaN, so that what is equal is so bit by bit, in C order."""
    if values.is_floating_point():
        values = torch.where(values.isnan(), torch.nan, values + 0.0)  # -0.0 + 0.0 is 0.0
    return values.contiguous()


def _as_integers(values: Tensor) -> Tensor:
    """An integer for each value, int64. The last bits of a float are mostly zero; products with them would be, too."""
    if not values.is_floating_point():
        return values.long()
    bits = _canonical(values).view(torch.int64)
    for factor in MIXERS:
        bits = (bits ^ (bits >> 32 & 0xFFFFFFFF)) * factor
    return bits ^ (bits >> 32 & 0xFFFFFFFF)


def place(source: object, split: str) -> str:
    """Where in a source, for messages."""
    return str(source) if split == WHOLE else f"the {split} split of {source}"


@dataclass(frozen=True, eq=False)
class Data:
    """A data set, as `load_data` makes it.

    Attributes:
        domain: what a datum is.
        preprocessing: how raw values became values of the domain; `load_data` takes the same words again.
        source: where the data came from.
        train, valid, test: the splits; None where the source has no such split.
        notes: what was inferred or decided on the way, in words.
        parted: the source has no splits; they were drawn with the seed.
    """

    domain: Domain
    preprocessing: Preprocessing
    source: str
    train: Split | None = None
    valid: Split | None = None
    test: Split | None = None
    notes: tuple[str, ...] = ()
    parted: bool = False
