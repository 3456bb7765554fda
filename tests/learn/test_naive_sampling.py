"""Sampling by the plain loop against `cr.sample`, and counts of its work."""

from __future__ import annotations

import math
from itertools import pairwise, product

import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule.domains import shuffled
from chainrule.errors import ChainruleError
from chainrule.learn.naive_sampling import (
    count_forward_passes,
    count_multiply_adds,
    log_prob_in_steps,
    sample_in_steps,
    sample_naively,
)
from chainrule.sampling import Schedule


def stirred(model, seed=0):
    """The model with weights that are not those it starts with."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.6 * torch.randn(weight.shape, generator=rng))
    return model


BINARY, LEVELS = cr.Binary((1, 2, 3)), cr.Levels((3, 2, 2), 4)

MODELS = {
    "made": lambda: cr.MADE(BINARY, hidden=(9, 7), direct_connections=True, order=shuffled(BINARY, seed=3)),
    "pixelcnn": lambda: cr.PixelCNN(cr.Binary((1, 4, 5)), blocks=1, features=3, position_bias=True),
    "colour": lambda: cr.PixelCNN(LEVELS, blocks=1, features=3),
    "diagonal": lambda: cr.PixelRNN(cr.Binary((1, 3, 3)), cell="diagonal", layers=1, features=2),
    "independent": lambda: cr.Independent(LEVELS),
}


@pytest.mark.parametrize("name", MODELS)
def test_naive_sampling_draws_the_same_as_sample(name):
    model = stirred(MODELS[name]())
    drawn = sample_naively(model, 7, seed=5)
    assert torch.equal(drawn, cr.sample(model, 7, seed=5))
    assert not torch.equal(drawn, cr.sample(model, 7, seed=6))


@pytest.mark.parametrize("name", [name for name in MODELS if name != "independent"])
def test_naive_sampling_takes_a_pass_for_each_site_and_training_takes_one(name):
    model = stirred(MODELS[name]())
    with count_forward_passes(model) as count:
        x = cr.sample(model, 3)
        assert count() == 0
        model.log_prob(x).sum().backward()
        assert count() == 1
        sample_naively(model, 3)
        assert count() == 1 + model.domain.sites
    model.log_prob(x)
    assert count() == 1 + model.domain.sites  # outside the block nothing is counted


def test_a_model_without_layers_has_no_passes_to_count():
    with pytest.raises(ValueError, match="no layers"), count_forward_passes(cr.Independent(BINARY)):
        pass


def test_multiply_adds_are_those_of_the_layers():
    model = cr.MADE(BINARY, hidden=(9, 7), direct_connections=True)
    x = torch.zeros(5, 1, 2, 3, dtype=torch.int64)
    one = count_multiply_adds(lambda: model.conditionals(x))
    assert one == 5 * (6 * 9 + 9 * 7 + 7 * 6 + 6 * 6)
    assert count_multiply_adds(lambda: sample_naively(model, 5)) == 6 * one
    image = cr.PixelCNN(cr.Binary((1, 8, 8)), blocks=2, features=8)
    blank = torch.zeros(4, 1, 8, 8, dtype=torch.int64)
    assert count_multiply_adds(lambda: cr.sample(image, 4)) < 1.5 * count_multiply_adds(
        lambda: image.conditionals(blank)
    )


@pytest.mark.parametrize("n", [0, -1])
def test_a_number_of_samples_below_1_is_refused(n):
    model = cr.MADE(BINARY, hidden=(3,))
    with pytest.raises(ChainruleError, match="at least 1"):
        sample_naively(model, n)
    with pytest.raises(ChainruleError, match="at least 1"):
        next(sample_in_steps(model, n))


@pytest.mark.parametrize("name", ["made", "pixelcnn", "colour"])
def test_steps_have_the_draws_and_the_means_of_their_conditionals(name):
    model = stirred(MODELS[name]())
    whole = cr.sample(model, 3, seed=2)
    *_, last = steps = list(sample_in_steps(model, 3, seed=2))
    assert [int(step.sites) for step in steps] == list(model.order.permutation)
    assert torch.equal(last.x, whole)
    table = model.conditionals(whole).probs.detach().double().numpy()
    means = table @ np.linspace(0, 1, model.domain.levels)
    np.testing.assert_allclose(last.expected.numpy(), means, atol=1e-6)
    for before, step in pairwise(steps):
        assert int(step.known.sum()) == int(before.known.sum()) + 1
        assert torch.equal(step.x[:, before.known], before.x[:, before.known])
        assert not step.x[:, ~step.known].any()


def test_a_wavefront_schedule_draws_the_same_in_fewer_steps():
    model = stirred(cr.PixelCNN(cr.Binary((1, 8, 8)), blocks=2, features=4))
    *_, last = steps = list(sample_in_steps(model, 2, schedule=model.sampler().schedule))
    assert torch.equal(last.x, cr.sample(model, 2))
    for step, sites in enumerate(model.sampler().schedule):
        assert all(site % 8 + 4 * (site // 8) == step for site in sites.tolist())
    seen = model.receptive_field()
    assert not any(bool(seen[sites][:, sites].any()) for sites in model.sampler().schedule)
    assert torch.allclose(log_prob_in_steps(model, last.x, model.sampler().schedule), model.log_prob(last.x))
    assert len(steps) == 36


def test_sites_of_one_step_ignore_each_other():
    model = stirred(cr.MADE(cr.Binary((3,)), hidden=(8,)))
    at_zero = model.conditionals(torch.zeros(1, 3, dtype=torch.int64)).probs[0].detach().double()
    for x in product((0, 1), repeat=3):
        by_hand = math.log(math.prod(float(at_zero[site, value]) for site, value in enumerate(x)))
        found = log_prob_in_steps(model, torch.tensor([x]), Schedule((torch.arange(3),)))
        assert found.item() == pytest.approx(by_hand, abs=1e-6)


def test_a_value_outside_the_domain_is_refused():
    model = cr.MADE(cr.Binary((3,)), hidden=(8,))
    with pytest.raises(ChainruleError):
        log_prob_in_steps(model, torch.tensor([[0, 2, 1]]), model.sampler().schedule)


def by_hand(models, x):
    """The four averages of one datum, from each model's tables, in numpy."""
    tables = np.stack([model.conditionals(x).probs[0].detach().double().numpy() for model in models])
    picked = np.take_along_axis(tables, x[0].numpy()[None, ..., None], -1)[..., 0]
    joint = picked.reshape(len(models), -1).prod(1)
    geometric = np.exp(np.log(tables).mean(0))
    geometric /= geometric.sum(-1, keepdims=True)
    of_logits = np.take_along_axis(geometric, x[0].numpy()[..., None], -1)
    return {
        "probabilities": math.log(joint.mean()),
        "log-probabilities": np.log(joint).mean(),
        "logits of each site": np.log(of_logits).sum(),
        "conditionals of each site": np.log(picked.mean(0)).sum(),
    }
