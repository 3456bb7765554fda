"""The preprocessing that a run records: how raw values become values of a domain, and its arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from chainrule.domains import MAX_LEVELS, Kind
from chainrule.errors import ChainruleError
from chainrule.seeding import generator

Binarization = Literal["threshold", "draw", "dynamic"]
TABLE_OPTIONS = ("kinds", "drop", "missing")
"""The options that apply to tables only."""


@dataclass(frozen=True)
class Preprocessing:
    """The steps from raw values to values of a domain: `load_data(source, **preprocessing.to_dict())` repeats them.

    Args:
        binarize: how gray values become 0 or 1. `threshold`: 1 from half of full scale on. `draw`: 1 with probability
            gray / full scale, drawn once. `dynamic`: drawn so anew in each epoch of training, and once for all else.
        levels: quantises gray values to this many levels, 2 to 256, by rounding.
        seed: of the random split of a source without splits, and of the draws.
        kinds: of a table, by column, where another kind than the inferred one is meant.
        drop: of a table, the columns to leave out.
        missing: of a table, words that are read as missing values, besides those of pandas.

    Raises:
        ChainruleError: an unknown binarization, levels outside 2 … 256, or both at once; a seed that is no whole
            number; an unknown kind.

    Example:
        >>> Preprocessing.from_dict({"binarize": "draw"}).to_dict()
        {'binarize': 'draw', 'levels': None, 'seed': 0}
        >>> Preprocessing(kinds={"zip": "categorical"}).to_dict()["kinds"]
        {'zip': 'categorical'}
    """

    binarize: Binarization | None = None
    levels: int | None = None
    seed: int = 0
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    drop: Sequence[str] = ()
    missing: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name, parse in zip(TABLE_OPTIONS, (parse_kinds, parse_names, parse_names), strict=True):
            object.__setattr__(self, name, parse(getattr(self, name)))
        if self.binarize is not None and self.binarize not in get_args(Binarization):
            raise ChainruleError(f"binarize must be one of {', '.join(get_args(Binarization))}, not {self.binarize!r}")
        if self.levels is not None and not (_is_integer(self.levels) and 2 <= self.levels <= MAX_LEVELS):
            raise ChainruleError(f"levels must be a whole number from 2 to {MAX_LEVELS}, not {self.levels!r}")
        if self.binarize is not None and self.levels is not None:
            raise ChainruleError(f"binarize={self.binarize!r} and levels={self.levels} exclude each other; give one")
        if not _is_integer(self.seed):
            raise ChainruleError(f"seed must be a whole number, not {self.seed!r}")

    @property
    def quantises(self) -> bool:
        """Whether gray values are binarized or quantised."""
        return self.binarize is not None or self.levels is not None

    @property
    def table_options(self) -> list[str]:
        """The names of the options for tables that are set."""
        return [name for name in TABLE_OPTIONS if getattr(self, name)]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, the keyword arguments of `load_data`; options for tables only if they are set."""
        options = {name: value for name, value in asdict(self).items() if name not in TABLE_OPTIONS or value}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()}

    @classmethod
    def from_dict(cls, options: dict[str, Any]) -> Preprocessing:
        """Return the preprocessing that `to_dict` described.

        Raises:
            ChainruleError: an unknown option, or a value that an option does not take.
        """
        unknown = sorted(set(options) - set(cls.__dataclass_fields__))
        if unknown:
            raise ChainruleError(
                f"preprocessing has no {', '.join(unknown)}; it has {', '.join(cls.__dataclass_fields__)}"
            )
        return cls(**options)


def parse_kinds(kinds: str | Mapping[str, Kind] | None) -> dict[str, Kind]:
    """Return kinds by column, from a mapping or from text.

    Raises:
        ChainruleError: something else, or an unknown kind.

    Example:
        >>> parse_kinds("zip=categorical, age=real")
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


def parse_names(names: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return names, or words, from a sequence of them or from text that separates them by commas.

    Raises:
        ChainruleError: something else.

    Example:
        >>> parse_names("id,name"), parse_names(["a,b"]), parse_names(None)
        (('id', 'name'), ('a,b',), ())
    """
    found = names.split(",") if isinstance(names, str) else names or ()
    if not isinstance(found, list | tuple) or not all(isinstance(name, str) for name in found):
        raise ChainruleError(f"drop and missing take words, such as id,name, not {names!r}")
    return tuple(name for name in found if name)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def quantise(gray: Tensor, levels: int, *, full_scale: int) -> Tensor:
    """Return round(gray · (levels - 1) / full_scale), in exact integers, halves up; uint8 of the same shape.

    Example:
        >>> quantise(torch.tensor([0, 127, 128, 255], dtype=torch.uint8), levels=2, full_scale=255).tolist()
        [0, 0, 1, 1]
    """
    level_of = (2 * np.arange(full_scale + 1) * (levels - 1) + full_scale) // (2 * full_scale)
    return torch.from_numpy(level_of.astype(np.uint8)[gray.numpy()])


def draw_binary(gray: Tensor, full_scale: int, seed: int, *key: int) -> Tensor:
    """Draw 1 with probability exactly gray / full_scale, independently at each site, else 0; uint8 of the same shape.

    Args:
        gray: uint8, values 0 … full_scale.
        full_scale: the gray value of white.
        seed: of the draw.
        key: selects one of many draws with this seed.
    """
    noise = numpy_generator(seed, *key).integers(0, full_scale, gray.shape, dtype=np.uint8)
    return (torch.from_numpy(noise) < gray).view(torch.uint8)


def numpy_generator(seed: int, *key: int) -> np.random.Generator:
    """Return the numpy generator of a seed and a key: its bounded integers are exactly uniform, those of torch not."""
    return np.random.default_rng(generator(seed, *key).initial_seed())
