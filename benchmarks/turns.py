"""Processes that take turns at a work, so that whatever else the machine does falls on all sides alike."""

from __future__ import annotations

import multiprocessing
import os
import platform
import re
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

Work = Callable[[], Any]
Setup = Callable[[], Work]
"""Makes a work ready, in the process of its own, and goes through it: a first call is not timed."""

ROUNDS, FEW, LONG = 7, 3, 5.0
"""Rounds, where nobody says how many: fewer where a turn takes longer than so many seconds."""


@dataclass
class Turns:
    """What one side did.

    Attributes:
        seconds: of each turn.
        last: what the last turn gave.
    """

    seconds: list[float] = field(default_factory=list)
    last: Any = None

    @property
    def median(self) -> float:
        """In seconds."""
        return statistics.median(self.seconds)


class Worker:
    """A process of its own, ready once this returns, that does its work whenever it is told."""

    def __init__(self, setup: Setup) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, setup), daemon=True)
        self._process.start()
        theirs.close()  # or a process that failed would be waited for
        self._pipe.recv()

    def turn(self) -> tuple[float, Any]:
        """Does the work: how long it took in seconds, and what it gave."""
        self._pipe.send("turn")
        seconds, result = self._pipe.recv()
        return seconds, result

    def stop(self) -> None:
        self._pipe.close()
        self._process.join()


def _serve(pipe: Connection, setup: Setup) -> None:
    work = setup()
    pipe.send("ready")
    while True:
        try:
            pipe.recv()
        except EOFError:
            return
        start = time.perf_counter()
        result = work()
        pipe.send((time.perf_counter() - start, result))


def take_turns(setups: Mapping[str, Setup], rounds: int | None = None) -> dict[str, Turns]:
    """Each side in a process of its own, one after the other in each round."""
    workers = {side: Worker(setup) for side, setup in setups.items()}
    turns = {side: Turns() for side in setups}
    done, most = 0, 1
    while done < most:
        for side, worker in workers.items():
            seconds, turns[side].last = worker.turn()
            turns[side].seconds.append(seconds)
        done += 1
        most = rounds or (FEW if max(side.median for side in turns.values()) > LONG else ROUNDS)
    for worker in workers.values():
        worker.stop()
    return turns


def machine() -> dict[str, Any]:
    """What the times depend on."""
    counts = {"cores": os.cpu_count(), "threads": torch.get_num_threads()}
    return {"processor": _processor(), **counts, "torch": str(torch.__version__)}


def _processor() -> str:
    """Its name; Linux alone keeps it in a file."""
    facts = Path("/proc/cpuinfo")
    names = re.findall(r"^model name\s*:\s*(.*)$", facts.read_text(), re.MULTILINE) if facts.exists() else []
    return next(iter(names), platform.processor() or platform.machine())
