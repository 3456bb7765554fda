"""chainrule impute RUN --data F --out F"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from jsonargparse import ArgumentParser, Namespace
from torch import Tensor

from chainrule.commands.common import TABLES, add_data, add_run, check_count, check_new, load_model
from chainrule.commands.missing import add_missing, check_missing, telling_collapse, worth
from chainrule.commands.tables import check_parquet, load_rows, warn_of_unseen, write_frame
from chainrule.data import Rows, to_frame
from chainrule.data.rows import fill, with_decimals
from chainrule.domains import Domain, Table
from chainrule.errors import ChainruleError
from chainrule.formatting import counted
from chainrule.inference.conditioning import Imputation, Request, draw_missing
from chainrule.inference.particles import equally, weighted
from chainrule.inference.point_estimates import mean, most_likely
from chainrule.models import Density
from chainrule.progress import bar

ONE_VALUE: dict[str, Callable[[Imputation, Domain], Tensor]] = {"most-likely": most_likely, "mean": mean}
DRAW = "draw"
"""The column that tells draws apart."""
DRAWS, DRAWN = 100, 5
"""How many draws one value is made of, and how many there are where they are what is asked for."""
CHUNK = 4096
"""Rows walked at once: they are small."""
REMEDY = " (or train a MADE with --model.agnostic order)"


def options(parser: ArgumentParser, _argv: Sequence[str]) -> None:
    add_run(parser)
    add_data(parser)
    parser.add_argument("--out", type=str, required=True, help="a new file, .csv or .parquet")
    parser.add_argument(
        "--fill", choices=(*ONE_VALUE, "draws"), default="most-likely",
        help="what stands where a value is missing: its most likely value, the mean of a number (the most likely level "
        "otherwise), or draws: the whole table several times, with a column that tells them apart",
    )  # fmt: skip
    parser.add_argument(
        "-n", type=int | None, help=f"how many draws; {DRAWS} to make one value of, or {DRAWN} unless given"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the draws")
    add_missing(parser)


def run(args: Namespace) -> int:
    out = Path(args.out)
    check_new(out, TABLES)
    check_parquet(out)
    n = (DRAWN if args.fill == "draws" else DRAWS) if args.n is None else args.n
    check_count("-n", n)
    model = load_model(args)
    table = model.domain
    if not isinstance(table, Table):
        raise ChainruleError(f"impute is for tables, and {args.run} holds a model of {table}; complete is for images")
    check_missing(args, model)
    frame, rows = load_rows(args, table)
    if args.fill == "draws" and DRAW in frame:
        raise ChainruleError(f"{args.data} has a column {DRAW!r}, which is to tell the draws apart; rename it")
    warn_of_unseen(args, rows, "they are kept, and nothing is concluded from them")
    missing = missing_in(rows)
    found = drawn(args, model, rows, n)
    write_frame(out, filled(frame, table, rows, found, args.fill, n))
    holes = counted(int(missing.sum()), "missing value")
    how = f"{counted(n, 'draw')} of each" if args.fill == "draws" else f"filled in by {args.fill}"
    print(f"{holes} in {int(missing.any(1).sum())} of {counted(len(frame), 'row')}, {how}: {out}")
    if found is not None and not bool(found.exact.all()):
        print(f"{int((~found.exact).sum())} rows by {counted(args.particles, 'particle')} each: {worth(found)}")
    return 0


def drawn(args: Namespace, model: Density, rows: Rows, n: int) -> Imputation | None:
    """Draws for the rows in which values are missing; None where there are no such rows."""
    which = missing_in(rows).any(1)
    if not bool(which.any()):
        return None
    x, known = rows.values[which], ~rows.values[which].isnan()
    with telling_collapse(REMEDY), bar("imputing", len(x) * n) as shown:
        how = Request(n, args.seed, 1.0, CHUNK, args.members or 1, args.particles, shown)
        return draw_missing(model, x.nan_to_num(), known, how, equally if args.fill == "draws" else weighted)


def filled(frame: pd.DataFrame, table: Table, rows: Rows, found: Imputation | None, how: str, n: int) -> pd.DataFrame:
    """The frame with what was missing; of n draws, one below the other, numbered from 0."""
    if how != "draws":
        return frame if found is None else put(frame, table, rows, ONE_VALUE[how](found, table))
    copies = [frame if found is None else put(frame, table, rows, found.values[:, draw]) for draw in range(n)]
    return pd.concat(copies, keys=range(n), names=[DRAW]).reset_index(DRAW)


def put(frame: pd.DataFrame, table: Table, rows: Rows, values: Tensor) -> pd.DataFrame:
    """The frame with these values [m, D] of its m rows that lack some, where they do."""
    whole = rows.values.clone()
    whole[missing_in(rows).any(1)] = with_decimals(values, table)
    return fill(frame, to_frame(whole, table), missing_in(rows).numpy())


def missing_in(rows: Rows) -> Tensor:
    """bool [n, D]: what is to be filled in. A value that was never seen is none that is missing."""
    return rows.values.isnan() & ~rows.unseen
