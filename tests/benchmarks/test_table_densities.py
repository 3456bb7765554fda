"""Tests of the baseline densities of tables: they sum to one, sum out missing entries, and learn."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.special import logsumexp

from tests.support.scripts import load_script

table_densities = load_script("benchmarks/table_densities.py")
ALPHAS, ChowLiu, Independent, Mixture = (
    table_densities.ALPHAS,
    table_densities.ChowLiu,
    table_densities.Independent,
    table_densities.Mixture,
)

LEVELS = [2, 3, 1, 4]
DENSITIES = {
    "independent": Independent,
    "tree": ChowLiu,
    "mixture": lambda levels: Mixture(levels, sizes=(2, 5)),
}


def random_rows(n, seed=0, missing=0.0):
    """Return codes of `LEVELS` whose columns depend on each other."""
    rng = np.random.default_rng(seed)
    first = rng.integers(2, size=n)
    second = (first + (rng.random(n) < 0.2)) % 3
    last = np.where(rng.random(n) < 0.7, first + second, rng.integers(4, size=n))
    x = np.stack([first, second, np.zeros(n, int), last], 1)
    return np.where(rng.random(x.shape) < missing, -1, x)


def all_rows(levels):
    """Return every row without missing entries."""
    return np.array(list(itertools.product(*map(range, levels))))


@pytest.fixture(params=[(kind, missing) for kind in DENSITIES for missing in (0.0, 0.3)], ids=str)
def density(request):
    kind, missing = request.param
    return DENSITIES[kind](LEVELS).fit(random_rows(60, 0, missing), random_rows(30, 1, missing))


def test_probabilities_sum_to_one(density):
    assert logsumexp(density.log_prob(all_rows(LEVELS))) == pytest.approx(0, abs=1e-12)


def test_missing_entries_are_summed_out(density):
    rows = all_rows(LEVELS)
    log_probs = density.log_prob(rows)
    incomplete = np.array(list(itertools.product(*(range(-1, k) for k in LEVELS))))
    expected = [logsumexp(log_probs[((rows == row) | (row < 0)).all(1)]) for row in incomplete]
    np.testing.assert_allclose(density.log_prob(incomplete), expected, atol=1e-12)


@pytest.mark.parametrize("kind", DENSITIES)
def test_a_level_that_is_not_in_the_training_rows_is_possible(kind):
    density = DENSITIES[kind]([3, 2]).fit(np.zeros((9, 2), int), np.zeros((5, 2), int))
    assert np.isfinite(density.log_prob(all_rows([3, 2]))).all()


@pytest.mark.parametrize("kind", DENSITIES)
def test_a_column_that_is_never_observed_is_uniform(kind):
    x = np.stack([np.arange(12) % 2, np.full(12, -1)], 1)
    density = DENSITIES[kind]([2, 4]).fit(x, x)
    np.testing.assert_allclose(density.log_prob(np.array([[-1, level] for level in range(4)])), -np.log(4))


def test_independent_counts_observed_entries():
    train = np.array([[0], [0], [1], [-1], [0]])
    p = np.exp(Independent([2]).fit(train, np.array([[0]])).log_prob(np.array([[0], [1]])))
    np.testing.assert_allclose(p, (np.array([3, 1]) + min(ALPHAS)) / (4 + 2 * min(ALPHAS)))


def test_validation_chooses_the_smoothing():
    train = np.zeros((4, 1), int)
    same, mixed = (
        Independent([2]).fit(train, valid).log_prob(np.array([[1]])) for valid in (train, np.array([[0], [1]]))
    )
    assert same < np.log(0.01)
    assert mixed == pytest.approx(np.log(max(ALPHAS) / (4 + 2 * max(ALPHAS))))


def test_the_tree_is_the_one_that_generated_the_rows():
    rng = np.random.default_rng(0)
    parents = [-1, 0, 1, 1, 0, 4]
    x = np.zeros((3000, 6), int)
    for j, parent in enumerate(parents):
        copied = (rng.random(3000) < 0.6) & (parent >= 0)
        x[:, j] = np.where(copied, x[:, parent], rng.integers(3, size=3000))
    tree = ChowLiu([3] * 6).fit(x[:2000], x[2000:2500])
    assert tree.parents == parents
    truth = [
        np.log(1 / 3) + sum(np.log(0.6 * (r[j] == r[parents[j]]) + 0.4 / 3) for j in range(1, 6)) for r in x[2500:]
    ]
    assert tree.log_prob(x[2500:]).mean() == pytest.approx(np.mean(truth), abs=0.03)


def test_a_tree_of_one_column_has_the_frequencies_of_the_column():
    train, valid = random_rows(50)[:, 3:], random_rows(20, 1)[:, 3:]
    tree, independent = (kind([4]).fit(train, valid) for kind in (ChowLiu, Independent))
    np.testing.assert_allclose(tree.log_prob(all_rows([4])), independent.log_prob(all_rows([4])))


def test_the_tree_does_not_underflow():
    x = np.zeros((50, 100), int)
    log_prob = ChowLiu([2] * 100).fit(x, x).log_prob(np.ones((1, 100), int))
    assert np.isfinite(log_prob).all()


def test_a_mixture_finds_groups():
    rng = np.random.default_rng(0)
    group = rng.integers(3, size=(1500, 1))
    x = np.where(rng.random((1500, 8)) < 0.9, group, rng.integers(3, size=(1500, 8)))
    train, valid, test = x[:900], x[900:1200], x[1200:]
    mixture = Mixture([3] * 8, sizes=(1, 12)).fit(train, valid)
    same = np.log(0.9 * (test[:, :, None] == np.arange(3)) + 0.1 / 3).sum(1)
    assert mixture.log_prob(test).mean() == pytest.approx(logsumexp(same - np.log(3), axis=1).mean(), abs=0.1)
    again = Mixture([3] * 8, sizes=(1, 12)).fit(train, valid)
    np.testing.assert_array_equal(mixture.log_prob(test), again.log_prob(test))


def test_a_mixture_of_one_component_is_independent():
    train, valid, test = random_rows(5000), random_rows(2000, 1), random_rows(50, 2)
    one, independent = Mixture(LEVELS, sizes=(1,)).fit(train, valid), Independent(LEVELS).fit(train, valid)
    np.testing.assert_allclose(one.log_prob(test), independent.log_prob(test), atol=0.05)
