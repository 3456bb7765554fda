"""`fit`: the data it takes, its updates, the epoch it chooses, and the files it writes."""

from __future__ import annotations

import csv
import json
import math
import random
import sys
import threading
import types
from importlib.util import find_spec

import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule.data import as_split
from chainrule.training import Settings
from chainrule.training.trainer import OPTIMISERS, Trainer
from tests.support.runs import DOMAIN, FAST, NOISE, REPEATED, CountingModel, make_data, small_made, weight_bytes


def nats(model, x) -> float:
    return cr.evaluate(model, x).nats


# Data.


@pytest.mark.parametrize(
    "form",
    [
        lambda x: x.float(),
        lambda x: x.bool(),
        lambda x: x.byte(),
        lambda x: x.bfloat16(),
        lambda x: x.numpy(),
        lambda x: x.numpy().astype(np.uint8),
        lambda x: x.numpy() == 1,
        lambda x: x.numpy().astype(np.float64),
        lambda x: x.numpy()[:, :, ::-1][:, :, ::-1],
        as_split,
    ],
)
def test_every_data_type_trains_the_same_model(form):
    trained = []
    for train, valid in ((REPEATED, NOISE), (form(REPEATED), form(NOISE))):
        model = small_made()
        cr.fit(model, train, valid, epochs=2, **FAST)
        trained.append(weight_bytes(model))
    assert trained[0] == trained[1]


def test_a_data_set_uses_its_own_validation_split(tmp_path):
    data = make_data("static", tmp_path)
    model, other = cr.MADE(data.domain, hidden=(5,)), cr.MADE(data.domain, hidden=(5,))
    history = cr.fit(model, data, epochs=3, **FAST)
    assert history.rows[-1].valid_nats == cr.fit(other, data.train, data.valid, epochs=3, **FAST).rows[-1].valid_nats
    assert weight_bytes(model) == weight_bytes(other)


def test_training_works_outside_the_main_thread():
    model = small_made()
    thread = threading.Thread(target=cr.fit, args=(model, REPEATED), kwargs={"epochs": 1, **FAST})
    thread.start()
    thread.join()
    assert nats(model, REPEATED) < 9 * math.log(2)


def test_a_float64_model_stays_in_float64(tmp_path):
    model = small_made().double()
    cr.fit(model, REPEATED, epochs=2, out=tmp_path / "run", **FAST)
    assert {weight.dtype for weight in model.parameters()} == {torch.float64}
    assert weight_bytes(cr.load(tmp_path / "run")) == weight_bytes(model)


# Updates.


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_every_optimiser_learns(optimiser, precision):
    model, lr = small_made(), {"sgd": 0.5, "adadelta": 5.0, "adagrad": 0.3}.get(optimiser, 0.02)
    cr.fit(model, REPEATED, epochs=40, optimiser=optimiser, **{**FAST, "lr": lr, "precision": precision})
    assert nats(model, REPEATED) < 0.3 * 9 * math.log(2)
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert not model.training


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_updates_equal_the_written_out_rules(optimiser, schedule):
    """Full-batch updates with clipping, warmup, decay and averaging, compared with the rules written out here."""
    lr, warmup, ema, clip, decay, epochs = 0.1, 2, 0.6, 0.5, 0.01, 20
    model, expected = small_made().double(), small_made().double()
    rule = OPTIMISERS[optimiser](expected.parameters(), lr, weight_decay=decay)
    average = [weight.detach().clone() for weight in expected.parameters()]
    wanted = []
    for t in range(epochs):
        factor = 0.5 * (1 + math.cos(math.pi * t / epochs)) if schedule == "cosine" else 1.0
        wanted.append(lr * min(1.0, (t + 1) / (warmup + 1)) * factor)
        rule.param_groups[0]["lr"] = wanted[-1]
        rule.zero_grad()
        (-expected.log_prob(NOISE).mean()).backward()
        norm = math.sqrt(sum(float(weight.grad.square().sum()) for weight in expected.parameters()))
        for weight in expected.parameters():
            weight.grad *= min(1.0, clip / (norm + 1e-6))
        rule.step()
        keep = min(ema, (1 + t) / (10 + t))
        average = [keep * a + (1 - keep) * w.detach() for a, w in zip(average, expected.parameters(), strict=True)]
    history = cr.fit(
        model, NOISE, epochs=epochs, batch_size=1000, optimiser=optimiser, schedule=schedule, lr=lr, warmup=warmup,
        weight_decay=decay, clip=clip, ema=ema, progress=False,
    )  # fmt: skip
    assert [row.lr for row in history.rows] == pytest.approx(wanted)
    for got, want in zip(model.parameters(), average, strict=True):
        torch.testing.assert_close(got.detach(), want, rtol=1e-6, atol=1e-9)


