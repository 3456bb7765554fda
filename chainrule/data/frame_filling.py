"""Filling the missing values of a frame, in the types and the notation of its columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from chainrule.data.raw import Array
from chainrule.data.rows import as_python


def fill_missing(frame: pd.DataFrame, values: pd.DataFrame, *, missing: Array | None = None) -> pd.DataFrame:
    """Return a frame with its missing values replaced; all other values stay as they are.

    A column keeps its dtype if that can hold the new values. In a column of strings, numbers are written with a point
    only if others of the column have one, or if they have a fraction.

    Args:
        frame: the data.
        values: a frame of the same length, as `to_frame` returns it, with the values to fill in.
        missing: bool [n, D] in the order of the columns of `values`, True at missing values, since words such as NA may
            mark them; None: the values that pandas counts as missing.

    Example:
        >>> fill_missing(pd.DataFrame({"a": [1.5, None], "b": ["x", None]}), pd.DataFrame({"a": [0.0, 2.5]}))
             a    b
        0  1.5    x
        1  2.5  NaN
    """
    values = values.set_axis(frame.index)
    mask = frame[list(values)].isna().to_numpy() if missing is None else missing
    filled = {str(name): _fill_column(frame[name], values[name], mask[:, at]) for at, name in enumerate(values)}
    return frame.assign(**filled)


def _fill_column(series: pd.Series, values: pd.Series, missing: Array) -> pd.Series:
    if not missing.any():
        return series
    if isinstance(series.dtype, pd.StringDtype):
        return series.mask(missing, _write_like(values, series[~missing].dropna()).astype(series.dtype))
    if missing.all():
        return values
    if isinstance(series.dtype, pd.CategoricalDtype):
        return _fill_categories(series, values, missing)
    return (_fill_numbers if series.dtype.kind in "iuf" else _replace)(series, values, missing)


def _replace(series: pd.Series, values: pd.Series, missing: Array) -> pd.Series:
    return series.mask(missing, values.astype(series.dtype))


def _fill_categories(series: pd.Series, values: pd.Series, missing: Array) -> pd.Series:
    """Fill a categorical column, of which some categories may be no levels, and some levels no categories."""
    if isinstance(values.dtype, pd.CategoricalDtype) and series[~missing].isin(values.cat.categories).all():
        return _replace(series.astype(values.dtype), values, missing)
    return _replace(series.astype(object), values, missing).infer_objects()


def _fill_numbers(series: pd.Series, values: pd.Series, missing: Array) -> pd.Series:
    """Fill a numeric column; the values may be strings, or numbers that its dtype cannot hold."""
    numbers = pd.to_numeric(values.astype(object), errors="coerce")
    if bool((numbers.isna() & values.notna()).any()):
        return _replace(series.astype(object), values, missing)
    if series.dtype.kind in "iu" and values.dtype != series.dtype:
        series = series.astype("Int64" if (numbers == numbers.round())[missing].all() else "Float64")
    return _replace(series, numbers, missing)


def _write_like(values: pd.Series, examples: pd.Series) -> pd.Series:
    """Return values as strings in the notation of these examples: with or without a point, in upper or lower case."""
    has_point = bool(examples.str.contains(".", regex=False).any())
    cases = (str.upper, str.lower) if len(examples) else ()
    case = next((case for case in cases if (examples == examples.map(case)).all()), str)
    return pd.Series([_write(as_python(value), has_point, case) for value in values], values.index, dtype=object)


def _write(value: Any, has_point: bool, case: Callable[[str], str]) -> str | None:
    if pd.isna(value):
        return None
    if isinstance(value, bool):
        return case(str(value))
    if isinstance(value, int | float) and float(value).is_integer():
        return str(float(value)) if has_point else str(int(value))
    return str(value)
