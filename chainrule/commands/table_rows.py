"""The rows of a table's file, for a trained model."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from jsonargparse import Namespace

from chainrule.commands.messages import print_notes, warn
from chainrule.commands.runs import read_data_record
from chainrule.data import Preprocessing, Rows, existing_path, is_table_file, read_fields, read_frame, to_rows
from chainrule.domains import Table
from chainrule.errors import ChainruleError


def load_rows(args: Namespace, table: Table) -> tuple[pd.DataFrame, Rows]:
    """Return all rows of the file `--data`: as the file has them, and as rows of the run's table.

    The frame has the fields of a text file as they were written; where `--out` has types (.parquet), it has typed
    values. Which values are missing is known from the rows of the table, since words may stand for missing values.

    Raises:
        ChainruleError: the file is not a table, or has other columns.
    """
    recipe = read_data_record(Path(args.run))[0] or Preprocessing()
    if not is_table_file(args.data):
        raise ChainruleError(
            f"{args.run} is a model of a table, and {args.data} is not one; give a file .csv, .tsv or .parquet"
        )
    path = existing_path(args.data)
    frame = read_frame(path, missing=recipe.missing, table=table)
    rows = to_rows(frame.drop(columns=list(recipe.drop), errors="ignore"), table, source=args.data)
    print_notes(args.data, rows.messages)
    fields = None if Path(args.out or "").suffix == ".parquet" else read_fields(path)
    return (frame if fields is None else fields), rows


def warn_of_unseen(args: Namespace, rows: Rows, consequence: str) -> None:
    """Warn of values that are not among the levels of their column, and say what is done with them."""
    for words in rows.describe_unknown():
        warn(f"{args.data}: {words}, which the model has never seen: {consequence}")