def test_clipping_limits_the_step():
    steps = []
    for clip in (0.001, 1e9):
        model = small_made()
        before = torch.nn.utils.parameters_to_vector(model.parameters()).detach()
        cr.fit(model, NOISE, epochs=1, progress=False, optimiser="sgd", lr=1.0, clip=clip, ema=0, warmup=0)
        steps.append(float((torch.nn.utils.parameters_to_vector(model.parameters()).detach() - before).norm()))
    assert steps[0] == pytest.approx(0.001, rel=1e-3)
    assert steps[1] > 0.1


def test_without_an_average_the_model_ends_with_the_last_weights(monkeypatch):
    last = {}
    update = Trainer.update

    def recording(self, x):
        update(self, x)
        last.update(weight_bytes(self.model))

    monkeypatch.setattr(Trainer, "update", recording)
    model = small_made()
    cr.fit(model, REPEATED, epochs=2, **{**FAST, "ema": 0})
    assert weight_bytes(model) == last
    averaged = small_made()
    cr.fit(averaged, REPEATED, epochs=2, **FAST)
    assert weight_bytes(averaged) != last


def test_buffers_are_saved_with_the_averaged_weights(tmp_path):
    model = CountingModel(DOMAIN)
    cr.fit(model, REPEATED, epochs=2, out=tmp_path / "run", **FAST)
    assert model.seen == cr.load(tmp_path / "run").seen == 2 * 4


def batches_of(monkeypatch, data, epochs: int, **settings) -> list[list[torch.Tensor]]:
    """Train, and return the batches of each epoch."""
    batches: list[list[torch.Tensor]] = [[] for _ in range(epochs)]
    optimiser_step = Trainer.optimiser_step

    def recording(self, x):
        batches[self.loop_state.epoch].append(x.clone())
        return optimiser_step(self, x)

    monkeypatch.setattr(Trainer, "optimiser_step", recording)
    cr.fit(cr.MADE(cr.Binary(tuple(as_split(data).shape)), hidden=(4,)), data, epochs=epochs, **{**FAST, **settings})
    return batches


def rows(x) -> list[bytes]:
    return sorted(row.numpy().tobytes() for row in x.byte())


def test_each_epoch_uses_each_datum_once_in_a_new_order(monkeypatch):
    epochs = batches_of(monkeypatch, NOISE, 3, batch_size=9)
    assert [[len(batch) for batch in epoch] for epoch in epochs] == [[9, 9, 9, 9, 4]] * 3
    assert all(rows(torch.cat(epoch)) == rows(NOISE) for epoch in epochs)
    assert len({torch.cat(epoch).numpy().tobytes() for epoch in epochs}) == 3


def test_dynamic_binarization_draws_anew_in_each_epoch(monkeypatch, tmp_path):
    train = make_data("dynamic", tmp_path).train
    epochs = batches_of(monkeypatch, train, 3)
    assert [rows(torch.cat(epoch)) for epoch in epochs] == [rows(train.values(epoch)) for epoch in range(3)]
    assert len({tuple(rows(torch.cat(epoch))) for epoch in epochs}) == 3


