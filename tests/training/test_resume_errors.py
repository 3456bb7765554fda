"""Errors of resuming: other runs, other folders, damaged runs. Each message is one line, and no file changes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

import chainrule as cr
from chainrule.training.trainer import Trainer
from tests.support.runs import SETTINGS, file_contents, make_data, make_model, train_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return the folder of a finished run."""
    folder = tmp_path_factory.mktemp("finished")
    train_run("static", folder, folder / "run")
    return folder / "run"


OTHER = {
    "epochs": ({"epochs": 4}, "training.epochs = 3, and this is 4"),
    "lr": ({"lr": 0.5}, "training.lr = 0.02, and this is 0.5"),
    "optimiser": ({"optimiser": "sgd"}, "training.optimiser = 'adamw', and this is 'sgd'"),
    "seed": ({"seed": 6}, "training.seed = 5, and this is 6"),
    "patience": ({"patience": 3}, "training.patience = None, and this is 3"),
    "width": ({"model": cr.MADE(cr.Binary((1, 3, 4)), hidden=(8,), seed=1)}, "model.hidden = [9], and this is [8]"),
    "weights": ({"model": cr.MADE(cr.Binary((1, 3, 4)), hidden=(9,), seed=2)}, "model.seed = 1, and this is 2"),
    "class": ({"model": cr.Independent(cr.Binary((1, 3, 4)))}, "model.class = 'MADE', and this is 'Independent'"),
    "recipe": ({"kind": "dynamic"}, "data.preprocessing.binarize = 'threshold', and this is 'dynamic'"),
    "data": ({"data": torch.ones(30, 1, 3, 4)}, "data.digests.train = '"),
    "no validation": ({"kind": "no validation"}, "and this is None"),
}


@pytest.mark.parametrize(("change", "message"), OTHER.values(), ids=OTHER)
def test_resuming_with_a_difference_is_refused_and_the_difference_named(change, message, run, tmp_path):
    before, settings = file_contents(run), {**SETTINGS, **change}
    kind, model = settings.pop("kind", "static"), settings.pop("model", make_model("static"))
    data = settings.pop("data", make_data(kind, tmp_path))
    with pytest.raises(cr.ChainruleError) as error:
        cr.fit(model, data, out=run, resume=True, progress=False, **settings)
    assert str(error.value).startswith(f"{run} was trained with ")
    assert message in str(error.value)
    assert str(error.value).endswith("; resume with the same, or start a new run")
    assert file_contents(run) == before


