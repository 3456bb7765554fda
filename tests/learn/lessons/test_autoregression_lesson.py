"""The claims of the lesson on autoregression."""

from __future__ import annotations

import math
from itertools import pairwise, product

import numpy as np
import pytest
import torch

from chainrule.learn.lessons.autoregression_lesson import DAYS, OUTCOME
from chainrule.learn.lessons.autoregression_series import (
    HORIZON,
    MAX_ORDER,
    NUM_SAMPLES,
    TEST,
    TOLERANCE,
    VALID,
    Study,
    integrate_below_zero,
    predict_year,
    sample_linear,
    sample_made,
    shared_fraction,
    train_made,
)
from chainrule.learn.lessons.mean_and_error import format_mean, mean_and_error
from chainrule.learn.product_rule import factorize_joint
from chainrule.learn.time_series import (
    LinearAR,
    expected_coverage,
    is_covered,
    load_sunspots,
    next_value_log_prob,
)


def test_the_factors_are_ratios_of_counts():
    first, second, third = factorize_joint(DAYS / DAYS.sum())
    for sky, rain, umbrella in product(range(3), range(2), range(2)):
        assert first[sky] == pytest.approx(DAYS[sky].sum() / 100)
        assert second[sky, rain] == pytest.approx(DAYS[sky, rain].sum() / DAYS[sky].sum())
        assert third[sky, rain, umbrella] == pytest.approx(DAYS[sky, rain, umbrella] / DAYS[sky, rain].sum())


def test_a_band_of_few_samples_is_slightly_too_narrow():
    rng = np.random.default_rng(1)
    draws, truth = rng.normal(size=(20000, NUM_SAMPLES, 1)), rng.normal(size=(20000, 1))
    assert is_covered(draws, truth, coverage=0.9).mean() == pytest.approx(
        expected_coverage(0.9, n=NUM_SAMPLES), abs=0.009
    )  # four standard errors
    assert expected_coverage(0.9, n=NUM_SAMPLES) < 0.9 - 0.009


def test_means_are_formatted_with_their_standard_errors():
    values = np.array([1.0, 2.0, 4.0, 9.0])
    assert mean_and_error(values) == pytest.approx((4, math.sqrt(np.var(values, ddof=1) / 4)))
    assert mean_and_error(torch.tensor([3, 5])) == pytest.approx((4, 1))
    assert format_mean(-values, 1) == "−4.0 ± 1.8"


@pytest.fixture(scope="module")
def study():
    return Study.fit(*load_sunspots())


def test_the_series_is_complete(study):
    assert study.years.tolist() == list(range(1700, 2009))
    assert study.values.min() == 0
    assert study.values.mean() == pytest.approx(49.7521, abs=1e-4)
    assert (study.values[:49] == study.values[:49].round()).all()


def test_the_order_is_selected_as_the_lesson_states(study):
    train, valid = study.mean_nlls(1700 + MAX_ORDER, VALID), study.mean_nlls(VALID, TEST)
    assert all(after <= before + 1e-9 for before, after in pairwise(train))
    assert study.order == 9
    assert valid[study.order] < min(valid) + TOLERANCE
    assert all(later > valid[study.order] - TOLERANCE for later in valid[study.order :])
    assert valid[MAX_ORDER] > valid[study.order]  # more can be worse
    gains = -np.diff(valid)
    assert sorted(gains.argsort()[-2:].tolist()) == [0, 1]
    late = study.values[study.years >= TEST]
    assert (late > study.train_values.max()).sum() >= 1


def test_the_linear_model_is_better_than_the_simple_models(study):
    chosen = study.selected.log_prob(study.values)
    for other in (study.linear[0], LinearAR(0.0, (1.0,), float(np.sqrt(np.mean(np.diff(study.train_values) ** 2))))):
        apart = chosen - other.log_prob(study.values)[-len(chosen) :]
        behind, error = mean_and_error(-study.nll(apart, TEST, 3000))
        assert behind > 2 * error


def test_made_has_little_mass_below_0_and_both_models_are_overconfident(study):
    model, starts = train_made(study), list(range(TEST, 2009 - HORIZON + 1, 4))
    quiet = predict_year(study, model, 1986)
    assert integrate_below_zero(quiet, "linear") > 0.2 > 0.1 > integrate_below_zero(quiet, "MADE")
    truth = np.stack([study.values[start - 1700 : start - 1700 + HORIZON] for start in starts])
    for draws in (sample_made(study, model, starts), sample_linear(study, starts)):
        assert 0.5 < is_covered(draws, truth, coverage=0.9).mean() < 0.9
    apart = study.selected.log_prob(study.values) - next_value_log_prob(model, study.values, past=study.order)
    costly = int(study.years[study.order :][apart.argmax()])
    assert study.values[costly - 1700] > study.train_values.max()


def test_shuffled_windows_share_nearly_all_values():
    assert shared_fraction(309, 20) > 0.95


def test_a_leak_and_independence_violate_the_product_rule():
    joint = DAYS / DAYS.sum()
    pair = joint.sum(0)
    loop = pair / pair.sum(1, keepdims=True) * pair / pair.sum(0, keepdims=True)
    assert loop.sum() > 1.1
    assert (pair * np.log(loop / pair)).sum() > 0.1  # "likelihoods" that beat the truth
    alone = np.einsum("i,j,k->ijk", joint.sum((1, 2)), joint.sum((0, 2)), joint.sum((0, 1)))
    assert alone.sum() == pytest.approx(1)
    assert alone[OUTCOME] < joint[OUTCOME] / 2
