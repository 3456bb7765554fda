"""Lines on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable


def warn(message: str) -> None:
    """Print a warning."""
    print(f"chainrule: warning: {message}", file=sys.stderr)


def print_notes(source: str, notes: Iterable[str]) -> None:
    """Print what was found in a source of data."""
    for note in notes:
        print(f"{source}: {note}", file=sys.stderr)
