"""Bad tables: each is refused in one line that says what is wrong, where, and the remedy."""

import sys

import numpy as np
import pandas as pd
import pytest
import torch

from chainrule.data import as_split, infer_table, load_data, read_frame, to_frame, to_rows
from chainrule.domains import Binary, Column, Table
from chainrule.errors import ChainruleError

WORDS = [f"word {place}" for place in range(257)]
DATES = [f"2020-01-{day:02}" for day in range(1, 29)]
TABLE, _ = infer_table(
    pd.DataFrame({"age": [31, 42, 27], "job": ["cook", "nurse", "smith"], "height": [1.5, 1.7, 1.6]})
)
ROWS = {"age": [30], "job": ["cook"], "height": [1.5]}


def refusal(function, *args, **options):
    """Return the message of the error that is raised, checked to be one line."""
    with pytest.raises(ChainruleError) as message:
        function(*args, **options)
    assert "\n" not in str(message.value)
    return str(message.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x.csv is empty; give a header row with the columns' names, and rows"),
        (b"\n\n", "x.csv is empty"),
        (b"a,b\n", "x.csv has no rows below its header; give at least one"),
        (b"a,b\n1,2\n3\n", "line 3 of {path} has 1 fields, and the header 2; correct it"),
        (b"a,b\n1,2\n3,4,5\n", "line 3 of {path} has 3 fields, and the header 2"),
        (b"a,b\n1,2,\n3,4,\n", "line 2 of {path} has 3 fields"),
        (b"a,b,a\n1,2,3\n", "x.csv has more than one column 'a'; give each a name of its own"),
        (b",a\n0,1\n", "column 1 of {path} has no name; give it one in the header, or, if it only numbers the rows"),
        (b"a;b\n1;2\n", "x.csv has one column, 'a;b'; if ';' separates its fields, save it with ','"),
        ("a,b\nß,1\n".encode("latin-1"), "x.csv is not text in UTF-8 (byte 4 is 0xdf); save it as CSV in UTF-8"),
        ("a,b\nß,1\n".encode("utf-16"), "x.csv is not text in UTF-8 (byte 0 is 0xff)"),
        (b'a,b\n1,"x\n2,3\n', "cannot be read (Error tokenizing data"),
        (b"a,b\n1,\n2,NA\n", "column 'b' of {path} is missing throughout; leave it out with drop"),
        (b"a\n18446744073709551616\n1\n", "beyond 2^53"),
        (b"a\n9007199254740993\n1\n", "column 'a' of {path} has whole numbers beyond 2^53, which are not exact"),
        (b"a\n9007199254740993\n\n-1\n", "leave it out with drop, or call it categorical with kinds"),
        (b"a,b\n9007199254740996,1\n,2\n3,4\n", "leave it out with drop, or call it categorical with kinds"),
        (b"a\n1.5\ninf\n", "column 'a' of {path} is inf in row 1; correct it, empty the cell, or rescale"),
        (b"a\n1\n2\n", "has no splits and 2 data, too few to make any"),
        (
            "\n".join(["d", *DATES]).encode(),
            "column 'd' of {path} holds dates or times; convert them to numbers, such as days",
        ),
        ("\n".join(["d", *(f"{date}T10:30:00Z" for date in DATES), "?"]).encode(), "or call it categorical with kinds"),
        (
            "\n".join(["d", *WORDS]).encode(),
            "column 'd' of {path} has 257 categories: it looks like an identifier or free text",
        ),
        (
            "\n".join(["d", *map(str, range(300)), "unknown"]).encode(),
            "most are numbers, but not 'unknown': to read these",
        ),
        ("\n".join(["d", *(f'"1,{n}"' for n in range(100, 400))]).encode(), "but for their separators: write 1234.5"),
    ],
)
def test_bad_files_are_refused(tmp_path, content, message):
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    assert message.format(path=path) in refusal(load_data, path)


@pytest.mark.parametrize("name", ["x.csv.gz", "x.parquet"])
def test_damaged_files_are_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"PAR1 none")
    assert "cannot be read" in refusal(load_data, tmp_path / name)


