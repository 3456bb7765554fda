"""Tables: their columns' values and distributions, what is missing, and one value for several draws."""

from __future__ import annotations

import math
import signal
from dataclasses import replace

import pytest
import torch

from chainrule.checkpoint import load, save
from chainrule.checks import check_autoregressive_property, check_normalization, check_sample_frequencies
from chainrule.checks.variants import perturbed_copy
from chainrule.distributions import ColumnConditionals, Conditionals, LogisticMixture
from chainrule.domains import Column, Table, domain_from_dict, shuffled
from chainrule.errors import ChainruleError, TrainingStopped
from chainrule.inference import compute_log_probs, evaluate, impute, sample
from chainrule.models.ensemble import Ensemble
from chainrule.models.independent import Independent
from chainrule.models.made import MADE
from chainrule.seeding import generator
from chainrule.training import Trainer, fit
from tests.support.models import ZOO, age, change, few, gain, large, late, mixed, size, weather


def rows(model, n, missing=0.0, seed=0):
    """Random rows of the model's table, a share of their values missing."""
    x = model.domain.random_data(n, generator(seed))
    return torch.where(torch.rand(x.shape, generator=generator(seed, 1)) < missing, math.nan, x)


# Columns.


def test_blocks_answer_for_their_columns_in_any_order():
    coin, die = Conditionals(torch.randn(2, 2), binary=True), Conditionals(torch.randn(2, 1, 6), binary=False)
    columns = ColumnConditionals([(torch.tensor([2, 0]), coin), (torch.tensor([1]), die)])
    x = torch.tensor([[1, 5, 0], [0, 2, 1]])
    torch.testing.assert_close(columns.log_prob(x)[:, [2, 0]].float(), coin.log_prob(x[:, [2, 0]]))
    torch.testing.assert_close(
        columns.select_sites(torch.tensor([1, 2])).log_prob(x[:, 1:]), columns.log_prob(x)[:, 1:]
    )
    assert columns.canonical_params.shape == (2, 3, 6)


def test_numbers_have_no_temperature_but_one():
    with pytest.raises(ChainruleError, match="temperature 1 alone"):
        sample(Independent(Table([age])), 2, temperature=0.5)
    assert sample(perturbed_copy(MADE(few), 3), 50, temperature=1e-3).unique(dim=0).shape[0] == 1


def test_columns_of_a_table_have_no_probs_in_common():
    conditionals = Independent(mixed).conditionals(rows(Independent(mixed), 2))
    for name in ("logits", "log_probs", "probs"):
        with pytest.raises(ChainruleError, match="ask for log_prob"):
            getattr(conditionals, name)


# The domain.


@pytest.mark.parametrize("table", [few, mixed, Table([large])], ids=str)
def test_a_table_comes_back_from_its_description(table):
    assert domain_from_dict(table.to_dict()) == table


@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [
        (weather, 3.0, r"row 1, column 'weather' \(categorical, 3 levels\) has the value 3"),
        (late, 0.5, "has the value 0.5"),
        (age, -1.0, r"count, 0 … 62\) has the value -1"),
        (change, 1.5, "has the value 1.5"),
        (size, math.inf, "has the value inf"),
        (size, math.nan, "is missing; mark what is given as evidence"),
        (large, 2.0**54, "has the value"),
    ],
)
def test_a_value_that_a_column_does_not_have_is_named(column, value, fault):
    model = Independent(Table([column]))
    with pytest.raises(ChainruleError, match=fault):
        model.log_prob(torch.tensor([[column.quantiles[0] if column.quantiles else 0.0], [value]], dtype=torch.float64))


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"kind": "float"}, "the kind must be one of binary, categorical, count, integer, real"),
        ({"kind": "categorical"}, "needs levels, each of them once"),
        ({"kind": "categorical", "levels": ("a", "a")}, "needs levels, each of them once"),
        ({"kind": "binary", "levels": ("a", "b", "c")}, "has 3 levels; make it categorical"),
        ({"kind": "real"}, "needs 32 quantiles of its data, in order"),
        ({"kind": "real", "quantiles": [-math.inf, *range(31)]}, "needs 32 quantiles"),
        ({"kind": "count", "quantiles": range(31, -1, -1)}, "needs 32 quantiles"),
        ({"kind": "real", "quantiles": range(32), "resolution": 0.0}, "resolution above 0"),
    ],
)
def test_columns_that_make_no_sense_are_refused(arguments, fault):
    with pytest.raises(ChainruleError, match=fault):
        Column("a", **arguments)


def test_tables_need_columns_of_different_names():
    with pytest.raises(ChainruleError, match="at least one column"):
        Table([])
    with pytest.raises(ChainruleError, match="'age' is there twice"):
        Table([age, size, age])


def test_levels_are_told_apart_by_their_type():
    assert len(Column("a", "categorical", (1, "1", True, 1.0)).levels) == 4


