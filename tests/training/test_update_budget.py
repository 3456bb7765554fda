"""Runs of a given number of updates, which may end within an epoch, and resume bit for bit."""

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
from chainrule.training import Trainer, checkpointing
from chainrule.training.run_folder import RunFolder
from tests.support.runs import (
    FAST,
    NOISE,
    REPEATED,
    SETTINGS,
    file_contents,
    make_data,
    make_model,
    raise_signal_in_update,
    run_result,
    small_made,
    weight_bytes,
)

UPDATES = {name: value for name, value in SETTINGS.items() if name != "epochs"}
STEPS = 5
"""The updates of an epoch on the 30 data of `data_of`, in batches of 7."""


def run(folder, out, updates: int, **options):
    model, data = make_model("static"), make_data("static", folder)
    return model, cr.fit(model, data, out=out, progress=False, updates=updates, **UPDATES, **options)


@pytest.mark.parametrize(
    ("updates", "rows"),
    [(1, [1]), (4, [4]), (5, [5]), (6, [5, 6]), (10, [5, 10]), (13, [5, 10, 13])],
)
def test_exactly_this_number_of_updates_is_done(updates, rows, tmp_path, monkeypatch):
    taken, optimiser_step = [], Trainer.optimiser_step

    def counting(self, x):
        taken.append(len(x))
        return optimiser_step(self, x)

    monkeypatch.setattr(Trainer, "optimiser_step", counting)
    out = tmp_path / "run"
    model, history = run(tmp_path, out, updates)
    assert taken == [7, 7, 7, 7, 2] * (updates // STEPS) + [7] * (updates % STEPS)
    assert [(row.epoch, row.updates) for row in history.rows] == list(enumerate(rows, 1))
    recorded = run_result(model, history, out)
    assert [int(row["updates"]) for row in recorded["record"]] == rows
    assert recorded["kept"] == recorded["weights"]


def test_the_last_row_describes_the_part_of_the_epoch_that_was_done():
    """Its training NLL is of that part, and its validation NLL of the final weights."""
    model = small_made()
    history = cr.fit(model, REPEATED, REPEATED[:9], updates=7, **{**FAST, "ema": 0})  # 4 updates an epoch
    last = history.rows[-1]
    assert (last.epoch, last.updates) == (2, 7)
    assert history.best == 2
    assert last.valid_nats == pytest.approx(cr.evaluate(model, REPEATED[:9]).nats)
    one = cr.fit(cr.Independent(cr.Binary((1, 3, 3))), NOISE, updates=1, **FAST)
    assert one.rows[0].train_nats == pytest.approx(9 * math.log(2))


def test_updates_of_whole_epochs_equal_epochs(tmp_path):
    data = make_data("static", tmp_path)
    models = make_model("static"), make_model("static")
    epochs = cr.fit(models[0], data, progress=False, epochs=3, **UPDATES)
    updates = cr.fit(models[1], data, progress=False, updates=3 * STEPS, **UPDATES)
    assert weight_bytes(models[0]) == weight_bytes(models[1])
    assert [row.valid_nats for row in epochs.rows] == [row.valid_nats for row in updates.rows]


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_the_learning_rate_schedule_spans_the_updates(schedule, monkeypatch):
    rates, optimiser_step = [], Trainer.optimiser_step

    def recording(self, x):
        rates.append(self.optimiser.param_groups[0]["lr"])
        return optimiser_step(self, x)

    monkeypatch.setattr(Trainer, "optimiser_step", recording)
    settings = {**FAST, "schedule": schedule, "warmup": 2}
    history = cr.fit(small_made(), NOISE, updates=7, **settings)
    fall = [0.5 * (1 + math.cos(math.pi * t / 7)) if schedule == "cosine" else 1.0 for t in range(7)]
    assert rates == pytest.approx([0.02 * min(1.0, (t + 1) / 3) * fall[t] for t in range(7)])
    assert history.rows[-1].lr == rates[-1]


# Stopped and resumed.


@pytest.mark.parametrize("at", [1, 7, 11, 12, 13])
def test_a_run_stopped_in_any_epoch_ends_the_same(at, tmp_path, monkeypatch):
    expected = run_result(*run(tmp_path, tmp_path / "unbroken", 13), tmp_path / "unbroken")
    out, steps = tmp_path / "run", 3 if at > 10 else 5
    with monkeypatch.context() as patch:
        raise_signal_in_update(patch, signal.SIGINT, at)
        with pytest.raises(cr.TrainingStopped, match=f"after update {(at - 1) % 5 + 1} of {steps}; resume"):
            run(tmp_path, out, 13)
    assert run_result(*run(tmp_path, out, 13, resume=True), out) == expected


@pytest.mark.parametrize("at", range(1, 14))
def test_a_run_killed_after_any_update_ends_the_same(at, tmp_path, monkeypatch):
    """Each update is saved, and the run ends right after one, as in a killed process."""
    monkeypatch.setattr(checkpointing, "SAVE_SECONDS", -1.0)
    expected = run_result(*run(tmp_path, tmp_path / "unbroken", 13), tmp_path / "unbroken")
    out, write_state = tmp_path / "run", RunFolder.write_state

    def killing(self, counters, tensors):
        write_state(self, counters, tensors)
        position = counters["position"]
        if position["step"] and position["epoch"] * STEPS + position["step"] == at:
            raise GeneratorExit

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "write_state", killing)
        with pytest.raises(GeneratorExit):
            run(tmp_path, out, 13)
    assert run_result(*run(tmp_path, out, 13, resume=True), out) == expected


