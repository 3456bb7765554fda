"""Inference of a table from a frame: kinds, levels, quantiles, resolutions, and the messages about them."""

import numpy as np
import pandas as pd
import pytest

from chainrule.data import infer_table
from chainrule.errors import ChainruleError
from tests.support.frames import PEOPLE


def infer_column(values, dtype=None, **options):
    """Return the column that is inferred from these values."""
    table, _ = infer_table(pd.DataFrame({"x": pd.Series(values, dtype=dtype)}), **options)
    return table.columns[0]


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
    column = infer_column(values, dtype)
    assert (column.name, column.kind, column.levels) == ("x", kind, levels)
    assert list(map(type, column.levels)) == list(map(type, levels))


def test_numeric_columns_have_quantiles_and_a_resolution():
    column = infer_column([0.0, 10.0, 2.5, 2.0, None])
    assert column.quantiles == pytest.approx(np.quantile([0, 2, 2.5, 10], np.linspace(0, 1, 32)))
    assert column.resolution == 0.5
    assert infer_column([0, 10, 20]).resolution == 1.0


def test_rounding_errors_do_not_count_as_resolution():
    assert infer_column([0.1 + 0.2, 0.3, 0.5]).resolution == pytest.approx(0.2)


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
    column = infer_column(values, kinds={"x": kind})
    assert (column.kind, column.levels, column.dtype) == (kind, levels, dtype)
    assert infer_column(values, kinds=f"x={kind}") == column


def test_columns_are_dropped():
    table, _ = infer_table(PEOPLE, drop=["age", "job"])
    assert table.names == ("sex", "height", "balance")
    assert infer_table(PEOPLE, drop="age,job")[0] == table


def test_the_description_has_one_line_for_each_column():
    frame = PEOPLE.assign(country="se")
    (message,) = infer_table(frame)[1]
    assert message.splitlines() == [
        "6 columns",
        "  age: count, 27 … 42",
        "  sex: binary, 2 levels, 1 missing",
        "  job: categorical, 3 levels, 1 missing",
        "  height: real, 1.65 … 1.8, 1 missing",
        "  balance: integer, -3 … 10",
        "  country: categorical, 1 level, always 'se': it costs no nats",
    ]


def test_the_description_has_forty_lines_at_most():
    frame = pd.DataFrame({f"x{index}": [0, 1] for index in range(60)})
    (message,) = infer_table(frame)[1]
    assert len(message.splitlines()) == 41
    assert message.endswith("  x38: binary, 2 levels\n  and 21 more columns")


def test_a_message_warns_of_numbers_that_only_name_the_rows():
    frame = pd.DataFrame({"id": range(20), "x": [0.5, 1.0] * 10})
    assert (
        "id: count, 0 … 19, different in each row: if it only names the rows, leave it out" in infer_table(frame)[1][0]
    )
    assert "different" not in infer_table(frame[:19])[1][0]


def test_a_message_warns_of_words_that_may_mark_missing_values():
    frame = pd.DataFrame({"job": ["?", "cook", "nurse", "?"], "home": ["x", "y", "z", "?"]})
    assert infer_table(frame)[1][1:] == (
        "'?' is read as a level, in job (2), home (1); if it stands for a missing value, give it as missing",
    )


def test_a_message_warns_of_strings_that_are_nearly_numbers():
    frame = pd.DataFrame(
        {"a": ["1", "2", "3", "?"], "b": ["1,200", "1,300", "900", "1,250"], "c": ["1", "2", "3", "1"]}
    )
    assert infer_table(frame)[1][1:] == (
        "column 'a' is read as categories; most are numbers, but not '?': to read these as missing, give them as "
        "missing",
        "column 'b' is read as categories; most are numbers but for their separators: write 1234.5, not 1,234.5",
        "column 'c' is read as categories; they are numbers kept as strings: convert them with pandas.to_numeric",
    )


def test_a_message_warns_of_codes():
    (message,) = infer_table(pd.DataFrame({"zip": ["04097", "10115", "501"]}))[1][1:]
    assert message.startswith("column 'zip' is read as categories; they are digits of which some begin with 0")


def test_an_outlier_does_not_hide_the_resolution():
    body = np.random.default_rng(0).normal(size=500).round(4)
    for far in (1e9, -3.4e20):
        table, messages = infer_table(pd.DataFrame({"x": [*body, far]}))
        assert table.columns[0].resolution == pytest.approx(1e-4)
        assert "far beyond where most values lie: if the ends stand for missing values, say so with miss" in messages[1]
    assert len(infer_table(pd.DataFrame({"x": body}))[1]) == 1


@pytest.mark.parametrize(
    "values", [[0.3, 0.1 + 0.2, 0.5], [0.0, 10.3 - 10.2 - 0.1, 0.2, 0.4], [1e9, 1e9 + 0.2, 1e9 + 0.4]]
)
def test_values_that_differ_by_rounding_are_one_value(values):
    assert infer_table(pd.DataFrame({"x": values}))[0].columns[0].resolution == pytest.approx(0.2, rel=1e-6)


def test_a_column_whose_range_is_too_large_for_floats_is_refused():
    frame = pd.DataFrame({"x": [*np.linspace(0, 1, 50), -3.4e38]})
    with pytest.raises(ChainruleError, match=r"^column 'x' of the frame reaches from -3.4e\+38 to 1, too far .* drop$"):
        infer_table(frame)
