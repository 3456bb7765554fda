"""Discretisation of tables: numbers are cut into bins, so that each entry is one of a few levels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from table_densities import Codes, Floats


class DiscreteTable(NamedTuple):
    """A table as codes."""

    codes: Codes
    """[n, D]; -1 where an entry is missing."""
    levels: list[int]
    """The number of levels of each column."""
    names: list[list[str]]
    """The name of each level of each column."""


def discretise(frame: pd.DataFrame, bins: int, train_rows: Codes) -> DiscreteTable:
    """Return a table as codes: categories as they are, and numbers cut into at most `bins` bins.

    Bins have about equal shares of the training rows. A column with at most `bins` different numbers in the training
    rows has a bin for each of them, up to the next number. A number that would fill a share alone has a bin of its own.
    The first and the last bin have no end. Categories are those of the whole table, so that each log p is finite.

    Args:
        frame: the whole table.
        bins: the largest number of bins.
        train_rows: the indices of the training rows.
    """
    columns = []
    for _, column in frame.items():
        if pd.api.types.is_numeric_dtype(column):
            columns.append(bin_column(column.to_numpy(float), bins, train_rows))
        else:
            codes, names = pd.factorize(column, sort=True)
            columns.append((codes.astype(np.int64), [str(name) for name in names]))
    codes_by_column, names_by_column = zip(*columns, strict=True)
    return DiscreteTable(np.stack(codes_by_column, 1), [len(names) for names in names_by_column], list(names_by_column))


def bin_column(values: Floats, bins: int, train_rows: Codes) -> tuple[Codes, list[str]]:
    """Return the bin of each value, -1 for NaN, and the names of the bins."""
    observed = values[train_rows]
    starts = find_bin_starts(observed[~np.isnan(observed)], bins)
    codes = np.searchsorted(starts[1:], values, side="right")
    bounds = [f"{start:g}" for start in starts[1:]]
    names = [f"[{start}, {end})" for start, end in zip(["-inf", *bounds], [*bounds, "inf"], strict=True)]
    return np.where(np.isnan(values), -1, codes), names


def find_bin_starts(values: Floats, bins: int) -> Floats:
    """Return the least value of each bin, ascending: at most `bins` values."""
    distinct = np.unique(values)
    if len(distinct) <= bins:
        return distinct
    starts: list[float] = []
    while bins > 2:
        candidates, counts = np.unique(values, return_counts=True)
        if counts.max() * bins < len(values):
            break
        spike = candidates[counts.argmax()]
        starts += [spike, *distinct[distinct > spike][:1]]
        values, bins = values[values != spike], bins - 2  # the spike is a bin, and ends the bin before it
    quantiles = np.sort(values)[np.arange(bins) * len(values) // bins]
    return np.unique([*starts, *quantiles])