def test_an_existing_run_is_not_overwritten(run):
    before = file_contents(run)
    with pytest.raises(cr.ChainruleError, match="exists and would be overwritten"):
        train_run("static", run.parent, run)
    assert file_contents(run) == before


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_of_something_else_is_not_changed(resume, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    before = file_contents(tmp_path / "mine")
    with pytest.raises(cr.ChainruleError, match="mine exists and would be overwritten"):
        train_run("static", tmp_path, tmp_path / "mine", resume=resume)
    assert file_contents(tmp_path / "mine") == before


def test_a_saved_model_cannot_be_resumed(tmp_path):
    cr.save(make_model("static"), tmp_path / "model")
    before = file_contents(tmp_path / "model")
    with pytest.raises(cr.ChainruleError, match=r"was trained with data\.preprocessing\.binarize = None"):
        train_run("static", tmp_path, tmp_path / "model", resume=True)
    assert file_contents(tmp_path / "model") == before


def test_resuming_needs_a_folder(tmp_path):
    with pytest.raises(cr.ChainruleError, match="give that folder as out"):
        cr.fit(make_model("static"), make_data("static", tmp_path), resume=True, progress=False)


# Damaged.


def state_folder(run: Path) -> Path:
    return next((run / "training").glob("state-*"))


def edit_file(path: Path, edit) -> None:
    path.write_bytes(edit(path.read_bytes()))


DAMAGE = {
    "cut tensors": (lambda run: edit_file(state_folder(run) / "tensors.safetensors", lambda b: b[:-9]), "is damaged"),
    "no tensors": (lambda run: (state_folder(run) / "tensors.safetensors").unlink(), "tensors.safetensors is missing"),
    "empty tensors": (lambda run: edit_file(state_folder(run) / "tensors.safetensors", lambda b: b""), "is damaged"),
    "a flipped bit": (
        lambda run: edit_file(
            state_folder(run) / "tensors.safetensors", lambda b: b[:-9] + bytes([b[-9] ^ 1]) + b[-8:]
        ),
        "its checksum does not match",
    ),
    "edited progress": (
        lambda run: edit_file(state_folder(run) / "progress.json", lambda b: b.replace(b'"epoch": 3', b'"epoch": 1')),
        "progress.json and tensors.safetensors do not belong together",
    ),
    "empty progress": (
        lambda run: edit_file(state_folder(run) / "progress.json", lambda b: b"{}"),
        "do not belong together",
    ),
    "progress that is a list": (
        lambda run: edit_file(state_folder(run) / "progress.json", lambda b: b"[]"),
        "JSON object",
    ),
    "progress cut": (
        lambda run: edit_file(state_folder(run) / "progress.json", lambda b: b[:40]),
        "progress.json is damaged",
    ),
    "no progress": (lambda run: (state_folder(run) / "progress.json").unlink(), "progress.json is damaged"),
    "no state": (lambda run: state_folder(run).rename(run / "elsewhere"), "progress.json is damaged"),
    "nothing current": (lambda run: (run / "training" / "current").unlink(), "current is missing; restore it"),
    "an unknown current": (lambda run: edit_file(run / "training" / "current", lambda b: b"state-9\n"), "is damaged"),
    "an empty current": (lambda run: edit_file(run / "training" / "current", lambda b: b""), "is damaged"),
    "a binary current": (
        lambda run: edit_file(run / "training" / "current", lambda b: b"\xff\0"),
        "current is damaged",
    ),
    "no weights": (lambda run: (run / "model.safetensors").unlink(), "model.safetensors is missing"),
    "cut weights": (lambda run: edit_file(run / "model.safetensors", lambda b: b[:-3]), "model.safetensors is damaged"),
    "no configuration": (lambda run: (run / "config.json").unlink(), "exists and would be overwritten"),
    "cut configuration": (lambda run: edit_file(run / "config.json", lambda b: b[:50]), "config.json is damaged"),
    "configuration without contents": (
        lambda run: edit_file(run / "config.json", lambda b: b'{"format": 1}'),
        "was trained with",
    ),
    "configuration of other types": (
        lambda run: edit_file(
            run / "config.json", lambda b: b'{"format": 1, "model": [1], "data": "x", "training": 3}'
        ),
        "was trained with",
    ),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_run_is_refused_in_one_line(damage, message, run, tmp_path):
    broken = tmp_path / "run"
    shutil.copytree(run, broken)
    damage(broken)
    before = file_contents(broken)
    with pytest.raises(cr.ChainruleError) as error:
        train_run("static", tmp_path, broken, resume=True)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert file_contents(broken) == before


def test_a_state_of_another_version_of_the_class_is_refused(run, monkeypatch):
    tensors = Trainer.tensors
    monkeypatch.setattr(Trainer, "tensors", lambda self: {**tensors(self), "weights.more": torch.zeros(1)})
    out = run.parent / "changed"
    train_run("static", run.parent, out)
    monkeypatch.undo()
    with pytest.raises(cr.ChainruleError, match=r'does not fit MADE \(.*"more".*\); start a new run'):
        train_run("static", run.parent, out, resume=True)


def test_another_machine_gives_a_warning(run, tmp_path, capsys):
    broken = tmp_path / "run"
    shutil.copytree(run, broken)
    edit_file(broken / "config.json", lambda b: b.replace(b'"threads": 1', b'"threads": 64'))
    cr.fit(make_model("static"), make_data("static", tmp_path), out=broken, resume=True, **SETTINGS)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "this run is finished: it ended after epoch 3, and nothing is left to train",
        "warning: the run began with threads 64, and now it is 1: "
        "the weights may differ in their last digits from those of an unbroken run",
    ]
