"""A run that was stopped or killed at any point, and resumed, ends with the same weights and metrics as any other.

Run as a program, this file is a server that trains in forked child processes and kills them at a given point.
"""

from __future__ import annotations

import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import chainrule as cr
from chainrule.training import Trainer, checkpointing
from chainrule.training.run_folder import RunFolder
from tests.support.runs import (
    RUNS,
    SETTINGS,
    file_contents,
    make_data,
    make_model,
    raise_signal_in_update,
    run_result,
    train_run,
    weight_bytes,
)

# The server.


def serve() -> None:
    """Read lines (kind of run, folders, how and when to kill), train in a child, and print the child's exit status."""
    torch.set_num_threads(1)
    os.fsync = lambda _: None
    cr.fit(
        make_model("static"), torch.zeros(1, 1, 3, 4), epochs=1, progress=False
    )  # once here, so that torch is loaded before the fork
    for line in sys.stdin:
        kind, folder, out, how, at = json.loads(line)
        pid = os.fork()
        if pid == 0:
            prepare_kill(how, at)
            train_run(kind, Path(folder), Path(out), resume=True)
            os._exit(0)
        if how == "time":
            time.sleep(at)
            os.kill(pid, signal.SIGKILL)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def prepare_kill(how: str, at: float) -> None:
    """Arrange that this process is killed in its n-th update, just after it, or just before its n-th `os.replace`."""
    if how == "saved update":
        checkpointing.SAVE_SECONDS = -1.0
    checkpointing.EPOCH_SECONDS = math.inf if how == "sparse write" else -1.0
    if how in ("update", "saved update"):
        Trainer.update = killing(Trainer.update, at, after=True)
    elif how == "within":
        Trainer.optimiser_step = killing(Trainer.optimiser_step, at, after=True)
    elif how in ("write", "sparse write"):
        os.replace = killing(os.replace, at, after=False)


def killing(function, at: float, after: bool):
    calls = 0

    def wrapped(*args):
        nonlocal calls
        calls += 1
        if calls == at and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = function(*args)
        if calls == at + 1 and after:  # the code after the n-th call has run too
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    return wrapped


@pytest.fixture(scope="module")
def server():
    path = os.pathsep.join(filter(None, sys.path))
    process = subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    yield process
    process.communicate(timeout=20)
    assert process.returncode == 0


@pytest.fixture
def killed(server, tmp_path):
    """Train or resume in a process that is killed; return its exit status, which is -9 if it was."""

    def run(kind: str, out: Path, how: str, at: float) -> int:
        server.stdin.write(json.dumps([kind, str(tmp_path), str(out), how, at]) + "\n")
        server.stdin.flush()
        return int(server.stdout.readline())

    return run


