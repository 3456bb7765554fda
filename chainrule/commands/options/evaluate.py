"""The options of `chainrule evaluate`."""

from __future__ import annotations

from collections.abc import Sequence

from jsonargparse import ArgumentParser

from chainrule.commands.options.groups import add_data, add_json, add_loading, add_members, add_run, add_split

USAGE = "RUN --data FILE [options]"
EXAMPLES = (
    "chainrule evaluate runs/made --data digits",
    "chainrule evaluate runs/made --data digits --split valid --json",
)


def add_options(parser: ArgumentParser, _argv: Sequence[str]) -> None:
    """Add the options, in groups."""
    files = parser.add_argument_group("input and output")
    add_run(files)
    add_data(files)
    add_split(files)
    add_json(files)
    model = parser.add_argument_group("model")
    add_members(model)
    add_loading(model)
