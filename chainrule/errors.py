"""The exceptions that a user is meant to read: their messages are fit to print as a single line."""

from __future__ import annotations


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
