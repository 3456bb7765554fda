"""The layout of `--help`: groups of options, with types and defaults in words."""

from __future__ import annotations

import shutil
import textwrap
from argparse import SUPPRESS, Action
from collections.abc import Sequence
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from jsonargparse import DefaultHelpFormatter

INDENT = 24
"""The column in which the descriptions of options begin."""
WIDEST = 100
"""Lines are never longer, however wide the terminal is."""
TYPES = {int: "INT", float: "FLOAT", bool: "true|false", str: "TEXT"}


class HelpFormatter(DefaultHelpFormatter):
    """Formats each option as its name and type, and a description that ends with its default."""

    def __init__(self, prog: str, **keywords: Any) -> None:
        width = min(shutil.get_terminal_size().columns, WIDEST)
        super().__init__(prog, **{**keywords, "max_help_position": INDENT, "width": width})  # type: ignore[no-untyped-call]

    def _format_action_invocation(self, action: Action) -> str:
        names = ", ".join(name for name in action.option_strings if not name.endswith("+"))
        if not names:
            return str(action.metavar)
        return names if action.nargs == 0 else f"{names} {self._format_args(action, action.dest.upper())}".strip()

    def _get_help_string(self, action: Action) -> str:
        description = action.help or ""
        if not action.option_strings or action.nargs == 0 or "Default" in description:
            return description
        if action.required:
            return f"{description} Required."
        default = describe_default(action.default)
        return f"{description} Default: {default}." if default else description

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" in text:  # examples, which are to be copied as they are
            return text
        return textwrap.fill(text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def describe_type(kind: Any) -> str:
    """Return what an option takes, as its help shows it; of a union, the first type that is not None.

    Example:
        >>> describe_type(int | None), describe_type(Literal["draw", "dynamic"]), describe_type(tuple[int, ...])
        ('INT', 'draw|dynamic', '[INT,...]')
    """
    if get_origin(kind) is Literal:
        return "|".join(map(str, get_args(kind)))
    if kind in TYPES:
        return TYPES[kind]
    members = [each for each in get_args(kind) if each not in (NoneType, Ellipsis)]
    if isinstance(get_origin(kind), type) and issubclass(get_origin(kind), Sequence):
        return f"[{describe_type(members[0])},...]"
    return describe_type(members[0]) if members else "VALUE"


def describe_default(value: Any) -> str:
    """Return a default as a user would give it; an empty string where nothing need be said.

    Example:
        >>> describe_default(1e-3), describe_default((16, 16)), describe_default(True), describe_default(None)
        ('0.001', '[16,16]', 'true', '')
    """
    if value is None or value == SUPPRESS:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{','.join(map(describe_default, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)
