"""Python modules of the user's own: their import, and the names in them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module, invalidate_caches
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any

from chainrule.errors import ChainruleError, locate_error


@contextmanager
def current_folder_on_path() -> Iterator[None]:
    """Let modules of the current folder be imported within the block, as `python -m` does."""
    folder = str(Path.cwd())
    invalidate_caches()
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def import_own(module: str) -> ModuleType:
    """Import a module, from the current folder or an installed one.

    Raises:
        ChainruleError: there is no such module, or its code raises an error.
    """
    try:
        with current_folder_on_path():
            return import_module(module)
    except (Exception, SystemExit) as error:  # a user's module may raise anything, or be a program
        line = locate_error(error)
        is_in_module = line or isinstance(error, SyntaxError)  # whose message tells its file and line
        remedy = "mend that" if is_in_module else "give a module of this folder, by its name without .py"
        raise ChainruleError(f"{module} cannot be imported: {type(error).__name__}: {error}{line}; {remedy}") from error


def find_attribute(text: str, wanted: str) -> Any:
    """Import the module of `module:name`, and return what the name stands for; the name may have dots.

    Args:
        wanted: what the name should stand for, for the message.

    Raises:
        ChainruleError: the module cannot be imported, or does not have the name.
    """
    place, _, name = text.partition(":")
    module = import_own(place)
    try:
        return attrgetter(name)(module)
    except AttributeError:
        file = getattr(module, "__file__", None) or place
        raise ChainruleError(f"{file} has no {name!r}; name {wanted}") from None
