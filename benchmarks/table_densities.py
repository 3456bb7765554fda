"""Densities over rows of categorical codes that any deeper model should beat, and a table cut into such codes.

Codes are int [n, D]; column j has `levels[j]` of them, and -1 is a missing entry. Each density is normalised over the
codes, and log p of a row with missing entries is exactly the log of the sum of p over all ways to fill them. What
is not counted (smoothing, sizes, when to stop) is chosen by the likelihood of the validation rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree
from scipy.special import logsumexp, rel_entr, softmax

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]

ALPHAS = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Pseudo-counts that validation chooses from."""


class Independent:
    """p(x) = ∏ p(x_j): each column's own frequencies, with α added to each count.

    A column's frequencies are those of its observed entries.
    """

    table: Floats
    """log p of each level of each column, [S], S the sum of `levels`."""

    def __init__(self, levels: Sequence[int]) -> None:
        self.levels = levels

    def fit(self, train: Codes, valid: Codes) -> Self:
        counts = one_hot(train, self.levels).sum(0)
        held = one_hot(valid, self.levels)
        tables = [np.log(normalised(counts + alpha, self.levels)) for alpha in ALPHAS]
        self.table = max(tables, key=lambda table: float((held @ table).mean()))
        return self

    def log_prob(self, x: Codes) -> Floats:
        """[n] nats: a missing entry adds nothing."""
        return np.asarray(one_hot(x, self.levels) @ self.table)


class ChowLiu:
    """p(x) = ∏ p(x_j | x_parent(j)), on the tree with the greatest sum of mutual informations (Chow and Liu, 1968).

    The joint frequencies of two columns are those of the rows that have both. A conditional table is smoothed by α rows
    that fall as the column does by itself, `Independent`; so where a parent's level is rare, it tends to that.
    """

    def __init__(self, levels: Sequence[int]) -> None:
        self.levels = levels

    def fit(self, train: Codes, valid: Codes) -> Self:
        x, ends = one_hot(train, self.levels), starts(self.levels)[1:]
        pairs = [np.split(rows, ends, 1) for rows in np.split((x.T @ x).toarray(), ends)]
        information = [[mutual_information(counts) for counts in row] for row in pairs]
        self.order, self.parents = spanning_tree(np.array(information))
        own = np.split(np.exp(Independent(self.levels).fit(train, valid).table), ends)
        tables = [self._conditionals(pairs, own, alpha) for alpha in ALPHAS]
        self.tables = max(tables, key=lambda table: float(self._log_prob(valid, table).mean()))
        return self

    def _conditionals(self, pairs: list[list[Floats]], own: list[Floats], alpha: float) -> list[Floats]:
        """p(x_j | parent), [parent's levels, levels], of each column; of the root, [1, levels]."""
        tables = [pairs[i][j] + alpha * own[j] if i >= 0 else own[j][None] for j, i in enumerate(self.parents)]
        return [table / table.sum(1, keepdims=True) for table in tables]

    def log_prob(self, x: Codes) -> Floats:
        """[n] nats: missing entries are summed out by messages from the leaves to the root."""
        return self._log_prob(x, self.tables)

    def _log_prob(self, x: Codes, tables: list[Floats]) -> Floats:
        likely = [possible(x[:, j], levels) for j, levels in enumerate(self.levels)]
        total = np.zeros(len(x))
        for j in reversed(self.order):
            message = likely[j] @ tables[j].T  # p(what is seen at j and below | parent) / exp(total so far)
            scale = message.max(1)
            total += np.log(scale)  # many columns would underflow without
            if self.parents[j] >= 0:
                likely[self.parents[j]] *= message / scale[:, None]
        return total


class Mixture:
    """p(x) = Σ_k w_k ∏ p_k(x_j): a mixture of products, by expectation maximisation.

    Missing entries have no part in it: neither in a row's posterior over the components, nor in their counts. Each
    component starts near a row drawn by `seed`, and its tables are smoothed by α rows that fall as the columns do by
    themselves, `Independent`. EM ends after `PATIENCE` steps without a gain on the validation rows, which also choose
    the number of components and α.
    """

    STEPS, PATIENCE, GAIN, ALPHAS = 200, 3, 1e-4, (1.0, 10.0)

    def __init__(self, levels: Sequence[int], sizes: Sequence[int] = (16, 64, 256), seed: int = 0) -> None:
        self.levels, self.sizes, self.seed = levels, sizes, seed

    def fit(self, train: Codes, valid: Codes) -> Self:
        own = np.exp(Independent(self.levels).fit(train, valid).table)[:, None]
        x, held = (one_hot(each, self.levels) for each in (train, valid))
        fits = [self._fit(size, x, held, own, alpha) for size in self.sizes for alpha in self.ALPHAS]
        self.score, self.weights, self.table = max(fits, key=lambda each: each[0])
        return self

    def _fit(self, size: int, x: csr_array, held: csr_array, own: Floats, alpha: float) -> tuple[float, Floats, Floats]:
        """The best score on the validation rows, and its log w [K] and log p_k [S, K]."""
        chosen = np.random.default_rng(self.seed).choice(x.shape[0], size, replace=False)
        weights = np.full(size, -np.log(size))
        table = np.log(normalised(x[chosen].T.toarray() + own, self.levels))
        best, waited = (-np.inf, weights, table), 0
        for _ in range(self.STEPS):
            posterior = softmax(x @ table + weights, axis=1)
            weights = np.log((posterior.sum(0) + 1) / (x.shape[0] + size))
            table = np.log(normalised(x.T @ posterior + alpha * own, self.levels))
            score = float(logsumexp(held @ table + weights, axis=1).mean())
            waited = 0 if score > best[0] + self.GAIN else waited + 1
            best = max(best, (score, weights, table), key=lambda each: each[0])
            if waited == self.PATIENCE:
                break
        return best

    def log_prob(self, x: Codes) -> Floats:
        """[n] nats: a missing entry adds nothing within a component."""
        return np.asarray(logsumexp(one_hot(x, self.levels) @ self.table + self.weights, axis=1))


