"""Discrete conditionals: log-probabilities, quantiles, temperatures, and samples."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Bernoulli, Categorical

from chainrule.distributions import Conditionals
from chainrule.seeding import generator


def random_logits(*shape: int) -> torch.Tensor:
    return 2 * torch.randn(shape, generator=generator(0, *shape))


def test_log_prob_equals_that_of_torch_distributions():
    binary, several = random_logits(5, 2, 3), random_logits(5, 2, 3, 4)
    x, y = binary > 0, several.argmin(-1)
    torch.testing.assert_close(
        Conditionals(binary, binary=True).log_prob(x), Bernoulli(logits=binary).log_prob(x.float())
    )
    torch.testing.assert_close(Conditionals(several, binary=False).log_prob(y), Categorical(logits=several).log_prob(y))


@pytest.mark.parametrize("binary", [True, False])
def test_log_probs_has_the_log_prob_of_each_level(binary):
    conditionals = Conditionals(random_logits(4, 3) if binary else random_logits(4, 3, 5), binary=binary)
    assert conditionals.log_probs.shape == (4, 3, 2 if binary else 5)
    for value in range(conditionals.log_probs.shape[-1]):
        x = torch.full((4, 3), value)
        torch.testing.assert_close(conditionals.log_prob(x), conditionals.log_probs[..., value])
    torch.testing.assert_close(conditionals.probs.sum(-1), torch.ones(4, 3))


@pytest.mark.parametrize("binary", [True, False])
def test_certain_levels_have_log_prob_zero_and_not_nan(binary):
    sure = torch.tensor([[1e4]]) if binary else torch.tensor([[[-1e4, 1e4, 0.0]]])
    conditionals = Conditionals(sure, binary=binary)
    assert conditionals.log_prob(torch.tensor([[1]])).item() == 0
    assert conditionals.log_prob(torch.tensor([[0]])).item() <= -1e4
    assert conditionals.sample(generator(0)).item() == 1


@pytest.mark.parametrize("binary", [True, False])
def test_quantiles_on_a_grid_of_noise_have_exact_frequencies(binary):
    conditionals = Conditionals(random_logits(1, 6) if binary else random_logits(1, 6, 5), binary=binary)
    n = 10_000
    noise = ((torch.arange(n, dtype=torch.float64) + 0.5) / n)[:, None].expand(n, 6)
    values = Conditionals(conditionals.logits.expand(n, *conditionals.logits.shape[1:]), binary=binary).icdf(noise)
    for value in range(conditionals.probs.shape[-1]):
        share = (values == value).double().mean(0)
        torch.testing.assert_close(share, conditionals.probs[0, :, value].double(), rtol=0, atol=1.01 / n)
    assert values.diff(dim=0).min() == 0  # quantiles do not decrease


def test_the_least_and_the_largest_noise_give_the_first_and_the_last_level():
    ends = torch.tensor([[0.0, math.nextafter(1.0, 0.0)]], dtype=torch.float64)
    assert Conditionals(torch.zeros(1, 2, 256), binary=False).icdf(ends).tolist() == [[0, 255]]
    assert Conditionals(torch.zeros(1, 2), binary=True).icdf(ends).tolist() == [[0, 1]]
    assert Conditionals(torch.tensor([[[-1e4, 0.0, 0.0]] * 2]), binary=False).icdf(ends).tolist() == [[1, 2]]


@pytest.mark.parametrize("binary", [True, False])
def test_temperature_raises_probabilities_to_a_power(binary):
    conditionals = Conditionals(random_logits(4, 3) if binary else random_logits(4, 3, 5), binary=binary)
    powered = conditionals.probs ** (1 / 0.7)
    torch.testing.assert_close(conditionals.tempered(0.7).probs, powered / powered.sum(-1, keepdim=True))
    assert torch.equal(conditionals.tempered(1).probs, conditionals.probs)
    assert conditionals.tempered(0.01).sample(generator(0)).tolist() == conditionals.probs.argmax(-1).tolist()


@pytest.mark.parametrize("binary", [True, False])
def test_selected_sites_have_the_distributions_of_these_sites(binary):
    conditionals = Conditionals(random_logits(4, 2, 3, 2) if binary else random_logits(4, 2, 3, 2, 5), binary=binary)
    sites = torch.tensor([7, 0, 11])
    part, x = conditionals.select_sites(sites), torch.ones(4, 2, 3, 2)
    torch.testing.assert_close(part.log_prob(x.flatten(1)[:, sites]), conditionals.log_prob(x).flatten(1)[:, sites])


def test_samples_repeat_for_a_generator_and_have_the_right_frequencies():
    conditionals = Conditionals(torch.tensor([0.1, 0.2, 0.7]).log().expand(2000, 1, 3), binary=False)
    values = conditionals.sample(generator(1))
    assert values.dtype == torch.int64
    assert torch.bincount(values.flatten()).tolist() == pytest.approx([200, 400, 1400], abs=80)
    assert torch.equal(values, conditionals.sample(generator(1)))
    assert not torch.equal(values, conditionals.sample(generator(2)))


def test_half_precision_logits_give_float32_probabilities():
    assert Conditionals(random_logits(2, 3).bfloat16(), binary=True).log_probs.dtype == torch.float32
    assert Conditionals(random_logits(2, 3).double(), binary=True).log_probs.dtype == torch.float64
