"""A run that was stopped or killed, anywhere, and resumed ends as if it had never been: the same bits, the same record.

Run as a program, this file is a server that trains in forked children and has them killed where it is told to.
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
from importlib import import_module
from pathlib import Path

import pytest
import torch

import chainrule as cr
from chainrule.training.trainer import Trainer
from tests.support.runs import KINDS, SETTINGS, bits, contents, data_of, model_of, outcome, signalled, train

FIT = import_module("chainrule.training.fit")  # as a name of the package, `fit` is the function

# The server.


def serve() -> None:
    """Answers each line, a kind, a folder, a run and how to die, with the status of the child that trained so."""
    torch.set_num_threads(1)
    os.fsync = lambda _: None
    cr.fit(
        model_of("static"), torch.zeros(1, 1, 3, 4), epochs=1, progress=False
    )  # once here: torch loads what it needs
    for line in sys.stdin:
        kind, folder, out, how, at = json.loads(line)
        pid = os.fork()
        if pid == 0:
            doom(how, at)
            train(kind, Path(folder), Path(out), resume=True)
            os._exit(0)
        if how == "time":
            time.sleep(at)
            os.kill(pid, signal.SIGKILL)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def doom(how: str, at: float) -> None:
    """Has this process killed: within its n-th update or just after it, or on the point of its n-th `os.replace`."""
    if how == "saved update":
        FIT.SAVE_SECONDS = -1.0
    FIT.EPOCH_SECONDS = math.inf if how == "sparse write" else -1.0
    if how in ("update", "saved update"):
        Trainer.update = dying(Trainer.update, at, after=True)
    elif how == "within":
        Trainer.descend = dying(Trainer.descend, at, after=True)
    elif how in ("write", "sparse write"):
        os.replace = dying(os.replace, at, after=False)


def dying(function, at: float, after: bool):
    calls = 0

    def wrapped(*args):
        nonlocal calls
        calls += 1
        if calls == at and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = function(*args)
        if calls == at + 1 and after:  # what follows the n-th call has been carried out too
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
    """Trains or resumes in a process that dies; returns its exit status, -9 where it did."""

    def run(kind: str, out: Path, how: str, at: float) -> int:
        server.stdin.write(json.dumps([kind, str(tmp_path), str(out), how, at]) + "\n")
        server.stdin.flush()
        return int(server.stdout.readline())

    return run


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    """A process that is killed loses nothing that it wrote; only a power cut does."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(autouse=True)
def every_epoch_is_saved(monkeypatch):
    """However short it is."""
    monkeypatch.setattr(FIT, "EPOCH_SECONDS", -1.0)


@pytest.fixture
def unbroken(tmp_path):
    """The outcome of a run that nothing stopped."""

    def run(kind: str) -> dict:
        out = tmp_path / f"unbroken {kind}"
        return outcome(*train(kind, tmp_path, out), out)

    return run


def test_an_unbroken_run_leaves_these_files(unbroken):
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


@pytest.mark.parametrize("kind", KINDS)
def test_killed_again_and_again_within_epochs(kind, tmp_path, killed, unbroken):
    out, lives = tmp_path / "run", 0
    while killed(kind, out, "saved update", 3) == -signal.SIGKILL:
        lives += 1
        assert lives < 40
    assert lives >= 4
    assert outcome(*train(kind, tmp_path, out, resume=True), out) == unbroken(kind)


@pytest.mark.parametrize(("how", "at"), [("update", 2), ("update", 8), ("within", 6), ("within", 12)])
def test_killed_within_an_epoch_that_was_not_saved(how, at, tmp_path, killed, unbroken):
    out = tmp_path / "run"
    assert killed("dynamic", out, how, at) == -signal.SIGKILL
    assert outcome(*train("dynamic", tmp_path, out, resume=True), out) == unbroken("dynamic")


def test_killed_before_each_write(tmp_path, killed, unbroken):
    """Where a file or folder is written whole and has not taken its place yet: configuration, states, weights, all."""
    wanted, at, out = unbroken("patience"), 1, tmp_path / "run 1"
    while killed("patience", out, "write", at) == -signal.SIGKILL:
        assert outcome(*train("patience", tmp_path, out, resume=True), out) == wanted, f"write {at}"
        at, out = at + 1, tmp_path / f"run {at + 1}"
    # The configuration and what was seen; four writes a state, of which the first is made before training; metrics, and
    # better weights.
    assert at - 1 == 2 + 4 + (4 + 1) * len(wanted["record"]) + betters(wanted["record"])


