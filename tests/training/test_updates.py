"""A budget in updates: exactly so many, in less than an epoch or ending within one, and resumed bit for bit."""

from __future__ import annotations

import json
import math
import signal
from contextlib import contextmanager
from importlib import import_module

import pytest
import torch

import chainrule as cr
from chainrule.cli import main
from chainrule.training import Settings
from chainrule.training.trainer import Trainer
from tests.support.runs import (
    CLONES,
    NOISE,
    QUIET,
    SETTINGS,
    bits,
    contents,
    data_of,
    made,
    model_of,
    outcome,
    signalled,
)

FIT = import_module("chainrule.training.fit")  # as a name of the package, `fit` is the function
UPDATES = {name: value for name, value in SETTINGS.items() if name != "epochs"}
STEPS = 5
"""The updates of an epoch on the 30 data of `data_of`, in batches of 7."""


def run(folder, out, updates: int, **options):
    model, data = model_of("static"), data_of("static", folder)
    return model, cr.fit(model, data, out=out, progress=False, updates=updates, **UPDATES, **options)


@pytest.mark.parametrize(
    ("updates", "rows"),
    [(1, [1]), (4, [4]), (5, [5]), (6, [5, 6]), (10, [5, 10]), (13, [5, 10, 13])],
)
def test_exactly_so_many_updates_are_taken(updates, rows, tmp_path, monkeypatch):
    taken, descend = [], Trainer.descend

    def counted(self, x):
        taken.append(len(x))
        return descend(self, x)

    monkeypatch.setattr(Trainer, "descend", counted)
    out = tmp_path / "run"
    model, history = run(tmp_path, out, updates)
    assert taken == [7, 7, 7, 7, 2] * (updates // STEPS) + [7] * (updates % STEPS)
    assert [(row.epoch, row.updates) for row in history.rows] == list(enumerate(rows, 1))
    recorded = outcome(model, history, out)
    assert [int(row["updates"]) for row in recorded["record"]] == rows
    assert recorded["kept"] == recorded["weights"]


def test_the_last_row_is_of_what_was_done():
    """Its training NLL is that of the part of the epoch, and its validation NLL that of the weights at the end."""
    model = made()
    history = cr.fit(model, CLONES, CLONES[:9], updates=7, **{**QUIET, "ema": 0})  # 4 updates an epoch
    last = history.rows[-1]
    assert (last.epoch, last.updates) == (2, 7)
    assert history.best == 2
    assert last.valid_nats == pytest.approx(cr.evaluate(model, CLONES[:9]).nats)
    one = cr.fit(cr.Independent(cr.Binary((1, 3, 3))), NOISE, updates=1, **QUIET)
    assert one.rows[0].train_nats == pytest.approx(9 * math.log(2))


def test_whole_epochs_of_updates_are_the_epochs(tmp_path):
    data = data_of("static", tmp_path)
    models = model_of("static"), model_of("static")
    epochs = cr.fit(models[0], data, progress=False, epochs=3, **UPDATES)
    updates = cr.fit(models[1], data, progress=False, updates=3 * STEPS, **UPDATES)
    assert bits(models[0]) == bits(models[1])
    assert [row.valid_nats for row in epochs.rows] == [row.valid_nats for row in updates.rows]


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_the_learning_rate_spans_the_updates(schedule, monkeypatch):
    rates, descend = [], Trainer.descend

    def noted(self, x):
        rates.append(self.optimiser.param_groups[0]["lr"])
        return descend(self, x)

    monkeypatch.setattr(Trainer, "descend", noted)
    settings = {**QUIET, "schedule": schedule, "warmup": 2}
    history = cr.fit(made(), NOISE, updates=7, **settings)
    fall = [0.5 * (1 + math.cos(math.pi * t / 7)) if schedule == "cosine" else 1.0 for t in range(7)]
    assert rates == pytest.approx([0.02 * min(1.0, (t + 1) / 3) * fall[t] for t in range(7)])
    assert history.rows[-1].lr == rates[-1]


# Stopped and resumed.


@pytest.mark.parametrize("at", [1, 7, 11, 12, 13])
def test_a_run_stopped_in_the_part_epoch_or_before_ends_the_same(at, tmp_path, monkeypatch):
    wanted = outcome(*run(tmp_path, tmp_path / "unbroken", 13), tmp_path / "unbroken")
    out, steps = tmp_path / "run", 3 if at > 10 else 5
    with monkeypatch.context() as patch:
        signalled(patch, signal.SIGINT, at)
        with pytest.raises(cr.TrainingStopped, match=f"after update {(at - 1) % 5 + 1} of {steps}; resume"):
            run(tmp_path, out, 13)
    assert outcome(*run(tmp_path, out, 13, resume=True), out) == wanted


@pytest.mark.parametrize("at", range(1, 14))
def test_a_run_that_died_at_any_update_ends_the_same(at, tmp_path, monkeypatch):
    """Each update is saved, and the process ends without a word right after one, as a killed one does."""
    monkeypatch.setattr(FIT, "SAVE_SECONDS", -1.0)
    wanted = outcome(*run(tmp_path, tmp_path / "unbroken", 13), tmp_path / "unbroken")
    out, save, saves = tmp_path / "run", FIT.RunFolder.save, 0

    def dying(self, progress, tensors):
        nonlocal saves
        save(self, progress, tensors)
        position = progress["position"]
        if position["step"] and position["epoch"] * STEPS + position["step"] == at:
            raise GeneratorExit

    with monkeypatch.context() as patch:
        patch.setattr(FIT.RunFolder, "save", dying)
        with pytest.raises(GeneratorExit):
            run(tmp_path, out, 13)
    assert outcome(*run(tmp_path, out, 13, resume=True), out) == wanted


def test_a_finished_run_stays_as_it_is(tmp_path):
    out = tmp_path / "run"
    model, history = run(tmp_path, out, 7)
    before = contents(out)
    again, same = run(tmp_path, out, 7, resume=True)
    assert contents(out) == before
    assert bits(again) == bits(model)
    assert same == history


def test_another_budget_is_another_run(tmp_path):
    run(tmp_path, tmp_path / "run", 7)
    with pytest.raises(cr.ChainruleError, match=r"was trained with training\.updates = 7, and this is 8; resume with"):
        run(tmp_path, tmp_path / "run", 8, resume=True)


def test_a_run_of_before_there_were_updates_resumes(tmp_path):
    """Its record has no such setting."""
    out = tmp_path / "run"
    model = made()
    cr.fit(model, CLONES, epochs=2, out=out, **QUIET)
    config = json.loads((out / "config.json").read_text())
    assert config["training"].pop("updates") is None
    (out / "config.json").write_text(json.dumps(config))
    again = made()
    assert cr.fit(again, CLONES, epochs=2, out=out, resume=True, **QUIET).best == 2
    assert bits(again) == bits(model)


# What it says.


class Shown:
    """Stands for a bar: adds up what it is told."""

    def __init__(self, total: int):
        self.total, self.done, self.lines = total, 0, []

    def __call__(self, done: int = 1):
        self.done += done

    def note(self, text):
        pass

    def print(self, text):
        self.lines.append(text)


@pytest.fixture
def bars(monkeypatch):
    """The bars that were shown."""
    shown = []

    @contextmanager
    def bar(_title, total, _show):
        shown.append(Shown(total))
        yield shown[-1]

    monkeypatch.setattr(FIT, "bar", bar)
    return shown


@pytest.mark.parametrize(("updates", "images"), [(1, 7), (4, 28), (5, 30), (13, 81)])
def test_the_bar_counts_the_images_of_the_updates(updates, images, bars, tmp_path):
    run(tmp_path, None, updates)
    assert bars[0].total == bars[0].done == images


@pytest.mark.parametrize("at", [5, 12])
def test_a_resumed_bar_ends_where_it_should(at, bars, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        signalled(patch, signal.SIGINT, at)
        with pytest.raises(cr.TrainingStopped):
            run(tmp_path, tmp_path / "run", 13)
    run(tmp_path, tmp_path / "run", 13, resume=True)
    assert bars[1].total == bars[1].done == 81


def test_the_line_of_a_part_epoch_says_that_it_is_one(bars, tmp_path):
    run(tmp_path, None, 7)
    first, last = (line.split("  ")[0] for line in bars[0].lines)
    assert (first, last) == ("epoch 1/2", "epoch 2/2 (2 of 5 updates)")


# Settings.


def test_epochs_are_20_unless_updates_are_given():
    assert (Settings().epochs, Settings().updates) == (20, None)
    assert (Settings(updates=3).epochs, Settings(updates=3).updates) == (None, 3)
    assert Settings(updates=3).updates_in_all(5) == 3
    assert Settings(epochs=2).updates_in_all(5) == 10


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"updates": 5, "epochs": 20}, "epochs (20) and updates (5) both say how long to train; give one of them"),
        ({"updates": 0}, "updates must be a whole number of at least 1, not 0"),
        ({"updates": 2.5}, "updates must be a whole number of at least 1, not 2.5"),
        ({"updates": True}, "updates must be a whole number"),
    ],
)
def test_what_is_refused(settings, message, tmp_path):
    with pytest.raises(cr.ChainruleError) as error:
        cr.fit(made(), CLONES, out=tmp_path / "run", progress=False, **settings)
    assert str(error.value).startswith(message)
    assert not list(tmp_path.iterdir())


def test_patience_ends_a_run_of_updates_early():
    settings = {**QUIET, "lr": 0.05, "schedule": "constant", "ema": 0.5, "patience": 3}
    history = cr.fit(made(hidden=(64,)), NOISE[:16], NOISE[16:], updates=99, **settings)
    assert len(history.rows) == history.best + 3 < 50
    assert history.stopped


def test_the_command_line_takes_updates(tmp_path, capsys):
    words = ["train", "made", "--data", "digits", "--binarize", "threshold", "--model.hidden", "[8]", "--updates", "3"]
    words += ["--precision", "float32"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    assert capsys.readouterr().err.startswith("epoch 1/1 (3 of 13 updates)  train ")
    model = cr.MADE(cr.Binary((1, 8, 8)), hidden=(8,))
    cr.fit(model, cr.load_data("digits", binarize="threshold"), updates=3, progress=False, precision="float32")
    assert torch.equal(cr.load(tmp_path / "run").output.weight, model.output.weight)
    assert main([*words, "--epochs", "2", "--out", str(tmp_path / "other")]) == 2
    assert capsys.readouterr().err == (
        "chainrule: error: epochs (2) and updates (3) both say how long to train; give one of them\n"
    )
