"""The masses of levels under a Gaussian, frequencies, and a network whose output is a mixture of Gaussians."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule.errors import ChainruleError
from chainrule.learn.pixel_outputs import (
    GaussianLevels,
    add_tails_to_ends,
    discretize_gaussian,
    fit_gaussian,
    gaussian_nll,
    level_nll,
    smoothed_frequencies,
    truncate,
)


def number(value):
    return torch.tensor(value, dtype=torch.float64)


@pytest.mark.parametrize(
    ("mean", "std", "levels"), [(0.0, 1.0, 2), (127.3, 60.0, 256), (16.0, 0.3, 17), (-3.0, 2.0, 5)]
)
def test_level_masses_are_differences_of_the_distribution_function(mean, std, levels):
    inside, below, above = discretize_gaussian(number(mean), number(std), levels)
    gauss = NormalDist(mean, std)
    by_hand = [gauss.cdf(v + 0.5) - gauss.cdf(v - 0.5) for v in range(levels)]
    np.testing.assert_allclose(inside, by_hand, atol=1e-14)
    assert float(below) == pytest.approx(gauss.cdf(-0.5), abs=1e-14)
    assert float(above) == pytest.approx(1 - gauss.cdf(levels - 0.5), abs=1e-14)
    assert float(inside.sum() + below + above) == pytest.approx(1)


@pytest.mark.parametrize("mean", [5.0, 250.0])
def test_masses_far_from_the_mean_are_precise_on_both_sides(mean):
    inside, _, _ = discretize_gaussian(number(mean), number(1.0), 256)
    left, right = discretize_gaussian(number(128.0), number(1.0), 256)[0][[108, 148]]
    assert float(left) == pytest.approx(float(right), rel=1e-9)
    assert float(left) == pytest.approx(math.erfc(19.5 / math.sqrt(2)) / 2, rel=1e-4)
    assert (inside >= 0).all()


def test_added_tails_and_truncation_give_distributions():
    mean, std = torch.tensor([-2.0, 3.0, 9.0]).double(), torch.tensor([1.0, 4.0, 0.5]).double()
    inside, below, above = discretize_gaussian(mean, std, 7)
    before = inside.clone()
    ends = add_tails_to_ends(inside, below, above)
    np.testing.assert_allclose(ends.sum(-1), 1)
    np.testing.assert_allclose(ends[:, 0], inside[:, 0] + below)
    np.testing.assert_allclose(ends[:, -1], inside[:, -1] + above)
    np.testing.assert_allclose(truncate(inside).sum(-1), 1)
    assert torch.equal(inside, before)


def test_the_density_of_a_constant_grows_without_limit_and_its_mass_does_not():
    zero, before = number(0.0), math.inf
    for exponent in range(8):
        std = number(10.0**-exponent)
        density, mass = float(gaussian_nll(zero, zero, std)), float(-discretize_gaussian(zero, std, 17)[0][0].log())
        assert density == pytest.approx(before - math.log(10) if exponent else 0.5 * math.log(2 * math.pi))
        assert mass >= 0
        before = density


@pytest.mark.parametrize("sigma", [3.0, 1.0, 0.3, 0.1, 0.01])
def test_the_density_of_noisy_levels_is_never_better_than_the_mass(sigma):
    within = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000 - 0.5
    noisy = float(gaussian_nll(within, number(0.0), number(sigma)).mean())
    assert noisy >= float(-discretize_gaussian(number(0.0), number(sigma), 17)[0][0].log()) - 1e-6
    assert noisy == pytest.approx(1 / 24 / sigma**2 + math.log(sigma) + 0.5 * math.log(2 * math.pi), rel=1e-4)


@pytest.mark.parametrize("shape", [(), (3,), (1, 2, 2)])
def test_smoothed_frequencies_add_one_to_each_count(shape):
    x = torch.randint(5, (11, *shape), generator=torch.Generator().manual_seed(0))
    found = smoothed_frequencies(x, 5)
    assert found.shape == (*shape, 5)
    for place in np.ndindex(shape):
        site = x[(slice(None), *place)]
        by_hand = [(int((site == level).sum()) + 1) / 16 for level in range(5)]
        np.testing.assert_allclose(found[place], by_hand)
    nats = level_nll(x, found)
    assert nats.shape == x.shape
    for place in np.ndindex(*x.shape):
        assert float(nats[place]) == pytest.approx(-math.log(found[(*place[1:], int(x[place]))]))


def test_a_fitted_gaussian_includes_the_width_of_a_level():
    x = torch.tensor([[0, 3], [0, 5], [0, 10]])
    mean, std = fit_gaussian(x)
    assert mean.tolist() == [0, 6]
    np.testing.assert_allclose(std**2, [1 / 12, 26 / 3 + 1 / 12])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: discretize_gaussian(number(0.0), number(0.0), 4), "standard deviation above 0"),
        (lambda: discretize_gaussian(number(0.0), number(1.0), 0), "at least 1 level"),
        (lambda: discretize_gaussian(number(0.0), number(math.nan), 4), "standard deviation above 0"),
        (lambda: gaussian_nll(number(0.0), number(0.0), number(-1.0)), "standard deviation above 0"),
        (lambda: smoothed_frequencies(torch.tensor([0, 3]), 3), "values in 0 … 2"),
        (lambda: smoothed_frequencies(torch.tensor([-1]), 3), "values in 0 … 2"),
        (lambda: smoothed_frequencies(torch.empty(0), 3), "at least one"),
        (lambda: GaussianLevels((1, 2, 2), 4, components=0), "at least 1 component"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, words):
    with pytest.raises(ChainruleError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("components", [1, 3])
def test_a_network_with_gaussian_outputs_is_a_distribution(components):
    domain = GaussianLevels((1, 1, 3), 4, components)
    model = cr.MADE(domain, hidden=(6,))
    for weight in model.parameters():
        weight.data += torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        total = sum(model.log_prob(x).exp().sum() for x in domain.outcomes())
        numbers = torch.randn(2, 1, 1, 3, domain.outputs_per_site, generator=torch.Generator().manual_seed(1))
        table = domain.conditionals(numbers).probs
    assert float(total) == pytest.approx(1, abs=1e-5)
    log_weights, means, stds = domain.gaussians(numbers)
    by_hand = np.zeros((2, 1, 1, 3, 4))
    for place in np.ndindex(2, 1, 1, 3):
        for k in range(components):
            gauss = NormalDist(float(means[place][k]), float(stds[place][k]))
            steps = [0, *(gauss.cdf(v + 0.5) for v in range(3)), 1]
            by_hand[place] += math.exp(log_weights[place][k]) * np.diff(steps)
    np.testing.assert_allclose(table, by_hand, atol=1e-5)
