"""`chainrule impute`: write a table with its missing values filled in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from jsonargparse import Namespace
from torch import Tensor

from chainrule.commands.numbers import check_count
from chainrule.commands.options.impute import MULTIPLE, SINGLE
from chainrule.commands.outputs import TABLE_ENDINGS, check_new_file, write_frame
from chainrule.commands.particles import check_particles_and_members, describe_particles, print_warnings
from chainrule.commands.runs import load_model
from chainrule.commands.table_rows import load_rows, warn_of_unseen
from chainrule.data import Rows, fill_missing, round_to_resolution, to_frame
from chainrule.domains import Table
from chainrule.errors import ChainruleError
from chainrule.formatting import counted
from chainrule.inference import Imputation, impute
from chainrule.models import Density
from chainrule.progress import progress_bar

POINT_ESTIMATES: dict[str, Callable[[Imputation], Tensor]] = {
    "most-likely": Imputation.most_likely,
    "mean": Imputation.mean,
}
DRAW = "draw"
"""The column with the number of the draw."""
BATCH_SIZE = 4096
"""Rows that are decoded at once: they are small."""
REMEDY = " (or train a MADE with --model.agnostic order)"


def run(args: Namespace) -> int:
    """Run the command, and return the exit status."""
    out = Path(args.out)
    check_new_file(out, TABLE_ENDINGS)
    n = (MULTIPLE if args.fill == "draws" else SINGLE) if args.n is None else args.n
    check_count("-n", n)
    model = load_model(args)
    table = model.domain
    if not isinstance(table, Table):
        raise ChainruleError(f"impute is for tables, and {args.run} holds a model of {table}; complete is for images")
    check_particles_and_members(args, model)
    frame, rows = load_rows(args, table)
    if args.fill == "draws" and DRAW in frame:
        raise ChainruleError(f"{args.data} has a column {DRAW!r}, which is to hold the number of the draw; rename it")
    warn_of_unseen(args, rows, "they are kept, and nothing is concluded from them")
    imputation = draw_rows(args, model, rows, n)
    write_frame(out, fill_frame(frame, table, rows, imputation, args.fill, n))
    print_summary(args, rows, imputation, n)
    return 0


def draw_rows(args: Namespace, model: Density, rows: Rows, n: int) -> Imputation | None:
    """Return draws for the rows with missing values; None where there are no such rows."""
    incomplete = missing_mask(rows).any(1)
    if not bool(incomplete.any()):
        return None
    x, known = rows.values[incomplete], ~rows.values[incomplete].isnan()
    with print_warnings(REMEDY), progress_bar("imputing", len(x) * n) as shown:
        return impute(
            model, x, known, n=n, seed=args.seed, members=args.members or 1, particles=args.particles,
            equal_weights=args.fill == "draws", batch_size=BATCH_SIZE, progress=shown,
        )  # fmt: skip


def fill_frame(
    frame: pd.DataFrame, table: Table, rows: Rows, imputation: Imputation | None, fill: str, n: int
) -> pd.DataFrame:
    """Return the frame without missing values; of `n` draws, one frame below the other, numbered from 0."""
    if imputation is None:
        copies = [frame] * n
    elif fill == "draws":
        copies = [insert(frame, table, rows, imputation.values[:, draw]) for draw in range(n)]
    else:
        copies = [insert(frame, table, rows, POINT_ESTIMATES[fill](imputation))]
    return pd.concat(copies, keys=range(n), names=[DRAW]).reset_index(DRAW) if fill == "draws" else copies[0]


def insert(frame: pd.DataFrame, table: Table, rows: Rows, values: Tensor) -> pd.DataFrame:
    """Return the frame with values [m, D] in place of the missing values of its m incomplete rows."""
    whole = rows.values.clone()
    whole[missing_mask(rows).any(1)] = round_to_resolution(values, table)
    return fill_missing(frame, to_frame(whole, table), missing=missing_mask(rows).numpy())


def missing_mask(rows: Rows) -> Tensor:
    """Return which values are to be filled in, bool [n, D]: a value that was never seen is not missing."""
    return rows.values.isnan() & ~rows.unknown


def print_summary(args: Namespace, rows: Rows, imputation: Imputation | None, n: int) -> None:
    """Print how many values were filled in, how, and how many particles stand behind them."""
    missing = missing_mask(rows)
    values, incomplete = counted(int(missing.sum()), "missing value"), int(missing.any(1).sum())
    how = f"{counted(n, 'draw')} of each" if args.fill == "draws" else f"filled in by {args.fill}"
    print(f"{values} in {incomplete} of {counted(len(missing), 'row')}, {how}: {args.out}")
    if imputation is not None and not bool(imputation.exact.all()):
        by_particles = int((~imputation.exact).sum())
        particles = counted(args.particles, "particle")
        print(f"{by_particles} rows by {particles} each: {describe_particles(imputation)}")