def test_values_enter_a_network_as_levels_signs_and_shares():
    x = torch.tensor([[1.0, 0.0, 0.0], [2.0, 1.0, 300.0]], dtype=torch.float64)
    inputs = Table([weather, late, gain]).encode(x)
    assert inputs[:, :4].tolist() == [[0, 1, 0, -1], [0, 0, 1, 1]]
    share = inputs[:, 5]
    assert share[0] == pytest.approx(28 / 31 - 1, abs=1e-6)  # half of those that are equal to it lie below
    assert share[1] > 0.8


@pytest.mark.parametrize("column", [age, gain, change, size], ids=lambda column: column.name)
def test_a_network_begins_with_a_distribution_like_the_data(column):
    model = Independent(Table([column]))
    below, upto = model.conditionals(torch.zeros(1, 1)).cdf_bounds(torch.tensor([[column.quantiles[16]]]))
    assert below.item() - 0.1 <= 16 / 31 <= upto.item() + 0.1


# Missing values.


def test_a_missing_value_is_no_input_and_no_target_of_the_others():
    model = MADE(mixed, hidden=(20,), agnostic="both")
    x = rows(model, 40, missing=0.4)
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


def test_what_is_known_of_a_row_is_the_sum_over_what_is_not():
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
def test_data_with_missing_values_are_evaluated_in_nats_alone(model):
    x = rows(model, 30, missing=0.3)
    result = evaluate(model, x)
    assert result.missing == int(x.isnan().sum())
    assert "bits" not in str(result)
    assert f"{result.missing} values missing" in str(result)
    one_by_one = torch.cat([compute_log_probs(model, row[None]) for row in x])
    assert result.nats == pytest.approx(-one_by_one.mean().item())


def test_a_row_of_which_nothing_is_known_costs_nothing():
    x = torch.full((1, mixed.sites), math.nan, dtype=torch.float64)
    assert compute_log_probs(MADE(mixed, hidden=(9,), agnostic="order"), x).tolist() == [0.0]


@pytest.mark.parametrize(
    "model",
    [MADE(mixed, hidden=(9,)), MADE(mixed, hidden=(9,), agnostic="connectivity"), Ensemble([MADE(mixed, hidden=(9,))])],
    ids=["one order", "one order, several connectivities", "an ensemble"],
)
def test_a_model_of_one_order_says_that_it_cannot_do_without_a_value(model):
    x = rows(model, 5)
    x[2, 0] = math.nan
    with pytest.raises(ChainruleError, match=r"values are missing, and no order of this .* agnostic='order'"):
        evaluate(model, x)
    with pytest.raises(ChainruleError, match="values are missing"):
        model(x)
    x[2] = torch.tensor([math.nan]).double()
    x[2, :3] = 1.0
    assert evaluate(model, x).n == 5  # the first columns are a prefix


def test_an_ensemble_scores_what_is_known_as_a_whole_or_not_at_all():
    orders = [(0, 1, 2, 3), (3, 2, 1, 0)]
    ensemble = Ensemble([perturbed_copy(MADE(few, hidden=(8,), order=order), 1) for order in orders])
    first = torch.tensor([[1.0, 0.0, math.nan, math.nan]], dtype=torch.float64)
    with pytest.raises(ChainruleError, match="values are missing"):
        compute_log_probs(ensemble, first)  # the second of its models cannot
    same = Ensemble([perturbed_copy(MADE(few, hidden=(8,), seed=seed), 1) for seed in (0, 1)])
    wanted = torch.stack([compute_log_probs(model, first) for model in same.components]).logsumexp(0) - math.log(2)
    torch.testing.assert_close(compute_log_probs(same, first), wanted)


def test_a_family_of_a_fixed_number_of_orders_is_refused_before_training_begins(tmp_path):
    model = MADE(mixed, hidden=(9,), agnostic="order", num_masks=4)
    with pytest.raises(ChainruleError, match="without a number of masks"):
        fit(model, rows(model, 20, missing=0.3), out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_a_run_on_rows_with_gaps_is_resumed_bit_for_bit(tmp_path):
    x = rows(MADE(mixed), 60, missing=0.2)
    whole, part = (MADE(mixed, hidden=(9,), agnostic="order") for _ in range(2))
    fit(whole, x[:40], x[40:], out=tmp_path / "whole", epochs=4, progress=False)
    stop = Trainer.update
    calls = []

    def interrupted(self, batch):
        stop(self, batch)
        calls.append(1)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "update", interrupted)
        with pytest.raises(TrainingStopped):
            fit(part, x[:40], x[40:], out=tmp_path / "part", epochs=4, progress=False)
    part = MADE(mixed, hidden=(9,), agnostic="order")
    fit(part, x[:40], x[40:], out=tmp_path / "part", epochs=4, progress=False, resume=True)
    assert all(torch.equal(a, b) for a, b in zip(part.parameters(), whole.parameters(), strict=True))


