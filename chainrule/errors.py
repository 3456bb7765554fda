"""The exceptions that a user is meant to read: their messages are fit to print as a single line."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path
from traceback import extract_tb


class ChainruleError(ValueError):
    """Bad input: the message names the thing, says what is wrong with it, and how to mend it.

    The command line prints the message as one line and ends with exit status 2.
    """


class TrainingStopped(RuntimeError):
    """Training ended before its last epoch; the message says where, and what was kept.

    Attributes:
        interrupted: somebody asked for it; otherwise the loss was no longer a number.
    """

    def __init__(self, message: str, interrupted: bool) -> None:
        super().__init__(message)
        self.interrupted = interrupted


def raised_at(error: BaseException) -> str:
    """The last line of a user's own code on the way to an error, ` (model.py, line 3)`; nothing where there is none.

    Own is what belongs neither to this library nor to an installed one.
    """
    installed = [*(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")), HERE]
    own = [
        line
        for line in extract_tb(error.__traceback__)
        if not line.filename.startswith(("<frozen", *(f"{folder}{os.sep}" for folder in installed)))
    ]
    return f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""


HERE = str(Path(__file__).parent)
