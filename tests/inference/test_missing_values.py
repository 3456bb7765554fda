"""Rows with missing values: log p of the observed values, under one order, many orders and ensembles."""

from __future__ import annotations

import math

import pytest
import torch

from chainrule.checks.variants import perturbed_copy
from chainrule.domains import shuffled
from chainrule.errors import ChainruleError
from chainrule.inference import compute_log_probs, evaluate
from chainrule.models.ensemble import Ensemble
from chainrule.models.independent import Independent
from chainrule.models.made import MADE
from chainrule.seeding import generator
from tests.support.models import few, mixed, random_rows


def test_each_row_is_scored_by_a_member_whose_order_begins_with_its_observed_values():
    model = MADE(mixed, hidden=(20,), agnostic="both")
    x = random_rows(model, 40, missing=0.4)
    with torch.no_grad():
        for update in (0, 3):
            before = model(x, update)
            for weight in model.parameters():
                assert bool(weight.isfinite().all())
            known = ~x.isnan()
            for row in (0, 7, 23):
                order, seed = model._draw(update, model.seed)
                member = model.member(order.with_first(known[row]), seed)
                wanted = member.log_marginal(x[row : row + 1].nan_to_num(), known[row])
                torch.testing.assert_close(before[row : row + 1], wanted)


def test_log_p_of_observed_values_sums_over_the_missing_ones():
    model = MADE(few, hidden=(16,), order=shuffled(few, seed=2), agnostic="order")
    torch.nn.init.normal_(model.output.weight, generator=generator(1))
    outcomes = torch.cat(list(few.outcomes()))
    x = torch.tensor([[1.0, math.nan, 0.0, math.nan]], dtype=torch.float64)
    known = ~x.isnan()
    member = model.member(model.order.with_first(known[0]))
    fitting = (outcomes == x)[:, known[0]].all(1)
    total = member.log_prob(outcomes[fitting]).exp().sum().log()
    torch.testing.assert_close(compute_log_probs(model, x), total[None].detach())


@pytest.mark.parametrize("model", [Independent(mixed), MADE(mixed, hidden=(9,), agnostic="order")], ids=repr)
def test_data_with_missing_values_have_nats_but_no_bits_per_dim(model):
    x = random_rows(model, 30, missing=0.3)
    result = evaluate(model, x)
    assert result.missing == int(x.isnan().sum())
    assert "bits" not in str(result)
    assert f"{result.missing} values missing" in str(result)
    one_by_one = torch.cat([compute_log_probs(model, row[None]) for row in x])
    assert result.nats == pytest.approx(-one_by_one.mean().item())


def test_an_empty_row_has_log_p_zero():
    x = torch.full((1, mixed.sites), math.nan, dtype=torch.float64)
    assert compute_log_probs(MADE(mixed, hidden=(9,), agnostic="order"), x).tolist() == [0.0]


@pytest.mark.parametrize(
    "model",
    [MADE(mixed, hidden=(9,)), MADE(mixed, hidden=(9,), agnostic="connectivity"), Ensemble([MADE(mixed, hidden=(9,))])],
    ids=["one order", "one order, several connectivities", "an ensemble"],
)
def test_a_model_of_one_order_takes_missing_values_at_the_end_of_its_order_alone(model):
    x = random_rows(model, 5)
    x[2, 0] = math.nan
    with pytest.raises(ChainruleError, match=r"values are missing, and no order of this .* agnostic='order'"):
        evaluate(model, x)
    with pytest.raises(ChainruleError, match="values are missing"):
        model(x)
    x[2] = torch.tensor([math.nan]).double()
    x[2, :3] = 1.0
    assert evaluate(model, x).n == 5  # the first columns are a prefix


def test_an_ensemble_scores_observed_values_only_if_all_its_models_can():
    orders = [(0, 1, 2, 3), (3, 2, 1, 0)]
    ensemble = Ensemble([perturbed_copy(MADE(few, hidden=(8,), order=order), 1) for order in orders])
    first = torch.tensor([[1.0, 0.0, math.nan, math.nan]], dtype=torch.float64)
    with pytest.raises(ChainruleError, match="values are missing"):
        compute_log_probs(ensemble, first)  # the second of its models cannot
    same = Ensemble([perturbed_copy(MADE(few, hidden=(8,), seed=seed), 1) for seed in (0, 1)])
    wanted = torch.stack([compute_log_probs(model, first) for model in same.components]).logsumexp(0) - math.log(2)
    torch.testing.assert_close(compute_log_probs(same, first), wanted)


def test_several_members_are_averaged():
    model = MADE(few, hidden=(16,), agnostic="order")
    torch.nn.init.normal_(model.output.weight, generator=generator(1))
    x = random_rows(model, 12, missing=0.3)
    alone, together = evaluate(model, x).nats, evaluate(model, x, members=5).nats
    assert together != alone
    complete = random_rows(model, 12)
    wanted = Ensemble(model.members(5)).log_prob(complete)
    torch.testing.assert_close(compute_log_probs(model, complete, members=5), wanted.detach())
