"""Changes of Markdown that leave fenced blocks and `code` as they are."""

from __future__ import annotations

import re
from collections.abc import Callable

FENCED_BLOCK = re.compile(r"^([ ]*)(`{3,})[^\n]*\n.*?^\1\2[ ]*$", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)")


def change_outside_blocks(markdown: str, change: Callable[[str], str]) -> str:
    """Apply `change` to the text between fenced blocks.

    Example:
        >>> print(change_outside_blocks("one\\n```text\\none\\n```\\none", str.upper))
        ONE
        ```text
        one
        ```
        ONE
    """
    return _change_between(FENCED_BLOCK, markdown, change)


def change_outside_code(markdown: str, change: Callable[[str], str]) -> str:
    """Apply `change` to the text that is neither in a fenced block nor `code`.

    Example:
        >>> print(change_outside_code("one `one` one", str.upper))
        ONE `one` ONE
    """
    return change_outside_blocks(markdown, lambda text: _change_between(INLINE_CODE, text, change))


def _change_between(pattern: re.Pattern[str], text: str, change: Callable[[str], str]) -> str:
    """Apply `change` to the text that the pattern does not match."""
    parts, end = [], 0
    for match in pattern.finditer(text):
        parts += [change(text[end : match.start()]), match[0]]
        end = match.end()
    return "".join([*parts, change(text[end:])])
