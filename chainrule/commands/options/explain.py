"""The options of `chainrule explain`."""

from __future__ import annotations

from collections.abc import Sequence

from jsonargparse import ArgumentParser

from chainrule.learn import TOPICS

USAGE = "[TOPIC] [--out FOLDER]"
EXAMPLES = ("chainrule explain", "chainrule explain masks --out masks")


def add_options(parser: ArgumentParser, _argv: Sequence[str]) -> None:
    """Add the options."""
    group = parser.add_argument_group("input and output")
    words = f"What to explain: {', '.join(TOPICS)}. Without a topic, all are listed."
    group.add_argument("topic", metavar="TOPIC", nargs="?", type=str, help=words)
    words = "New folder for the pictures, and for a page with everything."
    group.add_argument("--out", type=str, metavar="FOLDER", help=words)
