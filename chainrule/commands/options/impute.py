"""The options of `chainrule impute`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from jsonargparse import ArgumentParser

from chainrule.commands.options.declare import Option, add_all
from chainrule.commands.options.groups import add_data, add_loading, add_members, add_particles, add_run, add_seed

USAGE = "RUN --data FILE --out FILE [options]"
EXAMPLES = (
    "chainrule impute runs/wine --data wine.csv --out full.csv",
    "chainrule impute runs/wine --data wine.csv --fill draws -n 5 --out draws.csv",
)
SINGLE, MULTIPLE = 100, 5
"""The number of draws behind one value of each gap, and the number where the draws themselves are written."""
FILL = (
    "Value of each gap: the most likely one, the mean of the draws (of categories, the most likely level), or the "
    "draws themselves: the whole table several times, with a column named draw."
)


def add_options(parser: ArgumentParser, _argv: Sequence[str]) -> None:
    """Add the options, in groups."""
    files = parser.add_argument_group("input and output")
    add_run(files)
    add_data(files)
    files.add_argument("--out", type=str, required=True, metavar="FILE", help="New file, .csv or .parquet.")
    draws = parser.add_argument_group("imputation")
    add_all(draws, [Option("fill", Literal["most-likely", "mean", "draws"], "most-likely", FILL)])
    words = f"Number of draws. Default: {SINGLE} for one value of each gap, {MULTIPLE} with --fill draws."
    draws.add_argument("-n", type=int | None, metavar="INT", help=words)
    add_members(draws)
    add_particles(draws)
    add_seed(draws, "Seed of the draws.")
    add_loading(parser.add_argument_group("model"))
