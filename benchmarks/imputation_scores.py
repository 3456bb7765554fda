"""Scores of imputations: entries are removed from a table, filled in, and compared with the truth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn_imputers import categorical, numeric, standard_deviations

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

BOOTSTRAPS = 200
"""The number of samples of the rows, with replacement, from which standard errors are computed."""


class Estimate(NamedTuple):
    """A figure with its standard error."""

    value: float
    error: float


Scores = dict[str, dict[str, Estimate]]
"""The estimates by measure and by column; the last column is "mean"."""


def draw_missing(frame: pd.DataFrame, share: float, seed: int) -> Mask:
    """Return a mask of entries to remove, [n, D]: completely at random, among those that are not missing already."""
    noise = np.random.default_rng([seed, 1]).random(frame.shape)  # another stream than the one that splits the rows
    return np.asarray((noise < share) & frame.notna().to_numpy())


def score(truth: pd.DataFrame, filled: pd.DataFrame, missing: Mask, train: pd.DataFrame) -> Scores:
    """Return RMSE and MAE of numbers, in standard deviations of the training rows, and the error rate of categories."""
    table = pd.DataFrame(missing, truth.index, truth.columns)
    numbers, categories = numeric(train), categorical(train)
    errors = ((filled[numbers] - truth[numbers]) / standard_deviations(train)).to_numpy(float)
    wrong = (filled[categories] != truth[categories]).to_numpy(float)
    squared = mean_errors(errors**2, table[numbers])
    return {
        "RMSE": estimate(np.sqrt(squared), numbers),
        "MAE": estimate(mean_errors(np.abs(errors), table[numbers]), numbers),
        "error rate": estimate(mean_errors(wrong, table[categories]), categories),
    }


def mean_errors(errors: Floats, missing: pd.DataFrame) -> Floats:
    """Return each column's mean error over its missing entries, of the rows and of bootstraps: [1 + BOOTSTRAPS, D]."""
    n = len(missing)
    bootstraps = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), BOOTSTRAPS)
    counts = np.concatenate([np.ones((1, n)), bootstraps])
    return np.asarray((counts @ np.where(missing, errors, 0)) / (counts @ missing.to_numpy(float)))


def estimate(measured: Floats, names: list[str]) -> dict[str, Estimate]:
    """Return the estimate of each column, and of the mean of the columns.

    Args:
        measured: a measure of the rows, and of bootstraps of them, [1 + BOOTSTRAPS, D].
        names: the names of the columns.
    """
    table = np.column_stack([measured, measured.mean(1)])
    values_and_errors = zip(table[0].tolist(), table[1:].std(0).tolist(), strict=True)
    return dict(zip([*names, "mean"], (Estimate(*each) for each in values_and_errors), strict=True))
