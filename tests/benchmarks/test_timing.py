"""Tests of the timing in rounds."""

from __future__ import annotations

import pytest

from tests.support.scripts import load_script

timing = load_script("benchmarks/timing.py")


class InlineWorker:
    """A worker without a process: the time of a call is what the work returns."""

    calls: list[str] = []  # noqa: RUF012

    def __init__(self, setup):
        self.work = setup()

    def call(self):
        name, seconds = self.work()
        self.calls.append(name)
        return seconds, name

    def stop(self):
        self.calls.append("stop")


@pytest.fixture
def calls(monkeypatch):
    monkeypatch.setattr(timing, "Worker", InlineWorker)
    monkeypatch.setattr(InlineWorker, "calls", [])
    return InlineWorker


def test_each_round_calls_every_program(calls):
    setups = {name: lambda name=name: lambda: (name, 1.0) for name in ("a", "b")}
    timings = timing.time_in_rounds(setups, 2)
    assert calls.calls == ["a", "b", "a", "b", "stop", "stop"]
    assert timings["a"].seconds == [1.0, 1.0]
    assert timings["b"].result == "b"


@pytest.mark.parametrize(("seconds", "rounds"), [(1.0, 7), (9.0, 3)])
def test_slow_programs_have_fewer_rounds(calls, seconds, rounds):
    timings = timing.time_in_rounds({"a": lambda: lambda: ("a", seconds)})
    assert len(timings["a"].seconds) == rounds
