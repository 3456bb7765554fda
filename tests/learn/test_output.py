"""The masses of levels under a Gaussian, frequencies, and a network whose output is a mixture of Gaussians."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule.errors import ChainruleError
from chainrule.learn.lessons.outputs import OUTPUTS, bits_of_outputs, halves, held_out, likeness_of, to_fit, trained_on
from chainrule.learn.lessons.outputs_activations import moments
from chainrule.learn.output import (
    GaussianLevels,
    at_the_ends,
    density_nats,
    fitted,
    frequencies,
    level_nats,
    mass_of_levels,
    patches,
    photo,
    truncated,
)


def number(value):
    return torch.tensor(value, dtype=torch.float64)


@pytest.mark.parametrize(
    ("mean", "std", "levels"), [(0.0, 1.0, 2), (127.3, 60.0, 256), (16.0, 0.3, 17), (-3.0, 2.0, 5)]
)
def test_the_masses_are_those_of_the_distribution_function(mean, std, levels):
    inside, below, above = mass_of_levels(number(mean), number(std), levels)
    gauss = NormalDist(mean, std)
    by_hand = [gauss.cdf(v + 0.5) - gauss.cdf(v - 0.5) for v in range(levels)]
    np.testing.assert_allclose(inside, by_hand, atol=1e-14)
    assert float(below) == pytest.approx(gauss.cdf(-0.5), abs=1e-14)
    assert float(above) == pytest.approx(1 - gauss.cdf(levels - 0.5), abs=1e-14)
    assert float(inside.sum() + below + above) == pytest.approx(1)


@pytest.mark.parametrize("mean", [5.0, 250.0])
def test_far_masses_keep_their_digits_on_both_sides(mean):
    inside, _, _ = mass_of_levels(number(mean), number(1.0), 256)
    left, right = mass_of_levels(number(128.0), number(1.0), 256)[0][[108, 148]]
    assert float(left) == pytest.approx(float(right), rel=1e-9)
    assert float(left) == pytest.approx(math.erfc(19.5 / math.sqrt(2)) / 2, rel=1e-4)
    assert (inside >= 0).all()


def test_the_ends_and_truncation_make_distributions():
    mean, std = torch.tensor([-2.0, 3.0, 9.0]).double(), torch.tensor([1.0, 4.0, 0.5]).double()
    inside, below, above = mass_of_levels(mean, std, 7)
    before = inside.clone()
    ends = at_the_ends(inside, below, above)
    np.testing.assert_allclose(ends.sum(-1), 1)
    np.testing.assert_allclose(ends[:, 0], inside[:, 0] + below)
    np.testing.assert_allclose(ends[:, -1], inside[:, -1] + above)
    np.testing.assert_allclose(truncated(inside).sum(-1), 1)
    assert torch.equal(inside, before)


def test_a_density_at_a_constant_grows_without_end_and_its_mass_does_not():
    zero, before = number(0.0), math.inf
    for exponent in range(8):
        std = number(10.0**-exponent)
        density, mass = float(density_nats(zero, zero, std)), float(-mass_of_levels(zero, std, 17)[0][0].log())
        assert density == pytest.approx(before - math.log(10) if exponent else 0.5 * math.log(2 * math.pi))
        assert mass >= 0
        before = density


@pytest.mark.parametrize("sigma", [3.0, 1.0, 0.3, 0.1, 0.01])
def test_with_noise_a_density_is_never_better_than_the_mass(sigma):
    within = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000 - 0.5
    noisy = float(density_nats(within, number(0.0), number(sigma)).mean())
    assert noisy >= float(-mass_of_levels(number(0.0), number(sigma), 17)[0][0].log()) - 1e-6
    assert noisy == pytest.approx(1 / 24 / sigma**2 + math.log(sigma) + 0.5 * math.log(2 * math.pi), rel=1e-4)


@pytest.mark.parametrize("shape", [(), (3,), (1, 2, 2)])
def test_frequencies_are_counts_and_one(shape):
    x = torch.randint(5, (11, *shape), generator=torch.Generator().manual_seed(0))
    found = frequencies(x, 5)
    assert found.shape == (*shape, 5)
    for place in np.ndindex(shape):
        site = x[(slice(None), *place)]
        by_hand = [(int((site == level).sum()) + 1) / 16 for level in range(5)]
        np.testing.assert_allclose(found[place], by_hand)
    nats = level_nats(x, found)
    assert nats.shape == x.shape
    for place in np.ndindex(*x.shape):
        assert float(nats[place]) == pytest.approx(-math.log(found[(*place[1:], int(x[place]))]))


def test_a_fitted_gaussian_counts_the_width_of_a_level():
    x = torch.tensor([[0, 3], [0, 5], [0, 10]])
    mean, std = fitted(x)
    assert mean.tolist() == [0, 6]
    np.testing.assert_allclose(std**2, [1 / 12, 26 / 3 + 1 / 12])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mass_of_levels(number(0.0), number(0.0), 4), "standard deviation above 0"),
        (lambda: mass_of_levels(number(0.0), number(1.0), 0), "at least 1 level"),
        (lambda: mass_of_levels(number(0.0), number(math.nan), 4), "standard deviation above 0"),
        (lambda: density_nats(number(0.0), number(0.0), number(-1.0)), "standard deviation above 0"),
        (lambda: frequencies(torch.tensor([0, 3]), 3), "values in 0 … 2"),
        (lambda: frequencies(torch.tensor([-1]), 3), "values in 0 … 2"),
        (lambda: frequencies(torch.empty(0), 3), "at least one"),
        (lambda: GaussianLevels((1, 2, 2), 4, components=0), "at least 1 component"),
        (lambda: photo("temple"), "there are china, flower"),
        (lambda: patches(torch.zeros(3, 4, 5), 5), "do not fit"),
    ],
)
def test_bad_input_is_said_in_one_line(call, words):
    with pytest.raises(ChainruleError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("components", [1, 3])
def test_a_network_with_gaussians_is_a_distribution(components):
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


def test_patches_are_the_picture_in_squares():
    picture = torch.arange(2 * 5 * 7).view(2, 5, 7)
    cut = patches(picture, 2)
    assert cut.shape == (6, 2, 2, 2)
    assert torch.equal(cut[4], picture[:, 2:4, 2:4])


# What the lesson claims.


def test_the_mass_outside_is_what_the_gaussian_loses_to_its_truncated_self():
    train, test = halves(photo("flower"))
    bits = bits_of_outputs(train, test, 256)
    inside, _, _ = mass_of_levels(*fitted(train), 256)
    assert bits[0] - bits[1] == pytest.approx(float(-inside.sum(-1).log2().mean()))
    assert float(inside.sum(-1).min()) < 0.8


def test_the_softmax_is_ahead_where_pixels_pile_up_and_behind_where_they_are_new():
    digits = cr.load_data("digits")
    as_it_is, cut, ends, softmax = bits_of_outputs(to_fit(digits), held_out(digits), 17)
    assert softmax < ends < cut < as_it_is
    for name, ahead in (("flower", True), ("china", False)):
        grey = photo(name).double().mean(0, keepdim=True).round().long()
        *gaussians, softmax = bits_of_outputs(*halves(grey), 256)
        assert (softmax < min(gaussians)) == ahead
    grey = photo("china").double().mean(0, keepdim=True).round().long()
    for picture in (photo("china"), grey):
        assert min(bits_of_outputs(*halves(picture), 256)) > 8  # worse than a uniform guess
    sky = photo("china")[:, :100].double()
    assert sky[..., 432:].mean() > sky[..., :432].mean() + 20


def test_names_of_levels_matter_to_a_gaussian_and_not_to_a_softmax():
    train, test = halves(photo("flower")[:1])
    names = torch.randperm(256, generator=torch.Generator().manual_seed(0))
    plain, shuffled = bits_of_outputs(train, test, 256), bits_of_outputs(names[train.long()], names[test.long()], 256)
    assert shuffled[3] == pytest.approx(plain[3])
    assert shuffled[2] > plain[2] + 1


def test_three_pixels_of_the_digits_are_always_0():
    assert int((to_fit(cr.load_data("digits")) == 0).all(0).sum()) == 3


def test_the_moments_of_a_distribution_of_levels():
    mean, std = moments(torch.tensor([0.5, 0.0, 0.5]))
    assert float(mean) == 1
    assert float(std) ** 2 == pytest.approx(1 + 1 / 12)


def test_a_mixture_with_ends_beats_a_softmax_of_few_images_which_learns_the_order():
    digits = cr.load_data("digits")
    models = {output.name: trained_on(digits, output.domain) for output in OUTPUTS if output.name != "1 Gaussian"}
    x = held_out(digits).view(-1, 1, 8, 8)
    with torch.no_grad():
        behind = models["softmax"].log_prob(x) - models["3 Gaussians"].log_prob(x)
    assert float(behind.mean()) < -5 * float(behind.std()) / math.sqrt(len(x))
    cosines = likeness_of(models["softmax"])
    assert torch.equal(cosines.diagonal().round(decimals=6), torch.ones(17).double())
    assert float(cosines.diagonal(1).mean()) > 0.1 > -0.1 > float(cosines[:4, -4:].mean())
