"""Data-parallel training: two processes of torchrun give the same result as one process."""

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
from chainrule.training import ProcessGroup
from tests.support.runs import (
    FAST,
    NOISE,
    REPRODUCIBLE_COLUMNS,
    CountingModel,
    file_names,
    raise_signal_in_update,
    small_made,
    weight_bytes,
)

SETTINGS = {**FAST, "epochs": 2, "batch_size": 9, "weight_decay": 0.01}  # the last of 37 data is a batch of its own


def models() -> dict[str, cr.AutoregressiveModel]:
    return {
        "independent": cr.Independent(small_made().domain),
        "made": small_made(),
        "pixelcnn": cr.PixelCNN(small_made().domain, blocks=1, features=3),
        "own class": CountingModel(small_made().domain),
    }


def train(folder: Path) -> None:
    """Train each model; stop and resume one more run. Each process runs this."""
    torch.set_num_threads(1)
    for name, model in models().items():
        suitable = isinstance(model, cr.MADE | cr.PixelCNN)  # auto may be bfloat16 for these, in which sums differ more
        settings = {**SETTINGS, "precision": "float32" if suitable else "auto"}
        cr.fit(model, NOISE[:37], NOISE[:5], out=folder / name, **settings)
        assert weight_bytes(model) == weight_bytes(cr.load(folder / name))
    with pytest.MonkeyPatch.context() as patch:
        if os.environ.get("RANK", "1") == "1":
            raise_signal_in_update(patch, signal.SIGTERM, at=7)
        with pytest.raises(cr.TrainingStopped, match="stopped in epoch 2 after update 2 of 5"):
            cr.fit(small_made(), NOISE[:37], NOISE[:5], out=folder / "resumed", **SETTINGS)
    cr.fit(small_made(), NOISE[:37], NOISE[:5], out=folder / "resumed", resume=True, **SETTINGS)


def torchrun(*command: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(filter(None, sys.path))
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *command],
        capture_output=True, text=True, timeout=120, env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def read_metrics(run: Path) -> list[list[float]]:
    with (run / "metrics.csv").open(encoding="utf-8") as file:
        return [[float(row[name]) for name in REPRODUCIBLE_COLUMNS] for row in csv.DictReader(file)]


def test_two_processes_give_the_same_result_as_one(tmp_path):
    done = torchrun(__file__, str(tmp_path / "two"))
    assert done.returncode == 0, done.stderr
    train(tmp_path / "one")
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == sorted([*models(), "resumed"])
    for name in [*models(), "resumed"]:
        one, two = tmp_path / "one" / name, tmp_path / "two" / name
        for expected, found in zip(cr.load(one).state_dict().values(), cr.load(two).state_dict().values(), strict=True):
            torch.testing.assert_close(expected, found, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(read_metrics(one), read_metrics(two), rtol=1e-6)
        assert file_names(one) == file_names(two)
    assert weight_bytes(cr.load(tmp_path / "two" / "resumed")) == weight_bytes(cr.load(tmp_path / "two" / "made"))


@pytest.mark.parametrize("wrong", ["data", "out"])
def test_bad_input_ends_all_processes(wrong, tmp_path):
    out = tmp_path / "run"
    if wrong == "out":
        out.mkdir()
        (out / "notes").write_text("here")
    data = {"data": "nowhere.npz", "out": "digits"}[wrong]
    done = torchrun("-m", "chainrule", "train", "independent", "--data", data, "--out", str(out), "--resume")
    assert done.returncode != 0
    message = {"data": "there is no file or folder 'nowhere.npz'", "out": f"{out} exists and would be overwritten"}
    assert f"chainrule: error: {message[wrong]}" in done.stderr
    assert [path.name for path in tmp_path.rglob("*")] == (["run", "notes"] if wrong == "out" else [])


def test_each_process_takes_a_shard_of_the_batch():
    x = torch.arange(5)
    assert [ProcessGroup(rank, 2).shard(x).tolist() for rank in (0, 1)] == [[0, 2, 4], [1, 3]]
    assert ProcessGroup().shard(x).tolist() == [0, 1, 2, 3, 4]


def test_each_process_takes_its_own_cuda_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert ProcessGroup(3, 4).device("auto") == torch.device("cuda:1")
    assert ProcessGroup(3, 4).device("cpu") == torch.device("cpu")
    assert ProcessGroup().device("cuda") == torch.device("cuda")


if __name__ == "__main__":
    train(Path(sys.argv[1]))
