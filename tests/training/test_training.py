"""`fit`: what it takes, what it does, which epoch it keeps, and what it leaves."""

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
from tests.support.runs import CLONES, DOMAIN, NOISE, QUIET, Counting, bits, data_of, made


def nats(model, x) -> float:
    return cr.evaluate(model, x).nats


# What it takes.


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
def test_data_of_every_form_train_the_same_model(form):
    trained = []
    for train, valid in ((CLONES, NOISE), (form(CLONES), form(NOISE))):
        model = made()
        cr.fit(model, train, valid, epochs=2, **QUIET)
        trained.append(bits(model))
    assert trained[0] == trained[1]


def test_a_data_set_brings_its_own_validation(tmp_path):
    data = data_of("static", tmp_path)
    model, other = cr.MADE(data.domain, hidden=(5,)), cr.MADE(data.domain, hidden=(5,))
    history = cr.fit(model, data, epochs=3, **QUIET)
    assert history.rows[-1].valid_nats == cr.fit(other, data.train, data.valid, epochs=3, **QUIET).rows[-1].valid_nats
    assert bits(model) == bits(other)


def test_it_trains_in_any_thread():
    model = made()
    thread = threading.Thread(target=cr.fit, args=(model, CLONES), kwargs={"epochs": 1, **QUIET})
    thread.start()
    thread.join()
    assert nats(model, CLONES) < 9 * math.log(2)


def test_a_model_in_float64_is_trained_in_float64(tmp_path):
    model = made().double()
    cr.fit(model, CLONES, epochs=2, out=tmp_path / "run", **QUIET)
    assert {weight.dtype for weight in model.parameters()} == {torch.float64}
    assert bits(cr.load(tmp_path / "run")) == bits(model)


# What it does.


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_every_optimiser_learns(optimiser, precision):
    model, lr = made(), {"sgd": 0.5, "adadelta": 5.0, "adagrad": 0.3}.get(optimiser, 0.02)
    cr.fit(model, CLONES, epochs=40, optimiser=optimiser, **{**QUIET, "lr": lr, "precision": precision})
    assert nats(model, CLONES) < 0.3 * 9 * math.log(2)
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert not model.training


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_the_updates_are_those_of_the_textbook(optimiser, schedule):
    """Updates on the whole set, clipped, warmed up, decayed and averaged, against the rules written out."""
    lr, warmup, ema, clip, decay, epochs = 0.1, 2, 0.6, 0.5, 0.01, 20
    model, mine = made().double(), made().double()
    rule = OPTIMISERS[optimiser](mine.parameters(), lr, weight_decay=decay)
    average = [weight.detach().clone() for weight in mine.parameters()]
    wanted = []
    for t in range(epochs):
        factor = 0.5 * (1 + math.cos(math.pi * t / epochs)) if schedule == "cosine" else 1.0
        wanted.append(lr * min(1.0, (t + 1) / (warmup + 1)) * factor)
        rule.param_groups[0]["lr"] = wanted[-1]
        rule.zero_grad()
        (-mine.log_prob(NOISE).mean()).backward()
        norm = math.sqrt(sum(float(weight.grad.square().sum()) for weight in mine.parameters()))
        for weight in mine.parameters():
            weight.grad *= min(1.0, clip / (norm + 1e-6))
        rule.step()
        keep = min(ema, (1 + t) / (10 + t))
        average = [keep * a + (1 - keep) * w.detach() for a, w in zip(average, mine.parameters(), strict=True)]
    history = cr.fit(
        model, NOISE, epochs=epochs, batch_size=1000, optimiser=optimiser, schedule=schedule, lr=lr, warmup=warmup,
        weight_decay=decay, clip=clip, ema=ema, progress=False,
    )  # fmt: skip
    assert [row.lr for row in history.rows] == pytest.approx(wanted)
    for got, want in zip(model.parameters(), average, strict=True):
        torch.testing.assert_close(got.detach(), want, rtol=1e-6, atol=1e-9)


