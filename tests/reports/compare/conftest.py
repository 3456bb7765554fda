"""Fixtures of the tests of `compare`: data, and one comparison that several tests read."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.data import Data
from chainrule.reports.compare import CompareOptions, compare
from tests.support.comparisons import BITS, OPTIONS, shorten_timing
from tests.support.terminal import commands


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    """Short timing, and no waiting for the disk."""
    shorten_timing(monkeypatch)
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """A folder with binary images, the same data as rows, and images without a test split."""
    folder = tmp_path_factory.mktemp("compare")
    np.savez(folder / "bits.npz", train=BITS[:40], valid=BITS[40:55], test=BITS[55:])
    np.savez(folder / "rows.npz", train=BITS[:40, 0], valid=BITS[40:55, 0], test=BITS[55:, 0])
    np.savez(folder / "untested.npz", train=BITS[:40], valid=BITS[40:])
    return folder


@pytest.fixture
def data(home) -> Data:
    return cr.load_data(home / "bits.npz")


@pytest.fixture(scope="session")
def done(home):
    """A comparison of all families, with an ablation."""
    with pytest.MonkeyPatch.context() as patch:
        shorten_timing(patch)
        options = CompareOptions(**OPTIONS, ablation="row-lstm", seed=4)
        return compare(cr.load_data(home / "bits.npz"), home / "done", options=options, progress=False)


@pytest.fixture
def cli(home, capsys, monkeypatch):
    """Runs a command in the folder of the data; returns its status and what it printed."""
    return commands(home, capsys, monkeypatch)
