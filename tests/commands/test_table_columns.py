"""Commands write the columns of a text file as they read them."""

from __future__ import annotations

import re

import pandas as pd

import chainrule as cr
from chainrule.data import infer_table, read_frame
from tests.support.terminal import commands


def test_commands_keep_all_other_values_and_columns(tmp_path, capsys, monkeypatch):
    frame = pd.DataFrame(
        {"code": ["007", "7", "12"] * 20, "n": ["3", None, "5"] * 20, "note": ["None", "NA", "x"] * 20}
    )
    frame.to_csv(tmp_path / "x.csv", index=False)
    table, _ = infer_table(read_frame(tmp_path / "x.csv"), drop="note")
    cr.save(cr.MADE(table, hidden=(4,), agnostic="order"), tmp_path / "model")
    run = commands(tmp_path, capsys, monkeypatch)
    assert run("impute", "model", "--data", "x.csv", "--out", "full.csv", "-n", 3)[0] == 0
    full = pd.read_csv(tmp_path / "full.csv", dtype="str", keep_default_na=False)
    assert full["n"].map(lambda word: re.fullmatch(r"\d+", word) is not None).all()
    assert (full["n"] == frame["n"])[frame["n"].notna()].all()
    assert full.drop(columns="n").equals(frame.drop(columns="n"))
    assert run("score", "model", "--data", "x.csv", "--out", "scores.csv")[0] == 0
    scores = pd.read_csv(tmp_path / "scores.csv", dtype="str", keep_default_na=False)
    assert scores[list(frame)].equals(frame.fillna(""))
    assert run("impute", "model", "--data", "x.csv", "--out", "full.parquet", "-n", 3)[0] == 0
    assert pd.read_parquet(tmp_path / "full.parquet")["n"].dtype == "float64"
