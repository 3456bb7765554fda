"""The claims of the lesson on orders."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule.learn.lessons.orders_families import AVERAGES, make_evidence_masks
from chainrule.learn.lessons.orders_lesson import row_schedule
from chainrule.learn.lessons.orders_models import Digits, Thumbnails, shrink
from chainrule.learn.model_averages import (
    sum_over_domain,
    total_variation,
)
from chainrule.learn.naive_sampling import (
    log_prob_in_steps,
)
from chainrule.sampling import sequential_schedule


def perturb_weights(model, seed=0):
    """Add random values to all weights of a model, and return the model."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.6 * torch.randn(weight.shape, generator=rng))
    return model


@pytest.fixture(scope="module")
def small():
    return Thumbnails.shrink_digits(Digits.load())


def test_sampling_whole_rows_gives_another_distribution(small):
    model, domain = small.model, small.domain
    every = torch.cat(list(domain.outcomes()))
    rows = log_prob_in_steps(model, every, row_schedule(domain)).exp()
    assert rows.sum().item() == pytest.approx(1, abs=1e-5)  # a distribution, and not p
    assert total_variation(rows, model.log_prob(every).detach().exp()) > 0.2
    alone = log_prob_in_steps(model, every, sequential_schedule(model.order))
    assert torch.allclose(alone, model.log_prob(every).detach().double(), atol=1e-5)


def compute_averages(models, x):
    """Return the four averages for one datum, computed from the tables of the models in numpy."""
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
def test_averages_equal_the_averages_by_hand(domain):
    models = perturb_weights(cr.MADE(domain, hidden=(9,), direct_connections=True, agnostic="both")).members(3)
    for x in torch.cat(list(domain.outcomes()))[::5]:
        found = {name: way(models)(x[None]).item() for name, way in AVERAGES.items()}
        assert found == pytest.approx(compute_averages(models, x[None]), abs=1e-5)


def test_only_the_mean_of_probabilities_is_a_density_over_several_orders(small):
    members = small.family.members(8)
    totals = {name: sum_over_domain(way(members), small.domain) for name, way in AVERAGES.items()}
    assert totals["probabilities"] == pytest.approx(1, abs=1e-5)
    assert totals["log-probabilities"] < 0.98
    assert totals["logits of each site"] > 1.02
    assert totals["conditionals of each site"] > 1.02
    with torch.no_grad():
        nats = {name: -way(members)(small.test).mean().item() for name, way in AVERAGES.items()}
    assert nats["logits of each site"] < nats["probabilities"] < nats["log-probabilities"]


def test_with_one_order_averages_at_each_site_are_densities(small):
    alike = [small.family.member(seed=seed) for seed in range(4)]
    totals = {name: sum_over_domain(way(alike), small.domain) for name, way in AVERAGES.items()}
    assert totals.pop("log-probabilities") < 0.99
    assert list(totals.values()) == pytest.approx([1, 1, 1], abs=1e-5)


def test_thumbnails_are_the_middle_columns_at_half_size(small):
    x = torch.zeros(1, 1, 8, 8, dtype=torch.int64)
    x[..., 0, 1], x[..., 1, 2], x[..., 7, 6], x[..., :, 0] = 1, 1, 1, 1
    assert shrink(x)[0, 0].tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert small.train.shape[1:] == small.domain.shape


def test_the_evidence_masks_leave_about_half_of_the_pixels():
    assert [int(each.sum()) for each in make_evidence_masks()[:2]] == [32, 32]
    assert 20 < int(make_evidence_masks()[2].sum()) < 44
