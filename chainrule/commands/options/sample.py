"""The options of `chainrule sample`."""

from __future__ import annotations

from collections.abc import Sequence

from jsonargparse import ArgumentParser

from chainrule.commands.options.groups import add_loading, add_members, add_run, add_seed, add_temperature

USAGE = "RUN --out FILE [options]"
EXAMPLES = (
    "chainrule sample runs/made -n 36 --out samples.png",
    "chainrule sample runs/wine -n 1000 --seed 1 --out synthetic.csv",
)


def add_options(parser: ArgumentParser, _argv: Sequence[str]) -> None:
    """Add the options, in groups."""
    files = parser.add_argument_group("input and output")
    add_run(files)
    words = "New file: .png for a picture, .npy or .npz for the values; of a table, .csv or .parquet."
    files.add_argument("--out", type=str, required=True, metavar="FILE", help=words)
    draws = parser.add_argument_group("samples")
    draws.add_argument("-n", type=int, default=64, metavar="INT", help="Number of samples.")
    add_temperature(draws)
    add_members(draws)
    add_seed(draws, "Seed of the draws.")
    add_loading(parser.add_argument_group("model"))
