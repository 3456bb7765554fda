"""The results of `speed.py`."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from typing import Any

from speed_cases import Case


@dataclass
class Row:
    """The result of a case.

    Attributes:
        case: what was timed.
        seconds: the times of each program; where several training steps are timed together, of one step.
        flipped: the number of sites where the plain model draws another value, given the same noise and sites before.
        differing: the number of images where the naive loop draws another one: a flipped site changes those after it.
        precision: that of chainrule's training steps.
    """

    case: Case
    seconds: dict[str, list[float]]
    flipped: int | None = None
    differing: int | None = None
    precision: str | None = None

    @property
    def plain(self) -> float:
        """The median time of plain PyTorch, in seconds."""
        return statistics.median(self.seconds["plain"])

    @property
    def chainrule(self) -> float:
        """The median time of chainrule, in seconds."""
        return statistics.median(self.seconds["chainrule"])

    @property
    def ratio(self) -> float:
        """The ratio of the times, as the case defines it."""
        return self.chainrule / self.plain if self.case.is_upper_bound else self.plain / self.chainrule

    @property
    def met(self) -> bool | None:
        """Whether the ratio meets the target; None without a target."""
        if self.case.target is None:
            return None
        return self.ratio <= self.case.target if self.case.is_upper_bound else self.ratio >= self.case.target

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        names = ("name", "work", "baseline", "n", "target", "stretch_target")
        about = {name: getattr(self.case, name) for name in names}
        medians = {"plain": self.plain, "chainrule": self.chainrule, "ratio": self.ratio, "met": self.met}
        checked = {"flipped": self.flipped, "differing": self.differing, "precision": self.precision}
        return about | medians | checked | {"seconds": self.seconds}


@dataclass
class Rate:
    """The arithmetic that some work does: billions of multiply-adds per second, masked weights not counted."""

    work: str
    rate: float


@dataclass
class Growth:
    """Sampling of images of one size: seconds, and bytes of memory. The naive loop's time is estimated from a part."""

    work: str
    pixels: int
    chainrule: float
    memory: int
    naive: float


@dataclass
class Results:
    """All results, and the machine on which they were measured."""

    machine: dict[str, Any]
    rows: list[Row]
    rates: list[Rate]
    growth: list[Growth]

    def to_json(self) -> dict[str, Any]:
        """Return the results as JSON values."""
        rows = [row.to_json() for row in self.rows]
        rates, growth = ([asdict(each) for each in some] for some in (self.rates, self.growth))
        return {"machine": self.machine, "rows": rows, "rates": rates, "growth": growth}