def one_hot(x: Codes, levels: Sequence[int]) -> csr_array:
    """[n, S], S the sum of `levels`: a row has a one for each entry that is not missing."""
    rows, columns = np.nonzero(x >= 0)
    places = starts(levels)[columns] + x[rows, columns]
    return csr_array((np.ones(len(rows)), (rows, places)), (len(x), sum(levels)))


def possible(column: Codes, levels: int) -> Floats:
    """[n, levels]: one-hot where a code is seen, ones where it is missing."""
    return np.where(column[:, None] < 0, 1.0, column[:, None] == np.arange(levels))


def starts(levels: Sequence[int]) -> Codes:
    """Where each column begins in a one-hot row."""
    return np.asarray(np.cumsum([0, *levels[:-1]]))


def normalised(table: Floats, levels: Sequence[int]) -> Floats:
    """[S, ...]: divided by the sum over each column's levels."""
    sums = np.add.reduceat(table, starts(levels), axis=0)
    return np.asarray(table / np.repeat(sums, levels, axis=0))


def mutual_information(counts: Floats) -> float:
    """In nats, of two columns that were counted together; 0 where they never were."""
    p = counts / max(counts.sum(), 1)
    return float(rel_entr(p, p.sum(1, keepdims=True) * p.sum(0)).sum())


def spanning_tree(information: Floats) -> tuple[list[int], list[int]]:
    """The columns from the root (column 0) outwards, and each one's parent, -1 for the root's."""
    edges = minimum_spanning_tree(-1 - information)  # all trees have D - 1 edges; an edge of weight 0 would be none
    order, parents = breadth_first_order(edges, 0, directed=False)
    return order.tolist(), np.maximum(parents, -1).tolist()


class Discrete(NamedTuple):
    """A table as codes."""

    codes: Codes
    """[n, D], -1 where an entry is missing."""
    levels: list[int]
    """How many levels each column has."""
    names: list[list[str]]
    """What each level of each column stands for."""


def discretised(frame: pd.DataFrame, bins: int, train_rows: Codes) -> Discrete:
    """Categories as they are; numbers cut into at most `bins` bins of about equal shares of the training rows.

    A column of no more than `bins` numbers in the training rows gives each its own, up to the next; a number that would
    fill a share alone is a bin of its own. The first and last bin have no end. Categories are those of the whole table,
    so that each row has a finite log p.
    """
    columns = []
    for _, column in frame.items():
        if pd.api.types.is_numeric_dtype(column):
            columns.append(cut(column.to_numpy(float), bins, train_rows))
        else:
            codes, names = pd.factorize(column, sort=True)
            columns.append((codes.astype(np.int64), [str(name) for name in names]))
    return Discrete(np.stack([codes for codes, _ in columns], 1), [len(n) for _, n in columns], [n for _, n in columns])


def cut(values: Floats, bins: int, train_rows: Codes) -> tuple[Codes, list[str]]:
    """Each value's bin, -1 for NaN, and the bins' names."""
    known = values[train_rows]
    least = bin_starts(known[~np.isnan(known)], bins)
    codes = np.searchsorted(least[1:], values, side="right")
    ends = [f"{each:g}" for each in least[1:]]
    names = [f"[{start}, {end})" for start, end in zip(["-inf", *ends], [*ends, "inf"], strict=True)]
    return np.where(np.isnan(values), -1, codes), names


def bin_starts(values: Floats, bins: int) -> Floats:
    """The least value of each bin, ascending, at most `bins` of them."""
    distinct = np.unique(values)
    if len(distinct) <= bins:
        return distinct
    spikes: list[float] = []
    while bins > 2:
        each, counts = np.unique(values, return_counts=True)
        if counts.max() * bins < len(values):
            break
        spike = each[counts.argmax()]
        spikes += [spike, *distinct[distinct > spike][:1]]
        values, bins = values[values != spike], bins - 2  # a spike ends its neighbour's bin, and is one
    quantiles = np.sort(values)[np.arange(bins) * len(values) // bins]
    return np.unique([*spikes, *quantiles])
