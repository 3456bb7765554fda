"""Training on rows with missing values: what it learns, refuses, saves and resumes."""

from __future__ import annotations

import math
import signal

import pytest
import torch

from chainrule.checkpoint import load, save
from chainrule.domains import Column, Table
from chainrule.errors import ChainruleError, TrainingStopped
from chainrule.inference import compute_log_probs, evaluate, impute
from chainrule.models.made import MADE
from chainrule.seeding import generator
from chainrule.training import Trainer, fit
from tests.support.models import mixed, random_rows


def test_a_family_with_a_fixed_number_of_orders_is_refused_before_training(tmp_path):
    model = MADE(mixed, hidden=(9,), agnostic="order", num_masks=4)
    with pytest.raises(ChainruleError, match="without a number of masks"):
        fit(model, random_rows(model, 20, missing=0.3), out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_a_run_on_rows_with_missing_values_is_resumed_bit_for_bit(tmp_path):
    x = random_rows(MADE(mixed), 60, missing=0.2)
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


def test_a_model_of_one_order_refuses_missing_values_before_training(tmp_path):
    model = MADE(mixed, hidden=(9,))
    with pytest.raises(ChainruleError, match="training data do not fit the model: values are missing"):
        fit(model, random_rows(model, 20, missing=0.3), out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_training_on_missing_values_learns_how_columns_depend_on_each_other():
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
    x = random_rows(model, 40, missing=0.2)
    history = fit(model, x[:30], x[30:], out=tmp_path / "run", epochs=2, progress=False)
    assert math.isnan(history.rows[-1].valid_bits_per_dim)
    again = load(tmp_path / "run")
    assert again.domain == mixed
    assert torch.equal(compute_log_probs(again, x), compute_log_probs(model, x))
    save(again, tmp_path / "copy")
