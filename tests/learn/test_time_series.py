"""Linear autoregression, windows of a series, and prediction intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule.errors import ChainruleError
from chainrule.learn.time_series import (
    LinearAR,
    is_covered,
    make_window_table,
    next_value_log_prob,
    prediction_interval,
    sliding_windows,
)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: LinearAR.fit([1.0, 2.0, 4.0], order=1), "3 values"),
        (lambda: LinearAR.fit([1.0, 2.0, 4.0], order=-1), "an order of -1"),
        (lambda: LinearAR.fit(np.ones(9), order=0), "without noise"),
        (lambda: LinearAR.fit(np.arange(20.0), order=1), "without noise"),
        (lambda: LinearAR.fit([[1.0, 2.0]], order=0), "a row of finite numbers"),
        (lambda: LinearAR.fit([1.0, math.nan, 2.0, 3.0], order=0), "a row of finite numbers"),
        (lambda: sliding_windows([1.0, 2.0], 3), "windows of 3 values"),
        (lambda: sliding_windows([1.0, 2.0], 0), "windows of 0 values"),
        (lambda: prediction_interval(np.zeros((3, 1)), coverage=1.0), "between 0 and 1"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, words):
    with pytest.raises(ChainruleError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def a_series(n=40, seed=1):
    return np.random.default_rng(seed).normal(size=n).cumsum()


@pytest.mark.parametrize("order", [0, 1, 3])
def test_the_density_of_a_series_is_the_product_of_gaussians(order):
    x, model = a_series(), LinearAR.fit(a_series(), order=order)
    by_hand = []
    for t in range(order, len(x)):
        mean = model.constant + sum(model.weights[i] * x[t - 1 - i] for i in range(order))
        by_hand.append(math.log(math.exp(-(((x[t] - mean) / model.std) ** 2) / 2) / model.std / math.sqrt(2 * math.pi)))
    np.testing.assert_allclose(model.log_prob(x), by_hand)


@pytest.mark.parametrize("order", [0, 1, 3])
def test_no_other_parameters_are_likelier(order):
    x = a_series()
    model = LinearAR.fit(x, order=order)
    best = model.log_prob(x).sum()
    for change in (-0.01, 0.01):
        assert LinearAR(model.constant + change, model.weights, model.std).log_prob(x).sum() < best
        assert LinearAR(model.constant, model.weights, model.std + change).log_prob(x).sum() < best
        for i in range(order):
            weights = tuple(weight + change * (i == k) for k, weight in enumerate(model.weights))
            assert LinearAR(model.constant, weights, model.std).log_prob(x).sum() < best


def test_the_weights_of_a_long_series_are_recovered():
    true = LinearAR(2.0, (1.3, -0.6), 1.0)
    x = true.sample([0.0, 0.0], steps=20000, n=1, seed=3)[0]
    found = LinearAR.fit(x, order=2)
    np.testing.assert_allclose([found.constant, *found.weights, found.std], [2, 1.3, -0.6, 1], atol=0.06)


def test_draws_have_the_moments_of_the_model():
    model = LinearAR(1.0, (0.5, 0.25), 2.0)
    drawn = model.sample([8.0, 4.0], steps=2, n=40000, seed=0)
    first = 1 + 0.5 * 4 + 0.25 * 8
    assert drawn.shape == (40000, 2)
    assert drawn[:, 0].mean() == pytest.approx(first, abs=0.05)
    assert drawn[:, 0].std() == pytest.approx(2, abs=0.03)
    assert drawn[:, 1].mean() == pytest.approx(1 + 0.5 * first + 0.25 * 4, abs=0.05)
    assert drawn[:, 1].std() == pytest.approx(2 * math.sqrt(1.25), abs=0.04)
    assert np.array_equal(drawn, model.sample([8.0, 4.0], steps=2, n=40000, seed=0))


def test_units_change_a_density_by_their_logarithm():
    x = a_series()
    plain, scaled = LinearAR.fit(x, order=2).log_prob(x), LinearAR.fit(x / 100, order=2).log_prob(x / 100)
    np.testing.assert_allclose(scaled - plain, math.log(100))


def test_the_next_value_does_not_depend_on_later_values():
    x = a_series(30)
    model = cr.MADE(make_window_table(x, past=3, future=4, resolution=0.1), hidden=(8,), direct_connections=True)
    for weight in model.parameters():
        weight.data += 0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    found = next_value_log_prob(model, x, past=3)
    assert found.shape == (27,)
    rows = torch.from_numpy(sliding_windows(x, 7))
    with torch.no_grad():
        both = model.log_marginal(rows, torch.arange(7) < 4) - model.log_marginal(rows, torch.arange(7) < 3)
    np.testing.assert_allclose(found[:24], both, atol=1e-5)
    changed = np.append(x[:20], x[20:] + 5)
    np.testing.assert_allclose(next_value_log_prob(model, changed, past=3)[:17], found[:17])


def test_windows_are_copies():
    x = np.arange(5.0)
    cut = sliding_windows(x, 2)
    assert cut.tolist() == [[0, 1], [1, 2], [2, 3], [3, 4]]
    cut[0, 0] = 9
    assert x[0] == 0


def test_a_prediction_interval_covers_its_share_of_the_distribution():
    rng = np.random.default_rng(0)
    draws, truth = rng.normal(size=(3000, 200, 2)), rng.normal(size=(3000, 2))
    assert is_covered(draws, truth, coverage=0.9).mean() == pytest.approx(0.9, abs=0.015)
    assert is_covered(draws, truth, coverage=0.5).mean() == pytest.approx(0.5, abs=0.02)
    assert not is_covered(draws, truth + 100, coverage=0.9).any()
