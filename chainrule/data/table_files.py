"""Readers of table files: CSV and TSV, plain or gzipped, and Parquet, by pandas; ambiguous files are refused."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from chainrule.data.frames import INTEGER, LEADING_ZERO, check_names
from chainrule.data.raw import read_error
from chainrule.distributions import MAX_EXACT_INTEGER
from chainrule.domains import NUMERIC_KINDS, Kind, Table
from chainrule.errors import ChainruleError

TSV, PARQUET = r"\.tsv(\.gz)?$", r"\.parquet$"


class TextTable(NamedTuple):
    """The text of a CSV or TSV file, with its separator and the names of its columns."""

    path: Path
    text: str
    separator: str
    names: list[str]

    def parse(self, **options: Any) -> pd.DataFrame:
        """Return the fields as a frame, parsed by pandas with these options of `pandas.read_csv`."""
        try:
            frame: pd.DataFrame = pd.read_csv(
                io.StringIO(self.text),
                sep=self.separator,
                header=0,
                names=self.names,
                index_col=False,
                low_memory=False,  # in pieces, one column could get two types
                **options,
            )
        except Exception as error:
            raise read_error(self.path, error) from error
        return frame

    def parse_fields(self) -> pd.DataFrame:
        """Return the fields as strings; empty ones are missing."""
        return self.parse(dtype="str", keep_default_na=False, na_values=[""])


def read_frame(
    path: Path,
    *,
    missing: Sequence[str] = (),
    table: Table | None = None,
    kinds: Mapping[str, Kind] | None = None,
) -> pd.DataFrame:
    """Read a table file: .csv or .tsv (also .gz), or .parquet.

    A column of text is read as numbers if all its fields are numbers. It stays text if one begins with a zero, as codes
    do, or if the column is called binary or categorical: its levels are the words of the file.

    Args:
        path: of the file.
        missing: words that are read as missing, besides those of pandas: an empty field, NA, NaN, null, None, …
        table: the table that the rows belong to, if it is known; it says which columns are numeric.
        kinds: the kinds of some columns, which override what the file looks like.

    Raises:
        ChainruleError: an unreadable or empty file, text other than UTF-8, columns without names of their own, rows of
            different lengths.
    """
    if re.search(PARQUET, path.name, re.IGNORECASE):
        return _read_parquet(path, missing)
    content, known_kinds = _read_text_table(path), _known_kinds(table, kinds or {})
    fields = content.parse_fields()
    text = [name for name in fields if _is_text(fields[name], missing, known_kinds.get(str(name)))]
    frame = content.parse(dtype=dict.fromkeys(text, "str"), na_values=list(missing))
    numeric = [str(name) for name in frame if name not in text and known_kinds.get(str(name)) != "real"]
    return frame.assign(**{name: _restore_digits(frame[name], fields[name]) for name in numeric})


def read_fields(path: Path) -> pd.DataFrame | None:
    """Read a text file as it stands: every field a string, empty ones missing; None for a Parquet file.

    Raises:
        ChainruleError: as for `read_frame`.
    """
    return None if re.search(PARQUET, path.name, re.IGNORECASE) else _read_text_table(path).parse_fields()


def _known_kinds(table: Table | None, kinds: Mapping[str, Kind]) -> dict[str, Kind]:
    """Return the kinds that are known, without columns whose levels are no strings: their fields are parsed."""
    columns = () if table is None else table.columns
    with_strings = {each.name for each in columns if any(isinstance(level, str) for level in each.levels)}
    by_table = {each.name: each.kind for each in columns if not each.is_discrete or each.name in with_strings}
    return {**kinds, **by_table}


def _is_text(fields: pd.Series, missing: Sequence[str], kind: Kind | None) -> bool:
    """Return whether the fields of a column are text, even if they look like numbers."""
    if kind is not None:
        return kind not in NUMERIC_KINDS
    return bool((fields.str.fullmatch(LEADING_ZERO) & ~fields.isin(list(missing))).any())


def _restore_digits(column: pd.Series, fields: pd.Series) -> pd.Series:
    """Return the column with all digits of large whole numbers, which pandas loses where values are missing."""
    if column.dtype.kind != "O" and not (column.dtype.kind == "f" and (column.abs() >= MAX_EXACT_INTEGER).any()):
        return column
    whole = fields.str.fullmatch(INTEGER) & column.notna()
    if not whole.any() or not (whole | column.isna() | fields.isna()).all():
        return column
    numbers = [int(field) if is_whole else None for field, is_whole in zip(fields, whole, strict=True)]
    fits = all(number is None or abs(number) < 2**63 for number in numbers)
    return pd.Series(numbers, index=column.index, dtype="Int64" if fits else object)


def _read_text_table(path: Path) -> TextTable:
    text = _read_text(path)
    separator = "\t" if re.search(TSV, path.name, re.IGNORECASE) else ","
    try:
        return TextTable(path, text, separator, _read_header(text, separator, path))
    except csv.Error as error:
        raise read_error(path, error) from error


def _read_text(path: Path) -> str:
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            content = file.read()
    except Exception as error:
        raise read_error(path, error) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = f"byte {error.start} is {content[error.start]:#04x}"
        raise ChainruleError(f"{path} is not text in UTF-8 ({at}); save it as CSV in UTF-8") from None


def _read_header(text: str, separator: str, path: Path) -> list[str]:
    """Return the names of the columns; check that all rows are as long, since pandas would fill or shift them."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    header = next(filter(None, rows), None)
    if header is None:
        raise ChainruleError(f"{path} is empty; give a header row with the columns' names, and rows")
    if len(header) == 1 and (other := re.search(r"[;|\t,]", header[0].replace(separator, ""))):
        raise ChainruleError(
            f"{path} has one column, {header[0]!r}; if {other[0]!r} separates its fields, save it with {separator!r}"
        )
    check_names(header, path)
    for row in filter(None, rows):  # pandas ignores empty lines, too
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
        raise read_error(path, error) from error
    check_names(list(frame.columns), path)
    for name, column in frame.items():
        matches = column.isin(list(missing))
        if matches.any():
            frame[name] = _remove_words(column, missing, matches)
    return frame


def _remove_words(column: pd.Series, words: Sequence[str], matches: pd.Series) -> pd.Series:
    """Return a column with some words missing, also among its categories."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.remove_categories([word for word in words if word in column.cat.categories])
    return column.mask(matches)
