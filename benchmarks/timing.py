"""Timing of programs in processes of their own, one round after the other."""

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
"""A function whose calls are timed."""
Setup = Callable[[], Work]
"""A function that prepares the work in its process, and calls it once: a first call is not timed."""

ROUNDS, FEWER_ROUNDS, SLOW_SECONDS = 7, 3, 5.0
"""The default number of rounds, and the number where a call takes longer than that many seconds."""


@dataclass
class Timing:
    """The calls of one program.

    Attributes:
        seconds: the time of each call.
        result: what the last call returned.
    """

    seconds: list[float] = field(default_factory=list)
    result: Any = None

    @property
    def median(self) -> float:
        """The median time of a call, in seconds."""
        return statistics.median(self.seconds)


class Worker:
    """A process that prepares a work, and calls it on request. The constructor returns when the work is prepared."""

    def __init__(self, setup: Setup) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, remote = context.Pipe()
        self._process = context.Process(target=_serve, args=(remote, setup), daemon=True)
        self._process.start()
        remote.close()  # so that a process that fails ends the connection
        self._pipe.recv()

    def call(self) -> tuple[float, Any]:
        """Call the work, and return its time in seconds and its result."""
        self._pipe.send("call")
        seconds, result = self._pipe.recv()
        return seconds, result

    def stop(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join()


def _serve(pipe: Connection, setup: Setup) -> None:
    """Prepare the work, and call it for each message, until the connection ends."""
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


def time_in_rounds(setups: Mapping[str, Setup], rounds: int | None = None) -> dict[str, Timing]:
    """Time programs: each round calls every program once, so that other load on the machine falls on all of them.

    Args:
        setups: the setup of each program, by name.
        rounds: the number of rounds; unless given, 7, or 3 where a call takes more than 5 seconds.
    """
    workers = {name: Worker(setup) for name, setup in setups.items()}
    timings = {name: Timing() for name in setups}
    done, total = 0, 1
    while done < total:
        for name, worker in workers.items():
            seconds, timings[name].result = worker.call()
            timings[name].seconds.append(seconds)
        done += 1
        total = rounds or default_rounds(timings)
    for worker in workers.values():
        worker.stop()
    return timings


def default_rounds(timings: Mapping[str, Timing]) -> int:
    """Return the number of rounds for programs of this speed."""
    return FEWER_ROUNDS if max(timing.median for timing in timings.values()) > SLOW_SECONDS else ROUNDS


def describe_machine() -> dict[str, Any]:
    """Return the properties of the machine and of torch on which times depend."""
    counts = {"cores": os.cpu_count(), "threads": torch.get_num_threads()}
    return {"processor": _processor_name(), **counts, "torch": str(torch.__version__)}


def _processor_name() -> str:
    """Return the name of the processor, from the file that Linux has for it where there is one."""
    file = Path("/proc/cpuinfo")
    names = re.findall(r"^model name\s*:\s*(.*)$", file.read_text(), re.MULTILINE) if file.exists() else []
    return next(iter(names), platform.processor() or platform.machine())
