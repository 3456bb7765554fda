"""Inference of a table from a frame: the kind of each column, its levels, its quantiles and its resolution."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from chainrule.data.frames import LEADING_ZERO, ValueType, check_frame, date_error, value_type
from chainrule.data.preprocessing import parse_kinds, parse_names
from chainrule.data.raw import Array
from chainrule.data.rows import ORDERED, as_python, join_some
from chainrule.distributions import MAX_EXACT_INTEGER
from chainrule.domains import NUM_QUANTILES, NUMERIC_KINDS, Column, Kind, Level, Table
from chainrule.errors import ChainruleError

MAX_INFERRED_LEVELS = 256
"""Levels of a column that is inferred to be categorical: one with more is likely to be an identifier or free text."""
MAX_CHOSEN_LEVELS = 4096
"""Levels of a column that `kinds` calls categorical."""
DATE = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?"
PLACEHOLDERS = ("?", "-", "--", ".", "*")
"""Words by which files mark a missing value, which pandas does not read as missing."""
RELATIVE_NOISE, ROUNDING_STEPS = 1e-9, 4
"""Two values count as equal if they differ by less than this share of the median absolute deviation, which outliers do
not move, or by less than this number of steps of a float: arithmetic has split them."""
FAR_RATIO, MAX_RATIO = 1e6, 1e30
"""Ratios of the range of a column to the range of most of its values: suspicious, and too large for floats."""
MAX_NUMBER = 1e150
"""Numbers up to this one have finite squares."""
MAX_LINES = 40
"""Lines of the description of a table."""
MIN_ROWS_FOR_IDS = 20
"""Rows from which a column of different whole numbers is suspected to number the rows."""


def infer_table(
    frame: pd.DataFrame,
    *,
    kinds: str | Mapping[str, Kind] | None = None,
    drop: str | Sequence[str] | None = None,
    source: object = "the frame",
) -> tuple[Table, tuple[str, ...]]:
    """Infer the table of a frame.

    Two values, or 0 and 1, are binary; other strings, booleans and categories are categorical; whole numbers are
    counts if none is below 0, else integers, also if they are stored as floats; other numbers are real.

    Args:
        frame: the data.
        kinds: by column, where another kind than the inferred one is meant.
        drop: columns to leave out.
        source: the name of the frame in messages.

    Returns:
        the table, and messages about it: its description first, then what may be a mistake.

    Raises:
        ChainruleError: no rows, a name in kinds or drop that is no column, or a column that no kind fits.

    Example:
        >>> frame = pd.DataFrame({"age": [31, 42, 27], "sex": ["f", "m", "f"], "height": [1.71, 1.8, None]})
        >>> table, messages = infer_table(frame)
        >>> print(messages[0])
        3 columns
          age: count, 27 … 42
          sex: binary, 2 levels
          height: real, 1.71 … 1.8, 1 missing
    """
    check_frame(frame, source)
    chosen, dropped = parse_kinds(kinds), parse_names(drop)
    _check_columns({"kinds": chosen, "drop": dropped}, frame, source)
    used = frame.drop(columns=list(dropped))
    if used.columns.empty:
        raise ChainruleError(f"drop leaves no column of {source}; keep at least one")
    names = list(map(str, used))
    table = Table([_infer_column(used[name], chosen.get(name), f"column {name!r} of {source}") for name in names])
    return table, (_describe_table(used, table), *_find_doubts(used, table))


def _check_columns(options: Mapping[str, Iterable[str]], frame: pd.DataFrame, source: object) -> None:
    """Check that all names in the options are columns of the frame."""
    for option, names in options.items():
        for name in names:
            if name not in frame:
                columns = join_some(map(repr, frame))
                raise ChainruleError(f"{option} names {name!r}, and {source} has no such column; it has {columns}")


def measure_columns(table: Table, rows: Tensor) -> Table:
    """Return the table with the quantiles and the resolution of these rows, where a numeric column has values.

    Args:
        table: the table of the rows.
        rows: [n, D], NaN for a missing value.
    """
    columns = []
    for column, values in zip(table.columns, rows.numpy().T, strict=True):
        observed = values[~np.isnan(values)]
        is_measurable = not column.is_discrete and len(observed)
        columns.append(replace(column, **_measure(observed, column.kind)) if is_measurable else column)
    return Table(columns)


def _infer_column(series: pd.Series, kind: Kind | None, where: str) -> Column:
    values_are = value_type(series, where)
    if values_are in ("whole", "float"):
        series = series.infer_objects()  # from Python's numbers
    observed = series.dropna()
    if observed.empty:
        raise ChainruleError(f"{where} is missing throughout; leave it out with drop")
    if values_are == "float":
        _check_finite(series, where)
    chosen = kind or _infer_kind(observed, values_are, where)
    if chosen in NUMERIC_KINDS:
        return _numeric_column(observed, values_are, chosen, where)
    max_levels = MAX_INFERRED_LEVELS if kind is None else MAX_CHOSEN_LEVELS
    return _discrete_column(observed, values_are, chosen, max_levels, where)


def _check_finite(series: pd.Series, where: str) -> None:
    is_huge = np.abs(series.to_numpy(np.float64, na_value=np.nan)) > MAX_NUMBER
    if is_huge.any():
        row = int(is_huge.argmax())
        raise ChainruleError(f"{where} is {series.iloc[row]:g} in row {row}; correct it, empty the cell, or rescale")


def _infer_kind(observed: pd.Series, values_are: ValueType, where: str) -> Kind:
    values = observed.cat.categories if values_are == "category" else observed.unique()
    if values_are == "text" and _share_of_dates(observed) > 0.9:
        raise ChainruleError(f"{date_error(where)}; or call it categorical with kinds")
    if len(values) == 1:
        return "categorical"
    if values_are not in ("whole", "float"):
        return "binary" if len(values) == 2 else "categorical"
    if len(values) == 2 and set(values) == {0, 1}:
        return "binary"
    values = observed.to_numpy(np.float64)
    if (values != np.rint(values)).any():
        return "real"
    return "count" if values.min() >= 0 else "integer"


def _share_of_dates(observed: pd.Series) -> float:
    words = pd.Series(observed.unique())
    return float(observed.isin(words[words.str.fullmatch(DATE)]).mean())


def _numeric_column(observed: pd.Series, values_are: ValueType, kind: Kind, where: str) -> Column:
    if values_are not in ("whole", "float"):
        raise ChainruleError(
            f"{where} cannot be {kind}: its values are no numbers{_explain_strings(observed) or '; give another kind'}"
        )
    values = observed.to_numpy(np.float64)
    _check_kind(values, kind, where)
    if (kind != "real" or values_are == "whole") and max(int(observed.max()), -int(observed.min())) > MAX_EXACT_INTEGER:
        raise ChainruleError(
            f"{where} has whole numbers beyond 2^53, which are not exact as floats; leave it out with drop, or call it "
            f"{'categorical' if values_are == 'whole' else 'real'} with kinds"
        )
    dtype = "float64" if kind == "real" and values_are == "whole" else str(observed.dtype)
    column = Column(str(observed.name), kind, dtype=dtype, **_measure(values, kind))
    if _range_ratio(column) > MAX_RATIO:
        raise ChainruleError(
            f"{where} {_describe_range(column)}, too far beyond where most values lie: if the ends stand for missing "
            "values, say so with missing, or leave it out with drop"
        )
    return column


def _check_kind(values: Array, kind: Kind, where: str) -> None:
    """Check that a numeric column may be of this kind."""
    fractions = values[values != np.rint(values)]
    if kind != "real" and len(fractions):
        raise ChainruleError(f"{where} cannot be {kind}: it has {fractions[0]:g}; call it real with kinds")
    if kind == "count" and values.min() < 0:
        raise ChainruleError(f"{where} cannot be count: it has {values.min():g}; call it integer with kinds")


def _range_ratio(column: Column) -> float:
    """Return the ratio of the range of all values to the range of most of them."""
    quantiles = column.quantiles
    total, most = quantiles[-1] - quantiles[0], quantiles[-1 - NUM_QUANTILES // 10] - quantiles[NUM_QUANTILES // 10]
    return total / most if most else 1.0


def _describe_range(column: Column) -> str:
    return f"reaches from {column.quantiles[0]:.15g} to {column.quantiles[-1]:.15g}"


def _measure(values: Array, kind: Kind) -> dict[str, Any]:
    """Return the quantiles of the values [n] of a column, and the least difference between two of them."""
    distinct = np.unique(values)
    steps, sizes = np.diff(distinct), np.maximum(np.abs(distinct[1:]), np.abs(distinct[:-1]))
    deviation = float(np.median(np.abs(values - np.median(values))))
    steps = steps[steps > np.maximum(ROUNDING_STEPS * np.spacing(sizes), RELATIVE_NOISE * deviation)]
    resolution = 1.0 if kind != "real" or not len(steps) else float(steps.min())
    return {
        "quantiles": tuple(np.quantile(values, np.linspace(0, 1, NUM_QUANTILES)).tolist()),
        "resolution": resolution,
    }


def _discrete_column(observed: pd.Series, values_are: ValueType, kind: Kind, max_levels: int, where: str) -> Column:
    levels = _find_levels(observed, values_are)
    if len(levels) > max_levels:
        chosen = max_levels == MAX_CHOSEN_LEVELS
        remedy = "merge some" if chosen else f"call it categorical with kinds if it is (up to {MAX_CHOSEN_LEVELS})"
        raise ChainruleError(
            f"{where} has {len(levels)} categories: it looks like an identifier or free text; leave it out with drop, "
            f"or {remedy}{_explain_strings(observed)}"
        )
    if kind == "binary" and len(levels) != 2:
        raise ChainruleError(f"{where} cannot be binary: it has {len(levels)} levels; call it categorical with kinds")
    return Column(str(observed.name), kind, tuple(levels), _dtype_name(observed.dtype))


def _find_levels(observed: pd.Series, values_are: ValueType) -> list[Level]:
    """Return the levels, categories in their order, other values sorted; whole numbers as int."""
    if values_are == "category":
        return [as_python(value) for value in observed.cat.categories]
    values = [as_python(value) for value in observed.unique()]
    return sorted(int(value) if isinstance(value, float) and value.is_integer() else value for value in values)


def _dtype_name(dtype: Any) -> str:
    return ORDERED if isinstance(dtype, pd.CategoricalDtype) and dtype.ordered else str(dtype)


def _explain_strings(observed: pd.Series) -> str:
    """Return a clause that says why a column of strings may be one of numbers; empty if it does not look so."""
    if not pd.api.types.is_string_dtype(observed):
        return ""
    words = pd.Series(observed.unique())
    numbers = pd.to_numeric(words, errors="coerce")
    if numbers.notna().mean() > 0.5:
        return _explain_numbers(words, words[numbers.isna()])
    without_separators = pd.to_numeric(words.str.replace(r"[,'\s]", "", regex=True), errors="coerce")
    if without_separators.notna().mean() > 0.5:
        return "; most are numbers but for their separators: write 1234.5, not 1,234.5"
    return ""


def _explain_numbers(words: pd.Series, others: pd.Series) -> str:
    """Return why words of which most are numbers, but not these others, were read as text."""
    if words.str.fullmatch(LEADING_ZERO).any():
        return (
            "; they are digits of which some begin with 0, as codes do: if they are numbers, call the column of a "
            "file count with kinds, or convert that of a frame with pandas.to_numeric"
        )
    if not len(others):
        return "; they are numbers kept as strings: convert them with pandas.to_numeric"
    return f"; most are numbers, but not {join_some(map(repr, others))}: to read these as missing, give them as missing"


def _describe_table(frame: pd.DataFrame, table: Table) -> str:
    """Return the description of a table, one line for each column."""
    lines = [f"  {column.name}: {_describe_column(frame[column.name], column)}" for column in table.columns]
    if len(lines) > MAX_LINES:
        lines[MAX_LINES - 1 :] = [f"  and {len(lines) - MAX_LINES + 1} more columns"]
    return "\n".join([f"{table.sites} column{'s' * (table.sites > 1)}", *lines])


def _describe_column(series: pd.Series, column: Column) -> str:
    num_missing = int(series.isna().sum())
    parts = [column.description]
    if len(column.levels) == 1:
        parts.append(f"always {column.levels[0]!r}: it costs no nats")
    if column.kind in ("count", "integer") and len(series) >= MIN_ROWS_FOR_IDS and not num_missing and series.is_unique:
        parts.append("different in each row: if it only names the rows, leave it out with drop")
    return ", ".join([*parts, *([f"{num_missing} missing"] if num_missing else [])])


def _find_doubts(frame: pd.DataFrame, table: Table) -> list[str]:
    """Return messages about levels and numbers that may be none."""
    reasons = {each.name: _explain_strings(frame[each.name].dropna()) for each in table.columns if each.is_discrete}
    messages = [f"column {name!r} is read as categories{reason}" for name, reason in reasons.items() if reason]
    levels = {each.name: each.levels for each in table.columns if not reasons.get(each.name)}
    for word in PLACEHOLDERS:
        counts = {name: int((frame[name] == word).sum()) for name, values in levels.items() if word in values}
        if counts:
            where = join_some(f"{name} ({count})" for name, count in counts.items())
            messages.append(
                f"{word!r} is read as a level, in {where}; if it stands for a missing value, give it as missing"
            )
    far = [column for column in table.columns if not column.is_discrete and _range_ratio(column) > FAR_RATIO]
    return messages + [
        f"column {each.name!r} {_describe_range(each)}, far beyond where most values lie: if the ends stand for "
        "missing values, say so with missing"
        for each in far
    ]
