"""Docstrings as Markdown: they are written to be read as they stand, and x_<i or [n, *shape] are no marks there."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import griffe
from prose import outside_code

MARKS = re.compile(r"^[ ]*\*+\w+:|[*<\[\]]", re.MULTILINE)
"""Marks of Markdown that stand for themselves; those before the name of an argument stay for the parser."""

TOGETHER = re.compile(r"^[ ]+\w+(?:, \w+)+(?=: )", re.MULTILINE)
"""Arguments that are told in one line: `x, y: ...`."""


class AsMarkdown(griffe.Extension):
    """Makes the docstring of each object Markdown."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:  # noqa: ARG002
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(docstring: str) -> str:
    """A docstring whose marks are escaped, and whose example stands under the heading that the parser knows.

    Example:
        >>> print(as_markdown("p(x_i | x_<i) of `x` [n, *shape].\\n\\nExample:\\n    a * b"))
        p(x_i | x_\\<i) of `x` \\[n, \\*shape\\].
        <BLANKLINE>
        Examples:
            a * b
    """
    words, mark, example = docstring.partition("Example:\n")
    words = TOGETHER.sub(lambda names: names[0].replace(", ", ",\N{NO-BREAK SPACE}"), words)  # else a name and a type
    escaped = outside_code(words, partial(MARKS.sub, _escaped))
    return escaped + mark.replace("Example", "Examples") + example


def _escaped(mark: re.Match[str]) -> str:
    return mark[0] if mark[0].endswith(":") else f"\\{mark[0]}"