def test_parquet_needs_its_library(tmp_path, monkeypatch):
    pd.DataFrame({"a": [1, 2, 3]}).to_parquet(tmp_path / "x.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    message = refusal(load_data, tmp_path / "x.parquet")
    assert message.endswith("x.parquet needs the library pyarrow: pip install 'chainrule[parquet]'")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pd.to_datetime(DATES), "column 'x' of the frame holds dates or times"),
        (pd.to_datetime(DATES).date, "holds dates or times"),
        (pd.to_timedelta(range(28), unit="s"), "holds dates or times"),
        (pd.Series(pd.to_datetime(DATES)).astype("category"), "a category of column 'x' of the frame holds dates"),
        ([1, "a", 2.5], "column 'x' of the frame holds values of type float and int and str; a column takes numbers"),
        ([[1], [2]], "holds values of type list"),
        ([{"a": 1}, None], "holds values of type dict"),
        ([b"a", b"b"], "holds values of type bytes"),
        ([1j, 2.0], "holds values of type complex"),
        (
            pd.cut([1.0, 2.0, 3.0], 2),
            "a category of column 'x' of the frame holds values of type interval[float64, right]",
        ),
        (pd.Categorical([1, "a"]), "a category of column 'x' of the frame holds values of type int and str"),
        ([None, None], "column 'x' of the frame is missing throughout"),
        ([], "the frame has no rows below its header"),
        ([0.5, -np.inf], "is -inf in row 1"),
        ([1e200, None], "is 1e+200 in row 0; correct it, empty the cell, or rescale"),
        (pd.arrays.SparseArray([0, 0, 3]), "holds values of type Sparse[int64, 0]"),
        (pd.Categorical(["word 1"], WORDS), "has 257 categories"),
    ],
)
def test_columns_without_a_fitting_kind_are_refused(values, message):
    assert message in refusal(infer_table, pd.DataFrame({"x": values}))


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        (
            [1, 2, 3],
            "binary",
            "column 'x' of the frame cannot be binary: it has 3 levels; call it categorical with kinds",
        ),
        ([1.5, 2.0], "count", "cannot be count: it has 1.5; call it real with kinds"),
        ([1.5, 2.0], "integer", "cannot be integer: it has 1.5; call it real with kinds"),
        ([-1, 2], "count", "cannot be count: it has -1; call it integer with kinds"),
        (["a", "b"], "real", "cannot be real: its values are no numbers; give another kind"),
        (
            ["1", "2", "?"],
            "count",
            "its values are no numbers; most are numbers, but not '?': to read these as missing",
        ),
        ([True, False], "count", "cannot be count: its values are no numbers; give another kind"),
        (list(range(5000)), "categorical", "has 5000 categories: it looks like an identifier or free text"),
        ([2**53 + 1, 0], "real", "beyond 2^53"),
        ([2**70, 0], "real", "beyond 2^53"),
    ],
)
def test_kinds_that_do_not_fit_are_refused(values, kind, message):
    assert message in refusal(infer_table, pd.DataFrame({"x": values}), kinds={"x": kind})


def test_kinds_allows_many_categories():
    table, _ = infer_table(pd.DataFrame({"x": WORDS}), kinds={"x": "categorical"})
    assert len(table.columns[0].levels) == 257


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kinds": "zip=categorical"}, "kinds names 'zip', and the frame has no such column; it has 'a', 'b'"),
        ({"drop": "c"}, "drop names 'c', and the frame has no such column"),
        ({"drop": ["a", "b"]}, "drop leaves no column of the frame; keep at least one"),
        (
            {"kinds": "a"},
            "kinds must be such as zip=categorical,age=real, of binary, categorical, count, integer, real, not 'a'",
        ),
        ({"kinds": {"a": "number"}}, "not {'a': 'number'}"),
        ({"kinds": 3}, "kinds must be such as"),
        ({"drop": 3}, "drop and missing take words, such as id,name, not 3"),
    ],
)
def test_options_that_name_no_column_are_refused(options, message):
    assert message in refusal(infer_table, pd.DataFrame({"a": [1, 2], "b": [1.5, 2.5]}), **options)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([0, "b"], "column 1 of the frame is named 0; make the names strings"),
        (["a", "a"], "more than one column 'a'"),
        (["a", " "], "column 2 of the frame has no name"),
    ],
)
def test_invalid_names_are_refused(names, message):
    frame = pd.DataFrame([[1, 2], [3, 4]], columns=names)
    assert message in refusal(infer_table, frame)
    assert message in refusal(to_rows, frame, TABLE)
    assert "has no columns" in refusal(infer_table, frame[[]])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"age": ["old"]}, "column 'age' of the frame takes numbers, and row 0 has 'old'; correct it"),
        ({"age": [-1]}, "the frame: row 0, column 'age' (count, 27 … 42) has the value -1; correct it"),
        (
            {"age": [2**53 + 1]},
            "column 'age' of the frame has 9007199254740993 in row 0, and whole numbers beyond 2^53",
        ),
        ({"age": [str(-(2**53) - 1)]}, "has -9007199254740993 in row 0, and whole numbers beyond 2^53 are not exact"),
        ({"age": [1.5]}, "row 0, column 'age' (count, 27 … 42) has the value 1.5"),
        ({"height": [np.inf]}, "row 0, column 'height' (real, 1.5 … 1.7) has the value inf"),
        ({"job": pd.to_datetime(["2020-01-01"])}, "column 'job' of the frame holds dates"),
        ({"age": pd.to_datetime(["2020-01-01"])}, "column 'age' of the frame holds dates"),
        ({"job": [["cook"]]}, "column 'job' of the frame holds values of type list"),
    ],
)
def test_values_that_a_column_cannot_have_are_refused(changed, message):
    assert message in refusal(to_rows, pd.DataFrame(ROWS | changed), TABLE)


