"""Programs as a lesson shows them: the real source of a function or class, without its docstrings."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from textwrap import dedent
from typing import Any

DOCUMENTED = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def source(thing: Callable[..., Any]) -> str:
    """The source of a function or class, without its docstrings; so it can be set beside the words that explain it.

    Args:
        thing: written in a file, in Python.

    Example:
        >>> print(source(source).splitlines()[0])
        def source(thing: Callable[..., Any]) -> str:
    """
    text = dedent(inspect.getsource(thing))
    dropped: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None:
            dropped |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    lines = enumerate(text.splitlines(), 1)
    return "\n".join(line for number, line in lines if number not in dropped and (line or number - 1 not in dropped))
