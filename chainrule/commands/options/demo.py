"""The options of `chainrule demo`."""

from __future__ import annotations

from collections.abc import Sequence

from jsonargparse import ArgumentParser

from chainrule.commands.options.groups import add_seed

USAGE = "[options]"
EXAMPLES = ("chainrule demo --out demo",)


def add_options(parser: ArgumentParser, _argv: Sequence[str]) -> None:
    """Add the options."""
    group = parser.add_argument_group("output")
    words = "New folder for the report, the pictures and the models."
    group.add_argument("--out", type=str, default="demo", metavar="FOLDER", help=words)
    add_seed(group, "Seed of everything that is drawn.")