def test_equal_seeds_give_equal_weights_and_other_seeds_do_not():
    def trained(seed):
        model = small_made()
        cr.fit(model, NOISE, NOISE[:9], epochs=2, seed=seed, **FAST)
        return weight_bytes(model)

    assert trained(0) == trained(0)
    assert trained(0) != trained(1)


def test_global_random_states_do_not_change(tmp_path):
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    data = cr.load_data(make_data("dynamic", tmp_path).source, binarize="dynamic", seed=1)
    model = cr.PixelCNN(data.domain, blocks=1, features=2)
    cr.fit(model, data, epochs=1, out=tmp_path / "run", **FAST)
    cr.evaluate(cr.load(tmp_path / "run"), data.valid)
    cr.complete(model, cr.sample(model, 2), torch.zeros(data.domain.shape, dtype=torch.bool), n=2)
    cr.check_model(cr.MADE(cr.Binary((3,)), hidden=(4,)))
    after = torch.get_rng_state(), np.random.get_state()[1], random.getstate()
    assert torch.equal(before[0], after[0])
    assert np.array_equal(before[1], after[1])
    assert before[2] == after[2]


# The best epoch.


def test_the_model_ends_with_the_best_epoch_on_validation_not_the_last(tmp_path):
    model, out = small_made(hidden=(64,)), tmp_path / "run"
    settings = {**FAST, "lr": 0.05, "schedule": "constant", "ema": 0.5}
    history = cr.fit(model, NOISE[:16], NOISE[16:], epochs=25, out=out, **settings)
    valid = [row.valid_nats for row in history.rows]
    assert history.best == 1 + min(range(25), key=valid.__getitem__) < 25
    assert nats(model, NOISE[16:]) == pytest.approx(min(valid), abs=1e-9)
    assert weight_bytes(cr.load(out)) == weight_bytes(model)
    again = small_made(hidden=(64,))
    cr.fit(again, NOISE[:16], None, epochs=25, **settings)
    assert weight_bytes(again) != weight_bytes(model)


def test_without_validation_the_last_epoch_is_the_best():
    history = cr.fit(small_made(), NOISE, epochs=4, **FAST)
    assert history.best == 4
    assert all(math.isnan(row.valid_nats) for row in history.rows)


def test_patience_stops_this_number_of_epochs_after_the_best(tmp_path):
    model = small_made(hidden=(64,))
    settings = {**FAST, "lr": 0.05, "schedule": "constant", "ema": 0.5, "patience": 3}
    history = cr.fit(model, NOISE[:16], NOISE[16:], epochs=50, **settings)
    assert len(history.rows) == history.best + 3 < 50
    assert history.stopped == "no better validation NLL for 3 epochs"
    assert nats(model, NOISE[16:]) == pytest.approx(history.best_row.valid_nats, abs=1e-9)


def test_metrics_are_recorded_for_each_epoch(tmp_path):
    model = small_made()
    history = cr.fit(model, NOISE, NOISE[:9], epochs=3, out=tmp_path / "run", **{**FAST, "batch_size": 9})
    assert [(row.epoch, row.updates) for row in history.rows] == [(1, 5), (2, 10), (3, 15)]
    for row in history.rows:
        assert row.valid_bits_per_dim == row.valid_nats / (9 * math.log(2))
        assert 0 < row.train_nats < 9
        assert row.images_per_second > 0
    assert [row.seconds for row in history.rows] == sorted(row.seconds for row in history.rows)
    with (tmp_path / "run" / "metrics.csv").open() as file:
        written = list(csv.DictReader(file))
    assert written == [{name: str(value) for name, value in vars(row).items()} for row in history.rows]


def test_the_training_nll_is_measured_before_each_update():
    history = cr.fit(cr.Independent(DOMAIN), NOISE, epochs=1, **{**FAST, "batch_size": 40})
    assert history.rows[0].train_nats == pytest.approx(9 * math.log(2))


