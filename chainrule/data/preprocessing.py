"""How raw values become a domain's values: the recipe, which a run records, and its arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from chainrule.domains import MAX_LEVELS
from chainrule.domains.table import Kind
from chainrule.errors import ChainruleError
from chainrule.seeding import generator

Binarization = Literal["threshold", "draw", "dynamic"]
TABLES = ("kinds", "drop", "missing")
"""What a recipe says of tables alone."""


@dataclass(frozen=True)
class Preprocessing:
    """The recipe: `load_data(source, **recipe.to_dict())` repeats it bit for bit.

    Args:
        binarize: how gray values become 0 or 1. `threshold`: 1 from half of full scale on. `draw`: 1 with probability
            gray / full scale, drawn once. `dynamic`: drawn so afresh for each epoch of training, and once for all else.
        levels: quantises gray values to this many levels, 2 to 256, by rounding.
        seed: of the split, where the source has none, and of the draws.
        kinds: of a table, by column, where another kind is meant than the one that is inferred.
        drop: of a table, the columns that are left out.
        missing: of a table, words that are read as missing, besides pandas' own.

    Raises:
        ChainruleError: an unknown way to binarize, levels outside 2 … 256, or both at once; an unknown kind.

    Example:
        >>> Preprocessing.from_dict({"binarize": "draw"}).to_dict()
        {'binarize': 'draw', 'levels': None, 'seed': 0}
    """

    binarize: Binarization | None = None
    levels: int | None = None
    seed: int = 0
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    drop: Sequence[str] = ()
    missing: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name, read in zip(TABLES, (as_kinds, as_words, as_words), strict=True):
            object.__setattr__(self, name, read(getattr(self, name)))
        if self.binarize is not None and self.binarize not in get_args(Binarization):
            raise ChainruleError(f"binarize must be one of {', '.join(get_args(Binarization))}, not {self.binarize!r}")
        if self.levels is not None and not (_is_whole(self.levels) and 2 <= self.levels <= MAX_LEVELS):
            raise ChainruleError(f"levels must be a whole number from 2 to {MAX_LEVELS}, not {self.levels!r}")
        if self.binarize is not None and self.levels is not None:
            raise ChainruleError(f"binarize={self.binarize!r} and levels={self.levels} exclude each other; give one")
        if not _is_whole(self.seed):
            raise ChainruleError(f"seed must be a whole number, not {self.seed!r}")

    @property
    def converts(self) -> bool:
        """Does it make levels of gray values?"""
        return self.binarize is not None or self.levels is not None

    @property
    def of_tables(self) -> list[str]:
        """The words that it says of tables alone."""
        return [name for name in TABLES if getattr(self, name)]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: the keyword arguments of `load_data`; those of tables only where they say something."""
        words = {name: value for name, value in asdict(self).items() if name not in TABLES or value}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in words.items()}

    @classmethod
    def from_dict(cls, recipe: dict[str, Any]) -> Preprocessing:
        """The recipe that `to_dict` described.

        Raises:
            ChainruleError: a word that is not part of a recipe, or a value that it does not take.
        """
        unknown = sorted(set(recipe) - set(cls.__dataclass_fields__))
        if unknown:
            raise ChainruleError(
                f"preprocessing has no {', '.join(unknown)}; it has {', '.join(cls.__dataclass_fields__)}"
            )
        return cls(**recipe)


def as_kinds(kinds: str | Mapping[str, Kind] | None) -> dict[str, Kind]:
    """Kinds by column, from a mapping or from words.

    Raises:
        ChainruleError: neither, or a kind that there is not.

    Example:
        >>> as_kinds("zip=categorical, age=real")
        {'zip': 'categorical', 'age': 'real'}
    """
    if isinstance(kinds, str):
        pairs = [part.rpartition("=")[::2] for part in kinds.split(",") if part.strip()]
    else:
        pairs = list(kinds.items()) if isinstance(kinds, Mapping) else [("", kinds)] if kinds else []
    for name, kind in pairs:
        if not str(name).strip() or str(kind).strip() not in get_args(Kind):
            raise ChainruleError(
                f"kinds must be such as zip=categorical,age=real, of {', '.join(get_args(Kind))}, not {kinds!r}"
            )
    return {str(name).strip(): str(kind).strip() for name, kind in pairs}  # type: ignore[misc]


def as_words(words: str | Sequence[str] | None) -> tuple[str, ...]:
    """Words, from a sequence of them or separated by commas.

    Raises:
        ChainruleError: something else.

    Example:
        >>> as_words("id,name"), as_words(["a,b"]), as_words(None)
        (('id', 'name'), ('a,b',), ())
    """
    found = words.split(",") if isinstance(words, str) else words or ()
    if not isinstance(found, list | tuple) or not all(isinstance(word, str) for word in found):
        raise ChainruleError(f"drop and missing take words, such as id,name, not {words!r}")
    return tuple(word for word in found if word)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def quantise(gray: Tensor, levels: int, full_scale: int) -> Tensor:
    """round(gray · (levels - 1) / full_scale), in exact integers, halves up; uint8 of the same shape.

    Example:
        >>> quantise(torch.tensor([0, 127, 128, 255], dtype=torch.uint8), levels=2, full_scale=255).tolist()
        [0, 0, 1, 1]
    """
    table = (2 * np.arange(full_scale + 1) * (levels - 1) + full_scale) // (2 * full_scale)
    return torch.from_numpy(table.astype(np.uint8)[gray.numpy()])


def draw_binary(gray: Tensor, full_scale: int, seed: int, *key: int) -> Tensor:
    """1 with probability exactly gray / full_scale, independently at each site, else 0; uint8 of the same shape."""
    noise = numpy_generator(seed, *key).integers(0, full_scale, gray.shape, dtype=np.uint8)
    return (torch.from_numpy(noise) < gray).view(torch.uint8)


def numpy_generator(seed: int, *key: int) -> np.random.Generator:
    """numpy's counterpart of `seeding.generator`: its bounded integers are exactly uniform."""
    return np.random.default_rng(generator(seed, *key).initial_seed())
