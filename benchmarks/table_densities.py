"""Baseline densities of rows of categorical codes: independent columns, a Chow-Liu tree, and a mixture of products.

Codes are int64 [n, D]: column j has the codes 0 … `levels[j]` - 1, and -1 is a missing entry. Each density sums to 1
over the codes, and log p of a row with missing entries is the log of the sum of p over all ways to fill them. What is
not counted (smoothing, sizes, the number of steps) is chosen by the likelihood of the validation rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree
from scipy.special import logsumexp, rel_entr, softmax

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]

ALPHAS = (0.01, 0.1, 1.0, 10.0, 100.0)
"""The pseudo-counts from which validation chooses."""


class Independent:
    """p(x) = ∏ p(x_j), with the frequencies of each column's observed entries, and α added to each count.

    Attributes:
        log_probs: log p of each level of each column, [S], where S is the sum of `levels`.
    """

    log_probs: Floats

    def __init__(self, levels: Sequence[int]) -> None:
        self.levels = levels

    def fit(self, train: Codes, valid: Codes) -> Self:
        """Count the levels of the training rows, and choose α by the validation rows."""
        counts, valid_rows = one_hot(train, self.levels).sum(0), one_hot(valid, self.levels)
        candidates = [np.log(normalise(counts + alpha, self.levels)) for alpha in ALPHAS]
        self.log_probs = max(candidates, key=lambda log_probs: float((valid_rows @ log_probs).mean()))
        return self

    def log_prob(self, x: Codes) -> Floats:
        """Return log p of each row, [n] nats; a missing entry adds nothing."""
        return np.asarray(one_hot(x, self.levels) @ self.log_probs)


class ChowLiu:
    """p(x) = ∏ p(x_j | x_parent(j)), on the tree with the greatest sum of mutual informations.

    The joint frequencies of two columns are those of the rows that have both. A conditional table is smoothed by α rows
    with the frequencies of the column itself, as `Independent` has them; where a level of the parent is rare, the
    conditional tends to these frequencies.
    Source: Chow and Liu: Approximating discrete probability distributions with dependence trees. 1968.
    """

    def __init__(self, levels: Sequence[int]) -> None:
        self.levels = levels

    def fit(self, train: Codes, valid: Codes) -> Self:
        """Find the tree and its frequencies in the training rows, and choose α by the validation rows."""
        x, splits = one_hot(train, self.levels), column_offsets(self.levels)[1:]
        pairs = [np.split(rows, splits, 1) for rows in np.split((x.T @ x).toarray(), splits)]
        information = [[mutual_information(counts) for counts in row] for row in pairs]
        self.order, self.parents = find_spanning_tree(np.array(information))
        marginals = np.split(np.exp(Independent(self.levels).fit(train, valid).log_probs), splits)
        candidates = [self._conditionals(pairs, marginals, alpha) for alpha in ALPHAS]
        self.tables = max(candidates, key=lambda tables: float(self._log_prob(valid, tables).mean()))
        return self

    def _conditionals(self, pairs: list[list[Floats]], marginals: list[Floats], alpha: float) -> list[Floats]:
        """Return p(x_j | parent) of each column, [levels of the parent, levels]; of the root, [1, levels]."""
        tables = [
            pairs[i][j] + alpha * marginals[j] if i >= 0 else marginals[j][None] for j, i in enumerate(self.parents)
        ]
        return [table / table.sum(1, keepdims=True) for table in tables]

    def log_prob(self, x: Codes) -> Floats:
        """Return log p of each row, [n] nats; messages from the leaves to the root sum out missing entries."""
        return self._log_prob(x, self.tables)

    def _log_prob(self, x: Codes, tables: list[Floats]) -> Floats:
        """Return log p of each row under these conditional tables."""
        likelihoods = [observed_likelihood(x[:, j], levels) for j, levels in enumerate(self.levels)]
        total = np.zeros(len(x))
        for j in reversed(self.order):
            message = likelihoods[j] @ tables[j].T  # p(observed at j and below | parent) / exp(total so far)
            scale = message.max(1)
            total += np.log(scale)  # otherwise many columns would underflow
            if self.parents[j] >= 0:
                likelihoods[self.parents[j]] *= message / scale[:, None]
        return total


class Mixture:
    """p(x) = Σ_k w_k ∏ p_k(x_j): a mixture of products, fitted by expectation maximisation (EM).

    Missing entries count neither in a row's posterior over the components nor in the frequencies. Each component starts
    near a random row, and is smoothed by α rows with the frequencies of the columns, as `Independent` has them. EM ends
    after `PATIENCE` steps without a gain on the validation rows, which also choose the number of components and α.

    Args:
        levels: the number of levels of each column.
        sizes: the numbers of components to choose from.
        seed: draws the rows that the components start from.
    """

    STEPS, PATIENCE, GAIN, ALPHAS = 200, 3, 1e-4, (1.0, 10.0)

    def __init__(self, levels: Sequence[int], sizes: Sequence[int] = (16, 64, 256), seed: int = 0) -> None:
        self.levels, self.sizes, self.seed = levels, sizes, seed

    def fit(self, train: Codes, valid: Codes) -> Self:
        """Fit a mixture of each size and α to the training rows, and choose one by the validation rows."""
        marginals = np.exp(Independent(self.levels).fit(train, valid).log_probs)[:, None]
        x, valid_x = (one_hot(rows, self.levels) for rows in (train, valid))
        fits = [self._fit(size, x, valid_x, marginals, alpha) for size in self.sizes for alpha in self.ALPHAS]
        self.score, self.log_weights, self.log_probs = max(fits, key=lambda fit: fit.score)
        return self

    def _fit(self, size: int, x: csr_array, valid_x: csr_array, marginals: Floats, alpha: float) -> MixtureFit:
        """Return the best step of EM, by the validation rows."""
        rows = np.random.default_rng(self.seed).choice(x.shape[0], size, replace=False)
        log_weights = np.full(size, -np.log(size))
        log_probs = np.log(normalise(x[rows].T.toarray() + marginals, self.levels))
        best, steps_without_gain = MixtureFit(-np.inf, log_weights, log_probs), 0
        for _ in range(self.STEPS):
            posterior = softmax(x @ log_probs + log_weights, axis=1)
            log_weights = np.log((posterior.sum(0) + 1) / (x.shape[0] + size))
            log_probs = np.log(normalise(x.T @ posterior + alpha * marginals, self.levels))
            score = float(logsumexp(valid_x @ log_probs + log_weights, axis=1).mean())
            steps_without_gain = 0 if score > best.score + self.GAIN else steps_without_gain + 1
            best = max(best, MixtureFit(score, log_weights, log_probs), key=lambda fit: fit.score)
            if steps_without_gain == self.PATIENCE:
                break
        return best

    def log_prob(self, x: Codes) -> Floats:
        """Return log p of each row, [n] nats; a missing entry adds nothing within a component."""
        return np.asarray(logsumexp(one_hot(x, self.levels) @ self.log_probs + self.log_weights, axis=1))


class MixtureFit(NamedTuple):
    """A mixture of K components, and its mean log p of the validation rows."""

    score: float
    log_weights: Floats
    """log w_k, [K]."""
    log_probs: Floats
    """log p_k of each level of each column, [S, K]."""


def one_hot(x: Codes, levels: Sequence[int]) -> csr_array:
    """Return the rows one-hot, [n, S], where S is the sum of `levels`; a missing entry has no one."""
    rows, columns = np.nonzero(x >= 0)
    indices = column_offsets(levels)[columns] + x[rows, columns]
    return csr_array((np.ones(len(rows)), (rows, indices)), (len(x), sum(levels)))


def observed_likelihood(column: Codes, levels: int) -> Floats:
    """Return p(observed entry | level), [n, levels]: one-hot, and ones where the entry is missing."""
    return np.where(column[:, None] < 0, 1.0, column[:, None] == np.arange(levels))


def column_offsets(levels: Sequence[int]) -> Codes:
    """Return the index at which each column begins in a one-hot row."""
    return np.asarray(np.cumsum([0, *levels[:-1]]))


def normalise(table: Floats, levels: Sequence[int]) -> Floats:
    """Divide [S, ...] by the sum over the levels of each column."""
    sums = np.add.reduceat(table, column_offsets(levels), axis=0)
    return np.asarray(table / np.repeat(sums, levels, axis=0))


def mutual_information(counts: Floats) -> float:
    """Return the mutual information of two columns in nats, from their joint counts; 0 without counts."""
    p = counts / max(counts.sum(), 1)
    return float(rel_entr(p, p.sum(1, keepdims=True) * p.sum(0)).sum())


def find_spanning_tree(information: Floats) -> tuple[list[int], list[int]]:
    """Return the columns of the maximum spanning tree from the root outwards, and each one's parent.

    Args:
        information: the mutual information of each pair of columns, [D, D].

    Returns:
        the columns in breadth-first order, and the parent by column; the root is column 0, and its parent is -1.
    """
    # Every tree has D - 1 edges, so the constant does not matter; an edge of weight 0 would be no edge.
    edges = minimum_spanning_tree(-1 - information)
    order, parents = breadth_first_order(edges, 0, directed=False)
    return order.tolist(), np.maximum(parents, -1).tolist()
