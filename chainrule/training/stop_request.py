"""Ctrl-C and SIGTERM as requests to stop after the current update."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class StopRequest:
    """A context manager in whose block the first SIGINT or SIGTERM sets `requested`.

    A second signal raises KeyboardInterrupt at once. Outside the main thread, signals are not handled.

    Attributes:
        requested: whether a signal has arrived.
    """

    def __init__(self) -> None:
        self.requested = False
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():  # only there can Python handle signals
            self._previous = {sign: signal.signal(sign, self._handle) for sign in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for sign, handler in self._previous.items():
            signal.signal(sign, handler)

    def _handle(self, _sign: int, _frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
