"""The columns of a frame: what kind each is, its levels, and where its numbers lie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from chainrule.data.frames import CODE, Family, check_frame, family_of, no_dates
from chainrule.data.preprocessing import as_kinds, as_words
from chainrule.data.raw import Array
from chainrule.data.rows import ORDERED, listed, plain
from chainrule.distributions.mixture import LARGEST
from chainrule.domains import Column, Table
from chainrule.domains.table import NUM_QUANTILES, NUMBERS, Kind, Level
from chainrule.errors import ChainruleError

MOST_LEVELS = 256
"""Of a categorical column that nobody called so: with more it is likely to be an identifier or free text."""
MOST_GIVEN = 4096
"""Of one that is called categorical."""
DATE = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?"
PLACEHOLDERS = ("?", "-", "--", ".", "*")
"""Words that files have for a missing value, and that pandas does not take for one."""
NOISE, ROUNDINGS = 1e-9, 4
"""Two values are one that arithmetic has split if they are nearer than this share of the median distance from the
median, which no value far out moves, or than so many roundings."""
FAR, TOO_FAR = 1e6, 1e30
"""From the first to the last value it is so many times as far as most of them lie: odd, and too far for floats."""
HUGE = 1e150
"""Numbers up to this one have squares that are finite."""
LINES = 40
ENOUGH = 20
"""Rows from which it means something that their values are all different."""


def infer_table(
    frame: pd.DataFrame,
    kinds: str | Mapping[str, Kind] | None = None,
    drop: str | Sequence[str] | None = None,
    source: object = "the frame",
) -> tuple[Table, tuple[str, ...]]:
    """The table that a frame is of, and notes on it.

    Two values, or 0 and 1, are binary; other strings, booleans and categories are categorical; whole numbers are
    counts if none is below 0, else integers, also if they are stored as floats; other numbers are real.

    Args:
        kinds: by column, where another kind than the inferred one is meant.
        drop: columns to leave out.
        source: what the frame is called in messages.

    Raises:
        ChainruleError: no rows, a name in kinds or drop that is no column, or a column that no kind fits.

    Example:
        >>> frame = pd.DataFrame({"age": [31, 42, 27], "sex": ["f", "m", "f"], "height": [1.71, 1.8, None]})
        >>> table, notes = infer_table(frame)
        >>> print(notes[0])
        3 columns
          age: count, 27 … 42
          sex: binary, 2 levels
          height: real, 1.71 … 1.8, 1 missing
    """
    check_frame(frame, source)
    chosen, dropped = as_kinds(kinds), as_words(drop)
    _check_columns({"kinds": chosen, "drop": dropped}, frame, source)
    kept = frame.drop(columns=list(dropped))
    if kept.columns.empty:
        raise ChainruleError(f"drop leaves no column of {source}; keep at least one")
    table = Table([_column(kept[name], chosen.get(name), f"column {name!r} of {source}") for name in map(str, kept)])
    return table, (_description(kept, table), *_doubts(kept, table))


def _check_columns(options: Mapping[str, Iterable[str]], frame: pd.DataFrame, source: object) -> None:
    for option, words in options.items():
        for word in words:
            if word not in frame:
                there = listed(map(repr, frame))
                raise ChainruleError(f"{option} names {word!r}, and {source} has no such column; it has {there}")


def measured(table: Table, rows: Tensor) -> Table:
    """The table with the quantiles and the resolution of these rows [n, D], where they tell of a column."""
    columns = []
    for column, values in zip(table.columns, rows.numpy().T, strict=True):
        observed = values[~np.isnan(values)]
        tells = not column.discrete and len(observed)
        columns.append(replace(column, **_measures(observed, column.kind)) if tells else column)
    return Table(columns)


def _column(series: pd.Series, kind: Kind | None, where: str) -> Column:
    family = family_of(series, where)
    if family in ("whole", "float"):
        series = series.infer_objects()  # Python's numbers
    observed = series.dropna()
    if observed.empty:
        raise ChainruleError(f"{where} is missing throughout; leave it out with drop")
    if family == "float":
        _check_finite(series, where)
    chosen = kind or _kind(observed, family, where)
    if chosen in NUMBERS:
        return _of_numbers(observed, family, chosen, where)
    return _of_levels(observed, family, chosen, MOST_LEVELS if kind is None else MOST_GIVEN, where)


def _check_finite(series: pd.Series, where: str) -> None:
    large = np.abs(series.to_numpy(np.float64, na_value=np.nan)) > HUGE
    if large.any():
        row = int(large.argmax())
        raise ChainruleError(f"{where} is {series.iloc[row]:g} in row {row}; correct it, empty the cell, or rescale")


def _kind(observed: pd.Series, family: Family, where: str) -> Kind:
    values = observed.cat.categories if family == "category" else observed.unique()
    if family == "text" and _share_of_dates(observed) > 0.9:
        raise ChainruleError(f"{no_dates(where)}; or call it categorical with kinds")
    if len(values) == 1:
        return "categorical"
    if family not in ("whole", "float"):
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


def _of_numbers(observed: pd.Series, family: Family, kind: Kind, where: str) -> Column:
    if family not in ("whole", "float"):
        raise ChainruleError(
            f"{where} cannot be {kind}: its values are no numbers{_hint(observed) or '; give another kind'}"
        )
    values = observed.to_numpy(np.float64)
    fractions = values[values != np.rint(values)]
    if kind != "real" and len(fractions):
        raise ChainruleError(f"{where} cannot be {kind}: it has {fractions[0]:g}; call it real with kinds")
    if kind == "count" and values.min() < 0:
        raise ChainruleError(f"{where} cannot be count: it has {values.min():g}; call it integer with kinds")
    if (kind != "real" or family == "whole") and max(int(observed.max()), -int(observed.min())) > LARGEST:
        raise ChainruleError(
            f"{where} has whole numbers beyond 2^53, which are not exact as floats; leave it out with drop, or call it "
            f"{'categorical' if family == 'whole' else 'real'} with kinds"
        )
    dtype = "float64" if kind == "real" and family == "whole" else str(observed.dtype)
    column = Column(str(observed.name), kind, dtype=dtype, **_measures(values, kind))
    if _reach(column) > TOO_FAR:
        raise ChainruleError(
            f"{where} {_ends(column)}, too far beyond where most values lie: if the ends stand for missing values, say "
            "so with missing, or leave it out with drop"
        )
    return column


def _reach(column: Column) -> float:
    """How many times as far it is from its first value to its last one as most of them lie."""
    quantiles = column.quantiles
    whole, most = quantiles[-1] - quantiles[0], quantiles[-1 - NUM_QUANTILES // 10] - quantiles[NUM_QUANTILES // 10]
    return whole / most if most else 1.0


def _ends(column: Column) -> str:
    return f"reaches from {column.quantiles[0]:.15g} to {column.quantiles[-1]:.15g}"


def _measures(values: Array, kind: Kind) -> dict[str, Any]:
    """The quantiles of a column's values [n], and the least difference between two of them."""
    distinct = np.unique(values)
    steps, sizes = np.diff(distinct), np.maximum(np.abs(distinct[1:]), np.abs(distinct[:-1]))
    spread = float(np.median(np.abs(values - np.median(values))))
    steps = steps[steps > np.maximum(ROUNDINGS * np.spacing(sizes), NOISE * spread)]
    resolution = 1.0 if kind != "real" or not len(steps) else float(steps.min())
    return {
        "quantiles": tuple(np.quantile(values, np.linspace(0, 1, NUM_QUANTILES)).tolist()),
        "resolution": resolution,
    }


