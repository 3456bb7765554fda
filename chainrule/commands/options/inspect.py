"""The options of `chainrule inspect`."""

from __future__ import annotations

from collections.abc import Sequence

from jsonargparse import ArgumentParser

from chainrule.commands.options.groups import SOURCES, add_json, add_loading, add_run, add_seed, add_split

USAGE = "RUN [options]"
EXAMPLES = (
    "chainrule inspect runs/made",
    "chainrule inspect runs/made --data digits --index 3 --sites 4,4 5,2 --out seen",
)


def add_options(parser: ArgumentParser, _argv: Sequence[str]) -> None:
    """Add the options, in groups."""
    files = parser.add_argument_group("input and output")
    add_run(files)
    words = "New folder for the page and the pictures. Default: RUN/inspect."
    files.add_argument("--out", type=str, metavar="FOLDER", help=words)
    add_json(files)
    shown = parser.add_argument_group("what is shown")
    words = "Sites to look at: row,column or row,column,channel of images (R, G, B or a number); of rows, a number."
    shown.add_argument("--sites", type=str, nargs="+", metavar="SITE", help=words)
    words = f"{SOURCES} Default: a sample from the model."
    shown.add_argument("--data", type=str, metavar="FILE", help=words)
    add_split(shown)
    shown.add_argument("--index", type=int, default=0, metavar="INT", help="Index of the datum in the split.")
    add_seed(shown, "Seed of the sample.")
    add_loading(parser.add_argument_group("model"))
