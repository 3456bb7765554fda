"""What a file of text has stays as it stands: codes, words, whole numbers beside holes; and numbers far out."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import torch
from pandas.testing import assert_frame_equal

import chainrule as cr
from chainrule.data import fill_missing, infer_table, load_data, read_fields, read_frame, to_frame, to_rows
from chainrule.errors import ChainruleError
from tests.support.terminal import commands

TEXT = (
    "id,zip,note,count,mass,flag\n"
    "100000000000000001,04097,None,3,181.0,TRUE\n"
    ",10115,NA,,?,FALSE\n"
    "100000000000000003,501,x,5,3.25,NA\n"
    "100000000000000004,00501,,1,0.10,TRUE\n"
)


@pytest.fixture
def path(tmp_path):
    (tmp_path / "x.csv").write_text(TEXT)
    return tmp_path / "x.csv"


def column_of(path, words, **options):
    """A file's column of these words, beside another, as it is read."""
    path.write_text("\n".join(["x,y", *(f"{word},1" for word in words)]) + "\n")
    return read_frame(path, **options)["x"]


def test_fields_are_written_as_they_were_read(path):
    assert read_fields(path).to_csv(index=False) == TEXT
    assert read_fields(path.with_name("x.parquet")) is None


@pytest.mark.parametrize(
    ("words", "options", "dtype"),
    [
        (["007", "12"], {}, "str"),
        (["007", "12"], {"kinds": {"x": "count"}}, "int64"),
        (["007", "12"], {"missing": ["007"]}, "float64"),
        (["0", "12"], {}, "int64"),
        (["0.5", "12"], {}, "float64"),
        (["0.5", "00.25"], {}, "float64"),
        (["1", "2"], {"kinds": {"x": "binary"}}, "str"),
        (["1", "2"], {"kinds": {"x": "categorical"}}, "str"),
        (["1", "2"], {"kinds": {"x": "real"}}, "int64"),
        (["1", "", "2"], {}, "float64"),
        (["9007199254740993", ""], {}, "Int64"),
        (["9007199254740993", ""], {"kinds": {"x": "real"}}, "float64"),
        (["9007199254740993", "", "0.5"], {}, "float64"),
        (["9223372036854775809", ""], {}, "object"),
        (["True", "", "False"], {}, "object"),
    ],
)
def test_columns_are_numbers_unless_they_are_codes_or_called_so(tmp_path, words, options, dtype):
    assert column_of(tmp_path / "x.csv", words, **options).dtype == dtype


def test_large_whole_numbers_beside_holes_keep_their_digits(tmp_path):
    for number in (9007199254740993, 9223372036854775809):
        assert column_of(tmp_path / "x.csv", [number, "", 5]).dropna().tolist() == [number, 5]


def test_codes_that_differ_in_zeros_alone_are_different_levels(path):
    data = load_data(path, kinds="count=categorical", drop="id,note", missing="?")
    levels = {column.name: column.levels for column in data.domain.columns}
    assert levels["zip"] == ("00501", "04097", "10115", "501")
    assert levels["count"] == ("1", "3", "5")
    rows = to_rows(read_frame(path, missing=["?"], table=data.domain), data.domain)
    assert rows.values[:, 0].tolist() == [1, 2, 3, 0]


def test_levels_that_are_whole_numbers_are_known_with_a_point_and_without(tmp_path):
    table, _ = infer_table(pd.DataFrame({"x": ["1", "2.0", "v1", "007"]}))
    rows = to_rows(pd.DataFrame({"x": ["1.0", "2", "v1.0", "7", "7.0"]}), table)
    assert rows.values[:2, 0].tolist() == [table.columns[0].levels.index("1"), table.columns[0].levels.index("2.0")]
    assert rows.unknown[:, 0].tolist() == [False, False, True, True, True]


def test_codes_are_noted():
    (note,) = infer_table(pd.DataFrame({"zip": ["04097", "10115", "501"]}))[1][1:]
    assert note.startswith("column 'zip' is read as categories; they are digits of which some begin with 0")


def test_words_are_filled_in_as_the_column_writes_them(path):
    data = load_data(path, drop="id,zip,note", missing="?")
    rows = to_rows(read_frame(path, missing=["?"], table=data.domain), data.domain)
    values = rows.values.clone()
    values[1], values[2, 2] = torch.tensor([4.0, 7.0, 0.0], dtype=torch.float64), 0.0
    filled = fill_missing(read_fields(path), to_frame(values, data.domain), missing=rows.values.isnan().numpy())
    expected = TEXT.replace("NA,,?,FALSE", "NA,4,7.0,FALSE").replace("3.25,NA", "3.25,FALSE")
    assert filled.to_csv(index=False) == expected