# Files and messages.


def test_the_configuration_of_a_run(tmp_path):
    data = make_data("dynamic", tmp_path)
    model = cr.MADE(data.domain, hidden=(5,), seed=2)
    settings = {name: value for name, value in FAST.items() if name != "progress"}
    cr.fit(model, data, out=tmp_path / "deep" / "run", epochs=1, seed=4, progress=False, **settings)
    config = json.loads((tmp_path / "deep" / "run" / "config.json").read_text())
    assert config["format"] == 1
    assert config["chainrule"] == cr.__version__
    assert config["model"]["class"] == "MADE"
    assert config["data"]["preprocessing"] == {"binarize": "dynamic", "levels": None, "seed": 0}
    assert config["data"]["digests"] == {"train": data.train.digest, "valid": data.valid.digest}
    assert Settings(**config["training"]) == Settings(epochs=1, seed=4, **settings)
    assert config["machine"] == {
        "torch": torch.__version__, "processes": 1, "threads": torch.get_num_threads(), "device": str(model.device)
    }  # fmt: skip


class Writer:
    """Stands in for the SummaryWriter of TensorBoard."""

    made: list[Writer] = []  # noqa: RUF012

    def __init__(self, path, purge_step):
        self.path, self.purge_step, self.scalars, self.closed = path, purge_step, [], False
        Writer.made.append(self)

    def add_scalar(self, name, value, step):
        self.scalars.append((name, value, step))

    def flush(self):
        pass

    def close(self):
        self.closed = True


def test_learning_curves_are_written_for_tensorboard_where_it_is_installed(tmp_path, monkeypatch):
    Writer.made.clear()
    monkeypatch.setattr("chainrule.training.tensorboard.find_spec", lambda name: name == "tensorboard")
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", types.SimpleNamespace(SummaryWriter=Writer))
    history = cr.fit(small_made(), REPEATED, epochs=2, out=tmp_path / "run", **FAST)
    (writer,) = Writer.made
    assert (writer.path, writer.purge_step, writer.closed) == (tmp_path / "run" / "tensorboard", 1, True)
    assert ("train_nats", history.rows[1].train_nats, 2) in writer.scalars
    assert {name for name, _, _ in writer.scalars} == {"updates", "train_nats", "lr", "images_per_second", "seconds"}


def test_training_works_without_tensorboard(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    cr.fit(small_made(), REPEATED, epochs=1, out=tmp_path / "run", **FAST)
    assert not (tmp_path / "run" / "tensorboard").exists()


def test_the_installed_tensorboard_writes_without_a_warning(tmp_path):
    cr.fit(small_made(), REPEATED, epochs=1, out=tmp_path / "run", **FAST)
    assert len(list((tmp_path / "run").glob("tensorboard/events.out.*"))) == bool(find_spec("tensorboard"))


def test_without_a_terminal_progress_is_one_line_per_epoch(tmp_path, capsys):
    cr.fit(
        small_made(), REPEATED, NOISE, epochs=2, out=tmp_path / ("[red]" + "long " * 20), **{**FAST, "progress": True}
    )
    printed = capsys.readouterr()
    assert printed.out == ""
    assert [line.split("  ")[0] for line in printed.err.splitlines()] == ["epoch 1/2", "epoch 2/2"]
    assert "(best) nats" in printed.err


def test_without_progress_nothing_is_printed(capsys):
    cr.fit(small_made(), REPEATED, epochs=1, **FAST)
    assert capsys.readouterr() == ("", "")


def test_a_progress_callback_gets_the_number_of_data_of_each_update(capsys):
    steps = []
    cr.fit(small_made(), REPEATED, epochs=2, **{**FAST, "batch_size": 12, "progress": steps.append})
    assert steps == [12, 12, 8] * 2
    assert capsys.readouterr() == ("", "")
