"""The product rule on tables, linear autoregression, and windows of a series."""

from __future__ import annotations

import math
from itertools import pairwise, permutations, product

import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule.errors import ChainruleError
from chainrule.learn.autoregression import (
    LinearAR,
    band,
    covered,
    factors,
    free_numbers,
    next_log_prob,
    product_rule,
    share_held,
    sunspots,
    window_table,
    windows,
)
from chainrule.learn.lessons.autoregression import CHOSEN, DAYS
from chainrule.learn.lessons.autoregression_series import (
    DRAWS,
    ENOUGH,
    FUTURE,
    MOST,
    TEST,
    VALID,
    Study,
    drawn_by_line,
    drawn_by_made,
    expected_of,
    mass_below_zero,
    shared_by_shuffling,
    trained,
)
from chainrule.learn.lessons.measured import mean_and_error, mean_of


def some_joint(*levels, seed=0):
    joint = np.random.default_rng(seed).random(levels)
    return joint / joint.sum()


@pytest.mark.parametrize("levels", [(2,), (1,), (2, 3), (3, 1, 2), (2, 2, 2, 2), (5, 4, 3)])
def test_the_product_of_the_factors_is_the_joint(levels):
    joint = some_joint(*levels)
    tables = factors(joint)
    assert [table.shape for table in tables] == [levels[: d + 1] for d in range(len(levels))]
    for table in tables:
        np.testing.assert_allclose(table.sum(-1), 1)
    np.testing.assert_allclose(product_rule(tables), joint)


def test_a_factor_is_what_counting_says():
    first, second, third = factors(DAYS / DAYS.sum())
    for sky, rain, kept in product(range(3), range(2), range(2)):
        assert first[sky] == pytest.approx(DAYS[sky].sum() / 100)
        assert second[sky, rain] == pytest.approx(DAYS[sky, rain].sum() / DAYS[sky].sum())
        assert third[sky, rain, kept] == pytest.approx(DAYS[sky, rain, kept] / DAYS[sky, rain].sum())


def test_every_order_gives_the_same_joint_from_other_factors():
    joint, firsts = some_joint(2, 3, 2), set()
    for order in permutations(range(3)):
        tables = factors(joint.transpose(order))
        np.testing.assert_allclose(product_rule(tables).transpose(np.argsort(order)), joint)
        firsts.add(tuple(tables[0].round(6)))
    assert len(firsts) == 3


def test_what_never_happens_gives_a_uniform_factor_and_the_same_joint():
    joint = np.array([[0.0, 0.0], [0.25, 0.75]])
    first, second = factors(joint)
    assert first.tolist() == [0, 1]
    assert second.tolist() == [[0.5, 0.5], [0.25, 0.75]]
    assert product_rule([first, second]).tolist() == joint.tolist()


