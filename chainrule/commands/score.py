"""`chainrule score`: write log p of each datum, beside the rows of a table."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import torch
from jsonargparse import Namespace
from torch import Tensor

from chainrule.commands.outputs import TABLE_ENDINGS, check_new_file, write_frame
from chainrule.commands.runs import check_members, load_model, load_split
from chainrule.commands.table_rows import load_rows, warn_of_unseen
from chainrule.data import Rows
from chainrule.domains import Table
from chainrule.errors import ChainruleError
from chainrule.inference import compute_log_probs
from chainrule.models import Density
from chainrule.progress import progress_bar

ROW, LOG_PROB, KNOWN = "row", "log_prob", "known"
"""The names of the columns that are added."""
DECIMALS = 6


def run(args: Namespace) -> int:
    """Run the command, and return the exit status."""
    out = None if args.out is None else Path(args.out)
    if out is not None:
        check_new_file(out, TABLE_ENDINGS)
    model = load_model(args)
    check_members(args, model)
    table = model.domain
    frame = score_table(args, model, table) if isinstance(table, Table) else score_split(args, model)
    if args.lowest_first:
        frame = frame.sort_values(LOG_PROB, kind="stable")
    write_frame(out, frame)
    if out is not None:
        print(f"log p in nats of {len(frame)} data: {out}")
    return 0


def score_table(args: Namespace, model: Density, table: Table) -> pd.DataFrame:
    """Return every row of a table, with its number from 0 and log p of its known values; -inf where a value is new."""
    frame, rows = load_rows(args, table)
    check_columns(args.data, frame)
    warn_of_unseen(args, rows, "the log p of these rows is -inf")
    possible = ~rows.unknown.any(1)
    log_probs = torch.full((len(frame),), -torch.inf, dtype=torch.float64)
    log_probs[possible] = log_prob(args, model, rows.values[possible])
    scores = as_columns(log_probs, frame.index)
    add_known(args.data, scores, rows)
    return pd.concat([scores, frame], axis=1)


def check_columns(source: str, frame: pd.DataFrame) -> None:
    """Raise ChainruleError for a table that has a column of the name of one that is added."""
    for name in (ROW, LOG_PROB, KNOWN):
        if name in frame:
            raise ChainruleError(f"{source} has a column {name!r}, which the scores would take the place of; rename it")


def add_known(source: str, scores: pd.DataFrame, rows: Rows) -> None:
    """Add the number of known values of each row, and print a note, where values are missing."""
    known = ~rows.values.isnan() | rows.unknown
    incomplete = int((~known).any(1).sum())
    if incomplete:
        scores[KNOWN] = known.sum(1).numpy()
        note = "log p is of the known values: compare rows with the same number of them"
        print(f"{source}: {incomplete} of {len(known)} rows lack values, and {note}", file=sys.stderr)


def score_split(args: Namespace, model: Density) -> pd.DataFrame:
    """Return the number of each datum of the split, from 0, and its log p."""
    return as_columns(log_prob(args, model, load_split(args, model).values()))


def as_columns(log_probs: Tensor, index: pd.Index | None = None) -> pd.DataFrame:
    """Return the columns of row numbers and of log p."""
    columns = {ROW: range(len(log_probs)), LOG_PROB: log_probs.numpy().round(DECIMALS)}
    return pd.DataFrame(columns, index=index)


def log_prob(args: Namespace, model: Density, x: Tensor) -> Tensor:
    """Return log p of each datum, in nats, with a progress bar where standard output is not the table."""
    with progress_bar("scoring", len(x), show=args.out is not None) as shown:
        return compute_log_probs(model, x, progress=shown, members=args.members or 1)
