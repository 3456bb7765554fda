"""The claims of the lesson on autoregression."""

from __future__ import annotations

import math
from itertools import pairwise, product

import numpy as np
import pytest
import torch

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
from chainrule.learn.product_rule import factorize_joint
from chainrule.learn.time_series import (
    LinearAR,
    expected_coverage,
    is_covered,
    load_sunspots,
    next_value_log_prob,
)


def test_a_factor_is_what_counting_says():
    first, second, third = factorize_joint(DAYS / DAYS.sum())
    for sky, rain, kept in product(range(3), range(2), range(2)):
        assert first[sky] == pytest.approx(DAYS[sky].sum() / 100)
        assert second[sky, rain] == pytest.approx(DAYS[sky, rain].sum() / DAYS[sky].sum())
        assert third[sky, rain, kept] == pytest.approx(DAYS[sky, rain, kept] / DAYS[sky, rain].sum())


def test_a_band_of_few_draws_is_a_little_too_narrow():
    rng = np.random.default_rng(1)
    draws, truth = rng.normal(size=(20000, DRAWS, 1)), rng.normal(size=(20000, 1))
    assert is_covered(draws, truth, coverage=0.9).mean() == pytest.approx(
        expected_coverage(0.9, n=DRAWS), abs=0.009
    )  # four standard errors
    assert expected_coverage(0.9, n=DRAWS) < 0.9 - 0.009


def test_means_are_told_with_their_standard_errors():
    values = np.array([1.0, 2.0, 4.0, 9.0])
    assert mean_and_error(values) == pytest.approx((4, math.sqrt(np.var(values, ddof=1) / 4)))
    assert mean_and_error(torch.tensor([3, 5])) == pytest.approx((4, 1))
    assert mean_of(-values, 1) == "−4.0 ± 1.8"


@pytest.fixture(scope="module")
def study():
    return Study.of(*load_sunspots())


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
        assert 0.5 < is_covered(draws, truth, coverage=0.9).mean() < 0.9
    apart = study.chosen.log_prob(study.values) - next_value_log_prob(model, study.values, past=study.order)
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