@pytest.mark.parametrize("levels", [(2, 2, 2, 2), (3, 4), (1, 5), (2,)])
def test_the_factors_have_as_many_free_numbers_as_the_table(levels):
    assert sum(free_numbers(levels)) == math.prod(levels) - 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: factors([0.5, 0.6]), "sum to 1"),
        (lambda: factors([1.5, -0.5]), "at least 0"),
        (lambda: factors([math.nan, 1.0]), "at least 0"),
        (lambda: factors(1.0), "variables with levels"),
        (lambda: factors(np.zeros((2, 0))), "variables with levels"),
        (lambda: product_rule([]), r"give at least p\(x_1\)"),
        (lambda: product_rule([[0.5, 0.5], [0.5, 0.5]]), "factor 2 has the shape"),
        (lambda: product_rule([[[1.0]]]), "factor 1 has the shape"),
        (lambda: free_numbers([2, 0]), "at least 1 level"),
        (lambda: LinearAR.fit([1.0, 2.0, 4.0], 1), "3 values"),
        (lambda: LinearAR.fit([1.0, 2.0, 4.0], -1), "an order of -1"),
        (lambda: LinearAR.fit(np.ones(9), 0), "without noise"),
        (lambda: LinearAR.fit(np.arange(20.0), 1), "without noise"),
        (lambda: LinearAR.fit([[1.0, 2.0]], 0), "a row of finite numbers"),
        (lambda: LinearAR.fit([1.0, math.nan, 2.0, 3.0], 0), "a row of finite numbers"),
        (lambda: windows([1.0, 2.0], 3), "windows of 3 values"),
        (lambda: windows([1.0, 2.0], 0), "windows of 0 values"),
        (lambda: band(np.zeros((3, 1)), 1.0), "between 0 and 1"),
    ],
)
def test_bad_input_is_said_in_one_line(call, words):
    with pytest.raises(ChainruleError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


# The linear model.


def a_series(n=40, seed=1):
    return np.random.default_rng(seed).normal(size=n).cumsum()


@pytest.mark.parametrize("order", [0, 1, 3])
def test_the_density_of_a_series_is_the_product_of_gaussians(order):
    x, model = a_series(), LinearAR.fit(a_series(), order)
    by_hand = []
    for t in range(order, len(x)):
        mean = model.constant + sum(model.weights[i] * x[t - 1 - i] for i in range(order))
        by_hand.append(math.log(math.exp(-(((x[t] - mean) / model.std) ** 2) / 2) / model.std / math.sqrt(2 * math.pi)))
    np.testing.assert_allclose(model.log_prob(x), by_hand)


@pytest.mark.parametrize("order", [0, 1, 3])
def test_no_other_parameters_are_likelier(order):
    x = a_series()
    model = LinearAR.fit(x, order)
    best = model.log_prob(x).sum()
    for change in (-0.01, 0.01):
        assert LinearAR(model.constant + change, model.weights, model.std).log_prob(x).sum() < best
        assert LinearAR(model.constant, model.weights, model.std + change).log_prob(x).sum() < best
        for i in range(order):
            weights = tuple(weight + change * (i == k) for k, weight in enumerate(model.weights))
            assert LinearAR(model.constant, weights, model.std).log_prob(x).sum() < best


def test_the_weights_of_a_long_series_are_found_again():
    true = LinearAR(2.0, (1.3, -0.6), 1.0)
    x = true.draws([0.0, 0.0], 20000, 1, seed=3)[0]
    found = LinearAR.fit(x, 2)
    np.testing.assert_allclose([found.constant, *found.weights, found.std], [2, 1.3, -0.6, 1], atol=0.06)


def test_draws_have_the_moments_of_the_model():
    model = LinearAR(1.0, (0.5, 0.25), 2.0)
    drawn = model.draws([8.0, 4.0], 2, 40000, seed=0)
    first = 1 + 0.5 * 4 + 0.25 * 8
    assert drawn.shape == (40000, 2)
    assert drawn[:, 0].mean() == pytest.approx(first, abs=0.05)
    assert drawn[:, 0].std() == pytest.approx(2, abs=0.03)
    assert drawn[:, 1].mean() == pytest.approx(1 + 0.5 * first + 0.25 * 4, abs=0.05)
    assert drawn[:, 1].std() == pytest.approx(2 * math.sqrt(1.25), abs=0.04)
    assert np.array_equal(drawn, model.draws([8.0, 4.0], 2, 40000, seed=0))


def test_units_move_a_density_by_their_logarithm():
    x = a_series()
    plain, scaled = LinearAR.fit(x, 2).log_prob(x), LinearAR.fit(x / 100, 2).log_prob(x / 100)
    np.testing.assert_allclose(scaled - plain, math.log(100))


# Windows and forecasts.


def test_the_next_value_does_not_depend_on_what_comes_later():
    x = a_series(30)
    model = cr.MADE(window_table(x, 3, 4, 0.1), hidden=(8,), direct_connections=True)
    for weight in model.parameters():
        weight.data += 0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    found = next_log_prob(model, x, 3)
    assert found.shape == (27,)
    rows = torch.from_numpy(windows(x, 7))
    with torch.no_grad():
        both = model.log_marginal(rows, torch.arange(7) < 4) - model.log_marginal(rows, torch.arange(7) < 3)
    np.testing.assert_allclose(found[:24], both, atol=1e-5)
    changed = np.append(x[:20], x[20:] + 5)
    np.testing.assert_allclose(next_log_prob(model, changed, 3)[:17], found[:17])


def test_windows_are_copies_of_runs():
    x = np.arange(5.0)
    cut = windows(x, 2)
    assert cut.tolist() == [[0, 1], [1, 2], [2, 3], [3, 4]]
    cut[0, 0] = 9
    assert x[0] == 0


def test_a_band_covers_its_share_of_what_it_was_drawn_from():
    rng = np.random.default_rng(0)
    draws, truth = rng.normal(size=(3000, 200, 2)), rng.normal(size=(3000, 2))
    assert covered(draws, truth, 0.9).mean() == pytest.approx(0.9, abs=0.015)
    assert covered(draws, truth, 0.5).mean() == pytest.approx(0.5, abs=0.02)
    assert not covered(draws, truth + 100, 0.9).any()


def test_a_band_of_few_draws_is_a_little_too_narrow():
    rng = np.random.default_rng(1)
    draws, truth = rng.normal(size=(20000, DRAWS, 1)), rng.normal(size=(20000, 1))
    assert covered(draws, truth, 0.9).mean() == pytest.approx(share_held(0.9, DRAWS), abs=0.009)  # four standard errors
    assert share_held(0.9, DRAWS) < 0.9 - 0.009


def test_means_are_told_with_their_standard_errors():
    values = np.array([1.0, 2.0, 4.0, 9.0])
    assert mean_and_error(values) == pytest.approx((4, math.sqrt(np.var(values, ddof=1) / 4)))
    assert mean_and_error(torch.tensor([3, 5])) == pytest.approx((4, 1))
    assert mean_of(-values, 1) == "−4.0 ± 1.8"


# What the lesson claims.


@pytest.fixture(scope="module")
def study():
    return Study.of(*sunspots())


def test_the_series_is_whole(study):
    assert study.years.tolist() == list(range(1700, 2009))
    assert study.values.min() == 0
    assert study.values.mean() == pytest.approx(49.7521, abs=1e-4)
    assert (study.values[:49] == study.values[:49].round()).all()


def test_p_is_chosen_as_the_lesson_says(study):
    train, valid = study.means(1700 + MOST, VALID), study.means(VALID, TEST)
    assert all(after <= before + 1e-9 for before, after in pairwise(train))
    assert study.order == 9
    assert valid[study.order] < min(valid) + ENOUGH
    assert all(later > valid[study.order] - ENOUGH for later in valid[study.order :])
    assert valid[MOST] > valid[study.order]  # more can be worse
    gains = -np.diff(valid)
    assert sorted(gains.argsort()[-2:].tolist()) == [0, 1]
    late = study.values[study.years >= TEST]
    assert (late > study.early.max()).sum() >= 1


def test_the_linear_model_beats_what_it_is_compared_with(study):
    chosen = study.chosen.log_prob(study.values)
    for other in (study.linear[0], LinearAR(0.0, (1.0,), float(np.sqrt(np.mean(np.diff(study.early) ** 2))))):
        apart = chosen - other.log_prob(study.values)[-len(chosen) :]
        behind, error = mean_and_error(-study.nats(apart, TEST, 3000))
        assert behind > 2 * error


def test_the_network_knows_where_0_is_and_neither_model_is_unsure_enough(study):
    model, starts = trained(study), list(range(TEST, 2009 - FUTURE + 1, 4))
    quiet = expected_of(study, model, 1986)
    assert mass_below_zero(quiet, "linear") > 0.2 > 0.1 > mass_below_zero(quiet, "MADE")
    truth = np.stack([study.values[start - 1700 : start - 1700 + FUTURE] for start in starts])
    for draws in (drawn_by_made(study, model, starts), drawn_by_line(study, starts)):
        assert 0.5 < covered(draws, truth, 0.9).mean() < 0.9
    apart = study.chosen.log_prob(study.values) - next_log_prob(model, study.values, study.order)
    costly = int(study.years[study.order :][apart.argmax()])
    assert study.values[costly - 1700] > study.early.max()


def test_a_shuffle_of_windows_leaks_nearly_all():
    assert shared_by_shuffling(309, 20) > 0.95


def test_a_leak_and_independence_are_no_product_rule():
    joint = DAYS / DAYS.sum()
    pair = joint.sum(0)
    loop = pair / pair.sum(1, keepdims=True) * pair / pair.sum(0, keepdims=True)
    assert loop.sum() > 1.1
    assert (pair * np.log(loop / pair)).sum() > 0.1  # "likelihoods" that beat the truth
    alone = np.einsum("i,j,k->ijk", joint.sum((1, 2)), joint.sum((0, 2)), joint.sum((0, 1)))
    assert alone.sum() == pytest.approx(1)
    assert alone[CHOSEN] < joint[CHOSEN] / 2
