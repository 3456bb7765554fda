"""From frames to rows of a table, float64 [n, D], and back: levels by their place, NaN where a value is missing."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from chainrule.data.frames import WHOLE, check_frame, family_of
from chainrule.data.raw import Array
from chainrule.distributions.mixture import LARGEST
from chainrule.domains import Column, Table
from chainrule.domains.table import Level
from chainrule.errors import ChainruleError

ORDERED = "category, ordered"
"""The dtype of a column whose categories have an order; pandas has no one word for it."""
SHOWN = 10
"""So many names or values are listed in a message."""


@dataclass(frozen=True, eq=False)
class Rows:
    """A frame as rows of a table.

    Attributes:
        values: float64 [n, D], NaN where a value is missing, and where it is unseen.
        unseen: bool [n, D]: a value is there, but it is none of the column's levels.
        strange: by column, how many rows have each unseen value.
        notes: what was decided on the way.
    """

    values: Tensor = field(repr=False)
    unseen: Tensor = field(repr=False)
    strange: dict[str, dict[str, int]]
    notes: tuple[str, ...] = ()

    def in_words(self) -> list[str]:
        """Each column's unseen values and their counts."""
        return [
            f"column {name!r} has {listed([f'{value!r} ({count})' for value, count in found.items()])}"
            for name, found in self.strange.items()
        ]

    def known(self, source: object) -> Tensor:
        """The values, where none of them is unseen.

        Raises:
            ChainruleError: one is.
        """
        if self.strange:
            raise ChainruleError(
                f"{source}: {self.in_words()[0]}, which the table that the model knows does not have there; correct or "
                "empty these cells, or leave out the rows"
            )
        return self.values


def to_rows(frame: pd.DataFrame, table: Table, source: object = "the frame") -> Rows:
    """The rows of a frame, of the table's columns in their order, wherever the frame has them.

    A value is the same level whether it is written as a number, as its digits, or as a boolean: files disagree on that.
    Values that are no level are not missing: they are reported.

    Args:
        source: what the frame is called in messages.

    Raises:
        ChainruleError: a column that is not there, or values that are none of a column of numbers.

    Example:
        >>> table = Table([Column("weather", "categorical", ("dry", "rain", "snow"))])
        >>> rows = to_rows(pd.DataFrame({"weather": ["rain", "hail", None]}), table)
        >>> rows.values.tolist(), rows.in_words()
        ([[1.0], [nan], [nan]], ["column 'weather' has 'hail' (1)"])
    """
    check_frame(frame, source)
    absent = [name for name in table.names if name not in frame]
    if absent:
        raise ChainruleError(
            f"{source} has no column {listed(map(repr, absent))}, which the table that the model knows has; those of "
            f"{source} are {listed(map(repr, frame))}"
        )
    values, unseen = np.empty((len(frame), table.sites)), np.zeros((len(frame), table.sites), bool)
    strange: dict[str, dict[str, int]] = {}
    for site, column in enumerate(table.columns):
        series, where = frame[column.name], f"column {column.name!r} of {source}"
        if column.discrete:
            values[:, site], unseen[:, site], found = _places(series, column, where)
            strange |= {column.name: found} if found else {}
        else:
            values[:, site] = _numbers(series, column, where)
    return Rows(
        checked(torch.from_numpy(values), table, source), torch.from_numpy(unseen), strange, _extra(frame, table)
    )


def rows_of(x: object, table: Table) -> Tensor:
    """Data of a table, float64 [n, D]: a frame's, or those of a tensor or array that hold rows already.

    Raises:
        ChainruleError: no such data, or values that the table does not have.
    """
    if isinstance(x, pd.DataFrame):
        return to_rows(x, table).known("the frame")
    if isinstance(x, np.ndarray) and x.dtype.kind in "biuf":
        x = torch.from_numpy(x.astype(np.float64))
    if not isinstance(x, Tensor) or x.is_complex():
        raise ChainruleError(f"data of a table must be a DataFrame, or rows of numbers [n, D], not {type(x).__name__}")
    if not len(x):
        raise ChainruleError("the data is empty; give at least one row")
    return checked(x.detach().cpu().double(), table, "the data")


def checked(rows: Tensor, table: Table, source: object) -> Tensor:
    """The rows, once what is not missing in them is known to be values of the table.

    Raises:
        ChainruleError: a wrong shape, or a value that is none.
    """
    try:
        table.check(rows.where(~rows.isnan(), torch.zeros_like(rows)))  # 0 is a value of every column
    except ChainruleError as fault:
        raise ChainruleError(f"{source}: {fault}; correct it") from None
    return rows


