"""The imputers of scikit-learn on tables of numbers and categories.

All imputers see one encoding: numbers in standard deviations of the training rows from their mean, and categories
one-hot. The category that is filled in is that of the greatest indicator, so the mean of `SimpleImputer` is the most
frequent category.
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

NEIGHBOURS = 20
"""The number of neighbours: of 5 (scikit-learn's default), 20 and 50, the best on the census's validation rows."""
ROUNDS = 10
"""The number of times that the iterative imputer goes through the columns."""


class ImputationTask(NamedTuple):
    """The data of an imputer."""

    train: pd.DataFrame
    valid: pd.DataFrame
    incomplete: pd.DataFrame
    """The rows to fill, NaN where an entry is missing."""


class Encoding:
    """Encodes rows as real vectors, [n, width], and decodes the vectors.

    Attributes:
        levels: the categories of each column that is not of numbers.
        column_of: the index of the column that each entry of a vector belongs to, [width].
    """

    def __init__(self, train: pd.DataFrame) -> None:
        self.levels = {name: pd.Index(train[name].dropna().unique()).sort_values() for name in categorical(train)}
        self.mean, self.scale = train[numeric(train)].mean(), standard_deviations(train)
        widths = [len(self.levels[name]) if name in self.levels else 1 for name in map(str, train)]
        self.column_of = np.repeat(np.arange(len(widths)), widths)

    def encode(self, frame: pd.DataFrame) -> Floats:
        """Return the rows as vectors, NaN where an entry is missing."""
        return np.concatenate([self._encode(name, frame[name]) for name in map(str, frame)], 1)

    def _encode(self, name: str, column: pd.Series[Any]) -> Floats:
        """Return a column of numbers as [n, 1], and a column of categories as [n, levels]."""
        if name not in self.levels:
            return np.asarray((column - self.mean[name]) / self.scale[name], float)[:, None]
        codes = self.levels[name].get_indexer(pd.Index(column))
        indicators = codes[:, None] == np.arange(len(self.levels[name]))
        return np.where(column.isna().to_numpy()[:, None], np.nan, indicators)

    def decode(self, encoded: Floats, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the frame with each missing entry filled from the vectors."""
        filled = {}
        for j, name in enumerate(map(str, frame)):
            values = encoded[:, self.column_of == j]
            if name in self.levels:
                decoded = self.levels[name][values.argmax(1)]
            else:
                decoded = values[:, 0] * self.scale[name] + self.mean[name]
            filled[name] = frame[name].where(frame[name].notna(), pd.Series(decoded, frame.index))
        return pd.DataFrame(filled)


class IterativeImputerByColumn(IterativeImputer):  # type: ignore[misc]
    """Fit on complete rows, and do not predict an indicator of a category from the other indicators of its column.

    The indicators of a column add to one. A regression would learn that each is one minus the others, and the first
    guess would stay. Complete rows are fitted in one round; rows to fill go through the columns `ROUNDS` times. The
    regressions are ridge: where columns determine each other, the default, Bayesian ridge, estimates no noise, and its
    predictions can diverge.

    Args:
        column_of: the index of the column that each entry of a vector belongs to, [width].
    """

    def __init__(self, column_of: NDArray[np.int64]) -> None:
        super().__init__(Ridge())
        self.column_of = column_of

    def fit(self, X: Floats) -> IterativeImputerByColumn:
        """Fit the regressions to complete rows."""
        super().fit(X)
        self.imputation_sequence_ *= ROUNDS
        self.n_iter_ *= ROUNDS
        return self

    def _get_neighbor_feat_idx(self, n_features: int, feat_idx: int, abs_corr_mat: Floats | None) -> NDArray[np.int64]:  # noqa: ARG002
        return np.flatnonzero(self.column_of != self.column_of[feat_idx])


def impute_mean(task: ImputationTask) -> pd.DataFrame:
    """Fill in the mean, or the most frequent category."""
    return fill(SimpleImputer(), Encoding(task.train), task)


def impute_from_neighbours(task: ImputationTask) -> pd.DataFrame:
    """Fill in the mean over the nearest training rows, by Euclidean distance over the entries that both rows have."""
    return fill(KNNImputer(n_neighbors=NEIGHBOURS), Encoding(task.train), task)


def impute_iteratively(task: ImputationTask) -> pd.DataFrame:
    """Fill in the predictions of ridge regressions of each column on all others, one column after the other."""
    encoding = Encoding(task.train)
    return fill(IterativeImputerByColumn(encoding.column_of), encoding, task)


def fill(imputer: Any, encoding: Encoding, task: ImputationTask) -> pd.DataFrame:
    """Return the incomplete rows, filled by a scikit-learn imputer that is fitted to the training rows."""
    imputer.fit(encoding.encode(task.train))
    return encoding.decode(imputer.transform(encoding.encode(task.incomplete)), task.incomplete)


def numeric(frame: pd.DataFrame) -> list[str]:
    """Return the names of the columns of numbers."""
    return [str(name) for name, column in frame.items() if pd.api.types.is_numeric_dtype(column)]


def categorical(frame: pd.DataFrame) -> list[str]:
    """Return the names of the columns of categories."""
    return [str(name) for name, column in frame.items() if not pd.api.types.is_numeric_dtype(column)]


def standard_deviations(train: pd.DataFrame) -> pd.Series[float]:
    """Return the standard deviation of each column of numbers; 1 where it is 0."""
    return train[numeric(train)].std(ddof=0).replace(0, 1)
