"""chainrule score RUN --data F"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
from jsonargparse import ArgumentParser, Namespace
from torch import Tensor

from chainrule.commands.common import (
    SPLITS,
    TABLES,
    add_data,
    add_members,
    add_run,
    check_members,
    check_new,
    load_model,
    load_split,
)
from chainrule.commands.tables import check_parquet, load_rows, warn_of_unseen, write_frame
from chainrule.domains import Table
from chainrule.errors import ChainruleError
from chainrule.inference.evaluate import log_prob_all
from chainrule.models import Density
from chainrule.progress import bar

ROW, LOG_PROB, KNOWN = "row", "log_prob", "known"
DECIMALS = 6


def options(parser: ArgumentParser, _argv: Sequence[str]) -> None:
    add_run(parser)
    add_members(parser)
    add_data(parser)
    parser.add_argument(
        "--split", choices=SPLITS, default="test", help="the part of the data; of a table all rows are scored"
    )
    parser.add_argument("--lowest-first", action="store_true", help="the least likely data first, such as anomalies")
    parser.add_argument("--out", type=str, help="a new file, .csv or .parquet; on standard output unless given")


def run(args: Namespace) -> int:
    out = None if args.out is None else Path(args.out)
    if out is not None:
        check_new(out, TABLES)
        check_parquet(out)
    model = load_model(args)
    check_members(args, model)
    frame = scored_rows(args, model) if isinstance(model.domain, Table) else scored_split(args, model)
    if args.lowest_first:
        frame = frame.sort_values(LOG_PROB, kind="stable")
    write_frame(out, frame)
    if out is not None:
        print(f"log p in nats of {len(frame)} data: {out}")
    return 0


def scored_rows(args: Namespace, model: Density) -> pd.DataFrame:
    """Every row of a table with its number, from 0, and log p of what is known of it; -inf where a value is new."""
    assert isinstance(model.domain, Table), "tables alone have rows"
    frame, rows = load_rows(args, model.domain)
    for name in (ROW, LOG_PROB, KNOWN):
        if name in frame:
            raise ChainruleError(
                f"{args.data} has a column {name!r}, which the scores would take the place of; rename it"
            )
    warn_of_unseen(args, rows, "the log p of these rows is -inf")
    possible = ~rows.unseen.any(1)
    log_probs = torch.full((len(frame),), -torch.inf, dtype=torch.float64)
    log_probs[possible] = scores(args, model, rows.values[possible])
    about = pd.DataFrame({ROW: range(len(frame)), LOG_PROB: log_probs.numpy().round(DECIMALS)}, index=frame.index)
    known = ~rows.values.isnan() | rows.unseen
    gaps = int((~known).any(1).sum())
    if gaps:
        about[KNOWN] = known.sum(1).numpy()
        note = "log p is of what is known: compare rows of which as much is"
        print(f"{args.data}: {gaps} of {len(frame)} rows lack values, and {note}", file=sys.stderr)
    return pd.concat([about, frame], axis=1)


def scored_split(args: Namespace, model: Density) -> pd.DataFrame:
    """The number of each datum of the split, from 0, and its log p."""
    log_probs = scores(args, model, load_split(args, model).values())
    return pd.DataFrame({ROW: range(len(log_probs)), LOG_PROB: log_probs.numpy().round(DECIMALS)})


def scores(args: Namespace, model: Density, x: Tensor) -> Tensor:
    with bar("scoring", len(x), show=args.out is not None) as shown:
        return log_prob_all(model, x, progress=shown, members=args.members or 1)