def _places(series: pd.Series, column: Column, where: str) -> tuple[Array, Array, dict[str, int]]:
    """The place of each value among the levels, which are unseen, and how many rows have each unseen one."""
    family_of(series, where)
    text = all(isinstance(level, str) for level in column.levels)
    known = {_key(level, text): place for place, level in enumerate(column.levels)}
    codes, uniques = pd.factorize(series, use_na_sentinel=True)
    values = [plain(value) for value in uniques]
    place = np.array([_place(known, _key(value, text)) for value in values] + [np.nan])  # the last: of missing, -1
    counts = np.bincount(codes[codes >= 0], minlength=len(values))
    strange = {str(value): int(counts[code]) for code, value in enumerate(values) if np.isnan(place[code])}
    return place[codes], np.isnan(place[codes]) & (codes >= 0), strange


def _place(known: Mapping[Level, int], key: Level) -> float:
    """The place of a level; a word 4.0 is the level 4 if it is none itself, since beside holes files have it so."""
    if key not in known and isinstance(key, str) and re.fullmatch(r"-?\d+(\.0)?", key):
        key = key.removesuffix(".0") if key.endswith(".0") else f"{key}.0"
    return known.get(key, np.nan)


def _key(value: Level, text: bool) -> Level:
    """What equal values have in common, among levels that are strings or among others; True equals 1, and 1.0."""
    if isinstance(value, str):
        return value if text else _read(value)
    if not text:
        return value
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def _read(word: str) -> Level:
    """The number or boolean that a word stands for, if it does."""
    if word.lower() in ("true", "false"):
        return word.lower() == "true"
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            pass
    return word


def plain(value: Any) -> Level:
    """A value without numpy."""
    found: Level = value.item() if isinstance(value, np.generic) else value
    return found


def _numbers(series: pd.Series, column: Column, where: str) -> Array:
    """The values of a column of numbers; strings that hold numbers will do."""
    read = _read_numbers(series, where)
    for row in np.flatnonzero(np.abs(read) == LARGEST) if column.kind != "real" else ():  # those beyond are refused
        value = series.iloc[row]
        if not isinstance(value, float) and re.fullmatch(WHOLE, str(value)) and abs(int(value)) > LARGEST:
            raise ChainruleError(
                f"{where} has {value} in row {row}, and whole numbers beyond 2^53 are not exact as floats; correct it, "
                "or leave out the row"
            )
    return read


def _read_numbers(series: pd.Series, where: str) -> Array:
    if family_of(series, where) in ("text", "category"):
        read = pd.to_numeric(series.astype(object), errors="coerce")
        wrong = (read.isna() & series.notna()).to_numpy()
        if wrong.any():
            row = int(wrong.argmax())
            raise ChainruleError(
                f"{where} takes numbers, and row {row} has {series.iloc[row]!r}; correct it, or, if it stands for a "
                "missing value, say so with missing"
            )
        series = read
    return series.to_numpy(np.float64, na_value=np.nan)


def _extra(frame: pd.DataFrame, table: Table) -> tuple[str, ...]:
    names = [name for name in frame if name not in table.names]
    return (f"columns passed over, since the model does not know them: {listed(names)}",) if names else ()


def listed(words: Any) -> str:
    """The first words of many, and how many more there are.

    Example:
        >>> listed(["a", "b"]), listed(map(str, range(12)))
        ('a, b', '0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more')
    """
    words = list(words)
    return ", ".join(words[:SHOWN]) + (f" and {len(words) - SHOWN} more" if len(words) > SHOWN else "")


def to_frame(values: Tensor, table: Table) -> pd.DataFrame:
    """Rows of a table, float [n, D], as a frame with the names, levels and types that the table was inferred from.

    Where a type has no missing values and there are some, the frame has what pandas itself takes then: floats in place
    of whole numbers, objects in place of booleans. Whole numbers too large for a column's type are given as int64.

    Raises:
        ChainruleError: a wrong shape, or values that the table does not have.

    Example:
        >>> table = Table([Column("weather", "categorical", ("dry", "rain"), dtype="str")])
        >>> to_frame(torch.tensor([[1.0], [torch.nan]]), table)["weather"].tolist()
        ['rain', nan]
    """
    rows = checked(values.detach().cpu().double(), table, "the data").numpy()
    return pd.DataFrame({column.name: _series(rows[:, site], column) for site, column in enumerate(table.columns)})


def with_decimals(values: Tensor, table: Table) -> Tensor:
    """Drawn rows of a table, the real values rounded to as many decimals as the resolution of their column has.

    Example:
        >>> bill = Column("bill", "real", quantiles=[30 + k / 10 for k in range(32)], resolution=0.1)
        >>> with_decimals(torch.tensor([[49.07171536815871]]).double(), Table([bill])).item()
        49.1
    """
    columns = []
    for column, drawn in zip(table.columns, values.unbind(-1), strict=True):
        decimals = max(0, -math.floor(math.log10(column.resolution) + 1e-9))
        columns.append(torch.from_numpy(drawn.numpy().round(decimals)) if column.kind == "real" else drawn)
    return torch.stack(columns, -1)