def test_the_warmup_takes_at_most_half_of_the_updates():
    settings = Settings(warmup=100, lr=1.0, schedule="constant")
    assert [settings.lr_at(update, 6) for update in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert settings.lr_at(49, 10**4) == pytest.approx(50 / 101)


def test_clipping_bounds_the_step():
    steps = []
    for clip in (0.001, 1e9):
        model = made()
        before = torch.nn.utils.parameters_to_vector(model.parameters()).detach()
        cr.fit(model, NOISE, epochs=1, progress=False, optimiser="sgd", lr=1.0, clip=clip, ema=0, warmup=0)
        steps.append(float((torch.nn.utils.parameters_to_vector(model.parameters()).detach() - before).norm()))
    assert steps[0] == pytest.approx(0.001, rel=1e-3)
    assert steps[1] > 0.1


def test_without_an_average_the_last_weights_are_kept(monkeypatch):
    last = {}
    update = Trainer.update

    def spied(self, x, bar):
        update(self, x, bar)
        last.update(bits(self.model))

    monkeypatch.setattr(Trainer, "update", spied)
    model = made()
    cr.fit(model, CLONES, epochs=2, **{**QUIET, "ema": 0})
    assert bits(model) == last
    averaged = made()
    cr.fit(averaged, CLONES, epochs=2, **QUIET)
    assert bits(averaged) != last


def test_buffers_go_with_the_averaged_weights(tmp_path):
    model = Counting(DOMAIN)
    cr.fit(model, CLONES, epochs=2, out=tmp_path / "run", **QUIET)
    assert model.seen == cr.load(tmp_path / "run").seen == 2 * 4


def batches_of(monkeypatch, data, epochs: int, **settings) -> list[list[torch.Tensor]]:
    """The batches of each epoch."""
    met: list[list[torch.Tensor]] = [[] for _ in range(epochs)]
    descend = Trainer.descend

    def spied(self, x):
        met[self.position.epoch].append(x.clone())
        return descend(self, x)

    monkeypatch.setattr(Trainer, "descend", spied)
    cr.fit(cr.MADE(cr.Binary(tuple(as_split(data).shape)), hidden=(4,)), data, epochs=epochs, **{**QUIET, **settings})
    return met


def rows(x) -> list[bytes]:
    return sorted(row.numpy().tobytes() for row in x.byte())


def test_each_epoch_meets_each_datum_once_in_another_order(monkeypatch):
    epochs = batches_of(monkeypatch, NOISE, 3, batch_size=9)
    assert [[len(batch) for batch in epoch] for epoch in epochs] == [[9, 9, 9, 9, 4]] * 3
    assert all(rows(torch.cat(epoch)) == rows(NOISE) for epoch in epochs)
    assert len({torch.cat(epoch).numpy().tobytes() for epoch in epochs}) == 3


def test_dynamic_binarization_gives_each_epoch_a_draw_of_its_own(monkeypatch, tmp_path):
    train = data_of("dynamic", tmp_path).train
    epochs = batches_of(monkeypatch, train, 3)
    assert [rows(torch.cat(epoch)) for epoch in epochs] == [rows(train.values(epoch)) for epoch in range(3)]
    assert len({tuple(rows(torch.cat(epoch))) for epoch in epochs}) == 3


def test_a_seed_settles_every_bit_and_another_changes_them():
    def trained(seed):
        model = made()
        cr.fit(model, NOISE, NOISE[:9], epochs=2, seed=seed, **QUIET)
        return bits(model)

    assert trained(0) == trained(0)
    assert trained(0) != trained(1)


def test_no_global_random_state_is_touched(tmp_path):
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    data = cr.load_data(data_of("dynamic", tmp_path).source, binarize="dynamic", seed=1)
    model = cr.PixelCNN(data.domain, blocks=1, features=2)
    cr.fit(model, data, epochs=1, out=tmp_path / "run", **QUIET)
    cr.evaluate(cr.load(tmp_path / "run"), data.valid)
    cr.complete(model, cr.sample(model, 2), torch.zeros(data.domain.shape, dtype=torch.bool), n=2)
    cr.check_model(cr.MADE(cr.Binary((3,)), hidden=(4,)))
    after = torch.get_rng_state(), np.random.get_state()[1], random.getstate()
    assert torch.equal(before[0], after[0])
    assert np.array_equal(before[1], after[1])
    assert before[2] == after[2]


# Which epoch is kept.


def test_the_best_epoch_on_validation_is_kept_and_not_the_last(tmp_path):
    model, out = made(hidden=(64,)), tmp_path / "run"
    settings = {**QUIET, "lr": 0.05, "schedule": "constant", "ema": 0.5}
    history = cr.fit(model, NOISE[:16], NOISE[16:], epochs=25, out=out, **settings)
    valid = [row.valid_nats for row in history.rows]
    assert history.best == 1 + min(range(25), key=valid.__getitem__) < 25
    assert nats(model, NOISE[16:]) == pytest.approx(min(valid), abs=1e-9)
    assert bits(cr.load(out)) == bits(model)
    again = made(hidden=(64,))
    cr.fit(again, NOISE[:16], None, epochs=25, **settings)
    assert bits(again) != bits(model)


def test_without_validation_the_last_epoch_is_kept():
    history = cr.fit(made(), NOISE, epochs=4, **QUIET)
    assert history.best == 4
    assert all(math.isnan(row.valid_nats) for row in history.rows)


def test_patience_stops_that_many_epochs_after_the_best(tmp_path):
    model = made(hidden=(64,))
    settings = {**QUIET, "lr": 0.05, "schedule": "constant", "ema": 0.5, "patience": 3}
    history = cr.fit(model, NOISE[:16], NOISE[16:], epochs=50, **settings)
    assert len(history.rows) == history.best + 3 < 50
    assert history.stopped == "no better validation NLL for 3 epochs"
    assert nats(model, NOISE[16:]) == pytest.approx(history.best_row.valid_nats, abs=1e-9)


def test_the_record_tells_each_epoch(tmp_path):
    model = made()
    history = cr.fit(model, NOISE, NOISE[:9], epochs=3, out=tmp_path / "run", **{**QUIET, "batch_size": 9})
    assert [(row.epoch, row.updates) for row in history.rows] == [(1, 5), (2, 10), (3, 15)]
    for row in history.rows:
        assert row.valid_bits_per_dim == row.valid_nats / (9 * math.log(2))
        assert 0 < row.train_nats < 9
        assert row.images_per_second > 0
    assert [row.seconds for row in history.rows] == sorted(row.seconds for row in history.rows)
    with (tmp_path / "run" / "metrics.csv").open() as file:
        written = list(csv.DictReader(file))
    assert written == [{name: str(value) for name, value in vars(row).items()} for row in history.rows]


def test_the_training_nll_is_that_of_the_batches_as_they_were_met():
    history = cr.fit(cr.Independent(DOMAIN), NOISE, epochs=1, **{**QUIET, "batch_size": 40})
    assert history.rows[0].train_nats == pytest.approx(9 * math.log(2))


# What it leaves.


def test_a_run_holds_these_files_and_this_configuration(tmp_path):
    data = data_of("dynamic", tmp_path)
    model = cr.MADE(data.domain, hidden=(5,), seed=2)
    settings = {name: value for name, value in QUIET.items() if name != "progress"}
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
    """Stands for TensorBoard's."""

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


def test_tensorboard_gets_the_curves_where_it_is_installed(tmp_path, monkeypatch):
    Writer.made.clear()
    monkeypatch.setattr("chainrule.training.tensorboard.find_spec", lambda name: name == "tensorboard")
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", types.SimpleNamespace(SummaryWriter=Writer))
    history = cr.fit(made(), CLONES, epochs=2, out=tmp_path / "run", **QUIET)
    (writer,) = Writer.made
    assert (writer.path, writer.purge_step, writer.closed) == (tmp_path / "run" / "tensorboard", 1, True)
    assert ("train_nats", history.rows[1].train_nats, 2) in writer.scalars
    assert {name for name, _, _ in writer.scalars} == {"updates", "train_nats", "lr", "images_per_second", "seconds"}


def test_tensorboard_is_not_needed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    cr.fit(made(), CLONES, epochs=1, out=tmp_path / "run", **QUIET)
    assert not (tmp_path / "run" / "tensorboard").exists()


def test_the_real_tensorboard_writes_without_a_warning(tmp_path):
    cr.fit(made(), CLONES, epochs=1, out=tmp_path / "run", **QUIET)
    assert len(list((tmp_path / "run").glob("tensorboard/events.out.*"))) == bool(find_spec("tensorboard"))


def test_without_a_terminal_progress_is_one_line_an_epoch(tmp_path, capsys):
    cr.fit(made(), CLONES, NOISE, epochs=2, out=tmp_path / ("[red]" + "long " * 20), **{**QUIET, "progress": True})
    printed = capsys.readouterr()
    assert printed.out == ""
    assert [line.split("  ")[0] for line in printed.err.splitlines()] == ["epoch 1/2", "epoch 2/2"]
    assert "(best) nats" in printed.err


def test_without_progress_it_says_nothing(capsys):
    cr.fit(made(), CLONES, epochs=1, **QUIET)
    assert capsys.readouterr() == ("", "")
