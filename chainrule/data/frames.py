"""Checks of frames, and the type of value that a column of a frame holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd

from chainrule.errors import ChainruleError

LEADING_ZERO, INTEGER = r"\s*0\d+\s*", r"\s*[-+]?\d+\s*"
"""Regular expressions of digits that begin with a zero, as codes do and numbers do not; and of whole numbers."""

ValueType = Literal["bool", "whole", "float", "text", "category"]
"""The type of value in a column of a frame, whatever its dtype."""
PYTHON_NUMBERS = ("integer", "floating", "mixed-integer-float")
"""Names that pandas has for columns of Python numbers, as which it stores whole numbers beyond 64 bits."""


def check_frame(frame: pd.DataFrame, source: object) -> None:
    """Check that a frame has rows, and columns with different names.

    Raises:
        ChainruleError: it has not.
    """
    check_names(list(frame.columns), source)
    if not len(frame):
        raise ChainruleError(f"{source} has no rows below its header; give at least one")


def check_names(names: Sequence[object], source: object) -> None:
    """Check that each column has a name of its own.

    Raises:
        ChainruleError: no columns, or names that are empty, no strings, or there twice.
    """
    if not names:
        raise ChainruleError(f"{source} has no columns; give at least one")
    for number, name in enumerate(names, 1):
        if not isinstance(name, str):
            raise ChainruleError(f"column {number} of {source} is named {name!r}; make the names strings")
        if not name.strip():
            raise ChainruleError(
                f"column {number} of {source} has no name; give it one in the header, or, if it only numbers the rows, "
                "write the file without it (in pandas: index=False)"
            )
        if names.index(name) != number - 1:
            raise ChainruleError(f"{source} has more than one column {name!r}; give each a name of its own")


def value_type(column: pd.Series, where: str) -> ValueType:
    """Return the type of value in a column.

    Raises:
        ChainruleError: dates, or values other than numbers, strings or booleans of one type.

    Example:
        >>> value_type(pd.Series([1, None], dtype="Int64"), "column 'x'"), value_type(pd.Series(["a"]), "column 'y'")
        ('whole', 'text')
    """
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        value_type(dtype.categories.to_series(), f"a category of {where}")
        return "category"
    inferred = pd.api.types.infer_dtype(column, skipna=True)
    if pd.api.types.is_bool_dtype(dtype) or inferred == "boolean":
        return "bool"
    if pd.api.types.is_numeric_dtype(dtype) and dtype.kind in "iuf" and not isinstance(dtype, pd.SparseDtype):
        return "float" if dtype.kind == "f" else "whole"
    if inferred in PYTHON_NUMBERS and pd.api.types.is_object_dtype(dtype):
        return "whole" if inferred == "integer" else "float"
    if inferred in ("string", "empty"):
        return "text"
    if "date" in inferred or "time" in inferred or inferred == "period":
        raise date_error(where)
    objects = " and ".join(sorted({type(value).__name__ for value in column.dropna()}))
    types = objects if pd.api.types.is_object_dtype(dtype) else dtype
    raise ChainruleError(
        f"{where} holds values of type {types}; a column takes numbers, strings or booleans, of one type: convert it, "
        "or leave it out with drop"
    )


def date_error(where: str) -> ChainruleError:
    """Return the error to raise for a column of dates."""
    return ChainruleError(
        f"{where} holds dates or times; convert them to numbers, such as days since the first, or leave it out with "
        "drop"
    )
