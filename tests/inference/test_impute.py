"""Imputation with any evidence: missing sites are drawn from p(missing | evidence)."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule.checks.variants import perturbed_copy
from chainrule.domains import SIDES
from chainrule.inference import CollapseWarning, condition_for_draws, impute
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


def enumerated(model, evidence, x):
    """Return the outcomes, p(outcome | evidence) and log p(evidence), by enumeration."""
    outcomes = next(model.domain.outcomes())
    joint = model.log_prob(outcomes).exp().double()
    agree = (outcomes == x)[:, evidence.view(x.shape)].all(1)
    return outcomes, torch.where(agree, joint, 0.0) / joint[agree].sum(), joint[agree].sum().log().item()


def frequencies(outcomes, values, weights):
    """Return the total weight of each outcome among weighted values."""
    return weights @ (values.flatten(1)[:, None] == outcomes.flatten(1)[None]).all(-1).double()


@pytest.mark.parametrize("name", MODELS)
def test_draws_given_every_pattern_of_evidence_equal_enumeration(name):
    model = MODELS[name]()
    x = X[: model.domain.sites].view(model.domain.shape)
    for evidence in PATTERNS if model.domain.sites == 4 else [torch.tensor([False, True]), torch.tensor([True, False])]:
        mask = evidence.view(model.domain.shape)
        imputation = impute(model, x[None], mask, n=N, particles=N, seed=5)
        exact = condition_for_draws(model, evidence, members=1, seed=5)
        outcomes, probabilities, log_evidence = enumerated(exact or model, evidence, x)
        frequency = frequencies(outcomes, imputation.values[0], imputation.weights[0])
        slack = SLACK * (N / imputation.ess[0].item()) ** 0.5
        assert (frequency - probabilities).abs().max() < slack, (evidence, frequency, probabilities)
        assert bool(imputation.exact[0]) == (exact is not None)
        tolerance = 1e-4 if exact is not None else 0.15
        assert imputation.log_evidence[0].item() == pytest.approx(log_evidence, abs=tolerance)
        assert torch.equal(imputation.values[0][:, mask], x[mask].expand(N, -1))


def test_completions_by_particles_have_equal_weights():
    model, evidence = made(), torch.tensor([False, True, False, True])
    draws = cr.complete(model, X[None], evidence, n=N, particles=N, seed=5)
    outcomes, probabilities, _ = enumerated(model, evidence, X)
    frequency = frequencies(outcomes, draws[0], torch.full((N,), 1 / N, dtype=torch.float64))
    assert (frequency - probabilities).abs().max() < 1.5 * SLACK


def test_ancestral_sampling_that_ignores_later_evidence_is_wrong_here():
    model, evidence = made(), torch.tensor([False, False, False, True])
    _, probabilities, _ = enumerated(model, evidence, X)
    outcomes = next(model.domain.outcomes())
    blind = model.log_prob(outcomes).exp().view(8, 2).sum(1).repeat_interleave(2)  # p(first three), as if nothing came
    blind = torch.where(outcomes[:, 3] == X[3], blind.double(), 0.0)
    assert (blind - probabilities).abs().max() > 2 * SLACK


def test_data_with_several_patterns_do_not_affect_each_other():
    model = made("order")
    x = X.expand(4, -1)
    patterns = torch.tensor([[1, 1, 0, 0], [0, 0, 1, 1], [0, 1, 1, 0], [0, 0, 1, 1]]).bool()
    together = impute(model, x, patterns, n=5, seed=2)
    assert bool(together.exact.all())
    alone = impute(model, x[:2], patterns[:2], n=5, seed=2)
    assert torch.equal(together.values[:2], alone.values)
    assert torch.allclose(together.log_evidence[1], together.log_evidence[3])


def test_several_members_impute_as_their_ensemble():
    model, evidence = made("both"), torch.tensor([False, True, False, True])
    imputation = impute(model, X[None], evidence, n=N, members=4, seed=1)
    outcomes, probabilities, log_evidence = enumerated(model.condition(evidence, members=4, seed=1), evidence, X)
    frequency = frequencies(outcomes, imputation.values[0], imputation.weights[0])
    assert (frequency - probabilities).abs().max() < SLACK
    assert imputation.log_evidence[0].item() == pytest.approx(log_evidence, abs=1e-5)


def test_a_family_of_fixed_orders_is_conditioned_where_one_order_fits():
    model = perturbed_copy(cr.MADE(FOUR, hidden=(9,), agnostic="order", num_masks=3), 1)
    orders = [member.order for member in model.members(3)]
    for evidence in PATTERNS[1:-1]:
        fits = any(bool(order.is_prefix(evidence)) for order in orders) or bool(model.order.is_prefix(evidence))
        assert (model.condition(evidence) is not None) == fits


def test_draws_do_not_depend_on_the_batch_size_or_on_n():
    model, evidence = made("order"), torch.tensor([False, True, False, True])
    few = cr.complete(model, X[None], evidence, n=3, seed=4)
    assert torch.equal(few, cr.complete(model, X[None], evidence, n=9, seed=4, batch_size=2)[:, :3])


def test_collapsed_particles_give_a_warning():
    model = perturbed_copy(cr.MADE(cr.Binary((12,)), hidden=(8,), direct_connections=True), 3)
    with torch.no_grad():
        model.skip.weight.mul_(40)
    evidence = torch.arange(12) >= 8
    x = torch.zeros(1, 12)
    with pytest.warns(CollapseWarning, match="particles of 1 of 1 data have collapsed"):
        imputation = impute(model, x, evidence, n=4, particles=64)
    assert imputation.ess[0] < 10 or imputation.ancestors[0] < 10


def test_good_particles_give_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        imputation = impute(made(), X[None], torch.tensor([False, True, True, True]), n=4, particles=64)
    assert imputation.ess[0] > 10


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
def test_bad_arguments_are_refused(arguments, words):
    given = {"x": torch.ones(2, 4), "evidence": np.array([True, True, True, False]), **arguments}
    with pytest.raises(cr.ChainruleError, match=words):
        impute(made(), **given)


def test_particles_refuse_a_temperature():
    with pytest.raises(cr.ChainruleError, match="leave the temperature out"):
        cr.complete(made(), X[None], torch.tensor([False, False, False, True]), temperature=0.5)


@pytest.mark.parametrize("side", SIDES)
def test_each_half_of_an_image_is_a_prefix_of_the_order_from_its_side(side):
    domain = cr.Levels((3, 4, 6), 4)
    rows, columns = torch.arange(4)[:, None], torch.arange(6)[None, :]
    halves = {"top": rows < 2, "bottom": rows >= 2, "left": columns < 3, "right": columns >= 3}
    models = {each: cr.PixelCNN(domain, blocks=1, features=3, order=each) for each in SIDES}
    half = halves[side].expand(domain.shape).flatten()
    assert [each for each, model in models.items() if model.condition(half) is not None] == [side]
    conditioned = condition_for_draws(Ensemble(list(models.values())), half, members=1, seed=0)
    assert list(conditioned.components) == [models[side]]
    assert models[side].order == cr.PixelCNN(domain, blocks=1, features=3, order=models[side].order.permutation).order