def test_a_frame_of_other_columns_is_refused():
    message = refusal(to_rows, pd.DataFrame({"age": [1], "weight": [2]}), TABLE, source="new.csv")
    assert message == (
        "new.csv has no column 'job', 'height', which the table that the model knows has; those of new.csv are "
        "'age', 'weight'"
    )
    assert "no rows" in refusal(to_rows, pd.DataFrame(ROWS)[:0], TABLE)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (pd.DataFrame(ROWS | {"job": ["pilot"]}), "the frame: column 'job' has 'pilot' (1), which the table"),
        (torch.zeros(2, 4), "the data: the model takes data of shape [n, 3], not [2, 4]"),
        (torch.tensor([[1.0, 3.0, 0.0]]), "the data: row 0, column 'job' (categorical, 3 levels) has the value 3"),
        (np.array([["a", "b", "c"]]), "data of a table must be a DataFrame, or rows of numbers [n, D], not ndarray"),
        (torch.zeros(1, 3, dtype=torch.complex64), "not Tensor"),
        ([[1.0, 2.0, 3.0]], "not list"),
        (torch.zeros(0, 3), "the data is empty; give at least one row"),
    ],
)
def test_rows_that_a_table_cannot_have_are_refused(x, message):
    assert message in refusal(as_split, x, TABLE)


def test_a_frame_needs_a_table():
    assert "not DataFrame" in refusal(as_split, pd.DataFrame(ROWS))


def test_to_frame_refuses_values_that_are_no_level():
    assert "has the value 7" in refusal(to_frame, torch.tensor([[30.0, 7.0, 1.0]]), TABLE)


def test_unknown_values_in_a_file_are_refused(tmp_path):
    pd.DataFrame({"age": [1, 2, 3], "job": ["pilot", "cook", "pilot"], "height": [1.5] * 3}).to_csv(
        tmp_path / "x.csv", index=False
    )
    message = refusal(load_data, tmp_path / "x.csv", domain=TABLE)
    assert "x.csv: column 'job' has 'pilot' (2), which the table that the model knows does not have there" in message


def test_tables_are_refused_for_arrays_and_arrays_for_tables(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n0,1\n1,0\n1,1\n")
    np.save(tmp_path / "x.npy", np.eye(4))
    assert "binarize and levels are for gray values" in refusal(load_data, path, binarize="draw")
    assert "binarize and levels are for gray values" in refusal(load_data, path, levels=4)
    assert "is a table, and data of Binary(shape=(2,), levels=2) are meant" in refusal(
        load_data, path, domain=Binary((2,))
    )
    assert "drop is for tables (.csv, .tsv, .parquet), and" in refusal(load_data, tmp_path / "x.npy", drop="a")
    assert "the model knows tables (.csv, .tsv" in refusal(load_data, tmp_path / "x.npy", domain=TABLE)
    assert "there is no file or folder 'nowhere.csv'" in refusal(load_data, "nowhere.csv")


def test_a_folder_is_no_table_file(tmp_path):
    (tmp_path / "x.csv").mkdir()
    assert "cannot be read" in refusal(read_frame, tmp_path / "x.csv")


def test_ambiguous_levels_do_not_hide_other_levels():
    table = Table([Column("x", "categorical", ("1", "1.0", "2"))])
    rows = to_rows(pd.DataFrame({"x": ["1", "1.0", "3"]}), table)
    assert rows.values[:2].tolist() == [[0.0], [1.0]]
    assert rows.unknown_counts == {"x": {"3": 1}}
