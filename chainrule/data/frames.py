"""Files of tables: CSV and TSV, plain or gzipped, and Parquet, by pandas; where it would guess, they are refused."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pandas as pd

from chainrule.data.raw import unreadable
from chainrule.domain import Table
from chainrule.errors import ChainruleError

TABS, PARQUET = r"\.tsv(\.gz)?$", r"\.parquet$"

Family = Literal["bool", "whole", "float", "text", "category"]
"""What a column of a frame holds, whatever the type that it holds it in."""
NUMBERS = ("integer", "floating", "mixed-integer-float")
"""pandas' words for Python's numbers; it keeps whole numbers beyond 64 bits so."""


def read_frame(path: Path, missing: Sequence[str] = (), table: Table | None = None) -> pd.DataFrame:
    """The table in a file, .csv or .tsv (also .gz) or .parquet.

    Args:
        missing: words that are read as missing, besides those of pandas: an empty field, NA, NaN, null, None, …
        table: what the rows will be of, if it is known: words of text are not taken for numbers then.

    Raises:
        ChainruleError: unreadable, not UTF-8, empty, columns without names of their own, rows of different lengths.
    """
    if re.search(PARQUET, path.name, re.IGNORECASE):
        return _read_parquet(path, missing)
    text = _text(path)
    separator = "\t" if re.search(TABS, path.name, re.IGNORECASE) else ","
    try:
        names = _checked_header(text, separator, path)
        return pd.read_csv(
            io.StringIO(text),
            sep=separator,
            header=0,
            names=names,
            index_col=False,
            dtype={name: "str" for name in names if table is not None and name in _text_columns(table)},
            na_values=list(missing),
            low_memory=False,  # in pieces, one column could get two types
        )
    except ChainruleError:
        raise
    except Exception as error:
        raise unreadable(path, error) from error


def _text_columns(table: Table) -> set[str]:
    """The columns whose levels are strings."""
    return {column.name for column in table.columns if any(isinstance(level, str) for level in column.levels)}


def _text(path: Path) -> str:
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            content = file.read()
    except Exception as error:
        raise unreadable(path, error) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = f"byte {error.start} is {content[error.start]:#04x}"
        raise ChainruleError(f"{path} is not text in UTF-8 ({at}); save it as CSV in UTF-8") from None


def _checked_header(text: str, separator: str, path: Path) -> list[str]:
    """The names of the columns, once each row is known to have as many fields: pandas would fill up or shift them."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    header = next(filter(None, rows), None)
    if header is None:
        raise ChainruleError(f"{path} is empty; give a header row with the columns' names, and rows")
    if len(header) == 1 and (other := re.search(r"[;|\t,]", header[0].replace(separator, ""))):
        raise ChainruleError(
            f"{path} has one column, {header[0]!r}; if {other[0]!r} separates its fields, save it with {separator!r}"
        )
    check_names(header, path)
    for row in filter(None, rows):  # empty lines are passed over, as by pandas
        if len(row) != len(header):
            raise ChainruleError(
                f"line {rows.line_num} of {path} has {len(row)} fields, and the header {len(header)}; correct it, and "
                "put fields that contain a separator in double quotes"
            )
    return header


def _read_parquet(path: Path, missing: Sequence[str]) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path, engine="pyarrow")
    except ImportError as error:
        raise ChainruleError(f"{path} needs the library pyarrow: pip install 'chainrule[parquet]'") from error
    except Exception as error:
        raise unreadable(path, error) from error
    check_names(list(frame.columns), path)
    for name, column in frame.items():
        hit = column.isin(list(missing))
        if hit.any():
            categorical = isinstance(column.dtype, pd.CategoricalDtype)
            words = [word for word in missing if categorical and word in column.cat.categories]
            frame[name] = column.cat.remove_categories(words) if categorical else column.mask(hit)
    return frame


def check_frame(frame: pd.DataFrame, source: object) -> None:
    """Raises ChainruleError unless the frame has rows, and columns that each have a name of their own."""
    check_names(list(frame.columns), source)
    if not len(frame):
        raise ChainruleError(f"{source} has no rows below its header; give at least one")


def check_names(names: Sequence[object], source: object) -> None:
    """Raises ChainruleError unless each column has a name of its own."""
    if not names:
        raise ChainruleError(f"{source} has no columns; give at least one")
    for place, name in enumerate(names, 1):
        if not isinstance(name, str):
            raise ChainruleError(f"column {place} of {source} is named {name!r}; make the names strings")
        if not name.strip():
            raise ChainruleError(
                f"column {place} of {source} has no name; give it one in the header, or, if it only numbers the rows, "
                "write the file without it (in pandas: index=False)"
            )
        if names.index(name) != place - 1:
            raise ChainruleError(f"{source} has more than one column {name!r}; give each a name of its own")


def family_of(column: pd.Series, where: str) -> Family:
    """What the column holds.

    Raises:
        ChainruleError: dates, or values that are no numbers, strings or booleans of one type.
    """
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        family_of(dtype.categories.to_series(), f"a category of {where}")
        return "category"
    found = pd.api.types.infer_dtype(column, skipna=True)
    if pd.api.types.is_bool_dtype(dtype) or found == "boolean":
        return "bool"
    if pd.api.types.is_numeric_dtype(dtype) and dtype.kind in "iuf" and not isinstance(dtype, pd.SparseDtype):
        return "float" if dtype.kind == "f" else "whole"
    if found in NUMBERS and pd.api.types.is_object_dtype(dtype):
        return "whole" if found == "integer" else "float"
    if found in ("string", "empty"):
        return "text"
    if "date" in found or "time" in found or found == "period":
        raise no_dates(where)
    objects = " and ".join(sorted({type(value).__name__ for value in column.dropna()}))
    types = objects if pd.api.types.is_object_dtype(dtype) else dtype
    raise ChainruleError(
        f"{where} holds values of type {types}; a column takes numbers, strings or booleans, of one type: convert it, "
        "or leave it out with drop"
    )


def no_dates(where: str) -> ChainruleError:
    """The error to raise for a column of dates."""
    return ChainruleError(
        f"{where} holds dates or times; convert them to numbers, such as days since the first, or leave it out with "
        "drop"
    )