def _of_levels(observed: pd.Series, family: Family, kind: Kind, most: int, where: str) -> Column:
    levels = _levels(observed, family)
    if len(levels) > most:
        remedy = f"call it categorical with kinds if it is (up to {MOST_GIVEN})" if most < MOST_GIVEN else "merge some"
        raise ChainruleError(
            f"{where} has {len(levels)} categories: it looks like an identifier or free text; leave it out with drop, "
            f"or {remedy}{_hint(observed)}"
        )
    if kind == "binary" and len(levels) != 2:
        raise ChainruleError(f"{where} cannot be binary: it has {len(levels)} levels; call it categorical with kinds")
    return Column(str(observed.name), kind, tuple(levels), _name_of(observed.dtype))


def _levels(observed: pd.Series, family: Family) -> list[Level]:
    """The values, in the order that the categories have, or their own; whole numbers as such."""
    if family == "category":
        return [plain(value) for value in observed.cat.categories]
    found = [plain(value) for value in observed.unique()]
    return sorted(int(value) if isinstance(value, float) and value.is_integer() else value for value in found)


def _name_of(dtype: Any) -> str:
    return ORDERED if isinstance(dtype, pd.CategoricalDtype) and dtype.ordered else str(dtype)


def _hint(observed: pd.Series) -> str:
    """What is odd about a column of strings of which most are nearly numbers: empty, or a part of a sentence."""
    if not pd.api.types.is_string_dtype(observed):
        return ""
    words = pd.Series(observed.unique())
    numbers = pd.to_numeric(words, errors="coerce")
    if numbers.notna().mean() > 0.5:
        others = words[numbers.isna()]
        if words.str.fullmatch(CODE).any():
            return (
                "; they are digits of which some begin with 0, as codes do: if they are numbers, call the column of a "
                "file count with kinds, or convert that of a frame with pandas.to_numeric"
            )
        if not len(others):
            return "; they are numbers kept as strings: convert them with pandas.to_numeric"
        return (
            f"; most are numbers, but not {listed(map(repr, others))}: to read these as missing, give them as missing"
        )
    bare = pd.to_numeric(words.str.replace(r"[,'\s]", "", regex=True), errors="coerce")
    return "; most are numbers but for their separators: write 1234.5, not 1,234.5" if bare.notna().mean() > 0.5 else ""


