"""Tables: what is inferred of a frame's columns, and that rows of a table become the same frame again."""

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


def column_of(values, dtype=None, **options):
    """What is inferred of one column of these values."""
    table, _ = infer_table(pd.DataFrame({"x": pd.Series(values, dtype=dtype)}), **options)
    return table.columns[0]


def around(frame, **options):
    """The frame after it was rows of its table, by way of the table's JSON."""
    table, _ = infer_table(frame, **options)
    table = domain_from_dict(json.loads(json.dumps(table.to_dict())))
    return to_frame(to_rows(frame, table).values, table)


@pytest.mark.parametrize(
    ("values", "dtype", "kind", "levels"),
    [
        ([True, False, True], None, "binary", (False, True)),
        ([True, None, False], object, "binary", (False, True)),
        ([True, None, False], "boolean", "binary", (False, True)),
        ([0, 1, 1], None, "binary", (0, 1)),
        ([0.0, 1.0, None], None, "binary", (0, 1)),
        (["no", "yes", "no"], None, "binary", ("no", "yes")),
        (["b", "c", "a", None], None, "categorical", ("a", "b", "c")),
        (["b", "c", "a", None], object, "categorical", ("a", "b", "c")),
        (["b", "c", "a", None], "string", "categorical", ("a", "b", "c")),
        (["low", "high"], pd.CategoricalDtype(["low", "mid", "high"]), "categorical", ("low", "mid", "high")),
        ([2, 1], pd.CategoricalDtype([2, 1]), "binary", (2, 1)),
        ([7, 7, 7], None, "categorical", (7,)),
        ([7.5, 7.5, None], None, "categorical", (7.5,)),
        (["x", "x", None], None, "categorical", ("x",)),
        ([False, False], None, "categorical", (False,)),
        ([0, 3, 1], None, "count", ()),
        ([1, 2], None, "count", ()),
        ([0, 3, None], None, "count", ()),
        ([0, 3, None], "Int64", "count", ()),
        ([0, 3, 1], "uint8", "count", ()),
        ([-1, 3, 1], None, "integer", ()),
        ([-1.0, 3.0, None], None, "integer", ()),
        ([0.5, 1.0, None], None, "real", ()),
        ([0.5, 1.0, None], "Float64", "real", ()),
        ([0.5, 1.0], "float32", "real", ()),
        ([0.5, 1.0], "float16", "real", ()),
        ([3, 5], object, "count", ()),
        ([3, 2.5, None], object, "real", ()),
    ],
)
def test_the_kind_is_inferred_from_the_values(values, dtype, kind, levels):
    column = column_of(values, dtype)
    assert (column.name, column.kind, column.levels) == ("x", kind, levels)
    assert list(map(type, column.levels)) == list(map(type, levels))


def test_numbers_are_measured():
    column = column_of([0.0, 10.0, 2.5, 2.0, None])
    assert column.quantiles == pytest.approx(np.quantile([0, 2, 2.5, 10], np.linspace(0, 1, 32)))
    assert column.resolution == 0.5
    assert column_of([0, 10, 20]).resolution == 1.0


def test_noise_of_arithmetic_is_no_resolution():
    assert column_of([0.1 + 0.2, 0.3, 0.5]).resolution == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("values", "kind", "levels", "dtype"),
    [
        ([2134, 1234, 2134], "categorical", (1234, 2134), "int64"),
        ([1.5, 2.0, None], "categorical", (1.5, 2), "float64"),
        ([3, 5], "binary", (3, 5), "int64"),
        ([0, 1], "count", (), "int64"),
        ([3, 5], "real", (), "float64"),
        ([2**70, 5], "categorical", (5, 2**70), "object"),
        ([3, 5], "integer", (), "int64"),
        ([2.0**60, 2.0**70], "real", (), "float64"),
        (
            [f"{year}-01-01" for year in range(1990, 2000)],
            "categorical",
            tuple(f"{y}-01-01" for y in range(1990, 2000)),
            "str",
        ),
    ],
)
def test_kinds_are_overridden(values, kind, levels, dtype):
    column = column_of(values, kinds={"x": kind})
    assert (column.kind, column.levels, column.dtype) == (kind, levels, dtype)
    assert column_of(values, kinds=f"x={kind}") == column


def test_columns_are_dropped():
    table, _ = infer_table(PEOPLE, drop=["age", "job"])
    assert table.names == ("sex", "height", "balance")
    assert infer_table(PEOPLE, drop="age,job")[0] == table


def test_notes_tell_a_line_a_column():
    frame = PEOPLE.assign(country="se")
    (note,) = infer_table(frame)[1]
    assert note.splitlines() == [
        "6 columns",
        "  age: count, 27 … 42",
        "  sex: binary, 2 levels, 1 missing",
        "  job: categorical, 3 levels, 1 missing",
        "  height: real, 1.65 … 1.8, 1 missing",
        "  balance: integer, -3 … 10",
        "  country: categorical, 1 level, always 'se': it costs no nats",
    ]


