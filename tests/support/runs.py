"""Small training runs, their models and data, and their results to compare."""

from __future__ import annotations

import csv
import math
import signal
from pathlib import Path

import numpy as np
import torch

import chainrule as cr
from chainrule.data import Data
from chainrule.training.history import History
from chainrule.training.trainer import Trainer

REPRODUCIBLE_COLUMNS = ("epoch", "updates", "train_nats", "valid_nats", "valid_bits_per_dim", "lr")
"""The columns of `metrics.csv` that are no times."""

SETTINGS = {
    "epochs": 3, "batch_size": 7, "lr": 0.02, "warmup": 3, "ema": 0.9, "seed": 5, "precision": "float32"
}  # fmt: skip
"""Settings with a given precision, so that results do not depend on the machine."""
RUNS = {
    "static": SETTINGS,
    "dynamic": SETTINGS,
    "patience": {**SETTINGS, "epochs": 30, "patience": 2, "lr": 0.3, "schedule": "constant"},
    "no validation": SETTINGS,
    "bfloat16": {**SETTINGS, "precision": "bfloat16"},
    **{name: {**SETTINGS, "optimiser": name} for name in ("sgd", "rmsprop", "adagrad", "adadelta")},
}


def make_data(kind: str, folder: Path) -> Data:
    """Return 30 training images 1×3×4, so that the last batch of an epoch is smaller; and 13 for validation."""
    gray = np.random.default_rng(0).integers(0, 256, (43, 3, 4), dtype=np.uint8)
    splits = {"train": gray[:30]} if kind == "no validation" else {"train": gray[:30], "valid": gray[30:]}
    file = folder / f"{kind}.npz"
    if not file.exists():
        np.savez(file, **splits)
    return cr.load_data(file, binarize="dynamic" if kind == "dynamic" else "threshold")


def make_model(kind: str):
    domain = cr.Binary((1, 3, 4))
    return cr.PixelCNN(domain, blocks=1, features=4) if kind == "bfloat16" else cr.MADE(domain, hidden=(9,), seed=1)


def train_run(kind: str, folder: Path, out: Path, **options) -> tuple[cr.AutoregressiveModel, History]:
    model = make_model(kind)
    return model, cr.fit(model, make_data(kind, folder), out=out, progress=False, **RUNS[kind], **options)


def run_result(model, history: History, out: Path) -> dict:
    """Return everything that must not depend on whether the run was stopped."""
    with (out / "metrics.csv").open(encoding="utf-8") as file:
        rows = [{name: row[name] for name in REPRODUCIBLE_COLUMNS} for row in csv.DictReader(file)]
    return {
        "weights": weight_bytes(model),
        "kept": weight_bytes(cr.load(out)),
        "record": rows,
        "history": [{name: str(getattr(row, name)) for name in REPRODUCIBLE_COLUMNS} for row in history.rows],
        "best": (history.best, history.stopped),
        "files": file_names(out),
    }


def weight_bytes(model) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in model.state_dict().items()}


def file_names(out: Path) -> set[str]:
    """Return the names of all files but those of TensorBoard; the folder of the state without its number."""
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    states = {name.split("/")[1] for name in names if name.startswith("training/state-")}
    assert len(states) == 1
    return {name.replace(*states, "state") for name in names if not name.startswith("tensorboard/")}


def file_contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def raise_signal_in_update(monkeypatch, sign: signal.Signals, at: int) -> None:
    """Raise the signal in update number `at`, from 1."""
    optimiser_step, calls = Trainer.optimiser_step, 0

    def wrapped(self, x):
        nonlocal calls
        calls += 1
        if calls == at:
            signal.raise_signal(sign)  # in this thread, so that it arrives at once
        return optimiser_step(self, x)

    monkeypatch.setattr(Trainer, "optimiser_step", wrapped)


# A model and data of images 1×3×3, for tests without a run on disk.

DOMAIN = cr.Binary((1, 3, 3))
REPEATED = torch.tensor([[0, 1] * 4 + [0], [1, 0] * 4 + [1]]).view(2, 1, 3, 3).repeat(16, 1, 1, 1)
"""Two images, each repeated 16 times, which a model learns quickly."""
NOISE = torch.randint(0, 2, (40, 1, 3, 3), generator=torch.Generator().manual_seed(0))
"""Random images, which a model overfits."""
FAST = {"progress": False, "batch_size": 8, "lr": 0.02, "warmup": 0, "ema": 0.9, "precision": "float32"}


WRAPPERS = {"compile": lambda model: torch.compile(model, backend="eager"), "DataParallel": torch.nn.DataParallel}
"""Wrappers that users put around a model."""


def small_made(**options) -> cr.MADE:
    return cr.MADE(DOMAIN, **{"hidden": (16,), "seed": 3, **options})


class CountingModel(cr.AutoregressiveModel):
    """A bias per site, unused weights, and a buffer that counts updates; its NLL is nan after `until` updates."""

    def __init__(self, domain, until: int = 10**9):
        super().__init__()
        self.domain, self.until, self.order = domain, until, cr.Order(tuple(range(domain.sites)))
        self.bias = torch.nn.Parameter(torch.zeros(domain.shape))
        self.unused = torch.nn.Parameter(torch.ones(3))
        self.frozen = torch.nn.Parameter(torch.ones(2), requires_grad=False)
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def conditionals(self, x):
        if self.training:
            self.seen += 1
        scale = math.nan if self.seen > self.until else 1.0
        return cr.Conditionals((self.bias * scale).expand(len(x), *self.bias.shape), binary=True)
