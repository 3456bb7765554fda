"""Conversion of frames to rows of a table, float64 [n, D], and back: levels by index, NaN for a missing value."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from chainrule.data.frames import INTEGER, check_frame, value_type
from chainrule.data.raw import Array
from chainrule.distributions import MAX_EXACT_INTEGER
from chainrule.domains import Column, Level, Table
from chainrule.errors import ChainruleError

ORDERED = "category, ordered"
"""The dtype of a column with ordered categories, for which pandas has no name."""
MAX_LISTED = 10
"""Names or values that a message lists."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a frame, as `to_rows` returns them.

    Attributes:
        values: float64 [n, D], NaN for a missing or unknown value.
        unknown: bool [n, D], True where the frame has a value that is none of the levels of its column.
        unknown_counts: by column, the number of rows with each unknown value.
        messages: what was decided, in words.

    Example:
        >>> table = Table([Column("weather", "categorical", ("dry", "rain", "snow"))])
        >>> rows = to_rows(pd.DataFrame({"weather": ["rain", "hail", None]}), table)
        >>> rows.values.tolist(), rows.unknown.tolist(), rows.unknown_counts
        ([[1.0], [nan], [nan]], [[False], [True], [False]], {'weather': {'hail': 1}})
    """

    values: Tensor = field(repr=False)
    unknown: Tensor = field(repr=False)
    unknown_counts: dict[str, dict[str, int]]
    messages: tuple[str, ...] = ()

    def describe_unknown(self) -> list[str]:
        """Return the unknown values of each column and their counts, in words."""
        return [
            f"column {name!r} has {join_some(f'{value!r} ({count})' for value, count in counts.items())}"
            for name, counts in self.unknown_counts.items()
        ]

    def require_known(self, source: object) -> Tensor:
        """Return the values, checked to have no unknown one.

        Args:
            source: for messages.

        Raises:
            ChainruleError: an unknown value.
        """
        if self.unknown_counts:
            raise ChainruleError(
                f"{source}: {self.describe_unknown()[0]}, which the table that the model knows does not have there; "
                "correct or empty these cells, or leave out the rows"
            )
        return self.values


def to_rows(frame: pd.DataFrame, table: Table, *, source: object = "the frame") -> Rows:
    """Return the rows of a frame, with the columns of the table in their order.

    A value is the same level if it is written as a number, as its digits, or as a boolean, since files of the same
    column differ in that. A value that is no level is unknown, which is not the same as missing.

    Args:
        frame: has the columns of the table, in any order, and maybe more.
        table: the table of the rows.
        source: the name of the frame in messages.

    Raises:
        ChainruleError: a column that is not there, or values that a numeric column cannot have.

    Example:
        >>> table = Table([Column("weather", "categorical", ("dry", "rain", "snow"))])
        >>> rows = to_rows(pd.DataFrame({"weather": ["rain", "hail", None]}), table)
        >>> rows.values.tolist(), rows.describe_unknown()
        ([[1.0], [nan], [nan]], ["column 'weather' has 'hail' (1)"])
    """
    check_frame(frame, source)
    absent = [name for name in table.names if name not in frame]
    if absent:
        raise ChainruleError(
            f"{source} has no column {join_some(map(repr, absent))}, which the table that the model knows has; those "
            f"of {source} are {join_some(map(repr, frame))}"
        )
    values, unknown = np.empty((len(frame), table.sites)), np.zeros((len(frame), table.sites), bool)
    unknown_counts: dict[str, dict[str, int]] = {}
    for site, column in enumerate(table.columns):
        series, where = frame[column.name], f"column {column.name!r} of {source}"
        if column.is_discrete:
            values[:, site], unknown[:, site], counts = _to_level_indices(series, column, where)
            unknown_counts |= {column.name: counts} if counts else {}
        else:
            values[:, site] = _to_numbers(series, column, where)
    checked = check_rows(torch.from_numpy(values), table, source)
    return Rows(checked, torch.from_numpy(unknown), unknown_counts, _report_ignored(frame, table))


def as_rows(x: object, table: Table) -> Tensor:
    """Return data of a table as rows, float64 [n, D]: a frame, or a tensor or array that holds rows already.

    Raises:
        ChainruleError: other data, no rows, or values that the table does not have.
    """
    if isinstance(x, pd.DataFrame):
        return to_rows(x, table).require_known("the frame")
    if isinstance(x, np.ndarray) and x.dtype.kind in "biuf":
        x = torch.from_numpy(x.astype(np.float64))
    if not isinstance(x, Tensor) or x.is_complex():
        raise ChainruleError(f"data of a table must be a DataFrame, or rows of numbers [n, D], not {type(x).__name__}")
    if not len(x):
        raise ChainruleError("the data is empty; give at least one row")
    return check_rows(x.detach().cpu().double(), table, "the data")


def check_rows(rows: Tensor, table: Table, source: object) -> Tensor:
    """Return the rows, checked to have values of the table where they are not missing (NaN).

    Raises:
        ChainruleError: a wrong shape, or a value that the table does not have.
    """
    try:
        table.check(rows.where(~rows.isnan(), torch.zeros_like(rows)))  # every column can have 0
    except ChainruleError as fault:
        raise ChainruleError(f"{source}: {fault}; correct it") from None
    return rows


def _to_level_indices(series: pd.Series, column: Column, where: str) -> tuple[Array, Array, dict[str, int]]:
    """Return the level index of each value, which values are unknown, and the number of rows of each unknown value."""
    value_type(series, where)
    has_text = all(isinstance(level, str) for level in column.levels)
    index_of = {_as_key(level, has_text): index for index, level in enumerate(column.levels)}
    codes, uniques = pd.factorize(series, use_na_sentinel=True)
    values = [as_python(value) for value in uniques]
    # NaN at the end stands for the code -1 of a missing value.
    indices = np.array([_find_level(index_of, _as_key(value, has_text)) for value in values] + [np.nan])
    counts = np.bincount(codes[codes >= 0], minlength=len(values))
    unknown_counts = {str(value): int(counts[code]) for code, value in enumerate(values) if np.isnan(indices[code])}
    return indices[codes], np.isnan(indices[codes]) & (codes >= 0), unknown_counts


def _find_level(index_of: Mapping[Level, int], key: Level) -> float:
    """Return the index of a level, NaN if there is none; 4.0 matches 4, since files with gaps have it so."""
    if key not in index_of and isinstance(key, str) and re.fullmatch(r"-?\d+(\.0)?", key):
        key = key.removesuffix(".0") if key.endswith(".0") else f"{key}.0"
    return index_of.get(key, np.nan)


def _as_key(value: Level, has_text: bool) -> Level:
    """Return a key that equal values share, whether levels are strings or not; True, 1 and 1.0 are equal."""
    if isinstance(value, str):
        return value if has_text else _parse(value)
    if not has_text:
        return value
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def _parse(word: str) -> Level:
    """Return the number or boolean that a word stands for, or the word."""
    if word.lower() in ("true", "false"):
        return word.lower() == "true"
    for number_type in (int, float):
        try:
            return number_type(word)
        except ValueError:
            pass
    return word


def as_python(value: Any) -> Level:
    """Return a value of a frame as a Python object instead of a numpy scalar."""
    found: Level = value.item() if isinstance(value, np.generic) else value
    return found


def _to_numbers(series: pd.Series, column: Column, where: str) -> Array:
    """Return the values of a numeric column, also from strings that hold numbers."""
    numbers = _parse_numbers(series, where)
    # Larger whole numbers are refused by the table; 2^53 itself may be a larger one, rounded.
    for row in np.flatnonzero(np.abs(numbers) == MAX_EXACT_INTEGER) if column.kind != "real" else ():
        value = series.iloc[row]
        is_integer = not isinstance(value, float) and re.fullmatch(INTEGER, str(value))
        if is_integer and abs(int(value)) > MAX_EXACT_INTEGER:
            raise ChainruleError(
                f"{where} has {value} in row {row}, and whole numbers beyond 2^53 are not exact as floats; correct it, "
                "or leave out the row"
            )
    return numbers


def _parse_numbers(series: pd.Series, where: str) -> Array:
    if value_type(series, where) in ("text", "category"):
        parsed = pd.to_numeric(series.astype(object), errors="coerce")
        wrong = (parsed.isna() & series.notna()).to_numpy()
        if wrong.any():
            row = int(wrong.argmax())
            raise ChainruleError(
                f"{where} takes numbers, and row {row} has {series.iloc[row]!r}; correct it, or, if it stands for a "
                "missing value, say so with missing"
            )
        series = parsed
    return series.to_numpy(np.float64, na_value=np.nan)


def _report_ignored(frame: pd.DataFrame, table: Table) -> tuple[str, ...]:
    names = [name for name in frame if name not in table.names]
    return (f"columns passed over, since the model does not know them: {join_some(names)}",) if names else ()


def join_some(words: Iterable[Any]) -> str:
    """Join the first words of many, and say how many more there are.

    Example:
        >>> join_some(["a", "b"]), join_some(map(str, range(12)))
        ('a, b', '0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more')
    """
    words = list(words)
    return ", ".join(words[:MAX_LISTED]) + (f" and {len(words) - MAX_LISTED} more" if len(words) > MAX_LISTED else "")


def to_frame(values: Tensor, table: Table) -> pd.DataFrame:
    """Return rows of a table as a frame, with the names, levels and dtypes that the table was inferred from.

    If a dtype has no missing values and there are some, the frame has what pandas uses then: floats instead of whole
    numbers, objects instead of booleans. Whole numbers too large for the dtype of a column become int64.

    Args:
        values: floats [n, D], NaN for a missing value.
        table: the table of the rows.

    Raises:
        ChainruleError: a wrong shape, or values that the table does not have.

    Example:
        >>> table = Table([Column("weather", "categorical", ("dry", "rain"), dtype="str")])
        >>> to_frame(torch.tensor([[1.0], [torch.nan]]), table)["weather"].tolist()
        ['rain', nan]
    """
    rows = check_rows(values.detach().cpu().double(), table, "the data").numpy()
    return pd.DataFrame({column.name: _to_series(rows[:, site], column) for site, column in enumerate(table.columns)})


def round_to_resolution(values: Tensor, table: Table) -> Tensor:
    """Round the real values of drawn rows to the number of decimals of the resolution of their column.

    Args:
        values: float64 [..., D].
        table: the table of the rows.

    Example:
        >>> bill = Column("bill", "real", quantiles=[30 + k / 10 for k in range(32)], resolution=0.1)
        >>> round_to_resolution(torch.tensor([[49.07171536815871]]).double(), Table([bill])).item()
        49.1
    """
    columns = []
    for column, drawn in zip(table.columns, values.unbind(-1), strict=True):
        decimals = max(0, -math.floor(math.log10(column.resolution) + 1e-9))
        columns.append(torch.from_numpy(drawn.numpy().round(decimals)) if column.kind == "real" else drawn)
    return torch.stack(columns, -1)


def _to_series(values: Array, column: Column) -> pd.Series:
    missing = np.isnan(values)
    if not column.is_discrete:
        return pd.Series(values).astype(_numeric_dtype(column.dtype, values[~missing], bool(missing.any())))
    codes = np.where(missing, -1, values).astype(np.int64)
    if column.dtype in ("category", ORDERED):
        categories: pd.CategoricalDtype[Any] = pd.CategoricalDtype(pd.Index(column.levels), column.dtype == ORDERED)
        return pd.Series(pd.Categorical.from_codes(codes, dtype=categories))
    levels = np.array([*column.levels, np.nan], dtype=object)[codes]
    dtype = pd.api.types.pandas_dtype(column.dtype)
    if missing.any() and isinstance(dtype, np.dtype) and dtype.kind in "biu":
        return pd.Series(levels, dtype=object if dtype.kind == "b" else np.float64)
    return pd.Series(levels, dtype=dtype)


def _numeric_dtype(name: str, values: Array, has_missing: bool) -> Any:
    """Return the dtype for the values of a numeric column: the one named, if it can hold them."""
    dtype = pd.api.types.pandas_dtype(name)
    if dtype.kind not in "iu":
        return dtype
    if has_missing and isinstance(dtype, np.dtype):
        return np.float64
    limits = np.iinfo(getattr(dtype, "numpy_dtype", dtype))
    fits = not len(values) or (limits.min <= values.min() and values.max() <= limits.max)
    return dtype if fits else "Int64" if has_missing else np.int64
