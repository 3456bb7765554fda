"""Data sets: files, folders and arrays become splits on a domain; frames become rows of a table, and back.

Modules that need pandas are imported when one of their names is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chainrule.data.arrays import as_split
from chainrule.data.image_files import open_images, stack_images
from chainrule.data.load import DIGITS, existing_path, is_table_file, load_data, read_digits, split_data
from chainrule.data.preprocessing import TABLE_OPTIONS, Binarization, Preprocessing, parse_kinds
from chainrule.data.splits import TEST, TRAIN, UNSPLIT, VALID, Data, Split

if TYPE_CHECKING:
    from chainrule.data.frame_filling import fill_missing as fill_missing
    from chainrule.data.rows import Rows as Rows
    from chainrule.data.rows import round_to_resolution as round_to_resolution
    from chainrule.data.rows import to_frame as to_frame
    from chainrule.data.rows import to_rows as to_rows
    from chainrule.data.table_files import read_fields as read_fields
    from chainrule.data.table_files import read_frame as read_frame
    from chainrule.data.table_inference import infer_table as infer_table
    from chainrule.data.table_inference import measure_columns as measure_columns

_MODULE_OF = {
    "Rows": "rows",
    "fill_missing": "frame_filling",
    "infer_table": "table_inference",
    "measure_columns": "table_inference",
    "read_fields": "table_files",
    "read_frame": "table_files",
    "round_to_resolution": "rows",
    "to_frame": "rows",
    "to_rows": "rows",
}

__all__ = [  # noqa: PLE0604
    "DIGITS",
    "TABLE_OPTIONS",
    "TEST",
    "TRAIN",
    "UNSPLIT",
    "VALID",
    "Binarization",
    "Data",
    "Preprocessing",
    "Split",
    "as_split",
    "existing_path",
    "is_table_file",
    "load_data",
    "open_images",
    "parse_kinds",
    "read_digits",
    "split_data",
    "stack_images",
    *_MODULE_OF,
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'chainrule.data' has no attribute {name!r}")
    return getattr(import_module(f"chainrule.data.{_MODULE_OF[name]}"), name)
