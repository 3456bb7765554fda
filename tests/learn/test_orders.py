"""Orders: work that is counted, draws by the plain loop, and averages, held to enumeration and to numpy."""

from __future__ import annotations

import math
from itertools import pairwise, product

import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule.domains.orders import shuffled
from chainrule.errors import ChainruleError
from chainrule.learn.lessons.orders import row_by_row
from chainrule.learn.lessons.orders_families import WAYS
from chainrule.learn.lessons.orders_models import Digits, Thumbnails, smaller
from chainrule.learn.orders import (
    distance,
    draw_in_steps,
    log_prob_in_steps,
    mean_log_prob,
    mean_of_conditionals,
    multiply_adds,
    outcomes,
    passes,
    sample_by_hand,
    total_probability,
)
from chainrule.sampling.schedules import Schedule, one_by_one


def stirred(model, seed=0):
    """The model with weights that are not those it starts with."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.6 * torch.randn(weight.shape, generator=rng))
    return model


BINARY, LEVELS = cr.Binary((1, 2, 3)), cr.Levels((3, 2, 2), 4)
MODELS = {
    "made": lambda: cr.MADE(BINARY, hidden=(9, 7), direct_connections=True, order=shuffled(BINARY, 3)),
    "pixelcnn": lambda: cr.PixelCNN(cr.Binary((1, 4, 5)), blocks=1, features=3, position_bias=True),
    "colour": lambda: cr.PixelCNN(LEVELS, blocks=1, features=3),
    "diagonal": lambda: cr.PixelRNN(cr.Binary((1, 3, 3)), cell="diagonal", layers=1, features=2),
    "independent": lambda: cr.Independent(LEVELS),
}


@pytest.fixture(scope="module")
def small():
    return Thumbnails.of(Digits.load())


@pytest.mark.parametrize("name", MODELS)
def test_the_loop_by_hand_draws_what_sample_draws(name):
    model = stirred(MODELS[name]())
    drawn = sample_by_hand(model, 7, seed=5)
    assert torch.equal(drawn, cr.sample(model, 7, seed=5))
    assert not torch.equal(drawn, cr.sample(model, 7, seed=6))


@pytest.mark.parametrize("name", [name for name in MODELS if name != "independent"])
def test_the_loop_takes_a_pass_for_each_site_training_one_and_the_walk_none(name):
    model = stirred(MODELS[name]())
    with passes(model) as count:
        x = cr.sample(model, 3)
        assert count() == 0
        model.log_prob(x).sum().backward()
        assert count() == 1
        sample_by_hand(model, 3)
        assert count() == 1 + model.domain.sites
    model.log_prob(x)
    assert count() == 1 + model.domain.sites  # outside the block nothing is counted


def test_a_model_without_layers_has_no_passes_to_count():
    with pytest.raises(ValueError, match="no layers"), passes(cr.Independent(BINARY)):
        pass


def test_multiply_adds_are_those_of_the_layers():
    model = cr.MADE(BINARY, hidden=(9, 7), direct_connections=True)
    x = torch.zeros(5, 1, 2, 3, dtype=torch.int64)
    one = multiply_adds(lambda: model.conditionals(x))
    assert one == 5 * (6 * 9 + 9 * 7 + 7 * 6 + 6 * 6)
    assert multiply_adds(lambda: sample_by_hand(model, 5)) == 6 * one
    image = cr.PixelCNN(cr.Binary((1, 8, 8)), blocks=2, features=8)
    blank = torch.zeros(4, 1, 8, 8, dtype=torch.int64)
    assert multiply_adds(lambda: cr.sample(image, 4)) < 1.5 * multiply_adds(lambda: image.conditionals(blank))


@pytest.mark.parametrize("n", [0, -1])
def test_no_samples_are_refused(n):
    model = cr.MADE(BINARY, hidden=(3,))
    with pytest.raises(ChainruleError, match="at least 1"):
        sample_by_hand(model, n)
    with pytest.raises(ChainruleError, match="at least 1"):
        next(draw_in_steps(model, n))


@pytest.mark.parametrize("name", ["made", "pixelcnn", "colour"])
def test_steps_show_the_draws_and_what_they_were_drawn_from(name):
    model = stirred(MODELS[name]())
    whole = cr.sample(model, 3, seed=2)
    *_, last = steps = list(draw_in_steps(model, 3, seed=2))
    assert [int(step.sites) for step in steps] == list(model.order.permutation)
    assert torch.equal(last.x, whole)
    table = model.conditionals(whole).probs.detach().double().numpy()
    means = table @ np.linspace(0, 1, model.domain.levels)
    np.testing.assert_allclose(last.expected.numpy(), means, atol=1e-6)
    for before, step in pairwise(steps):
        assert int(step.known.sum()) == int(before.known.sum()) + 1
        assert torch.equal(step.x[:, before.known], before.x[:, before.known])
        assert not step.x[:, ~step.known].any()


def test_a_wavefront_draws_the_same_in_fewer_steps():
    model = stirred(cr.PixelCNN(cr.Binary((1, 8, 8)), blocks=2, features=4))
    *_, last = steps = list(draw_in_steps(model, 2, schedule=model.schedule))
    assert torch.equal(last.x, cr.sample(model, 2))
    for step, sites in enumerate(model.schedule):
        assert all(site % 8 + 4 * (site // 8) == step for site in sites.tolist())
    seen = model.receptive_field()
    assert not any(bool(seen[sites][:, sites].any()) for sites in model.schedule)
    assert torch.allclose(log_prob_in_steps(model, last.x, model.schedule), model.log_prob(last.x))
    assert len(steps) == 36


def test_whole_rows_at_once_are_another_distribution(small):
    model, domain = small.model, small.domain
    every = torch.cat(list(domain.outcomes()))
    rows = log_prob_in_steps(model, every, row_by_row(domain)).exp()
    assert rows.sum().item() == pytest.approx(1, abs=1e-5)  # a distribution, and not p
    assert distance(rows, model.log_prob(every).detach().exp()) > 0.2
    alone = log_prob_in_steps(model, every, one_by_one(model.order))
    assert torch.allclose(alone, model.log_prob(every).detach().double(), atol=1e-5)


def test_all_sites_at_once_ignore_each_other():
    model = stirred(cr.MADE(cr.Binary((3,)), hidden=(8,)))
    at_zero = model.conditionals(torch.zeros(1, 3, dtype=torch.int64)).probs[0].detach().double()
    for x in product((0, 1), repeat=3):
        by_hand = math.log(math.prod(float(at_zero[site, value]) for site, value in enumerate(x)))
        found = log_prob_in_steps(model, torch.tensor([x]), Schedule((torch.arange(3),)))
        assert found.item() == pytest.approx(by_hand, abs=1e-6)


def test_a_value_outside_the_domain_is_refused():
    model = cr.MADE(cr.Binary((3,)), hidden=(8,))
    with pytest.raises(ChainruleError):
        log_prob_in_steps(model, torch.tensor([[0, 2, 1]]), model.schedule)


@pytest.mark.parametrize("seed", range(3))
def test_every_order_is_a_distribution(seed):
    family = stirred(cr.MADE(cr.Binary((7,)), hidden=(12,), agnostic="both"))
    member = family.member(order=shuffled(family.domain, seed), seed=seed)
    assert total_probability(member.log_prob, member.domain) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("domain", [cr.Binary((17,)), cr.Levels((6,), 7)])
def test_large_domains_are_not_summed_over(domain):
    with pytest.raises(ChainruleError, match="65,536 outcomes"):
        total_probability(lambda x: x.sum(1), domain)
    with pytest.raises(ChainruleError, match="take fewer sites"):
        outcomes(domain)


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


@pytest.mark.parametrize("domain", [cr.Binary((5,)), cr.Levels((1, 2, 2), 3)])
def test_averages_are_those_by_hand(domain):
    models = stirred(cr.MADE(domain, hidden=(9,), direct_connections=True, agnostic="both")).members(3)
    for x in torch.cat(list(domain.outcomes()))[::5]:
        found = {name: way(models)(x[None]).item() for name, way in WAYS.items()}
        assert found == pytest.approx(by_hand(models, x[None]), abs=1e-5)


def test_only_the_mean_of_probabilities_is_a_density_over_several_orders(small):
    members = small.family.members(8)
    totals = {name: total_probability(way(members), small.domain) for name, way in WAYS.items()}
    assert totals["probabilities"] == pytest.approx(1, abs=1e-5)
    assert totals["log-probabilities"] < 0.98
    assert totals["logits of each site"] > 1.02
    assert totals["conditionals of each site"] > 1.02
    with torch.no_grad():
        nats = {name: -way(members)(small.test).mean().item() for name, way in WAYS.items()}
    assert nats["logits of each site"] < nats["probabilities"] < nats["log-probabilities"]


def test_with_one_order_averages_at_each_site_are_densities(small):
    alike = [small.family.member(seed=seed) for seed in range(4)]
    totals = {name: total_probability(way(alike), small.domain) for name, way in WAYS.items()}
    assert totals.pop("log-probabilities") < 0.99
    assert list(totals.values()) == pytest.approx([1, 1, 1], abs=1e-5)


def test_the_mean_of_nlls_is_never_below_the_nll_of_the_ensemble():
    models = stirred(cr.MADE(cr.Binary((6,)), hidden=(9,), agnostic="order")).members(5)
    every = torch.cat(list(models[0].domain.outcomes()))
    assert bool((mean_log_prob(models, every) <= cr.Ensemble(models).log_prob(every) + 1e-6).all())
    assert torch.allclose(mean_log_prob(models[:1], every), models[0].log_prob(every))


def test_what_cannot_be_averaged_is_refused():
    model, x = cr.MADE(BINARY, hidden=(3,)), torch.zeros(1, 1, 2, 3, dtype=torch.int64)
    with pytest.raises(ValueError, match="'logits' or 'probabilities', not 'weights'"):
        mean_of_conditionals([model], x, "weights")
    with pytest.raises(ChainruleError, match="at least one model"):
        mean_log_prob([], x)
    with pytest.raises(ChainruleError, match="one domain"):
        mean_of_conditionals([model, cr.MADE(cr.Binary((2,)), hidden=(3,))], x, "logits")
    table = cr.Table((cr.Column("height", "real", quantiles=tuple(range(32))),))
    with pytest.raises(ChainruleError, match="sites with levels alone"):
        mean_of_conditionals([cr.MADE(table, hidden=(3,))], torch.zeros(1, 1), "logits")


def test_distances_compare_the_same_outcomes():
    assert distance(torch.tensor([0.2, 0.8]), torch.tensor([0.2, 0.8])) == 0
    with pytest.raises(ValueError, match="over 2 and 3"):
        distance(torch.ones(2) / 2, torch.ones(3) / 3)


def test_thumbnails_are_the_middle_columns_two_by_two(small):
    x = torch.zeros(1, 1, 8, 8, dtype=torch.int64)
    x[..., 0, 1], x[..., 1, 2], x[..., 7, 6], x[..., :, 0] = 1, 1, 1, 1
    assert smaller(x)[0, 0].tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert small.train.shape[1:] == small.domain.shape
