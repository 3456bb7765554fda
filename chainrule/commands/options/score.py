"""The options of `chainrule score`."""

from __future__ import annotations

from collections.abc import Sequence

from jsonargparse import ArgumentParser

from chainrule.commands.options.groups import add_data, add_loading, add_members, add_run, add_split

USAGE = "RUN --data FILE [options]"
EXAMPLES = (
    "chainrule score runs/wine --data wine.csv --lowest-first | head",
    "chainrule score runs/wine --data wine.csv --members 8 --out scores.csv",
)


def add_options(parser: ArgumentParser, _argv: Sequence[str]) -> None:
    """Add the options, in groups."""
    files = parser.add_argument_group("input and output")
    add_run(files)
    add_data(files)
    add_split(files, "Part of the data. Of a table, all rows are scored.")
    words = "New file, .csv or .parquet. Default: standard output, as CSV."
    files.add_argument("--out", type=str, metavar="FILE", help=words)
    files.add_argument("--lowest-first", action="store_true", help="Write the least likely data first.")
    model = parser.add_argument_group("model")
    add_members(model)
    add_loading(model)
