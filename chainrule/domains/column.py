"""The columns of a table: their kinds, their values, and the initial parameters of their distributions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import torch
from torch import Tensor

from chainrule.distributions import MAX_EXACT_INTEGER, NUM_COMPONENTS, NUM_PARAMS, NumericKind
from chainrule.errors import ChainruleError

Kind = Literal["binary", "categorical", "count", "integer", "real"]
Level = str | int | float | bool
NUMERIC_KINDS = get_args(NumericKind)
NUM_QUANTILES = 32
"""Quantiles stored of a numeric column: a value enters a network also as its position among them."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Args:
        name: as in the table.
        kind: `binary` and `categorical` values are indices of levels. `count` has the whole numbers from 0 on,
            `integer` all whole numbers, and `real` all numbers.
        levels: the values of a binary or categorical column as they stand in the table, in their order.
        dtype: the name that pandas has for the type of the column.
        quantiles: of a numeric column, `NUM_QUANTILES` quantiles of its data, evenly spaced from the minimum to the
            maximum.
        resolution: of a numeric column, the least difference between two of its values.

    Raises:
        ChainruleError: an unknown kind; no levels, equal levels, or not two of a binary column; quantiles that are
            missing or not in order; a resolution of 0 or less.

    Example:
        >>> Column("weather", "categorical", ("dry", "rain", "snow"), dtype="str").levels
        ('dry', 'rain', 'snow')
    """

    name: str
    kind: Kind
    levels: tuple[Level, ...] = ()
    dtype: str = "object"
    quantiles: tuple[float, ...] = ()
    resolution: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", tuple(self.levels))
        object.__setattr__(self, "quantiles", tuple(float(quantile) for quantile in self.quantiles))
        if self.kind not in get_args(Kind):
            raise ChainruleError(
                f"column {self.name!r}: the kind must be one of {', '.join(get_args(Kind))}, not {self.kind!r}"
            )
        if self.is_discrete:
            self._check_levels()
        else:
            self._check_numbers()

    def _check_levels(self) -> None:
        if not self.levels or len(set(map(repr, self.levels))) != len(self.levels):
            raise ChainruleError(f"column {self.name!r} is {self.kind} and needs levels, each of them once")
        if self.kind == "binary" and len(self.levels) != 2:
            raise ChainruleError(
                f"column {self.name!r} is binary and has {len(self.levels)} levels; make it categorical"
            )

    def _check_numbers(self) -> None:
        in_order = all(-math.inf < low <= high < math.inf for low, high in pairwise(self.quantiles))
        if len(self.quantiles) != NUM_QUANTILES or not in_order:
            raise ChainruleError(
                f"column {self.name!r} is {self.kind} and needs {NUM_QUANTILES} quantiles of its data, in order"
            )
        if not self.resolution > 0:
            raise ChainruleError(f"column {self.name!r} needs a resolution above 0, not {self.resolution}")

    @property
    def is_discrete(self) -> bool:
        """Whether it is binary or categorical."""
        return self.kind not in NUMERIC_KINDS

    @property
    def inputs(self) -> int:
        """The number of inputs of a network: 1 if binary, one for each level if categorical, 2 if numeric."""
        return 1 if self.kind == "binary" else len(self.levels) if self.is_discrete else 2

    @property
    def outputs(self) -> int:
        """The number of parameters of its distribution: a logit, a logit for each level, or those of a mixture."""
        return 1 if self.kind == "binary" else len(self.levels) if self.is_discrete else NUM_PARAMS

    @property
    def description(self) -> str:
        """The kind, with the number of levels or the range.

        Example:
            >>> Column("weather", "categorical", ("dry", "rain", "snow")).description
            'categorical, 3 levels'
        """
        if self.is_discrete:
            return f"{self.kind}, {len(self.levels)} level{'s' * (len(self.levels) != 1)}"
        return f"{self.kind}, {self.quantiles[0]:.15g} … {self.quantiles[-1]:.15g}"

    def standardization(self) -> tuple[float, float, float]:
        """Return the shift, the scale and the least scale of a component for a numeric column, in its units.

        A whole number k has nearly all mass of a component at k whose scale is 1/20. The density of a real column must
        stay finite at a value that the data repeat: its components are no narrower than half the resolution.
        """
        quantiles = self.quantiles
        low, high = quantiles[NUM_QUANTILES // 10], quantiles[-1 - NUM_QUANTILES // 10]
        scale = (high - low) or (quantiles[-1] - quantiles[0]) or self.resolution
        middle = quantiles[NUM_QUANTILES // 2]
        if self.kind == "real":
            return middle, scale, 0.5 * self.resolution
        return float(round(middle)), scale, 0.05

    def initial_params(self) -> Tensor:
        """Return parameters to begin with, float32 [outputs]: equally likely levels, or a mixture like the data."""
        return torch.zeros(self.outputs) if self.is_discrete else self._mixture_like_data()

    def _mixture_like_data(self) -> Tensor:
        """Return the parameters of a mixture of equal weights, each component over an equal share of the quantiles."""
        shift, scale, min_scale = self.standardization()
        quantiles = torch.tensor(self.quantiles, dtype=torch.float64)
        positions = torch.linspace(0, NUM_QUANTILES - 1, 2 * NUM_COMPONENTS + 1, dtype=torch.float64)
        below = positions.long().clamp(max=NUM_QUANTILES - 2)
        values = quantiles[below] + (positions - below) * quantiles.diff()[below]
        widths = (values[2::2] - values[:-2:2]) / 4
        log_scales, lowest = (widths.clamp(min=5 * min_scale) / scale).log(), math.log(min_scale / scale)
        raw_scales = lowest + torch.expm1(log_scales - lowest).log()  # the inverse of the softplus of LogisticMixture
        return torch.cat([torch.zeros(NUM_COMPONENTS), (values[1::2] - shift) / scale, raw_scales]).float()

    def contains(self, values: Tensor) -> Tensor:
        """Return which values [n] the column can have, bool [n]; NaN is none."""
        if self.kind == "real":
            return values.isfinite()
        low = -MAX_EXACT_INTEGER if self.kind == "integer" else 0
        high = len(self.levels) - 1 if self.is_discrete else MAX_EXACT_INTEGER
        return (values >= low) & (values <= high) & (values == values.round())

    def from_uniform(self, noise: Tensor) -> Tensor:
        """Return values spread evenly over the levels or the range, for noise in [0, 1), float64 [n]."""
        if self.is_discrete:
            return (noise * len(self.levels)).floor()
        low, high = self.quantiles[0], self.quantiles[-1]
        values = low + noise * ((high - low) or self.standardization()[1])
        return values if self.kind == "real" else values.round()

    def perturb(self, values: Tensor, noise: float) -> list[Tensor]:
        """Return three tensors [n]: the values shifted by a random step, the minimum, and the maximum.

        Args:
            values: [n].
            noise: in [0, 1), sets the step.
        """
        if self.is_discrete:
            count = len(self.levels)
            step = 1 + math.floor(noise * (count - 1))
            return [(values + step) % count, torch.zeros_like(values), torch.full_like(values, count - 1)]
        distance = (0.5 + noise) * self.standardization()[1]
        shifted = values + (distance if self.kind == "real" else math.ceil(distance))
        low, high = self.quantiles[0], self.quantiles[-1]
        return [shifted, torch.full_like(values, low), torch.full_like(values, high)]