def test_notes_are_no_longer_than_forty_columns():
    frame = pd.DataFrame({f"x{place}": [0, 1] for place in range(60)})
    (note,) = infer_table(frame)[1]
    assert len(note.splitlines()) == 41
    assert note.endswith("  x38: binary, 2 levels\n  and 21 more columns")


def test_numbers_that_only_name_the_rows_are_noted():
    frame = pd.DataFrame({"id": range(20), "x": [0.5, 1.0] * 10})
    assert (
        "id: count, 0 … 19, different in each row: if it only names the rows, leave it out" in infer_table(frame)[1][0]
    )
    assert "different" not in infer_table(frame[:19])[1][0]


def test_a_word_that_may_stand_for_missing_is_noted():
    frame = pd.DataFrame({"job": ["?", "cook", "nurse", "?"], "home": ["x", "y", "z", "?"]})
    assert infer_table(frame)[1][1:] == (
        "'?' is read as a level, in job (2), home (1); if it stands for a missing value, give it as missing",
    )


def test_strings_that_are_nearly_numbers_are_noted():
    frame = pd.DataFrame(
        {"a": ["1", "2", "3", "?"], "b": ["1,200", "1,300", "900", "1,250"], "c": ["1", "2", "3", "1"]}
    )
    assert infer_table(frame)[1][1:] == (
        "column 'a' is read as categories; most are numbers, but not '?': to read these as missing, give them as "
        "missing",
        "column 'b' is read as categories; most are numbers but for their separators: write 1234.5, not 1,234.5",
        "column 'c' is read as categories; they are numbers kept as strings: convert them with pandas.to_numeric",
    )


@pytest.mark.parametrize("seed", range(8))
def test_a_frame_comes_back(seed):
    frame = random_frame(seed)
    assert_frame_equal(around(frame), frame)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".tsv", ".parquet"])
def test_a_file_comes_back(tmp_path, ending, seed):
    frame, path = random_frame(seed), tmp_path / f"x{ending}"
    if ending == ".parquet":
        frame.to_parquet(path)
    else:
        frame = frame.drop(columns=["single", "single or not"])  # CSV has no single precision
        frame.to_csv(path, index=False, sep="\t" if ending == ".tsv" else ",")
    read = read_frame(path)
    back = around(read)
    assert_frame_equal(back.fillna(np.nan), read.fillna(np.nan))
    for name in frame:
        assert (frame[name].isna() | (frame[name].astype(object) == back[name].astype(object))).all(), name
        assert (frame[name].isna() == back[name].isna()).all()


def test_parquet_keeps_categories_and_their_order(tmp_path):
    frame = pd.DataFrame({"size": pd.Categorical(["low", None, "high"], ["low", "mid", "high"], ordered=True)})
    frame.to_parquet(tmp_path / "x.parquet")
    assert_frame_equal(around(read_frame(tmp_path / "x.parquet")), frame)


def test_missing_entries_where_the_type_has_none():
    frame = pd.DataFrame({"n": [3, 0, 2], "bit": [0, 1, 1], "flag": [True, False, True]})
    table, _ = infer_table(frame)
    back = to_frame(torch.full((1, 3), torch.nan), table)
    assert back.isna().all(axis=None)
    assert list(map(str, back.dtypes)) == ["float64", "float64", "object"]


def test_numbers_beyond_a_narrow_type_are_not_wrapped():
    table = Table([column_of([0, 200, 7], "uint8")])
    assert to_frame(torch.tensor([[300.0], [1.0]]), table)["x"].tolist() == [300, 1]
    nullable = Table([column_of([0, 200, None, 7], "UInt8")])
    assert to_frame(torch.tensor([[300.0], [torch.nan]]), nullable)["x"].tolist() == [300, pd.NA]


def test_real_columns_of_whole_numbers_take_fractions():
    table = Table([column_of([3, 5], kinds={"x": "real"})])
    assert to_frame(torch.tensor([[3.25]]), table)["x"].tolist() == [3.25]


def test_rows_are_places_and_numbers():
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


def test_unseen_values_are_told_from_missing_ones():
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
    ("levels", "values", "places"),
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
def test_a_level_is_known_however_it_is_written(levels, values, places):
    rows = to_rows(pd.DataFrame({"x": values}), Table([Column("x", "categorical", levels)]))
    assert [None if place != place else place for place in rows.values[:, 0].tolist()] == places
    assert not rows.unknown.any()


def test_numbers_in_strings_are_numbers():
    table = Table([column_of([3, 4, 5])])
    assert to_rows(pd.DataFrame({"x": ["4", "7.0"]}), table).values.tolist() == [[4.0], [7.0]]
