"""Files of tables: CSV and TSV, plain or gzipped, and Parquet, by pandas; where it would guess, they are refused."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd

from chainrule.data.raw import unreadable
from chainrule.distributions.mixture import LARGEST
from chainrule.domains import Table
from chainrule.domains.table import NUMBERS as OF_NUMBERS
from chainrule.domains.table import Kind
from chainrule.errors import ChainruleError

TABS, PARQUET = r"\.tsv(\.gz)?$", r"\.parquet$"
CODE, WHOLE = r"\s*0\d+\s*", r"\s*[-+]?\d+\s*"
"""Digits that begin with a zero are no number, but a code; and whole numbers."""

Family = Literal["bool", "whole", "float", "text", "category"]
"""What a column of a frame holds, whatever the type that it holds it in."""
NUMBERS = ("integer", "floating", "mixed-integer-float")
"""pandas' words for Python's numbers; it keeps whole numbers beyond 64 bits so."""


class Content(NamedTuple):
    """The text of a file, and how it is a table."""

    path: Path
    text: str
    separator: str
    names: list[str]

    def parsed(self, **how: Any) -> pd.DataFrame:
        """Its fields, by pandas."""
        try:
            frame: pd.DataFrame = pd.read_csv(
                io.StringIO(self.text),
                sep=self.separator,
                header=0,
                names=self.names,
                index_col=False,
                low_memory=False,  # in pieces, one column could get two types
                **how,
            )
        except Exception as error:
            raise unreadable(self.path, error) from error
        return frame


def read_frame(
    path: Path,
    missing: Sequence[str] = (),
    table: Table | None = None,
    kinds: Mapping[str, Kind] | None = None,
) -> pd.DataFrame:
    """The table in a file, .csv or .tsv (also .gz) or .parquet.

    Fields of text are read as numbers where all of a column are; but not if one begins with a zero, as codes do, or if
    the column is called binary or categorical: its levels are the words of the file.

    Args:
        missing: words that are read as missing, besides those of pandas: an empty field, NA, NaN, null, None, …
        table: what the rows will be of, if it is known: words of text are not taken for numbers then.
        kinds: of columns, where the file is not to say.

    Raises:
        ChainruleError: unreadable, not UTF-8, empty, columns without names of their own, rows of different lengths.
    """
    if re.search(PARQUET, path.name, re.IGNORECASE):
        return _read_parquet(path, missing)
    content, called = _content(path), _called(table, kinds or {})
    fields = _fields(content)
    words = [name for name in fields if _is_text(fields[name], missing, called.get(str(name)))]
    frame = content.parsed(dtype=dict.fromkeys(words, "str"), na_values=list(missing))
    free = [str(name) for name in frame if name not in words and called.get(str(name)) != "real"]
    return frame.assign(**{name: _exact(frame[name], fields[name]) for name in free})


def read_fields(path: Path) -> pd.DataFrame | None:
    """A file of text as it stands: every field a string, but for empty ones, which are missing; None of Parquet.

    Raises:
        ChainruleError: as for `read_frame`.
    """
    return None if re.search(PARQUET, path.name, re.IGNORECASE) else _fields(_content(path))


def _fields(content: Content) -> pd.DataFrame:
    return content.parsed(dtype="str", keep_default_na=False, na_values=[""])


def _called(table: Table | None, kinds: Mapping[str, Kind]) -> dict[str, Kind]:
    """The columns whose kinds are known, but for those of levels that are no strings, which are read as such."""
    known = () if table is None else table.columns
    of_words = {each.name for each in known if any(isinstance(level, str) for level in each.levels)}
    return {**kinds, **{each.name: each.kind for each in known if not each.discrete or each.name in of_words}}


def _is_text(fields: pd.Series, missing: Sequence[str], kind: Kind | None) -> bool:
    """Are a column's fields words, whatever they look like?"""
    if kind is not None:
        return kind not in OF_NUMBERS
    return bool((fields.str.fullmatch(CODE) & ~fields.isin(list(missing))).any())


def _exact(column: pd.Series, fields: pd.Series) -> pd.Series:
    """The column, with all digits of large whole numbers beside holes, for which pandas takes floats or strings."""
    if column.dtype.kind != "O" and not (column.dtype.kind == "f" and (column.abs() >= LARGEST).any()):
        return column
    whole = fields.str.fullmatch(WHOLE) & column.notna()
    if not whole.any() or not (whole | column.isna() | fields.isna()).all():
        return column
    numbers = [int(word) if known else None for word, known in zip(fields, whole, strict=True)]
    small = all(number is None or abs(number) < 2**63 for number in numbers)
    return pd.Series(numbers, index=column.index, dtype="Int64" if small else object)


def _content(path: Path) -> Content:
    text = _text(path)
    separator = "\t" if re.search(TABS, path.name, re.IGNORECASE) else ","
    try:
        return Content(path, text, separator, _checked_header(text, separator, path))
    except csv.Error as error:
        raise unreadable(path, error) from error


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
        frame = frame.reset_index([name for name in frame.index.names if name is not None])
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
