"""Commands in one process, as a user gives them. Shared by the tests of the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from chainrule.cli import main


def commands(folder: Path, capsys, monkeypatch) -> Callable[..., tuple[int, str, str]]:
    """Runs a command in that folder; returns its status and what it printed on each of the two streams."""
    monkeypatch.chdir(folder)
    capsys.readouterr()

    def run(*argv) -> tuple[int, str, str]:
        status = main([str(word) for word in argv])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run
