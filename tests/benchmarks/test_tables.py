"""Tests of the benchmark on tables: what it prints and writes."""

from __future__ import annotations

import json
import sys

import numpy as np

from tests.support.people import make_people
from tests.support.scripts import load_script

tables = load_script("benchmarks/tables.py")


def test_both_tables_are_printed_and_written(tmp_path, monkeypatch, capsys):
    make_people(2000).to_csv(tmp_path / "people.csv.gz", index=False)
    monkeypatch.setattr(
        sys, "argv", ["tables.py", str(tmp_path / "people.csv.gz"), "--out", str(tmp_path / "out.json")]
    )
    monkeypatch.setattr(
        tables, "DENSITIES", [*tables.DENSITIES[:2], ("another density", lambda task: np.zeros(len(task.test)))]
    )
    monkeypatch.setattr(tables, "IMPUTERS", tables.IMPUTERS[:3])
    tables.main()
    result = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    printed = capsys.readouterr().out
    assert result["rows"] == [1600, 200, 200]
    assert result["likelihood"]["best"] == "another density"
    nats, error = result["likelihood"]["densities"]["Chow-Liu tree"]["behind"]
    assert f"{nats:.3f} ± {error:.3f}" in printed
    assert list(result["imputation"]) == [name for name, _ in tables.IMPUTERS]
    assert "error rate by column" in printed


def test_the_split_has_each_row_once():
    train, valid, test = tables.split_rows(1000, 0)
    assert sorted([*train, *valid, *test]) == list(range(1000))
    assert [len(part) for part in (train, valid, test)] == [800, 100, 100]
    np.testing.assert_array_equal(test, tables.split_rows(1000, 0)[2])
