"""The report of `check_leak`: which outputs depend on later inputs, where, and how much of the past outputs use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from chainrule.checks.check_report import SitePairs, mask_to_pairs
from chainrule.checks.dependence import Dependence
from chainrule.domains import Levels, Order, channel_name
from chainrule.formatting import counted, percent

Offset = tuple[int, int]
"""(rows down, columns right), from the pixel of the output to the pixel of an input."""

MAX_SHOWN = 8
"""The largest number of offsets in a line of text."""
MAX_DISTANCE = 2
"""The largest distance, in rows and columns, at which the text says that the past is not used."""
ROUNDING = 1e-5
"""Changes of outputs below this may be rounding: float32 has 7 digits, and logits are of the size of 1."""


@dataclass(frozen=True, eq=False, kw_only=True)
class LeakReport:
    """Store which output of a callable depends on which input, and whether the order allows it.

    `print` shows the report as text.

    Attributes:
        name: the name of the callable.
        domain: the images or rows that it takes.
        layout: the layout of its outputs.
        order: the order of the sites: an output may depend only on the sites before its own.
        dependence: which output depends on which input.
        largest_change: by how much a leak changed an output at most; 0 if only gradients found the leaks.
        coverage: the text that says what was tested.
        clean_orders: the names of the orders in which the same outputs do not leak.
        clean_layouts: the layouts in which the same outputs do not leak.
    """

    name: str
    domain: Levels
    layout: str
    order: Order
    dependence: Dependence
    largest_change: float
    coverage: str
    clean_orders: tuple[str, ...] = ()
    clean_layouts: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """True if nothing leaks."""
        return not bool(self.leak_mask.any())

    @cached_property
    def leak_mask(self) -> Tensor:
        """bool [D, D]: True at [i, j] if output i depends on site j, and j is not before i in the order."""
        return self.dependence.matrix & ~self.order.before

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W); rows of D values count as images (1, 1, D)."""
        channels, height, width = self.domain.shape if self.domain.is_image else (1, 1, self.domain.sites)
        return channels, height, width

    @property
    def leaks(self) -> SitePairs:
        """All pairs (output, input) that leak, as indices into the flattened image."""
        return mask_to_pairs(self.leak_mask)

    @property
    def leaks_by_output(self) -> dict[int, tuple[int, ...]]:
        """For each output that leaks, the sites that it depends on and must not depend on."""
        outputs = self.leak_mask.any(1).nonzero().flatten().tolist()
        return {output: tuple(self.leak_mask[output].nonzero().flatten().tolist()) for output in outputs}

    @property
    def leaks_by_offset(self) -> dict[Offset, int]:
        """The number of pairs that leak at each offset, largest first."""
        counts = self.count_by_offset(self.leak_mask)
        numbers = {self._offset(index): int(counts[*index]) for index in counts.nonzero().tolist()}
        return dict(sorted(numbers.items(), key=lambda item: -item[1]))

    @property
    def leaks_by_channel(self) -> Tensor:
        """int64 [C, C]: the number of pixels at which the output of channel c leaks from channel c' of its pixel."""
        return self.count_by_channel(self.leak_mask)

    @property
    def past_coverage(self) -> float:
        """The share of all pairs (output, site before it) in which the output depends on the site; 1 without pairs."""
        return self.order.past_coverage(self.dependence.matrix)

    @property
    def past_coverage_by_offset(self) -> dict[Offset, float]:
        """The same share at each offset of up to `MAX_DISTANCE` rows and columns, nearest first."""
        allowed = self.count_by_offset(self.order.before)
        used = self.count_by_offset(self.order.before & self.dependence.matrix)
        shares = {self._offset(index): float(used[*index] / allowed[*index]) for index in allowed.nonzero().tolist()}
        near = [offset for offset in sorted(shares, key=distance) if distance(offset)[0] <= MAX_DISTANCE]
        return {offset: shares[offset] for offset in near}

    def count_by_offset(self, mask: Tensor) -> Tensor:
        """Count the pairs of a mask, bool [D, D], at each offset: int64 [2H-1, 2W-1], with (0, 0) at [H-1, W-1]."""
        channels, height, width = self.image_shape
        counts = mask.view(channels, height * width, channels, -1).sum((0, 2))
        rows, columns = self._rows[: height * width], self._columns[: height * width]
        down, right = rows[None] - rows[:, None], columns[None] - columns[:, None]
        index = (down + height - 1) * (2 * width - 1) + right + width - 1
        totals = torch.zeros((2 * height - 1) * (2 * width - 1), dtype=counts.dtype)
        return totals.index_add_(0, index.flatten(), counts.flatten()).view(2 * height - 1, -1)

    def count_by_channel(self, mask: Tensor) -> Tensor:
        """Count the pairs of a mask, bool [D, D], within a pixel, by channel of output and input: int64 [C, C]."""
        channels = self.image_shape[0]
        return mask.view(channels, -1, channels, mask.shape[0] // channels).diagonal(dim1=1, dim2=3).sum(-1)

    def worst_output(self, channel: int) -> int:
        """Return the output of a channel with most leaks; of several, the one nearest to the middle of the image."""
        _, height, width = self.image_shape
        sites = torch.arange(height * width) + channel * height * width
        off_centre = (2 * self._rows[sites] - height + 1) ** 2 + (2 * self._columns[sites] - width + 1) ** 2
        return int(sites[(self.leak_mask[sites].sum(1) * (height**2 + width**2) - off_centre).argmax()])

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        past_coverage = [[*offset, share] for offset, share in self.past_coverage_by_offset.items()]
        return {
            "passed": self.passed, "name": self.name, "shape": list(self.domain.shape), "levels": self.domain.levels,
            "layout": self.layout, "outputs": self.domain.sites, "leaking_outputs": int(self.leak_mask.any(1).sum()),
            "only_with_perturbed_weights": not self.passed and not self._leaks_with_own_weights,
            "largest_change": self.largest_change, "leaks": [list(pair) for pair in self.leaks],
            "leaks_by_offset": [[*offset, count] for offset, count in self.leaks_by_offset.items()],
            "leaks_by_channel": self.leaks_by_channel.tolist(),
            "clean_orders": list(self.clean_orders), "clean_layouts": list(self.clean_layouts),
            "past_coverage": self.past_coverage, "past_coverage_by_offset": past_coverage,
            "has_gradient": self.dependence.has_gradient, "coverage": self.coverage,
        }  # fmt: skip

    def __str__(self) -> str:
        verdict = [self._passed_line()] if self.passed else self._leak_lines()
        return "\n".join([*verdict, *self._past_lines(), f"tested: {self.coverage}"])

    @property
    def _leaks_with_own_weights(self) -> bool:
        return bool((self.dependence.matrix_at_own_weights & ~self.order.before).any())

    def _passed_line(self) -> str:
        return f"{self.name} does not leak: each of its {self.domain.sites} outputs depends only on sites before it"

    def _leak_lines(self) -> Iterator[str]:
        """Yield the lines that say what leaks, and where."""
        output, site = divmod(int(self.leak_mask.flatten().byte().argmax()), self.domain.sites)  # the first
        describe, outputs = self.domain.describe_site, int(self.leak_mask.any(1).sum())
        yield (
            f"{self.name} leaks: {outputs} of its {self.domain.sites} outputs depend on sites that are not before them"
            f"{'' if self._leaks_with_own_weights else ', once the weights are perturbed'} "
            f"({counted(int(self.leak_mask.sum()), 'pair')})"
        )
        yield f"  the output of {describe(output)} depends on {describe(site)}"
        offsets = [f"{count:,} at {self._format_offset(offset)}" for offset, count in self.leaks_by_offset.items()]
        yield f"  pairs by {self._axes}: {shorten_list(offsets)}"
        if bool(self.leaks_by_channel.any()) and self.domain.is_image:
            yield f"  within a pixel: {'; '.join(self._channel_phrases())}"
        yield f"  {self._size_line()}"
        for option, names in (("order", self.clean_orders), ("layout", self.clean_layouts)):
            if names:
                yield f"  nothing leaks with {option} {' or '.join(map(repr, names))}"

    def _channel_phrases(self) -> Iterator[str]:
        """Yield, for each channel that leaks, the channels of the same pixel that it depends on."""
        channels = self.image_shape[0]
        if channels == 1:
            yield "an output depends on its own site"
            return
        for output in self.leaks_by_channel.any(1).nonzero().flatten().tolist():
            sources = [
                channel_name(site, channels) for site in self.leaks_by_channel[output].nonzero().flatten().tolist()
            ]
            yield f"{channel_name(output, channels)} depends on {', '.join(sources)}"

    def _size_line(self) -> str:
        if self.largest_change == 0:
            return "found by gradient only: no change of a value that was tried changed an output"
        rounding = ": that may be rounding, and not a leak; see whether it is smaller in float64"
        suffix = rounding if self.largest_change < ROUNDING else ""
        return f"the largest change of an output is {self.largest_change:.2g}{suffix}"

    def _past_lines(self) -> Iterator[str]:
        """Yield the lines that say how much of the past the outputs depend on."""
        if self.past_coverage == 0 and bool(self.order.before.any()):
            yield "the outputs depend on none of the sites before them"
            return
        yield f"the outputs depend on {percent(self.past_coverage)} of the sites before them"
        shares = {
            self._format_offset(offset) + " (other channels)" * (offset == (0, 0)): share
            for offset, share in self.past_coverage_by_offset.items()
        }
        never = [offset for offset, share in shares.items() if share == 0]
        partly = [f"{offset} {percent(share)}" for offset, share in shares.items() if 0 < share < 1]
        if never:
            unit = "rows and columns" if self.domain.is_image else "sites"
            yield f"  not used, within {MAX_DISTANCE} {unit}: {shorten_list(never)}"
        if partly:
            yield f"  used by some outputs: {shorten_list(partly)}"

    @cached_property
    def _rows(self) -> Tensor:
        return torch.arange(self.domain.sites) // self.image_shape[2] % self.image_shape[1]

    @cached_property
    def _columns(self) -> Tensor:
        return torch.arange(self.domain.sites) % self.image_shape[2]

    def _offset(self, index: list[int]) -> Offset:
        """Return the offset at an index of `count_by_offset`."""
        return index[0] - self.image_shape[1] + 1, index[1] - self.image_shape[2] + 1

    @property
    def _axes(self) -> str:
        return "(rows down, columns right)" if self.domain.is_image else "sites further on"

    def _format_offset(self, offset: Offset) -> str:
        """Return an offset as text; for rows, only the number of sites."""
        return format_offset(offset if self.domain.is_image else offset[1:])


def format_offset(offset: Sequence[int]) -> str:
    """Return an offset as text with signs.

    Example:
        >>> format_offset((-1, 2)), format_offset((0, 0)), format_offset((3,))
        ('(-1, +2)', '(0, 0)', '+3')
    """
    text = ", ".join(f"{step:+d}" if step else "0" for step in offset)
    return text if len(offset) == 1 else f"({text})"


def distance(offset: Offset) -> tuple[int, int]:
    """Return the length of an offset, as a sort key: in the maximum norm, and in the sum of rows and columns."""
    return max(map(abs, offset)), sum(map(abs, offset))


def shorten_list(items: list[str]) -> str:
    """Return the first items as text, with the number of the others."""
    more = len(items) - MAX_SHOWN
    return ", ".join(items[:MAX_SHOWN]) + (f" and {more} more" if more > 0 else "")
