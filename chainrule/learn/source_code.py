"""The source code of functions and classes as a lesson shows it: without docstrings."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from textwrap import dedent
from typing import Any

DOCUMENTED = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def read_source(program: Callable[..., Any]) -> str:
    """Return the source code of a function or class without its docstrings.

    Args:
        program: a function, method or class that is written in a Python file.

    Example:
        >>> print(read_source(read_source).splitlines()[0])
        def read_source(program: Callable[..., Any]) -> str:
    """
    text = dedent(inspect.getsource(program))
    dropped: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None:
            dropped |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    lines = enumerate(text.splitlines(), 1)
    return "\n".join(line for number, line in lines if number not in dropped and (line or number - 1 not in dropped))
