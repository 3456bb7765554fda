"""Any evidence: what is drawn for missing sites is p(missing | given), whichever they are."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule.checks.variants import perturbed_copy
from chainrule.domains import SIDES
from chainrule.inference.impute import impute
from chainrule.inference.particles import CollapseWarning, effective, equally, systematic, weighted
from chainrule.models.ensemble import Ensemble

FOUR = cr.Binary((4,))
X = torch.tensor([1, 0, 0, 1])
PATTERNS = [torch.tensor(bits) for bits in itertools.product([False, True], repeat=4)]
N = 4000
SLACK = 4 * (0.25 / N) ** 0.5
"""Four standard errors of a frequency, at its widest."""


def made(agnostic=None, order=None, seed=3):
    model = cr.MADE(FOUR, hidden=(12,), direct_connections=True, agnostic=agnostic, order=order, seed=seed)
    return perturbed_copy(model, 1)


MODELS = {
    "one order": made,
    "any order": lambda: made("order"),
    "both": lambda: made("both"),
    "ensemble of two orders": lambda: Ensemble([made(), made(order=(3, 2, 1, 0), seed=4)]),
    "ensemble of members": lambda: Ensemble(made("both").members(3)),
    "pixelcnn": lambda: perturbed_copy(cr.PixelCNN(cr.Binary((1, 2, 2)), blocks=1, features=3), 2),
    "4 levels": lambda: perturbed_copy(cr.MADE(cr.Levels((2,), 4), hidden=(12,), seed=1), 2),
}


def wanted(model, evidence, x):
    """p(outcome | given), by enumeration: [outcomes]; and log p(given)."""
    outcomes = next(model.domain.outcomes())
    joint = model.log_prob(outcomes).exp().double()
    agree = (outcomes == x)[:, evidence.view(x.shape)].all(1)
    return outcomes, torch.where(agree, joint, 0.0) / joint[agree].sum(), joint[agree].sum().log().item()


def frequencies(outcomes, values, weights):
    found = (values.flatten(1)[:, None] == outcomes.flatten(1)[None]).all(-1).double()
    return weights @ found


@pytest.mark.parametrize("name", MODELS)
def test_every_pattern_of_evidence_against_enumeration(name):
    model = MODELS[name]()
    x = X[: model.domain.sites].view(model.domain.shape)
    for evidence in PATTERNS if model.domain.sites == 4 else [torch.tensor([False, True]), torch.tensor([True, False])]:
        mask = evidence.view(model.domain.shape)
        found = impute(model, x[None], mask, n=N, particles=N, seed=5)
        exact = model.fitting(evidence, seed=5)
        outcomes, probabilities, log_evidence = wanted(exact or model, evidence, x)
        got = frequencies(outcomes, found.values[0], found.weights[0])
        slack = SLACK * (N / found.ess[0].item()) ** 0.5
        assert (got - probabilities).abs().max() < slack, (evidence, got, probabilities)
        assert bool(found.exact[0]) == (exact is not None)
        tolerance = 1e-4 if exact is not None else 0.15
        assert found.log_evidence[0].item() == pytest.approx(log_evidence, abs=tolerance)
        assert torch.equal(found.values[0][:, mask], x[mask].expand(N, -1))


def test_completions_by_particles_are_equally_weighted():
    model, evidence = made(), torch.tensor([False, True, False, True])
    draws = cr.complete(model, X[None], evidence, n=N, particles=N, seed=5)
    outcomes, probabilities, _ = wanted(model, evidence, X)
    got = frequencies(outcomes, draws[0], torch.full((N,), 1 / N, dtype=torch.float64))
    assert (got - probabilities).abs().max() < 1.5 * SLACK


def test_plain_ancestral_drawing_would_be_wrong_here():
    model, evidence = made(), torch.tensor([False, False, False, True])
    _, probabilities, _ = wanted(model, evidence, X)
    outcomes = next(model.domain.outcomes())
    blind = model.log_prob(outcomes).exp().view(8, 2).sum(1).repeat_interleave(2)  # p(first three), as if nothing came
    blind = torch.where(outcomes[:, 3] == X[3], blind.double(), 0.0)
    assert (blind - probabilities).abs().max() > 2 * SLACK


def test_data_of_several_patterns_are_each_answered_alone():
    model = made("order")
    x = X.expand(4, -1)
    patterns = torch.tensor([[1, 1, 0, 0], [0, 0, 1, 1], [0, 1, 1, 0], [0, 0, 1, 1]]).bool()
    together = impute(model, x, patterns, n=5, seed=2)
    assert bool(together.exact.all())
    alone = impute(model, x[:2], patterns[:2], n=5, seed=2)
    assert torch.equal(together.values[:2], alone.values)
    assert torch.allclose(together.log_evidence[1], together.log_evidence[3])


def test_several_members_answer_as_their_ensemble():
    model, evidence = made("both"), torch.tensor([False, True, False, True])
    found = impute(model, X[None], evidence, n=N, members=4, seed=1)
    outcomes, probabilities, log_evidence = wanted(model.fitting(evidence, 4, 1), evidence, X)
    got = frequencies(outcomes, found.values[0], found.weights[0])
    assert (got - probabilities).abs().max() < SLACK
    assert found.log_evidence[0].item() == pytest.approx(log_evidence, abs=1e-5)


def test_a_cycle_of_orders_answers_where_one_fits():
    model = perturbed_copy(cr.MADE(FOUR, hidden=(9,), agnostic="order", num_masks=3), 1)
    orders = [member.order for member in model.members(3)]
    for evidence in PATTERNS[1:-1]:
        fits = any(bool(order.is_prefix(evidence)) for order in orders) or bool(model.order.is_prefix(evidence))
        assert (model.fitting(evidence) is not None) == fits


def test_draws_do_not_depend_on_chunks_or_on_their_number():
    model, evidence = made("order"), torch.tensor([False, True, False, True])
    few = cr.complete(model, X[None], evidence, n=3, seed=4)
    assert torch.equal(few, cr.complete(model, X[None], evidence, n=9, seed=4, batch_size=2)[:, :3])


def test_collapsed_particles_are_warned_of():
    model = perturbed_copy(cr.MADE(cr.Binary((12,)), hidden=(8,), direct_connections=True), 3)
    with torch.no_grad():
        model.skip.weight.mul_(40)
    evidence = torch.arange(12) >= 8
    x = torch.zeros(1, 12)
    with pytest.warns(CollapseWarning, match="particles of 1 of 1 data have collapsed"):
        found = impute(model, x, evidence, n=4, particles=64)
    assert found.ess[0] < 10 or found.ancestors[0] < 10


def test_good_particles_are_not_warned_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = impute(made(), X[None], torch.tensor([False, True, True, True]), n=4, particles=64)
    assert found.ess[0] > 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n": 0}, "n must be at least 1, not 0"),
        ({"members": 0}, "members must be at least 1"),
        ({"particles": 0}, "particles must be at least 1"),
        ({"evidence": np.ones(4)}, "boolean mask"),
        ({"evidence": np.ones(5, dtype=bool)}, r"shape \[5\]"),
        ({"x": torch.ones(2, 3)}, "data of shape"),
        ({"x": torch.full((2, 4), 7)}, "values must lie in 0 … 1"),
    ],
)
def test_bad_arguments(arguments, words):
    given = {"x": torch.ones(2, 4), "evidence": np.array([True, True, True, False]), **arguments}
    with pytest.raises(cr.ChainruleError, match=words):
        impute(made(), **given)


def test_particles_know_no_temperature():
    with pytest.raises(cr.ChainruleError, match="leave the temperature out"):
        cr.complete(made(), X[None], torch.tensor([False, False, False, True]), temperature=0.5)


def test_systematic_draws_each_row_as_often_as_its_weight_says():
    weights = torch.tensor([0.1, 0.0, 0.6, 0.3])
    for noise in (0.0, 0.31, 0.999999):
        counts = torch.bincount(systematic(weights, 1000, noise), minlength=4)
        assert (counts - 1000 * weights).abs().max() <= 1
        assert counts[1] == 0


def test_effective_sample_size_by_hand():
    assert effective(torch.tensor([0.75, 0.25]).log()) == pytest.approx(1 / (0.75**2 + 0.25**2))


def test_picks_keep_expectations():
    weights = torch.rand(64, generator=torch.Generator().manual_seed(0)).double()
    weights /= weights.sum()
    values = torch.arange(64.0).double()
    for pick in (equally, weighted):
        means = []
        for seed in range(400):
            rows, share = pick(weights, torch.rand(8, generator=torch.Generator().manual_seed(seed)).double())
            assert share.sum().item() == pytest.approx(1)
            means.append((share * values[rows]).sum())
        assert torch.stack(means).mean().item() == pytest.approx((weights * values).sum().item(), abs=0.5)


@pytest.mark.parametrize("side", SIDES)
def test_each_side_of_an_image_is_a_prefix_for_the_model_that_begins_with_it(side):
    domain = cr.Levels((3, 4, 6), 4)
    rows, columns = torch.arange(4)[:, None], torch.arange(6)[None, :]
    halves = {"top": rows < 2, "bottom": rows >= 2, "left": columns < 3, "right": columns >= 3}
    models = {each: cr.PixelCNN(domain, blocks=1, features=3, order=each) for each in SIDES}
    half = halves[side].expand(domain.shape).flatten()
    assert [each for each, model in models.items() if model.fitting(half) is not None] == [side]
    assert Ensemble(list(models.values())).fitting(half).members == [models[side]]
    assert models[side].order == cr.PixelCNN(domain, blocks=1, features=3, order=models[side].order.permutation).order


def test_orders_of_images_go_line_by_line():
    with pytest.raises(cr.ChainruleError, match="from top, bottom, left or right, not in 'up'"):
        cr.PixelCNN(cr.Binary((1, 2, 2)), order="up")
    with pytest.raises(cr.ChainruleError, match="not in the one given"):
        cr.PixelRNN(cr.Binary((1, 2, 2)), order=(3, 0, 1, 2))
