"""Tests of the recipes: each runs on a small data set, prints its rows, and writes them."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.support.scripts import load_script

uci = load_script("recipes/uci.py")
agnostic = load_script("recipes/agnostic.py")


@pytest.fixture
def dna(tmp_path):
    """Return a file of bits of which every three stand for one of four bases."""
    rng = np.random.default_rng(0)

    def make_bits(n):
        bases = rng.integers(4, size=(n, 4))
        return (bases[:, :, None] == np.arange(1, 4)).reshape(n, 12).astype(np.uint8)

    path = tmp_path / "dna.npz"
    np.savez(path, train=make_bits(60), valid=make_bits(20), test=make_bits(20))
    return path


@pytest.fixture(autouse=True)
def restore_threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def run(script, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["script.py", *map(str, arguments)])
    script.main()


def test_uci_scores_one_mask_several_masks_families_and_categories(dna, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(uci, "ONE_MASK", (replace(uci.ONE_MASK[0], updates=5),))
    several = [replace(candidate, updates=5) for candidate in uci.SEVERAL_MASKS["dna"][:2]]
    monkeypatch.setitem(uci.SEVERAL_MASKS, "dna", several)
    monkeypatch.setattr(uci, "FAMILIES", 2)
    run(uci, monkeypatch, dna, "--out", tmp_path / "rows.json")
    rows = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))["rows"]
    names = [row["name"] for row in rows]
    assert names == ["one mask", "several masks", "2 such families", "2 such families, 3 bits as one"]
    assert rows[-1]["nats"] < rows[0]["nats"]  # categories know which bits exclude each other
    assert "the paper's, with one mask and with several" in capsys.readouterr().out


def test_every_candidate_is_a_model_and_settings_that_exist():
    candidates = [*uci.ONE_MASK, uci.WIDE, *(each for several in uci.SEVERAL_MASKS.values() for each in several)]
    for candidate in candidates:
        model = uci.cr.MADE(
            uci.cr.Binary((3,)), candidate.hidden, candidate.direct_connections,
            agnostic="both" if candidate.num_masks else None, num_masks=candidate.num_masks,
        )  # fmt: skip
        x = torch.zeros(2, 3)
        uci.train(model, x, None, replace(candidate, updates=1))


def test_bits_become_categories():
    x = torch.tensor([[0, 0, 1, 0, 0, 0], [1, 0, 0, 0, 1, 0]])
    grouped = uci.group_bits(uci.Splits(uci.cr.Binary((6,)), x, x[:1], x[1:]), 3)
    assert grouped.train.tolist() == [[3, 0], [1, 2]]
    assert grouped.domain.sites == 2


def test_agnostic_scores_ensembles_and_draws_them(dna, tmp_path, monkeypatch, capsys):
    options = ["--updates", 3, 6, "--masks", 4, "--out", tmp_path / "out.json", "--figure", tmp_path / "figure.png"]
    run(agnostic, monkeypatch, dna, *options)
    results = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert {kind: list(row["test"]) for kind, row in results.items()} == {
        "one mask": ["1"], "order": ["1", "2", "4"], "connectivity": ["1", "2", "4"], "both": ["1", "2", "4"],
    }  # fmt: skip
    assert (tmp_path / "figure.png").stat().st_size > 0
    assert "test NLL in nats of a member and of ensembles" in capsys.readouterr().out
