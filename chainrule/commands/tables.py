"""Files of tables at the command line: every row of one, for a trained model; and writing one."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
from jsonargparse import Namespace

from chainrule.commands.common import recorded_data, warn
from chainrule.data import Preprocessing, Rows, read_frame, to_rows
from chainrule.data.frames import read_fields
from chainrule.data.load import existing, is_table
from chainrule.domains import Table
from chainrule.errors import ChainruleError
from chainrule.files import replacing


def load_rows(args: Namespace, table: Table) -> tuple[pd.DataFrame, Rows]:
    """All rows of the file --data, as it has them and as those of the run's table.

    As the file has them are the words of a file of text, to be written as they were read; where a file with types is
    written, they get theirs. Which values are missing is known of the rows of the table: words may say so.

    Raises:
        ChainruleError: no table, or one of other columns.
    """
    recipe = recorded_data(Path(args.run))[0] or Preprocessing()
    if not is_table(args.data):
        raise ChainruleError(f"{args.run} knows a table, and {args.data} is none; give a file .csv, .tsv or .parquet")
    path = existing(args.data)
    frame = read_frame(path, recipe.missing, table)
    rows = to_rows(frame.drop(columns=list(recipe.drop), errors="ignore"), table, args.data)
    for note in rows.notes:
        print(f"{args.data}: {note}", file=sys.stderr)
    fields = None if Path(args.out or "").suffix == ".parquet" else read_fields(path)
    return (frame if fields is None else fields), rows


def warn_of_unseen(args: Namespace, rows: Rows, done: str) -> None:
    """Tells of values that are none of their column's levels, and what is done with them."""
    for words in rows.in_words():
        warn(f"{args.data}: {words}, which the model has never seen: {done}")


def check_parquet(out: Path) -> None:
    """Raises ChainruleError where such a file cannot be written."""
    if out.suffix == ".parquet" and find_spec("pyarrow") is None:
        raise ChainruleError(f"{out}: Parquet needs pyarrow; install chainrule[parquet], or write .csv")


def write_frame(out: Path | None, frame: pd.DataFrame) -> None:
    """A frame as a new file, .csv or .parquet; or as CSV on standard output."""
    if out is None:
        frame.to_csv(sys.stdout, index=False)
        return
    check_parquet(out)
    with replacing(out) as part:
        if out.suffix == ".parquet":
            frame.to_parquet(part, index=False)
        else:
            frame.to_csv(part, index=False)
