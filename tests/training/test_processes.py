"""Training in several processes, as torchrun starts them, comes to what one process comes to."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule.training.processes import Processes
from tests.support.runs import DETERMINED, NOISE, QUIET, Counting, bits, files, made, signalled

SETTINGS = {**QUIET, "epochs": 2, "batch_size": 9, "weight_decay": 0.01}  # the last of 37 data is a batch of its own


def models() -> dict[str, cr.AutoregressiveModel]:
    return {
        "independent": cr.Independent(made().domain),
        "made": made(),
        "pixelcnn": cr.PixelCNN(made().domain, blocks=1, features=3),
        "one's own": Counting(made().domain),
    }


def train(folder: Path) -> None:
    """What each of the processes does: trains each model; one more run is stopped and resumed."""
    torch.set_num_threads(1)
    for name, model in models().items():
        suits = isinstance(model, cr.MADE | cr.PixelCNN)  # auto may be bfloat16 for these, in which sums differ more
        settings = {**SETTINGS, "precision": "float32" if suits else "auto"}
        cr.fit(model, NOISE[:37], NOISE[:5], out=folder / name, **settings)
        assert bits(model) == bits(cr.load(folder / name))
    with pytest.MonkeyPatch.context() as patch:
        if os.environ.get("RANK", "1") == "1":
            signalled(patch, signal.SIGTERM, at=7)
        with pytest.raises(cr.TrainingStopped, match="stopped in epoch 2 after update 2 of 5"):
            cr.fit(made(), NOISE[:37], NOISE[:5], out=folder / "resumed", **SETTINGS)
    cr.fit(made(), NOISE[:37], NOISE[:5], out=folder / "resumed", resume=True, **SETTINGS)


def torchrun(*command: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(filter(None, sys.path))
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *command],
        capture_output=True, text=True, timeout=120, env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def record(run: Path) -> list[list[float]]:
    with (run / "metrics.csv").open(encoding="utf-8") as file:
        return [[float(row[name]) for name in DETERMINED] for row in csv.DictReader(file)]


def test_two_processes_come_to_what_one_comes_to(tmp_path):
    done = torchrun(__file__, str(tmp_path / "two"))
    assert done.returncode == 0, done.stderr
    train(tmp_path / "one")
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == sorted([*models(), "resumed"])
    for name in [*models(), "resumed"]:
        one, two = tmp_path / "one" / name, tmp_path / "two" / name
        for mine, theirs in zip(cr.load(one).state_dict().values(), cr.load(two).state_dict().values(), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(record(one), record(two), rtol=1e-6)
        assert files(one) == files(two)
    assert bits(cr.load(tmp_path / "two" / "resumed")) == bits(cr.load(tmp_path / "two" / "made"))


@pytest.mark.parametrize("wrong", ["data", "out"])
def test_bad_input_ends_all_processes(wrong, tmp_path):
    out = tmp_path / "run"
    if wrong == "out":
        out.mkdir()
        (out / "mine").write_text("here")
    data = {"data": "nowhere.npz", "out": "digits"}[wrong]
    done = torchrun("-m", "chainrule", "train", "independent", "--data", data, "--out", str(out), "--resume")
    assert done.returncode != 0
    message = {"data": "there is no file or folder 'nowhere.npz'", "out": f"{out} exists and would be overwritten"}
    assert f"chainrule: error: {message[wrong]}" in done.stderr
    assert [path.name for path in tmp_path.rglob("*")] == (["run", "mine"] if wrong == "out" else [])


def test_processes_share_rows():
    x = torch.arange(5)
    assert [Processes(rank, 2).share(x).tolist() for rank in (0, 1)] == [[0, 2, 4], [1, 3]]
    assert Processes().share(x).tolist() == [0, 1, 2, 3, 4]


def test_each_process_takes_a_cuda_device_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert Processes(3, 4).device("auto") == torch.device("cuda:1")
    assert Processes(3, 4).device("cpu") == torch.device("cpu")
    assert Processes().device("cuda") == torch.device("cuda")


if __name__ == "__main__":
    train(Path(sys.argv[1]))
