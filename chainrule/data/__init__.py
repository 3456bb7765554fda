"""Data sets: files, folders, arrays and names become splits on a domain; frames become rows of a table, and back.

What needs pandas is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chainrule.data.arrays import as_split
from chainrule.data.load import load_data
from chainrule.data.preprocessing import Preprocessing
from chainrule.data.splits import Data, Split

if TYPE_CHECKING:
    from chainrule.data.columns import infer_table as infer_table
    from chainrule.data.frames import read_frame as read_frame
    from chainrule.data.rows import Rows as Rows
    from chainrule.data.rows import to_frame as to_frame
    from chainrule.data.rows import to_rows as to_rows

_HOME_OF = {
    "Rows": "rows",
    "infer_table": "columns",
    "read_frame": "frames",
    "to_frame": "rows",
    "to_rows": "rows",
}

__all__ = ["Data", "Preprocessing", "Split", "as_split", "load_data", *_HOME_OF]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'chainrule.data' has no attribute {name!r}")
    return getattr(import_module(f"chainrule.data.{_HOME_OF[name]}"), name)
