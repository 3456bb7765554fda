"""The distribution of missing values by enumeration, against conditioning, particles, and sums by hand."""

from __future__ import annotations

import pytest
import torch

import chainrule as cr
from chainrule.errors import ChainruleError
from chainrule.learn.missing_values import (
    clamped_sampling_probs,
    enumerate_completions,
    expected_values,
    overwritten_sampling_probs,
    posterior_probs,
)
from chainrule.learn.model_averages import total_variation

DOMAIN = cr.Binary((1, 4, 3))

REGIONS = {
    "top half": (slice(0, 2), slice(None)),
    "left column": (slice(None), slice(0, 1)),
    "bottom half": (slice(2, 4), slice(None)),
}
X = torch.tensor([[[0, 1, 1], [1, 0, 1], [0, 0, 1], [1, 1, 0]]])


def make_evidence(name):
    evidence = torch.zeros(DOMAIN.shape, dtype=torch.bool)
    evidence[(0, *REGIONS[name])] = True
    return evidence


@pytest.fixture(scope="module")
def family():
    model = cr.MADE(DOMAIN, hidden=(16,), direct_connections=True, agnostic="order")
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.5 * torch.randn(weight.shape, generator=rng))
    return model


@pytest.mark.parametrize("name", REGIONS)
def test_the_posterior_is_p_of_each_completion_divided_by_the_sum(family, name):
    evidence = make_evidence(name)
    every = [x for x in torch.cat(list(DOMAIN.outcomes())) if torch.equal(x[evidence], X[evidence])]
    p = torch.tensor([family.log_prob(x[None]).exp().item() for x in every], dtype=torch.float64)
    assert torch.equal(enumerate_completions(DOMAIN, X, evidence), torch.stack(every))
    torch.testing.assert_close(posterior_probs(family, X, evidence), p / p.sum(), atol=1e-6, rtol=1e-4)
    shown = expected_values(torch.stack(every), p / p.sum())
    torch.testing.assert_close(shown[evidence], X[evidence].double())


@pytest.mark.parametrize("name", REGIONS)
def test_clamped_sampling_is_exact_if_the_order_begins_with_the_evidence(family, name):
    evidence = make_evidence(name)
    member = family.condition(evidence.flatten())
    right = posterior_probs(member, X, evidence)
    torch.testing.assert_close(clamped_sampling_probs(member, X, evidence), right, atol=1e-6, rtol=1e-4)
    every = enumerate_completions(DOMAIN, X, evidence)
    by_rule = member.log_prob(every) - member.log_marginal(X[None], evidence.flatten())
    torch.testing.assert_close(by_rule.detach().exp(), right, atol=1e-6, rtol=1e-4)


def test_clamped_sampling_is_wrong_for_other_evidence(family):
    off = {
        name: total_variation(
            clamped_sampling_probs(family, X, make_evidence(name)), posterior_probs(family, X, make_evidence(name))
        )
        for name in REGIONS
    }
    assert off["top half"] < 1e-5
    assert min(off["left column"], off["bottom half"]) > 0.05


@pytest.mark.parametrize("name", REGIONS)
def test_all_methods_give_distributions(family, name):
    for way in (posterior_probs, clamped_sampling_probs, overwritten_sampling_probs):
        assert way(family, X, make_evidence(name)).sum().item() == pytest.approx(1, abs=1e-5)


def test_overwritten_samples_follow_the_marginal_of_the_missing_sites(family):
    evidence = make_evidence("left column")
    every = torch.cat(list(DOMAIN.outcomes()))
    p, completions = family.log_prob(every).detach().double().exp(), enumerate_completions(DOMAIN, X, evidence)
    for completion, found in zip(completions[::37], overwritten_sampling_probs(family, X, evidence)[::37], strict=True):
        same = (every == completion)[:, ~evidence].all(1)
        assert found.item() == pytest.approx(p[same].sum().item(), rel=1e-5)


def test_both_mistakes_ignore_evidence_that_comes_last(family):
    evidence = make_evidence("bottom half")
    both = clamped_sampling_probs(family, X, evidence), overwritten_sampling_probs(family, X, evidence)
    torch.testing.assert_close(*both, atol=1e-6, rtol=1e-3)


def test_impute_and_complete_agree_with_the_enumeration(family):
    evidence = make_evidence("bottom half")
    one = cr.MADE(DOMAIN, hidden=(16,), direct_connections=True)
    one.load_state_dict(family.state_dict())
    right = expected_values(enumerate_completions(DOMAIN, X, evidence), posterior_probs(one, X, evidence))
    found = cr.impute(one, X[None], evidence, n=2048, particles=2048)
    torch.testing.assert_close(expected_values(found.values[0], found.weights[0]), right, atol=0.08, rtol=0)
    member = family.condition(evidence.flatten())
    drawn = cr.complete(family, X[None], evidence, n=2000)[0].double().mean(0)
    exact = expected_values(enumerate_completions(DOMAIN, X, evidence), posterior_probs(member, X, evidence))
    torch.testing.assert_close(drawn, exact, atol=0.05, rtol=0)


@pytest.mark.parametrize("given", [True, False])
def test_evidence_may_be_complete_or_empty(family, given):
    evidence = torch.full((1, 4, 3), given)
    every = torch.cat(list(DOMAIN.outcomes()))
    p = posterior_probs(family, X, evidence)
    assert len(p) == (1 if given else len(every))
    torch.testing.assert_close(clamped_sampling_probs(family, X, evidence), p, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(overwritten_sampling_probs(family, X, evidence), p, atol=1e-6, rtol=1e-4)


def test_values_outside_the_evidence_are_ignored(family):
    evidence = make_evidence("left column")
    other = torch.where(evidence, X, 1 - X)
    for way in (posterior_probs, clamped_sampling_probs, overwritten_sampling_probs):
        assert torch.equal(way(family, X, evidence), way(family, other, evidence))


@pytest.mark.parametrize("way", [posterior_probs, clamped_sampling_probs, overwritten_sampling_probs])
def test_bad_evidence_is_refused(family, way):
    with pytest.raises(ChainruleError, match="boolean mask"):
        way(family, X, torch.ones(1, 4, 3))
    with pytest.raises(ChainruleError, match="shape"):
        way(family, X, torch.ones(1, 3, 4, dtype=torch.bool))
    with pytest.raises(ChainruleError):
        way(family, X + 5, torch.ones(1, 4, 3, dtype=torch.bool))
    large = cr.MADE(cr.Binary((20,)), hidden=(4,))
    with pytest.raises(ChainruleError, match="take fewer sites"):
        way(large, torch.zeros(20, dtype=torch.int64), torch.zeros(20, dtype=torch.bool))


def test_every_completion_needs_a_probability():
    with pytest.raises(ValueError, match="2 completions need as many probabilities"):
        expected_values(torch.zeros(2, 3), torch.ones(3) / 3)