def _description(frame: pd.DataFrame, table: Table) -> str:
    """What was inferred, a line a column."""
    lines = [f"  {column.name}: {_in_words(frame[column.name], column)}" for column in table.columns]
    if len(lines) > LINES:
        lines[LINES - 1 :] = [f"  and {len(lines) - LINES + 1} more columns"]
    return "\n".join([f"{table.sites} column{'s' * (table.sites > 1)}", *lines])


def _in_words(series: pd.Series, column: Column) -> str:
    missing = int(series.isna().sum())
    words = [column.in_words]
    if len(column.levels) == 1:
        words.append(f"always {column.levels[0]!r}: it costs no nats")
    if column.kind in ("count", "integer") and len(series) >= ENOUGH and not missing and series.is_unique:
        words.append("different in each row: if it only names the rows, leave it out with drop")
    return ", ".join([*words, *([f"{missing} missing"] if missing else [])])


def _doubts(frame: pd.DataFrame, table: Table) -> list[str]:
    """What was read as levels, or as numbers, and may be none."""
    hints = {each.name: _hint(frame[each.name].dropna()) for each in table.columns if each.discrete}
    notes = [f"column {name!r} is read as categories{hint}" for name, hint in hints.items() if hint]
    levels = {each.name: each.levels for each in table.columns if not hints.get(each.name)}
    for word in PLACEHOLDERS:
        counts = {name: int((frame[name] == word).sum()) for name, values in levels.items() if word in values}
        if counts:
            where = listed(f"{name} ({count})" for name, count in counts.items())
            notes.append(
                f"{word!r} is read as a level, in {where}; if it stands for a missing value, give it as missing"
            )
    far = [column for column in table.columns if not column.discrete and _reach(column) > FAR]
    return notes + [
        f"column {each.name!r} {_ends(each)}, far beyond where most values lie: if the ends stand for missing values, "
        "say so with missing"
        for each in far
    ]