def test_killed_before_each_write_where_not_every_epoch_is_saved(tmp_path, killed, unbroken):
    """Better weights then wait for the state that tells of them."""
    wanted, at, out = unbroken("patience"), 1, tmp_path / "run 1"
    while killed("patience", out, "sparse write", at) == -signal.SIGKILL:
        assert outcome(*train("patience", tmp_path, out, resume=True), out) == wanted, f"write {at}"
        at, out = at + 1, tmp_path / f"run {at + 1}"
    assert at - 1 == 2 + 4 + (4 + 1) + 1


def betters(record: list[dict[str, str]]) -> int:
    """How many epochs were better than all before."""
    nats = [float(row["valid_nats"]) for row in record]
    return sum(value < min(nats[:epoch], default=math.inf) for epoch, value in enumerate(nats))


def test_killed_at_any_moment(tmp_path, killed, unbroken):
    moments, out = random.Random(7), tmp_path / "run"
    for _ in range(15):
        killed("static", out, "time", moments.uniform(0, 0.1))
    assert outcome(*train("static", tmp_path, out, resume=True), out) == unbroken("static")


# Asked to stop.


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("at", "where"), [(1, "epoch 1 after update 1 of 5"), (10, "epoch 2 after update 5 of 5")])
def test_a_signal_stops_after_the_update_and_the_run_resumes(sign, at, where, tmp_path, monkeypatch, unbroken):
    out, handlers = tmp_path / "run", [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    with monkeypatch.context() as patch:
        signalled(patch, sign, at)
        with pytest.raises(cr.TrainingStopped) as stop:
            train("static", tmp_path, out)
    assert stop.value.interrupted
    assert str(stop.value) == f"stopped in {where}; resume to go on from {out}"
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert isinstance(cr.load(out), cr.MADE)
    assert outcome(*train("static", tmp_path, out, resume=True), out) == unbroken("static")


def test_without_a_folder_a_signal_leaves_the_weights_so_far(tmp_path, monkeypatch):
    model, data = model_of("static"), data_of("static", tmp_path)
    began = bits(model)
    signalled(monkeypatch, signal.SIGINT, 3)
    with pytest.raises(cr.TrainingStopped, match="after update 3 of 5; nothing was saved, since no folder was given"):
        cr.fit(model, data, progress=False, **SETTINGS)
    assert bits(model) != began
    assert not model.training


def test_a_second_signal_stops_at_once(tmp_path, monkeypatch, killed, unbroken):
    out = tmp_path / "run"
    assert killed("static", out, "update", 4) == -signal.SIGKILL
    with monkeypatch.context() as patch:
        signalled(patch, signal.SIGINT, 7)
        patch.setattr(FIT.RunFolder, "save", lambda *_: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            train("static", tmp_path, out, resume=True)
    assert outcome(*train("static", tmp_path, out, resume=True), out) == unbroken("static")


# Failed.


@pytest.mark.parametrize("at", range(1, 16, 2))
def test_a_disk_that_fills_up_is_an_error_and_the_run_resumes(at, tmp_path, monkeypatch, unbroken):
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
            train("static", tmp_path, out)
    assert "cannot be written (No space left on device); choose another place" in str(error.value)
    assert outcome(*train("static", tmp_path, out, resume=True), out) == unbroken("static")


# Finished, or not begun.


def test_resuming_a_finished_run_does_nothing(tmp_path):
    out = tmp_path / "run"
    model, history = train("patience", tmp_path, out)
    before = contents(out), {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    again, same = train("patience", tmp_path, out, resume=True)
    assert (contents(out), {path: path.stat().st_mtime_ns for path in out.rglob("*")}) == before
    assert bits(again) == bits(model)
    assert same == history
    assert not again.training


@pytest.mark.parametrize("there", ["nothing", "an empty folder", "a run killed at once", "half of its configuration"])
def test_resuming_what_was_not_begun_starts_anew(there, tmp_path, killed, unbroken):
    out = tmp_path / "run"
    if there == "an empty folder":
        out.mkdir()
    elif there != "nothing":
        assert killed("static", out, "write", 2 if there == "a run killed at once" else 1) == -signal.SIGKILL
        assert any(out.rglob("*"))
    assert outcome(*train("static", tmp_path, out, resume=True), out) == unbroken("static")


def test_leftovers_of_a_kill_neither_stay_nor_disturb(tmp_path, killed, unbroken):
    out = tmp_path / "run"
    assert killed("static", out, "update", 7) == -signal.SIGKILL
    for name in (".part-1-config.json", "training/.part-2-current", "training/.part-3-state-000009/progress.json"):
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_text("{")
    (out / "training" / "state-000008").mkdir()  # whole, but never made the current one
    assert outcome(*train("static", tmp_path, out, resume=True), out) == unbroken("static")
    assert (out / "training" / "current").read_text() == "state-000010\n"


if __name__ == "__main__":
    serve()