def test_training_refuses_missing_values_before_it_begins(tmp_path):
    model = MADE(mixed, hidden=(9,))
    with pytest.raises(ChainruleError, match="training data do not fit the model: values are missing"):
        fit(model, rows(model, 20, missing=0.3), out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_several_members_average_over_their_orders():
    model = MADE(few, hidden=(16,), agnostic="order")
    torch.nn.init.normal_(model.output.weight, generator=generator(1))
    x = rows(model, 12, missing=0.3)
    alone, together = evaluate(model, x).nats, evaluate(model, x, members=5).nats
    assert together != alone
    complete = rows(model, 12)
    wanted = Ensemble(model.members(5)).log_prob(complete)
    torch.testing.assert_close(compute_log_probs(model, complete, members=5), wanted.detach())


# Training.


def test_training_learns_how_columns_depend_on_each_other_with_values_missing():
    rng = generator(0)
    kind = torch.randint(3, (600, 1), generator=rng).double()
    grams = 10 * kind + torch.randn(600, 1, generator=rng)
    quantiles = [float(each) for each in torch.quantile(grams.flatten(), torch.linspace(0, 1, 32).double())]
    table = Table([Column("kind", "categorical", "abc"), Column("grams", "real", quantiles=quantiles, resolution=0.01)])
    x = torch.cat([kind, grams], 1)
    holes = torch.where(torch.rand(x.shape, generator=rng) < 0.2, math.nan, x)
    model = MADE(table, hidden=(32,), agnostic="order")
    before = evaluate(model, x).nats
    fit(model, holes, epochs=40, lr=1e-2, progress=False)
    after = evaluate(model, x)
    assert after.nats < before - 0.8  # the truth: ln 3 + ½ ln 2πe = 2.52
    assert after.nats < 2.75
    with pytest.raises(ChainruleError, match="no bits/dim where a column is real"):
        _ = after.bits_per_dim
    found = impute(model, torch.tensor([[2.0, 0.0], [0.0, 10.0]]), torch.tensor([[True, False], [False, True]]), n=64)
    assert found.mean()[0, 1].item() == pytest.approx(20, abs=1)
    assert found.most_likely()[1, 0].item() == 1


def test_a_run_of_a_table_with_missing_values_is_saved_and_loaded(tmp_path):
    model = MADE(mixed, hidden=(9,), agnostic="both")
    x = rows(model, 40, missing=0.2)
    history = fit(model, x[:30], x[30:], out=tmp_path / "run", epochs=2, progress=False)
    assert math.isnan(history.rows[-1].valid_bits_per_dim)
    again = load(tmp_path / "run")
    assert again.domain == mixed
    assert torch.equal(compute_log_probs(again, x), compute_log_probs(model, x))
    save(again, tmp_path / "copy")


# The laws find what is wrong.


@pytest.mark.parametrize("name", ["made, one real column", "made, mixed table"])
def test_a_density_that_does_not_integrate_to_one_is_found(name, monkeypatch):
    log_prob = LogisticMixture.log_prob
    monkeypatch.setattr(LogisticMixture, "log_prob", lambda self, x: log_prob(self, x) + 0.01)
    finding = check_normalization(ZOO[name]())
    assert finding.status == "failed"
    assert "sums to 1.010" in finding.detail
    assert "the conditional of column '" in finding.detail


def test_draws_that_do_not_follow_their_distribution_are_found(monkeypatch):
    icdf = LogisticMixture.icdf
    monkeypatch.setattr(LogisticMixture, "icdf", lambda self, noise: icdf(self, noise**1.2))
    finding = check_sample_frequencies(ZOO["made, one real column"]())
    assert finding.status == "failed"
    assert "the samples of column 'size' do not have the distribution of its conditionals" in finding.detail


def test_a_column_that_sees_itself_through_one_of_its_inputs_is_found():
    model = ZOO["made, mixed table"]()
    first = int(mixed.inputs[0])  # of those of 'weather', the last alone
    model.layers[0].mask[model.layers[0].mask[:, 0], first + 2] = True
    finding = check_autoregressive_property(model)
    assert finding.status == "failed"
    assert "the conditional of column 'weather' depends on column 'weather'" in finding.detail


def test_the_domain_counts_its_outcomes_and_numbers_them():
    outcomes = torch.cat(list(few.outcomes()))
    assert len(outcomes) == few.size == 12
    assert few.outcome_index(outcomes).tolist() == list(range(12))
    assert mixed.size == math.inf
    assert not mixed.is_discrete
    assert Table([age, change]).is_discrete
    assert replace(age, name="x") != age


def test_every_zoo_model_of_a_table_draws_values_of_its_columns():
    for name in ("independent, table", "made, mixed table", "made, large numbers", "made, table of levels"):
        model = ZOO[name]()
        assert model.domain.check(sample(model, 20)).dtype == torch.float64
