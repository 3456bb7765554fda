"""Exceptions for the user; each message fits on one line."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path
from traceback import extract_tb


class ChainruleError(ValueError):
    """Bad input: the message names the input, says what is wrong with it, and how to correct it.

    The command line prints the message as one line and ends with exit status 2.
    """


class MissingValuesError(ChainruleError):
    """Values are missing, and the model has no order that begins with the observed values."""


class TrainingStopped(RuntimeError):
    """Training ended before its last epoch; the message says where it stopped and which weights the model has.

    Attributes:
        interrupted: True if a signal asked for the stop; False if the loss, a gradient or a weight was not finite.
    """

    def __init__(self, message: str, interrupted: bool) -> None:
        super().__init__(message)
        self.interrupted = interrupted


def locate_error(error: BaseException) -> str:
    """Return the last line of the user's own code in the traceback of an error: ` (model.py, line 3)`.

    Lines of this library and of installed ones do not count; without another line the text is empty.
    """
    folders = [*(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")), PACKAGE]
    installed = ("<frozen", *(f"{folder}{os.sep}" for folder in folders))
    own = [line for line in extract_tb(error.__traceback__) if not line.filename.startswith(installed)]
    return f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""


PACKAGE = str(Path(__file__).parent)
