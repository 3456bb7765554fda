"""What `check_leak` found: who sees the future, from where, and how much of the past is seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from chainrule.checks.dependence import Dependence
from chainrule.checks.report import Pairs, pairs_of
from chainrule.domains import Levels, channel_name
from chainrule.domains.orders import Order
from chainrule.formatting import counted, percent

Offset = tuple[int, int]
"""(rows down, columns right), from the pixel of the output to that of an input."""

SHOWN = 8
"""How many offsets are told in words at most."""
NEAR = 2
"""How far, in rows and columns, an unseen past is told by its offsets."""
ROUNDING = 1e-5
"""Changes of outputs below this may be rounding: float32 keeps 7 digits, and logits are of the size of 1."""


@dataclass(frozen=True, eq=False)
class LeakReport:
    """Which output of a callable sees which input, and whether it may. `print` shows it in words.

    Attributes:
        name: what was checked.
        domain: the images that it takes.
        layout: how its outputs were read.
        order: before which sites an output may see nothing.
        seen: who sees whom: `seen.ever` [D, D] at all that was tried, `seen.now` with the weights as they are.
        largest: by how much a leak changed an output at most; 0 where gradients alone found them.
        ran: what was tried.
        clean_orders: names of the orders, and `clean_layouts` of the layouts, in which the same outputs do not leak.
    """

    name: str
    domain: Levels
    layout: str
    order: Order
    seen: Dependence
    largest: float
    ran: str
    clean_orders: tuple[str, ...] = field(default=(), kw_only=True)
    clean_layouts: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    def passed(self) -> bool:
        """Nothing leaks."""
        return not bool(self.wrong.any())

    @cached_property
    def wrong(self) -> Tensor:
        """bool [D, D]: True at [i, j] where output i sees site j, and j does not come before i."""
        return self.seen.ever & ~self.order.before

    @property
    def image(self) -> tuple[int, int, int]:
        """(C, H, W); rows of D numbers count as images (1, 1, D)."""
        channels, height, width = self.domain.shape if self.domain.is_image else (1, 1, self.domain.sites)
        return channels, height, width

    @property
    def leaks(self) -> Pairs:
        """Every (site of the output, site of the input) that leaks, as sites are numbered in the flattened image."""
        return pairs_of(self.wrong)

    @property
    def leaking(self) -> dict[int, tuple[int, ...]]:
        """Each output that leaks, with the sites that it sees and must not see."""
        outputs = self.wrong.any(1).nonzero().flatten().tolist()
        return {output: tuple(self.wrong[output].nonzero().flatten().tolist()) for output in outputs}

    @property
    def offsets(self) -> dict[Offset, int]:
        """How many pairs leak at each offset, most first."""
        counts = self.by_offset(self.wrong)
        found = {self._offset(place): int(counts[*place]) for place in counts.nonzero().tolist()}
        return dict(sorted(found.items(), key=lambda each: -each[1]))

    @property
    def colours(self) -> Tensor:
        """int64 [C, C]: at how many pixels the output of channel c sees channel c' of the same pixel and must not."""
        return self.at_the_pixel(self.wrong)

    @property
    def past_seen(self) -> float:
        """The share of all pairs (output, site before it) in which the output sees the site; 1 where there are none."""
        return self.order.past_seen(self.seen.ever)

    @property
    def past_near(self) -> dict[Offset, float]:
        """At each offset of up to `NEAR` rows and columns, nearest first: which share of what may be seen is seen."""
        allowed, seen = self.by_offset(self.order.before), self.by_offset(self.order.before & self.seen.ever)
        shares = {self._offset(place): float(seen[*place] / allowed[*place]) for place in allowed.nonzero().tolist()}
        return {offset: shares[offset] for offset in sorted(shares, key=distance) if distance(offset)[0] <= NEAR}

    def by_offset(self, pairs: Tensor) -> Tensor:
        """How many of the pairs (bool [D, D]) lie at each offset: int64 [2H-1, 2W-1], (0, 0) at [H-1, W-1]."""
        channels, height, width = self.image
        counts = pairs.view(channels, height * width, channels, -1).sum((0, 2))
        rows, columns = self._rows[: height * width], self._columns[: height * width]
        down, right = rows[None] - rows[:, None], columns[None] - columns[:, None]
        place = (down + height - 1) * (2 * width - 1) + right + width - 1
        totals = torch.zeros((2 * height - 1) * (2 * width - 1), dtype=counts.dtype)
        return totals.index_add_(0, place.flatten(), counts.flatten()).view(2 * height - 1, -1)

    def at_the_pixel(self, pairs: Tensor) -> Tensor:
        """How many of the pairs (bool [D, D]) lie within one pixel, by channel of output and input: int64 [C, C]."""
        channels = self.image[0]
        return pairs.view(channels, -1, channels, pairs.shape[0] // channels).diagonal(dim1=1, dim2=3).sum(-1)

    def worst(self, channel: int) -> int:
        """The output of that channel with most leaks; of several, the one nearest to the middle of the image."""
        _, height, width = self.image
        sites = torch.arange(height * width) + channel * height * width
        off = (2 * self._rows[sites] - height + 1) ** 2 + (2 * self._columns[sites] - width + 1) ** 2
        return int(sites[(self.wrong[sites].sum(1) * (height**2 + width**2) - off).argmax()])

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        return {
            "passed": self.passed, "name": self.name, "shape": list(self.domain.shape), "levels": self.domain.levels,
            "layout": self.layout, "outputs": self.domain.sites, "leaking": int(self.wrong.any(1).sum()),
            "only_at_moved_weights": not self.passed and not bool((self.seen.now & ~self.order.before).any()),
            "largest": self.largest, "leaks": [list(pair) for pair in self.leaks],
            "offsets": [[*offset, count] for offset, count in self.offsets.items()], "colours": self.colours.tolist(),
            "clean_orders": list(self.clean_orders), "clean_layouts": list(self.clean_layouts),
            "past_seen": self.past_seen, "past_near": [[*offset, share] for offset, share in self.past_near.items()],
            "by_gradient": self.seen.by_gradient, "ran": self.ran,
        }  # fmt: skip

    def __str__(self) -> str:
        return "\n".join([*self._verdict(), *self._past(), f"tried: {self.ran}"])

    def _verdict(self) -> Iterator[str]:
        """What leaks, and how."""
        if self.passed:
            yield f"{self.name} does not leak: each of its {self.domain.sites} outputs sees only sites before it"
            return
        output, site = divmod(int(self.wrong.flatten().byte().argmax()), self.domain.sites)  # the first
        describe = self.domain.describe_site
        leaking, now = int(self.wrong.any(1).sum()), bool((self.seen.now & ~self.order.before).any())
        yield (
            f"{self.name} leaks: {leaking} of its {self.domain.sites} outputs see what is not before them"
            f"{'' if now else ', once the weights move'} ({counted(int(self.wrong.sum()), 'pair')})"
        )
        yield f"  the logits of {describe(output)} see {describe(site)}"
        yield f"  pairs by {self._axes}: {in_short([f'{n:,} at {self._at(o)}' for o, n in self.offsets.items()])}"
        if bool(self.colours.any()) and self.domain.is_image:
            yield f"  within a pixel: {', '.join(self._colours_in_words())}"
        yield f"  {self._size()}"
        for what, names in (("order", self.clean_orders), ("layout", self.clean_layouts)):
            if names:
                yield f"  nothing leaks with {what} {' or '.join(map(repr, names))}"

    def _colours_in_words(self) -> Iterator[str]:
        channels = self.image[0]
        if channels == 1:
            yield "an output sees its own site"
            return
        for output, site in self.colours.nonzero().tolist():
            yield f"{channel_name(output, channels)} sees {channel_name(site, channels)}"

    def _size(self) -> str:
        if self.largest == 0:
            return "found by gradient alone: no change of a value that was tried changed an output"
        rounding = ": that may be rounding, and not a leak; see whether it is smaller in float64"
        return f"the largest change of an output is {self.largest:.2g}{rounding if self.largest < ROUNDING else ''}"

    def _past(self) -> Iterator[str]:
        """How much is seen of what may be."""
        if self.past_seen == 0 and bool(self.order.before.any()):
            yield "of the past, nothing is seen"
            return
        yield f"of the past, {percent(self.past_seen)} is seen"
        near = {self._at(o) + " (other channels)" * (o == (0, 0)): share for o, share in self.past_near.items()}
        never = [where for where, share in near.items() if share == 0]
        partly = [f"{where} {percent(share)}" for where, share in near.items() if 0 < share < 1]
        if never:
            within = "rows and columns" if self.domain.is_image else "sites"
            yield f"  never seen, of what is within {NEAR} {within}: {in_short(never)}"
        if partly:
            yield f"  seen in part: {in_short(partly)}"

    @cached_property
    def _rows(self) -> Tensor:
        return torch.arange(self.domain.sites) // self.image[2] % self.image[1]

    @cached_property
    def _columns(self) -> Tensor:
        return torch.arange(self.domain.sites) % self.image[2]

    def _offset(self, place: list[int]) -> Offset:
        """The offset that a place in a map by offsets stands for."""
        return place[0] - self.image[1] + 1, place[1] - self.image[2] + 1

    @property
    def _axes(self) -> str:
        return "(rows down, columns right)" if self.domain.is_image else "sites further on"

    def _at(self, offset: Offset) -> str:
        """An offset in words; of rows, the number of sites alone."""
        return at(offset if self.domain.is_image else offset[1:])


def at(offset: Sequence[int]) -> str:
    """An offset, its signs shown.

    Example:
        >>> at((-1, 2)), at((0, 0)), at((3,))
        ('(-1, +2)', '(0, 0)', '+3')
    """
    told = ", ".join(f"{each:+d}" if each else "0" for each in offset)
    return told if len(offset) == 1 else f"({told})"


def distance(offset: Offset) -> tuple[int, int]:
    """How far away it is, to sort by: in a square, and along its sides."""
    return max(map(abs, offset)), sum(map(abs, offset))


def in_short(words: list[str]) -> str:
    """The first of them, and how many more there are."""
    more = len(words) - SHOWN
    return ", ".join(words[:SHOWN]) + (f" and {more} more" if more > 0 else "")