def test_resuming_a_finished_run_changes_nothing(tmp_path):
    out = tmp_path / "run"
    model, history = run(tmp_path, out, 7)
    before = file_contents(out)
    again, same = run(tmp_path, out, 7, resume=True)
    assert file_contents(out) == before
    assert weight_bytes(again) == weight_bytes(model)
    assert same == history


def test_resuming_with_another_number_of_updates_is_refused(tmp_path):
    run(tmp_path, tmp_path / "run", 7)
    with pytest.raises(cr.ChainruleError, match=r"was trained with training\.updates = 7, and this is 8; resume with"):
        run(tmp_path, tmp_path / "run", 8, resume=True)


def test_a_run_recorded_without_the_setting_updates_can_be_resumed(tmp_path):
    out = tmp_path / "run"
    model = small_made()
    cr.fit(model, REPEATED, epochs=2, out=out, **FAST)
    config = json.loads((out / "config.json").read_text())
    assert config["training"].pop("updates") is None
    (out / "config.json").write_text(json.dumps(config))
    again = small_made()
    assert cr.fit(again, REPEATED, epochs=2, out=out, resume=True, **FAST).best == 2
    assert weight_bytes(again) == weight_bytes(model)


# Progress.


class RecordedBar:
    """Stands in for a progress bar, and adds up its steps."""

    def __init__(self, total: int):
        self.total, self.done, self.lines = total, 0, []

    def __call__(self, steps: int = 1):
        self.done += steps

    def note(self, text):
        pass

    def print(self, text):
        self.lines.append(text)


@pytest.fixture
def bars(monkeypatch):
    """Return the list of the progress bars that are made."""
    bars = []

    @contextmanager
    def progress_bar(_title, total, show):
        bars.append(RecordedBar(total))
        yield bars[-1]

    # As a name of the package, `fit` is the function.
    monkeypatch.setattr(import_module("chainrule.training.fit"), "progress_bar", progress_bar)
    return bars


@pytest.mark.parametrize(("updates", "data"), [(1, 7), (4, 28), (5, 30), (13, 81)])
def test_the_bar_counts_the_data_of_the_updates(updates, data, bars, tmp_path):
    run(tmp_path, None, updates)
    assert bars[0].total == bars[0].done == data


@pytest.mark.parametrize("at", [5, 12])
def test_the_bar_of_a_resumed_run_ends_at_its_total(at, bars, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        raise_signal_in_update(patch, signal.SIGINT, at)
        with pytest.raises(cr.TrainingStopped):
            run(tmp_path, tmp_path / "run", 13)
    run(tmp_path, tmp_path / "run", 13, resume=True)
    assert bars[1].total == bars[1].done == 81


def test_the_line_of_a_part_of_an_epoch_tells_its_updates(bars, tmp_path):
    run(tmp_path, None, 7)
    first, last = (line.split("  ")[0] for line in bars[0].lines)
    assert (first, last) == ("epoch 1/2", "epoch 2/2 (2 of 5 updates)")


# Settings.


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"updates": 5, "epochs": 20}, "epochs (20) and updates (5) both say how long to train; give one of them"),
        ({"updates": 0}, "updates must be a whole number of at least 1, not 0"),
        ({"updates": 2.5}, "updates must be a whole number of at least 1, not 2.5"),
        ({"updates": True}, "updates must be a whole number"),
    ],
)
def test_bad_numbers_of_updates_are_refused(settings, message, tmp_path):
    with pytest.raises(cr.ChainruleError) as error:
        cr.fit(small_made(), REPEATED, out=tmp_path / "run", progress=False, **settings)
    assert str(error.value).startswith(message)
    assert not list(tmp_path.iterdir())


def test_patience_can_end_a_run_of_updates():
    settings = {**FAST, "lr": 0.05, "schedule": "constant", "ema": 0.5, "patience": 3}
    history = cr.fit(small_made(hidden=(64,)), NOISE[:16], NOISE[16:], updates=99, **settings)
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
