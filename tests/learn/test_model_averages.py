"""Averages of models against NumPy, and sums over all outcomes."""

from __future__ import annotations

import pytest
import torch

import chainrule as cr
from chainrule.domains import shuffled
from chainrule.errors import ChainruleError
from chainrule.learn.model_averages import (
    average_conditionals,
    average_log_probs,
    enumerate_outcomes,
    sum_over_domain,
    total_variation,
)


def stirred(model, seed=0):
    """The model with weights that are not those it starts with."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.6 * torch.randn(weight.shape, generator=rng))
    return model


BINARY, LEVELS = cr.Binary((1, 2, 3)), cr.Levels((3, 2, 2), 4)


@pytest.mark.parametrize("seed", range(3))
def test_every_order_gives_a_distribution(seed):
    family = stirred(cr.MADE(cr.Binary((7,)), hidden=(12,), agnostic="both"))
    member = family.member(order=shuffled(family.domain, seed=seed), seed=seed)
    assert sum_over_domain(member.log_prob, member.domain) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("domain", [cr.Binary((17,)), cr.Levels((6,), 7)])
def test_large_domains_are_refused(domain):
    with pytest.raises(ChainruleError, match="65,536 outcomes"):
        sum_over_domain(lambda x: x.sum(1), domain)
    with pytest.raises(ChainruleError, match="take fewer sites"):
        enumerate_outcomes(domain)


def test_the_average_nll_is_never_below_the_nll_of_the_ensemble():
    models = stirred(cr.MADE(cr.Binary((6,)), hidden=(9,), agnostic="order")).members(5)
    every = torch.cat(list(models[0].domain.outcomes()))
    assert bool((average_log_probs(models, every) <= cr.Ensemble(models).log_prob(every) + 1e-6).all())
    assert torch.allclose(average_log_probs(models[:1], every), models[0].log_prob(every))


def test_models_that_cannot_be_averaged_are_refused():
    model, x = cr.MADE(BINARY, hidden=(3,)), torch.zeros(1, 1, 2, 3, dtype=torch.int64)
    with pytest.raises(ValueError, match="'logits' or 'probabilities', not 'weights'"):
        average_conditionals([model], x, averaged="weights")
    with pytest.raises(ChainruleError, match="at least one model"):
        average_log_probs([], x)
    with pytest.raises(ChainruleError, match="one domain"):
        average_conditionals([model, cr.MADE(cr.Binary((2,)), hidden=(3,))], x, averaged="logits")
    table = cr.Table((cr.Column("height", "real", quantiles=tuple(range(32))),))
    with pytest.raises(ChainruleError, match="only be averaged at sites with levels"):
        average_conditionals([cr.MADE(table, hidden=(3,))], torch.zeros(1, 1), averaged="logits")


def test_the_total_variation_needs_the_same_outcomes():
    assert total_variation(torch.tensor([0.2, 0.8]), torch.tensor([0.2, 0.8])) == 0
    with pytest.raises(ValueError, match="over 2 and 3"):
        total_variation(torch.ones(2) / 2, torch.ones(3) / 3)
