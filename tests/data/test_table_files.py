"""Table files: what is read as text or as numbers, and whole numbers with all their digits."""

from __future__ import annotations

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from chainrule.data import infer_table, load_data, read_fields, read_frame, to_rows
from chainrule.errors import ChainruleError

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


def read_column(path, words, **options):
    """Return the column x of a CSV file with these words."""
    path.write_text("\n".join(["x,y", *(f"{word},1" for word in words)]) + "\n")
    return read_frame(path, **options)["x"]


def test_fields_are_read_as_they_stand(path):
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
def test_a_column_is_text_if_it_has_codes_or_a_discrete_kind(tmp_path, words, options, dtype):
    assert read_column(tmp_path / "x.csv", words, **options).dtype == dtype


def test_large_whole_numbers_keep_their_digits_if_values_are_missing(tmp_path):
    for number in (9007199254740993, 9223372036854775809):
        assert read_column(tmp_path / "x.csv", [number, "", 5]).dropna().tolist() == [number, 5]


def test_codes_that_differ_in_zeros_are_different_levels(path):
    data = load_data(path, kinds="count=categorical", drop="id,note", missing="?")
    levels = {column.name: column.levels for column in data.domain.columns}
    assert levels["zip"] == ("00501", "04097", "10115", "501")
    assert levels["count"] == ("1", "3", "5")
    rows = to_rows(read_frame(path, missing=["?"], table=data.domain), data.domain)
    assert rows.values[:, 0].tolist() == [1, 2, 3, 0]


def test_the_index_of_a_parquet_file_is_a_column_if_it_has_a_name(tmp_path):
    frame = pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="key"))
    frame.to_parquet(tmp_path / "x.parquet")
    assert_frame_equal(read_frame(tmp_path / "x.parquet"), frame.reset_index())


def test_whole_numbers_beyond_2_to_the_53_are_refused_also_for_a_known_table(tmp_path):
    table, _ = infer_table(pd.DataFrame({"x": [1, 2, 3]}))
    path = tmp_path / "x.csv"
    for words in (["9007199254740993", "1"], ["9007199254740993", ""]):
        with pytest.raises(ChainruleError, match="has 9007199254740993 in row 0, and whole numbers beyond 2\\^53"):
            to_rows(read_column(path, words, table=table).to_frame(), table)
    assert to_rows(pd.DataFrame({"x": [2**53]}), table).values.item() == 2.0**53
