"""scikit-learn's imputers on tables of numbers and categories, and how far what they fill in is from the truth.

All see one encoding: numbers in the training rows' standard deviations from their mean, categories one-hot. A category
is filled in by the greatest of its indicators; so the mean of `SimpleImputer` is the most frequent category.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import Ridge

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

NEIGHBOURS = 20
"""Of 5 (scikit-learn's default), 20 and 50, the best on the census's validation rows."""
ROUNDS = 10
"""How often the iterative imputer goes through the columns."""
BOOTSTRAPS = 200
"""Draws of the rows, with replacement, from which standard errors are taken."""


class Holed(NamedTuple):
    """What an imputer is given."""

    train: pd.DataFrame
    valid: pd.DataFrame
    rows: pd.DataFrame
    """The rows to fill, NaN where an entry is missing."""


class Encoding:
    """Rows as real vectors, [n, width], and back."""

    def __init__(self, train: pd.DataFrame) -> None:
        self.levels = {name: pd.Index(train[name].dropna().unique()).sort_values() for name in categories(train)}
        self.mean, self.scale = train[numbers(train)].mean(), scale(train)
        widths = [len(self.levels[name]) if name in self.levels else 1 for name in map(str, train)]
        self.owner = np.repeat(np.arange(len(widths)), widths)
        """Which column each entry of a vector belongs to."""

    def encode(self, frame: pd.DataFrame) -> Floats:
        return np.concatenate([self._encode(name, frame[name]) for name in map(str, frame)], 1)

    def _encode(self, name: str, column: pd.Series[Any]) -> Floats:
        """[n, 1] of numbers, [n, levels] of categories; NaN where an entry is missing."""
        if name not in self.levels:
            return np.asarray((column - self.mean[name]) / self.scale[name], float)[:, None]
        seen = self.levels[name].get_indexer(pd.Index(column))[:, None] == np.arange(len(self.levels[name]))
        return np.where(column.isna().to_numpy()[:, None], np.nan, seen)

    def decode(self, encoded: Floats, frame: pd.DataFrame) -> pd.DataFrame:
        """`frame`, each missing entry filled."""
        filled = {}
        for j, name in enumerate(map(str, frame)):
            values = encoded[:, self.owner == j]
            if name in self.levels:
                new = self.levels[name][values.argmax(1)]
            else:
                new = values[:, 0] * self.scale[name] + self.mean[name]
            filled[name] = frame[name].where(frame[name].notna(), pd.Series(new, frame.index))
        return pd.DataFrame(filled)


class ByColumn(IterativeImputer):  # type: ignore[misc]
    """An `IterativeImputer` that fits on complete rows, and does not predict a category from its own indicators.

    Those add to one: a regression would learn that each is one less the others, and what was filled in first would
    stay. Complete rows are fitted in one round; rows to fill go through it `ROUNDS` times. The regressions are ridge:
    where columns determine each other, the default's Bayesian ridge finds no noise, and what it fills in may diverge.
    """

    def __init__(self, owner: NDArray[np.int64]) -> None:
        super().__init__(Ridge())
        self.owner = owner

    def fit(self, X: Floats) -> ByColumn:
        super().fit(X)
        self.imputation_sequence_ *= ROUNDS
        self.n_iter_ *= ROUNDS
        return self

    def _get_neighbor_feat_idx(self, n_features: int, feat_idx: int, abs_corr_mat: Floats | None) -> NDArray[np.int64]:  # noqa: ARG002
        return np.flatnonzero(self.owner != self.owner[feat_idx])


def simple(holed: Holed) -> pd.DataFrame:
    """The mean, or the most frequent category."""
    return fill(SimpleImputer(), Encoding(holed.train), holed)


def nearest(holed: Holed) -> pd.DataFrame:
    """The mean over the nearest training rows, in Euclidean distance over what both have."""
    return fill(KNNImputer(n_neighbors=NEIGHBOURS), Encoding(holed.train), holed)


def iterative(holed: Holed) -> pd.DataFrame:
    """Ridge regressions of each column on all others, in turns."""
    encoding = Encoding(holed.train)
    return fill(ByColumn(encoding.owner), encoding, holed)


def fill(imputer: Any, encoding: Encoding, holed: Holed) -> pd.DataFrame:
    """The rows filled by a scikit-learn imputer that is fitted on the training rows."""
    imputer.fit(encoding.encode(holed.train))
    return encoding.decode(imputer.transform(encoding.encode(holed.rows)), holed.rows)


def numbers(frame: pd.DataFrame) -> list[str]:
    return [str(name) for name, column in frame.items() if pd.api.types.is_numeric_dtype(column)]


def categories(frame: pd.DataFrame) -> list[str]:
    return [str(name) for name, column in frame.items() if not pd.api.types.is_numeric_dtype(column)]


def scale(train: pd.DataFrame) -> pd.Series[float]:
    """The standard deviation of each column of numbers; 1 where it is 0."""
    return train[numbers(train)].std(ddof=0).replace(0, 1)


def holes(frame: pd.DataFrame, share: float, seed: int) -> Mask:
    """Which entries to take away, [n, D]: completely at random, of those that are not missing already."""
    drawn = np.random.default_rng([seed, 1]).random(frame.shape) < share  # not the numbers that split the rows
    return np.asarray(drawn & frame.notna().to_numpy())


class Estimate(NamedTuple):
    value: float
    error: float
    """The standard error."""


Scores = dict[str, dict[str, Estimate]]
"""By measure, then by column, with the mean of the columns last."""


def score(truth: pd.DataFrame, filled: pd.DataFrame, missing: Mask, train: pd.DataFrame) -> Scores:
    """RMSE and MAE in standard deviations of the training rows, and the share of categories that are wrong."""
    table = pd.DataFrame(missing, truth.index, truth.columns)
    reals, words = numbers(train), categories(train)
    off = ((filled[reals] - truth[reals]) / scale(train)).to_numpy(float)
    wrong = (filled[words] != truth[words]).to_numpy(float)
    squares = averages(off**2, table[reals])
    return {
        "RMSE": estimates(np.sqrt(squares), reals),
        "MAE": estimates(averages(np.abs(off), table[reals]), reals),
        "error rate": estimates(averages(wrong, table[words]), words),
    }


def averages(error: Floats, missing: pd.DataFrame) -> Floats:
    """Each column's mean error where it was missing, [1 + BOOTSTRAPS, columns]: of the rows, then of draws of them."""
    n = len(missing)
    draws = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), BOOTSTRAPS)
    times = np.concatenate([np.ones((1, n)), draws])
    there = missing.to_numpy(float)
    return np.asarray((times @ np.where(missing, error, 0)) / (times @ there))


def estimates(measured: Floats, names: list[str]) -> dict[str, Estimate]:
    """By column, and their mean, from the measure itself and its bootstraps, [1 + BOOTSTRAPS, columns]."""
    table = np.column_stack([measured, measured.mean(1)])
    both = zip(table[0].tolist(), table[1:].std(0).tolist(), strict=True)
    return dict(zip([*names, "mean"], (Estimate(*each) for each in both), strict=True))
