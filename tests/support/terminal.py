"""Run and parse command lines in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jsonargparse import Namespace

from chainrule.cli import main
from chainrule.commands.options.parser import make_parser


def commands(folder: Path, capsys, monkeypatch) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a command in a folder, and returns its status, its output and its errors."""
    monkeypatch.chdir(folder)
    capsys.readouterr()

    def run(*argv) -> tuple[int, str, str]:
        status = main([str(word) for word in argv])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def parse(words: str) -> Namespace:
    """Return the options of a command line, parsed as the command does."""
    name, *argv = words.split()
    return make_parser(name, "", argv).parse_args(argv)
