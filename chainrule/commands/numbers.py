"""Checks of numbers that options are given."""

from __future__ import annotations

from chainrule.errors import ChainruleError

MOST = 10**9


def check_count(option: str, count: int, most: int = MOST) -> None:
    """Raise ChainruleError unless a number is at least 1 and at most `most`."""
    if not 1 <= count <= most:
        raise ChainruleError(f"{option} must be from 1 to {most}, not {count}")