def _series(values: Array, column: Column) -> pd.Series:
    missing = np.isnan(values)
    if not column.discrete:
        return pd.Series(values).astype(_numeric(column.dtype, values[~missing], bool(missing.any())))
    codes = np.where(missing, -1, values).astype(np.int64)
    if column.dtype in ("category", ORDERED):
        kind: pd.CategoricalDtype[Any] = pd.CategoricalDtype(pd.Index(column.levels), column.dtype == ORDERED)
        return pd.Series(pd.Categorical.from_codes(codes, dtype=kind))
    found = np.array([*column.levels, np.nan], dtype=object)[codes]
    dtype = pd.api.types.pandas_dtype(column.dtype)
    if missing.any() and isinstance(dtype, np.dtype) and dtype.kind in "biu":
        return pd.Series(found, dtype=object if dtype.kind == "b" else np.float64)
    return pd.Series(found, dtype=dtype)


def _numeric(name: str, values: Array, missing: bool) -> Any:
    """The type for the values of a column of numbers: the one named, if it holds them."""
    dtype = pd.api.types.pandas_dtype(name)
    if dtype.kind not in "iu":
        return dtype
    if missing and isinstance(dtype, np.dtype):
        return np.float64
    range_ = np.iinfo(getattr(dtype, "numpy_dtype", dtype))
    fits = not len(values) or (range_.min <= values.min() and values.max() <= range_.max)
    return dtype if fits else "Int64" if missing else np.int64


def fill(frame: pd.DataFrame, values: pd.DataFrame, missing: Array | None = None) -> pd.DataFrame:
    """The frame with what is missing taken from as many rows of values, as `to_frame` gives them; all else is kept.

    A column keeps its type if that can hold what is filled in. Among the words of a file, numbers have a point only if
    others of the column have one, or a fraction.

    Args:
        missing: bool [n, D], in the order of the columns of values, what is missing: words of a file may say so, such
            as NA. What pandas takes for missing, unless given.

    Example:
        >>> fill(pd.DataFrame({"a": [1.5, None], "b": ["x", None]}), pd.DataFrame({"a": [0.0, 2.5]}))
             a    b
        0  1.5    x
        1  2.5  NaN
    """
    values = values.set_axis(frame.index)
    holes = frame[list(values)].isna().to_numpy() if missing is None else missing
    filled = {str(name): _filled(frame[name], values[name], holes[:, at]) for at, name in enumerate(values)}
    return frame.assign(**filled)


def _filled(series: pd.Series, values: pd.Series, holes: Array) -> pd.Series:
    if not holes.any():
        return series
    if isinstance(series.dtype, pd.StringDtype):
        return series.mask(holes, _as_written(values, series[~holes].dropna()).astype(series.dtype))
    if holes.all():
        return values
    if isinstance(series.dtype, pd.CategoricalDtype):
        return _filled_categories(series, values, holes)
    return (_filled_numbers if series.dtype.kind in "iuf" else _replaced)(series, values, holes)


def _replaced(series: pd.Series, values: pd.Series, holes: Array) -> pd.Series:
    return series.mask(holes, values.astype(series.dtype))


def _filled_categories(series: pd.Series, values: pd.Series, holes: Array) -> pd.Series:
    """Some levels may be no categories of the series, and some of its categories, never seen in training, no levels."""
    if isinstance(values.dtype, pd.CategoricalDtype) and series[~holes].isin(values.cat.categories).all():
        return _replaced(series.astype(values.dtype), values, holes)
    return _replaced(series.astype(object), values, holes).infer_objects()


def _filled_numbers(series: pd.Series, values: pd.Series, holes: Array) -> pd.Series:
    """The levels of the table may be words, and words of numbers, and a narrow type may not hold all numbers."""
    numbers = pd.to_numeric(values.astype(object), errors="coerce")
    if bool((numbers.isna() & values.notna()).any()):
        return _replaced(series.astype(object), values, holes)
    if series.dtype.kind in "iu" and values.dtype != series.dtype:
        series = series.astype("Int64" if (numbers == numbers.round())[holes].all() else "Float64")
    return _replaced(series, numbers, holes)


def _as_written(values: pd.Series, known: pd.Series) -> pd.Series:
    """The values as words of a column in which these are known: with a point or without, in upper case or lower."""
    point = bool(known.str.contains(".", regex=False).any())
    case = next((case for case in (str.upper, str.lower) if len(known) and (known == known.map(case)).all()), str)
    return pd.Series([_word(plain(value), point, case) for value in values], values.index, dtype=object)


def _word(value: Any, point: bool, case: Callable[[str], str]) -> str | None:
    if pd.isna(value):
        return None
    if isinstance(value, bool):
        return case(str(value))
    if isinstance(value, int | float) and float(value).is_integer():
        return str(float(value)) if point else str(int(value))
    return str(value)
