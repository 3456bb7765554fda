"""Markdown apart from its code: what changes words leaves fenced blocks and `code` as they are."""

from __future__ import annotations

import re
from collections.abc import Callable

FENCED = re.compile(r"^([ ]*)(`{3,})[^\n]*\n.*?^\1\2[ ]*$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)")


def outside_blocks(markdown: str, change: Callable[[str], str]) -> str:
    """The same with `change` applied to what stands between fenced blocks.

    Example:
        >>> print(outside_blocks("one\\n```text\\none\\n```\\none", str.upper))
        ONE
        ```text
        one
        ```
        ONE
    """
    return _between(FENCED, markdown, change)


def outside_code(markdown: str, change: Callable[[str], str]) -> str:
    """The same with `change` applied to what is neither a fenced block nor `code`.

    Example:
        >>> print(outside_code("one `one` one", str.upper))
        ONE `one` ONE
    """
    return outside_blocks(markdown, lambda text: _between(CODE, text, change))


def _between(kept: re.Pattern[str], text: str, change: Callable[[str], str]) -> str:
    """The text with `change` applied to what the pattern does not match."""
    done, end = [], 0
    for match in kept.finditer(text):
        done += [change(text[end : match.start()]), match[0]]
        end = match.end()
    return "".join([*done, change(text[end:])])