@pytest.fixture(autouse=True)
def no_fsync(monkeypatch):
    """A killed process loses nothing that it has written; only a power cut would."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(autouse=True)
def every_epoch_is_saved(monkeypatch):
    """Save at the end of every epoch, however short it is."""
    monkeypatch.setattr(checkpointing, "EPOCH_SECONDS", -1.0)


@pytest.fixture
def unbroken(tmp_path):
    """Return the result of a run that was not stopped."""

    def run(kind: str) -> dict:
        out = tmp_path / f"unbroken {kind}"
        return run_result(*train_run(kind, tmp_path, out), out)

    return run


def test_the_files_of_an_unbroken_run(unbroken):
    assert unbroken("static")["files"] == {
        "config.json",
        "seen.safetensors",
        "model.safetensors",
        "metrics.csv",
        "training/current",
        "training/state/progress.json",
        "training/state/tensors.safetensors",
    }


# Killed.


@pytest.mark.parametrize("kind", RUNS)
def test_a_run_killed_repeatedly_within_epochs_ends_the_same(kind, tmp_path, killed, unbroken):
    out, lives = tmp_path / "run", 0
    while killed(kind, out, "saved update", 3) == -signal.SIGKILL:
        lives += 1
        assert lives < 40
    assert lives >= 4
    assert run_result(*train_run(kind, tmp_path, out, resume=True), out) == unbroken(kind)


@pytest.mark.parametrize(("how", "at"), [("update", 2), ("update", 8), ("within", 6), ("within", 12)])
def test_a_run_killed_in_an_unsaved_epoch_ends_the_same(how, at, tmp_path, killed, unbroken):
    out = tmp_path / "run"
    assert killed("dynamic", out, how, at) == -signal.SIGKILL
    assert run_result(*train_run("dynamic", tmp_path, out, resume=True), out) == unbroken("dynamic")


def test_a_run_killed_before_any_write_ends_the_same(tmp_path, killed, unbroken):
    """Killed when a file or folder is complete but not yet renamed: configuration, state, weights, metrics."""
    expected, at, out = unbroken("patience"), 1, tmp_path / "run 1"
    while killed("patience", out, "write", at) == -signal.SIGKILL:
        assert run_result(*train_run("patience", tmp_path, out, resume=True), out) == expected, f"write {at}"
        at, out = at + 1, tmp_path / f"run {at + 1}"
    # The configuration and the fingerprints; four writes per state, with one state before training; metrics, and the
    # weights of each new best epoch.
    assert at - 1 == 2 + 4 + (4 + 1) * len(expected["record"]) + count_best_epochs(expected["record"])


def test_a_run_killed_before_any_write_ends_the_same_with_few_saves(tmp_path, killed, unbroken):
    """Better weights are then written later, with the next state."""
    expected, at, out = unbroken("patience"), 1, tmp_path / "run 1"
    while killed("patience", out, "sparse write", at) == -signal.SIGKILL:
        assert run_result(*train_run("patience", tmp_path, out, resume=True), out) == expected, f"write {at}"
        at, out = at + 1, tmp_path / f"run {at + 1}"
    assert at - 1 == 2 + 4 + (4 + 1) + 1


def count_best_epochs(record: list[dict[str, str]]) -> int:
    """Return the number of epochs that were better than all epochs before."""
    nats = [float(row["valid_nats"]) for row in record]
    return sum(value < min(nats[:epoch], default=math.inf) for epoch, value in enumerate(nats))


def test_a_run_killed_at_any_moment_ends_the_same(tmp_path, killed, unbroken):
    moments, out = random.Random(7), tmp_path / "run"
    for _ in range(15):
        killed("static", out, "time", moments.uniform(0, 0.1))
    assert run_result(*train_run("static", tmp_path, out, resume=True), out) == unbroken("static")


# Stopped by a signal.


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("at", "where"), [(1, "epoch 1 after update 1 of 5"), (10, "epoch 2 after update 5 of 5")])
def test_a_signal_stops_after_the_update_and_the_run_can_be_resumed(sign, at, where, tmp_path, monkeypatch, unbroken):
    out, handlers = tmp_path / "run", [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    with monkeypatch.context() as patch:
        raise_signal_in_update(patch, sign, at)
        with pytest.raises(cr.TrainingStopped) as stop:
            train_run("static", tmp_path, out)
    assert stop.value.interrupted
    assert str(stop.value) == f"stopped in {where}; resume to go on from {out}"
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert isinstance(cr.load(out), cr.MADE)
    assert run_result(*train_run("static", tmp_path, out, resume=True), out) == unbroken("static")


def test_without_a_folder_a_signal_leaves_the_averaged_weights(tmp_path, monkeypatch):
    model, data = make_model("static"), make_data("static", tmp_path)
    began = weight_bytes(model)
    raise_signal_in_update(monkeypatch, signal.SIGINT, 3)
    with pytest.raises(cr.TrainingStopped, match="after update 3 of 5; nothing was saved, since no folder was given"):
        cr.fit(model, data, progress=False, **SETTINGS)
    assert weight_bytes(model) != began
    assert not model.training


def test_a_second_signal_stops_at_once(tmp_path, monkeypatch, killed, unbroken):
    out = tmp_path / "run"
    assert killed("static", out, "update", 4) == -signal.SIGKILL
    with monkeypatch.context() as patch:
        raise_signal_in_update(patch, signal.SIGINT, 7)
        patch.setattr(RunFolder, "write_state", lambda *_: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            train_run("static", tmp_path, out, resume=True)
    assert run_result(*train_run("static", tmp_path, out, resume=True), out) == unbroken("static")


# Stopped by an error.


@pytest.mark.parametrize("at", range(1, 16, 2))
def test_a_full_disk_is_an_error_and_the_run_can_be_resumed(at, tmp_path, monkeypatch, unbroken):
    out, replace, calls = tmp_path / "run", os.replace, 0

    def full(*paths):
        nonlocal calls
        calls += 1
        if calls >= at:
            raise OSError(28, "No space left on device")
        return replace(*paths)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(cr.ChainruleError) as error:
            train_run("static", tmp_path, out)
    assert "cannot be written (No space left on device); choose another place" in str(error.value)
    assert run_result(*train_run("static", tmp_path, out, resume=True), out) == unbroken("static")


# Finished, or not begun.


def test_resuming_a_finished_run_does_nothing(tmp_path):
    out = tmp_path / "run"
    model, history = train_run("patience", tmp_path, out)
    before = file_contents(out), {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    again, same = train_run("patience", tmp_path, out, resume=True)
    assert (file_contents(out), {path: path.stat().st_mtime_ns for path in out.rglob("*")}) == before
    assert weight_bytes(again) == weight_bytes(model)
    assert same == history
    assert not again.training


@pytest.mark.parametrize("there", ["nothing", "an empty folder", "a run killed at once", "half of its configuration"])
def test_resuming_without_a_run_starts_one(there, tmp_path, killed, unbroken):
    out = tmp_path / "run"
    if there == "an empty folder":
        out.mkdir()
    elif there != "nothing":
        assert killed("static", out, "write", 2 if there == "a run killed at once" else 1) == -signal.SIGKILL
        assert any(out.rglob("*"))
    assert run_result(*train_run("static", tmp_path, out, resume=True), out) == unbroken("static")


def test_partial_files_of_a_killed_process_are_removed(tmp_path, killed, unbroken):
    out = tmp_path / "run"
    assert killed("static", out, "update", 7) == -signal.SIGKILL
    for name in (".part-1-config.json", "training/.part-2-current", "training/.part-3-state-000009/progress.json"):
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_text("{")
    (out / "training" / "state-000008").mkdir()  # complete, but never made the current state
    assert run_result(*train_run("static", tmp_path, out, resume=True), out) == unbroken("static")
    assert (out / "training" / "current").read_text() == "state-000010\n"


if __name__ == "__main__":
    serve()