@pytest.mark.parametrize(
    ("words", "values", "filled"),
    [
        (["1", None], [1.0, 4.0], ["1", "4"]),
        (["1.0", None], [1, 4], ["1.0", "4.0"]),
        (["1", None], [1.0, 2.5], ["1", "2.5"]),
        ([None, None], [1.0, 2.0], ["1", "2"]),
        (["true", None], [True, False], ["true", "false"]),
        (["True", None], [True, False], ["True", "False"]),
        (["yeti", None, "a"], [None, "b", "a"], ["yeti", "b", "a"]),
    ],
)
def test_numbers_become_words(words, values, filled):
    frame = fill_missing(pd.DataFrame({"x": pd.Series(words, dtype="str")}), pd.DataFrame({"x": values}))
    assert frame["x"].tolist() == filled
    assert frame["x"].dtype == "str"


@pytest.mark.parametrize(
    ("series", "values", "filled", "dtype"),
    [
        (pd.array([None, None], "Int8"), [300, 4], [300, 4], "int64"),
        (pd.array([None, 4], "Int8"), [300, 4], [300, 4], "Int64"),
        (pd.array([None, 4], "Int8"), [2.5, 4], [2.5, 4], "Float64"),
        (pd.array([None, 4], "Int8"), ["3", "4"], [3, 4], "Int64"),
        ([None, 4.0], ["x", "4"], ["x", 4.0], "object"),
        (pd.Categorical([None, "yeti"]), pd.Categorical(["a", None], ["a", "b"]), ["a", "yeti"], "str"),
        (pd.Categorical([None, "b"]), pd.Categorical(["a", "b"], ["a", "b"]), ["a", "b"], "category"),
        (pd.Categorical([None, 2]), [1, 2], [1, 2], "int64"),
    ],
)
def test_a_type_gives_way_to_what_it_cannot_hold(series, values, filled, dtype):
    found = fill_missing(pd.DataFrame({"x": series}), pd.DataFrame({"x": values}))["x"]
    assert found.tolist() == filled
    assert found.dtype == dtype


def test_the_index_of_a_parquet_file_is_a_column_if_it_has_a_name(tmp_path):
    frame = pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="key"))
    frame.to_parquet(tmp_path / "x.parquet")
    assert_frame_equal(read_frame(tmp_path / "x.parquet"), frame.reset_index())


def test_commands_keep_what_is_there(tmp_path, capsys, monkeypatch):
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


def test_a_value_far_out_does_not_hide_how_near_others_are():
    body = np.random.default_rng(0).normal(size=500).round(4)
    for far in (1e9, -3.4e20):
        table, notes = infer_table(pd.DataFrame({"x": [*body, far]}))
        assert table.columns[0].resolution == pytest.approx(1e-4)
        assert "far beyond where most values lie: if the ends stand for missing values, say so with miss" in notes[1]
    assert len(infer_table(pd.DataFrame({"x": body}))[1]) == 1


@pytest.mark.parametrize(
    "values", [[0.3, 0.1 + 0.2, 0.5], [0.0, 10.3 - 10.2 - 0.1, 0.2, 0.4], [1e9, 1e9 + 0.2, 1e9 + 0.4]]
)
def test_what_arithmetic_has_split_is_one_value(values):
    assert infer_table(pd.DataFrame({"x": values}))[0].columns[0].resolution == pytest.approx(0.2, rel=1e-6)


def test_a_column_that_floats_cannot_span_is_refused():
    frame = pd.DataFrame({"x": [*np.linspace(0, 1, 50), -3.4e38]})
    with pytest.raises(ChainruleError, match=r"^column 'x' of the frame reaches from -3.4e\+38 to 1, too far .* drop$"):
        infer_table(frame)


def test_whole_numbers_beyond_floats_are_refused_in_a_later_file_too(tmp_path):
    table, _ = infer_table(pd.DataFrame({"x": [1, 2, 3]}))
    path = tmp_path / "x.csv"
    for words in (["9007199254740993", "1"], ["9007199254740993", ""]):
        with pytest.raises(ChainruleError, match="has 9007199254740993 in row 0, and whole numbers beyond 2\\^53"):
            to_rows(column_of(path, words, table=table).to_frame(), table)
    assert to_rows(pd.DataFrame({"x": [2**53]}), table).values.item() == 2.0**53
