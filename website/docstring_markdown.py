"""Docstrings as Markdown: they are written to be read as plain text, where x_<i and [n, *shape] are no markup."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import griffe
from markdown_code import change_outside_code

MARKUP = re.compile(r"^[ ]*\*+\w+:|[*<\[\]]", re.MULTILINE)
"""Characters to escape, and the stars before the name of an argument, which stay for the parser."""

SHARED_LINE = re.compile(r"^[ ]+\w+(?:, \w+)+(?=: )", re.MULTILINE)
"""Arguments that share a line: `x, y: ...`."""


class DocstringMarkdown(griffe.Extension):
    """Turns the docstring of each object into Markdown."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:  # noqa: ARG002
        if obj.docstring:
            obj.docstring.value = docstring_as_markdown(obj.docstring.value)


def docstring_as_markdown(docstring: str) -> str:
    """Return a docstring with its markup escaped, and its example under the heading that the parser knows.

    Example:
        >>> print(docstring_as_markdown("p(x_i | x_<i) of `x` [n, *shape].\\n\\nExample:\\n    a * b"))
        p(x_i | x_\\<i) of `x` \\[n, \\*shape\\].
        <BLANKLINE>
        Examples:
            a * b
    """
    text, heading, example = docstring.partition("Example:\n")
    # With a plain space the parser would read the second name as a type.
    text = SHARED_LINE.sub(lambda names: names[0].replace(", ", ",\N{NO-BREAK SPACE}"), text)
    escaped = change_outside_code(text, partial(MARKUP.sub, _escape))
    return escaped + heading.replace("Example", "Examples") + example


def _escape(match: re.Match[str]) -> str:
    return match[0] if match[0].endswith(":") else f"\\{match[0]}"
