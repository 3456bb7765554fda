"""What `speed.py` found."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from typing import Any

from speed_sides import Case


@dataclass
class Row:
    """What came of a case.

    Attributes:
        seconds: of each turn, by side; of one step, where a turn is several.
        flipped: at how many sites the plain model draws otherwise, given the same noise and the sites before.
        differ: how many images of the naive loop are others: a site that rounding flipped changes those after it.
        precision: that our training steps were in.
    """

    case: Case
    seconds: dict[str, list[float]]
    flipped: int | None = None
    differ: int | None = None
    precision: str | None = None

    @property
    def plain(self) -> float:
        return statistics.median(self.seconds["plain"])

    @property
    def ours(self) -> float:
        return statistics.median(self.seconds["chainrule"])

    @property
    def ratio(self) -> float:
        return self.ours / self.plain if self.case.at_most else self.plain / self.ours

    @property
    def met(self) -> bool | None:
        if self.case.bar is None:
            return None
        return self.ratio <= self.case.bar if self.case.at_most else self.ratio >= self.case.bar

    def facts(self) -> dict[str, Any]:
        """As JSON values."""
        words = {name: getattr(self.case, name) for name in ("name", "work", "against", "n", "bar", "stretch")}
        medians = {"plain": self.plain, "chainrule": self.ours, "ratio": self.ratio, "met": self.met}
        checked = {"flipped": self.flipped, "differ": self.differ, "precision": self.precision}
        return words | medians | checked | {"seconds": self.seconds}


@dataclass
class Rate:
    """Billions of multiply-adds a second; of masked weights none counts, though some are computed."""

    work: str
    rate: float


@dataclass
class Size:
    """Sampling images of this size: seconds, and for the naive loop an estimate from a few passes; memory in bytes."""

    work: str
    pixels: int
    ours: float
    memory: int
    naive: float


@dataclass
class Results:
    """All of it, and the machine that it was found on."""

    machine: dict[str, Any]
    rows: list[Row]
    rates: list[Rate]
    growth: list[Size]

    def facts(self) -> dict[str, Any]:
        """As JSON values."""
        rows = [row.facts() for row in self.rows]
        rates, growth = ([asdict(each) for each in some] for some in (self.rates, self.growth))
        return {"machine": self.machine, "rows": rows, "rates": rates, "growth": growth}
