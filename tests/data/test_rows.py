"""Conversion of frames to rows of a table and back."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from pandas.testing import assert_frame_equal

from chainrule.data import infer_table, read_frame, to_frame, to_rows
from chainrule.domains import Column, Table, domain_from_dict
from chainrule.errors import ChainruleError
from tests.support.frames import PEOPLE, random_frame


def infer_column(values, dtype=None, **options):
    """Return the column that is inferred from these values."""
    table, _ = infer_table(pd.DataFrame({"x": pd.Series(values, dtype=dtype)}), **options)
    return table.columns[0]


def round_trip(frame, **options):
    """Return the frame after its conversion to rows and back, with the table restored from JSON."""
    table, _ = infer_table(frame, **options)
    table = domain_from_dict(json.loads(json.dumps(table.to_dict())))
    return to_frame(to_rows(frame, table).values, table)


@pytest.mark.parametrize("seed", range(8))
def test_a_frame_is_restored_from_its_rows(seed):
    frame = random_frame(seed)
    assert_frame_equal(round_trip(frame), frame)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".tsv", ".parquet"])
def test_a_file_is_restored_from_its_rows(tmp_path, ending, seed):
    frame, path = random_frame(seed), tmp_path / f"x{ending}"
    if ending == ".parquet":
        frame.to_parquet(path)
    else:
        frame = frame.drop(columns=["single", "single or not"])  # CSV has no single precision
        frame.to_csv(path, index=False, sep="\t" if ending == ".tsv" else ",")
    read = read_frame(path)
    back = round_trip(read)
    assert_frame_equal(back.fillna(np.nan), read.fillna(np.nan))
    for name in frame:
        assert (frame[name].isna() | (frame[name].astype(object) == back[name].astype(object))).all(), name
        assert (frame[name].isna() == back[name].isna()).all()


def test_parquet_keeps_categories_and_their_order(tmp_path):
    frame = pd.DataFrame({"size": pd.Categorical(["low", None, "high"], ["low", "mid", "high"], ordered=True)})
    frame.to_parquet(tmp_path / "x.parquet")
    assert_frame_equal(round_trip(read_frame(tmp_path / "x.parquet")), frame)


def test_missing_values_change_a_dtype_that_has_none():
    frame = pd.DataFrame({"n": [3, 0, 2], "bit": [0, 1, 1], "flag": [True, False, True]})
    table, _ = infer_table(frame)
    back = to_frame(torch.full((1, 3), torch.nan), table)
    assert back.isna().all(axis=None)
    assert list(map(str, back.dtypes)) == ["float64", "float64", "object"]


def test_numbers_beyond_a_narrow_dtype_do_not_overflow():
    table = Table([infer_column([0, 200, 7], "uint8")])
    assert to_frame(torch.tensor([[300.0], [1.0]]), table)["x"].tolist() == [300, 1]
    nullable = Table([infer_column([0, 200, None, 7], "UInt8")])
    assert to_frame(torch.tensor([[300.0], [torch.nan]]), nullable)["x"].tolist() == [300, pd.NA]


def test_real_columns_of_whole_numbers_take_fractions():
    table = Table([infer_column([3, 5], kinds={"x": "real"})])
    assert to_frame(torch.tensor([[3.25]]), table)["x"].tolist() == [3.25]


def test_rows_hold_level_indices_and_numbers():
    table, _ = infer_table(PEOPLE)
    nan = torch.nan
    expected = [[31, 0, 0, 1.71, -3], [42, 1, nan, 1.8, 10], [27, 0, 1, nan, 0], [42, nan, 2, 1.65, 2]]
    rows = to_rows(PEOPLE, table)
    assert rows.values.dtype == torch.float64
    assert torch.equal(rows.values.nan_to_num(99), torch.tensor(expected, dtype=torch.float64).nan_to_num(99))
    assert not rows.unknown.any()
    assert rows.messages == ()


def test_columns_are_found_by_name_in_any_order():
    table, _ = infer_table(PEOPLE)
    mixed = PEOPLE[["job", "balance", "height", "sex", "age"]].assign(id=range(4))
    rows = to_rows(mixed, table)
    assert torch.equal(rows.values.nan_to_num(99), to_rows(PEOPLE, table).values.nan_to_num(99))
    assert rows.messages == ("columns passed over, since the model does not know them: id",)


def test_unknown_values_are_distinguished_from_missing_ones():
    table, _ = infer_table(PEOPLE)
    rows = to_rows(PEOPLE.assign(job=["pilot", None, "pilot", "cook"], sex=["f", "x", "f", None]), table)
    assert rows.unknown.nonzero().tolist() == [[0, 2], [1, 1], [2, 2]]
    assert rows.values[rows.unknown].isnan().all()
    assert rows.unknown_counts == {"sex": {"x": 1}, "job": {"pilot": 2}}
    assert rows.describe_unknown() == ["column 'sex' has 'x' (1)", "column 'job' has 'pilot' (2)"]
    with pytest.raises(
        ChainruleError, match=r"^new.csv: column 'sex' has 'x' \(1\), which the table that the model knows"
    ):
        rows.require_known("new.csv")


@pytest.mark.parametrize(
    ("levels", "values", "indices"),
    [
        ((1, 2, 3), [1.0, None, 3.0], [0, None, 2]),
        ((1, 2, 3), ["1", "2.0", None], [0, 1, None]),
        (("1", "2", "x"), [2.0, None, 1.0], [1, None, 0]),
        (("1", "2", "x"), [1, 2, 1], [0, 1, 0]),
        ((False, True), [0, 1, 1], [0, 1, 1]),
        ((False, True), ["TRUE", "false", None], [1, 0, None]),
        ((0, 1), [True, False, True], [1, 0, 1]),
        (("True", "False", "maybe"), [True, False, True], [0, 1, 0]),
        ((0.5, 1, 2), ["0.50", "1", "2"], [0, 1, 2]),
        (("a", "b"), pd.Categorical(["b", "a", None]), [1, 0, None]),
    ],
)
def test_a_level_is_found_in_every_notation(levels, values, indices):
    rows = to_rows(pd.DataFrame({"x": values}), Table([Column("x", "categorical", levels)]))
    assert [None if index != index else index for index in rows.values[:, 0].tolist()] == indices
    assert not rows.unknown.any()


def test_numeric_columns_take_strings_of_numbers():
    table = Table([infer_column([3, 4, 5])])
    assert to_rows(pd.DataFrame({"x": ["4", "7.0"]}), table).values.tolist() == [[4.0], [7.0]]


def test_levels_that_are_whole_numbers_are_found_with_and_without_a_point(tmp_path):
    table, _ = infer_table(pd.DataFrame({"x": ["1", "2.0", "v1", "007"]}))
    rows = to_rows(pd.DataFrame({"x": ["1.0", "2", "v1.0", "7", "7.0"]}), table)
    assert rows.values[:2, 0].tolist() == [table.columns[0].levels.index("1"), table.columns[0].levels.index("2.0")]
    assert rows.unknown[:, 0].tolist() == [False, False, True, True, True]
