"""Missing values of a frame are replaced in the notation and the type of their column."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from chainrule.data import fill_missing, load_data, read_fields, read_frame, to_frame, to_rows

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


def test_values_are_written_in_the_notation_of_their_column(path):
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
def test_numbers_become_strings_in_a_column_of_strings(words, values, filled):
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
def test_a_dtype_changes_if_it_cannot_hold_the_new_values(series, values, filled, dtype):
    found = fill_missing(pd.DataFrame({"x": series}), pd.DataFrame({"x": values}))["x"]
    assert found.tolist() == filled
    assert found.dtype == dtype
