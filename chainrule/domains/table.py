"""Tables: data of named columns, each binary, categorical, of whole numbers or real."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.distributions import Columns, Conditionals, Distributions, Mixture
from chainrule.distributions.mixture import COMPONENTS, LARGEST, PARAMETERS, NumberKind, Units
from chainrule.domains.domain import Domain
from chainrule.errors import ChainruleError

Kind = Literal["binary", "categorical", "count", "integer", "real"]
Level = str | int | float | bool
NUMBERS = get_args(NumberKind)
NUM_QUANTILES = 32
"""Quantiles kept of a column of numbers: its values enter a network as the share of the data below them, too."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Args:
        name: as in the table.
        kind: binary and categorical values are known by their place among the levels; numbers stand for themselves.
            Counts are the whole numbers from 0 on, integers all of them.
        levels: the values of a binary or categorical column as they stand in the table, in their order.
        dtype: pandas' name of the type in which values are given back.
        quantiles: of a column of numbers, `NUM_QUANTILES` quantiles of its data, evenly from the least to the largest.
        resolution: of a column of numbers, the least difference between two of its values.

    Raises:
        ChainruleError: an unknown kind, no levels, equal levels, two levels too many; or no quantiles in order.

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
        if self.discrete:
            self._check_levels()
        elif len(self.quantiles) != NUM_QUANTILES or not all(
            -math.inf < a <= b < math.inf for a, b in pairwise(self.quantiles)
        ):
            raise ChainruleError(
                f"column {self.name!r} is {self.kind} and needs {NUM_QUANTILES} quantiles of its data, in order"
            )
        elif not self.resolution > 0:
            raise ChainruleError(f"column {self.name!r} needs a resolution above 0, not {self.resolution}")

    def _check_levels(self) -> None:
        if not self.levels or len(set(map(repr, self.levels))) != len(self.levels):
            raise ChainruleError(f"column {self.name!r} is {self.kind} and needs levels, each of them once")
        if self.kind == "binary" and len(self.levels) != 2:
            raise ChainruleError(
                f"column {self.name!r} is binary and has {len(self.levels)} levels; make it categorical"
            )

    @property
    def discrete(self) -> bool:
        """Is it one of levels?"""
        return self.kind not in NUMBERS

    @property
    def inputs(self) -> int:
        """How many numbers stand for its value: 1, one for each level, or 2."""
        return 1 if self.kind == "binary" else len(self.levels) if self.discrete else 2

    @property
    def outputs(self) -> int:
        """How many numbers a network gives for it: a logit, one for each level, or those of a mixture."""
        return 1 if self.kind == "binary" else len(self.levels) if self.discrete else PARAMETERS

    @property
    def in_words(self) -> str:
        """Its kind, and how many levels it has or how far its numbers go.

        Example:
            >>> Column("weather", "categorical", ("dry", "rain", "snow")).in_words
            'categorical, 3 levels'
        """
        if self.discrete:
            return f"{self.kind}, {len(self.levels)} level{'s' * (len(self.levels) != 1)}"
        return f"{self.kind}, {self.quantiles[0]:.15g} … {self.quantiles[-1]:.15g}"


@dataclass(frozen=True, repr=False)
class Table(Domain):
    """Rows of named columns: float64 [n, D], where a binary or categorical value is its place among the levels.

    Counts and integers have probabilities; reals have densities, in the units of their column. So log p(x) of a table
    with a real column depends on these units, and has no bits/dim.

    Args:
        columns: in their order.

    Raises:
        ChainruleError: no columns, or two of one name.

    Example:
        >>> weather = Column("weather", "categorical", ("dry", "rain", "snow"))
        >>> table = Table([weather, Column("late", "binary", (False, True))])
        >>> table.sites, table.size, table.describe_site(1)
        (2, 6, "column 'late'")
    """

    columns: tuple[Column, ...]
    dtype: ClassVar[torch.dtype] = torch.float64

    def __init__(self, columns: Sequence[Column]) -> None:
        object.__setattr__(self, "columns", tuple(columns))
        if not self.columns:
            raise ChainruleError("a table needs at least one column")
        twice = [name for name in self.names if self.names.count(name) > 1]
        if twice:
            raise ChainruleError(f"a table needs a name of its own for each column, and {twice[0]!r} is there twice")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return (len(self.columns),)

    @property
    def levels(self) -> int:  # type: ignore[override]
        raise ChainruleError("a table has no one number of levels: each column has its own")

    @cached_property
    def inputs(self) -> Tensor:
        return torch.tensor([column.inputs for column in self.columns])

    @cached_property
    def outputs(self) -> Tensor:
        return torch.tensor([column.outputs for column in self.columns])

    @property
    def size(self) -> int | float:
        return math.prod(len(column.levels) if column.discrete else math.inf for column in self.columns)

    @property
    def levels_by_site(self) -> Tensor:
        return torch.tensor([len(column.levels) for column in self.columns])

    @property
    def discrete(self) -> bool:
        return all(column.kind != "real" for column in self.columns)

    @property
    def initial(self) -> Tensor:
        """[outputs]: all levels are equally likely, and a mixture resembles the quantiles of its column."""
        return torch.cat(
            [torch.zeros(column.outputs) if column.discrete else _like_data(column) for column in self.columns]
        )

    def encode(self, x: Tensor) -> Tensor:
        """[n, inputs]: ±1 where binary, 1 at its level where categorical; numbers squashed, and their share below.

        Levels are encoded so that there is a derivative at them: who sees whom shows in gradients.
        """
        parts = [self._encoded(x[:, columns.to(x.device)], columns) for columns in self._alike.values()]
        return torch.cat(parts, 1)[:, self._input_places.to(x.device)]

    def _encoded(self, values: Tensor, columns: Tensor) -> Tensor:
        """Values [n, g] of columns of one kind, and one number of levels: [n, g * inputs]."""
        first = self.columns[int(columns[0])]
        if first.kind == "binary":
            return 2.0 * values - 1.0
        if first.discrete:
            return _one_hot(values, len(first.levels)).flatten(1)
        units, quantiles = self._units.select_sites(columns).to(values.device), self._quantiles[columns].to(values)
        squashed = ((values - units.shift) / units.scale).tanh()
        return torch.stack([squashed, _share_below(values, quantiles)], -1).flatten(1)

    @cached_property
    def _input_places(self) -> Tensor:
        """Where each column's inputs, in the order of the columns, stand among those of all kinds one after another."""
        grouped = torch.cat(list(self._alike.values()))
        return torch.argsort(grouped.repeat_interleave(self.inputs[grouped]), stable=True)

    @cached_property
    def _quantiles(self) -> Tensor:
        """The quantiles of each column, float64 [D, NUM_QUANTILES]; of levels they mean nothing."""
        return torch.tensor(
            [column.quantiles or (0.0,) * NUM_QUANTILES for column in self.columns], dtype=torch.float64
        )

    def conditionals(self, numbers: Tensor) -> Distributions:
        """The distributions that a network's numbers [n, outputs] stand for."""
        blocks: list[tuple[Tensor, Distributions]] = []
        for (kind, outputs), columns in self._alike.items():
            mine = numbers[:, self._places(columns).to(numbers.device)]
            if kind in NUMBERS:
                blocks.append((columns, Mixture(mine, self._units.select_sites(columns), kind)))  # type: ignore[arg-type]
            else:
                blocks.append(
                    (
                        columns,
                        Conditionals(mine.squeeze(-1) if outputs == 1 and kind == "binary" else mine, kind == "binary"),
                    )
                )
        return Columns(blocks)

    @cached_property
    def _alike(self) -> dict[tuple[Kind, int], Tensor]:
        """The columns, int64, of each kind and number of outputs: their distributions are computed together."""
        found: dict[tuple[Kind, int], list[int]] = {}
        for site, column in enumerate(self.columns):
            found.setdefault((column.kind, column.outputs), []).append(site)
        return {alike: torch.tensor(sites) for alike, sites in found.items()}

    def _places(self, columns: Tensor) -> Tensor:
        """Where the numbers of these columns, of so many outputs each, stand among all: int64 [g, outputs]."""
        first = self.outputs.cumsum(0) - self.outputs
        return first[columns, None] + torch.arange(int(self.outputs[columns[0]]))

    @cached_property
    def _units(self) -> Units:
        """Those of all columns; of columns of levels they mean nothing."""
        units = [(0.0, 1.0, 1.0) if column.discrete else _units_of(column) for column in self.columns]
        return Units(*torch.tensor(units, dtype=torch.float64).unbind(1))

    def part(self, sites: Tensor) -> Table:
        return Table([self.columns[site] for site in sites.tolist()])

    def check(self, x: Tensor) -> Tensor:
        """`x` itself, once it is known to be rows of this table.

        Raises:
            ChainruleError: a wrong shape, or a value that its column does not have; missing values (NaN) are none.
        """
        self.check_shape(x)
        for site, column in enumerate(self.columns):
            wrong = ~_is_value(x[:, site].double(), column)
            if bool(wrong.any()):
                row = int(wrong.int().argmax())
                value = float(x[row, site])
                fault = (
                    "is missing; mark what is given as evidence" if math.isnan(value) else f"has the value {value:g}"
                )
                raise ChainruleError(f"row {row}, column {column.name!r} ({column.in_words}) {fault}")
        return x

    def random(self, n: int, rng: torch.Generator) -> Tensor:
        draws = torch.rand(n, self.sites, generator=rng, dtype=torch.float64)
        parts = [_spread(draws[:, site], column) for site, column in enumerate(self.columns)]
        return torch.stack(parts, 1)

    def perturb(self, x: Tensor, rng: torch.Generator) -> list[Tensor]:
        draws = torch.rand(self.sites, generator=rng, dtype=torch.float64).tolist()
        by_column = [_others(x[:, site], column, draws[site]) for site, column in enumerate(self.columns)]
        return [torch.stack(parts, 1) for parts in zip(*by_column, strict=True)]

    def describe_site(self, site: int) -> str:
        return f"column {self.columns[site].name!r}"

    def size_in_words(self) -> str:
        return f"{self.size} outcomes" if self.size < math.inf else "outcomes without end"

    def to_dict(self) -> dict[str, Any]:
        columns = [asdict(column) for column in self.columns]
        plain = [
            {name: list(each) if isinstance(each, tuple) else each for name, each in one.items()} for one in columns
        ]
        return {"kind": "Table", "columns": plain}

    @classmethod
    def from_dict(cls, arguments: dict[str, Any]) -> Table:
        try:
            return cls([Column(**column) for column in arguments["columns"]])
        except TypeError as error:
            raise ChainruleError(f"a column of a table is not described as this version does it ({error})") from None

    def __repr__(self) -> str:
        kinds = [column.kind for column in self.columns]
        counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in get_args(Kind) if kind in kinds)
        return f"Table({len(kinds)} columns: {counted})"


def _one_hot(values: Tensor, levels: int) -> Tensor:
    """[n, g] to [n, g, levels]: 1 at the level, and a slope there: a hat on each level, made of ramps."""
    ramps = F.relu(values.unsqueeze(-1) - torch.arange(-1, levels + 1).to(values))
    return ramps[..., :-2] - 2 * ramps[..., 1:-1] + ramps[..., 2:]


def _units_of(column: Column) -> tuple[float, float, float]:
    """Where its numbers lie, how far apart, and the narrowest component of a mixture, in its own units.

    A whole number's mass is all on it when the scale is a twentieth; a real's density at a value that the data repeat
    must not grow without end.
    """
    quantiles = column.quantiles
    low, high = quantiles[NUM_QUANTILES // 10], quantiles[-1 - NUM_QUANTILES // 10]
    scale = (high - low) or (quantiles[-1] - quantiles[0]) or column.resolution
    middle = quantiles[NUM_QUANTILES // 2]
    if column.kind == "real":
        return middle, scale, 0.5 * column.resolution
    return float(round(middle)), scale, 0.05


def _share_below(values: Tensor, quantiles: Tensor) -> Tensor:
    """The share of the data below each value [n, g], from -1 for none to 1 for all; half of those that are equal to it.

    Args:
        quantiles: [g, NUM_QUANTILES], quantiles of each column.
    """
    x, low, width = values.unsqueeze(-1), quantiles[:, :-1], quantiles.diff(dim=-1)
    ramp = ((x - low) / width.where(width > 0, torch.ones_like(width))).clamp(0, 1)
    step = 0.5 * ((x > low).to(x) + (x >= low).to(x))
    return 2 * torch.where(width > 0, ramp, step).mean(-1) - 1


def _like_data(column: Column) -> Tensor:
    """The numbers of a mixture that resembles the data: equal weights, each component at its share of the quantiles."""
    shift, scale, narrowest = _units_of(column)
    quantiles = torch.tensor(column.quantiles, dtype=torch.float64)
    edges = torch.linspace(0, NUM_QUANTILES - 1, 2 * COMPONENTS + 1, dtype=torch.float64)
    below = edges.long().clamp(max=NUM_QUANTILES - 2)
    edge_values = quantiles[below] + (edges - below) * quantiles.diff()[below]
    widths = (edge_values[2::2] - edge_values[:-2:2]) / 4
    log_scales, least = (widths.clamp(min=5 * narrowest) / scale).log(), math.log(narrowest / scale)
    raw = least + torch.expm1(log_scales - least).log()  # the inverse of how a mixture reads it
    return torch.cat([torch.zeros(COMPONENTS), (edge_values[1::2] - shift) / scale, raw]).float()


def _is_value(values: Tensor, column: Column) -> Tensor:
    """bool [n]: is it a value of the column?"""
    if column.kind == "real":
        return values.isfinite()
    low = -LARGEST if column.kind == "integer" else 0
    high = len(column.levels) - 1 if column.discrete else LARGEST
    return (values >= low) & (values <= high) & (values == values.round())


def _spread(draws: Tensor, column: Column) -> Tensor:
    """Values of a column from uniform draws [n]."""
    if column.discrete:
        return (draws * len(column.levels)).floor()
    low, high = column.quantiles[0], column.quantiles[-1]
    values = low + draws * ((high - low) or _units_of(column)[1])
    return values if column.kind == "real" else values.round()


def _others(values: Tensor, column: Column, draw: float) -> list[Tensor]:
    """Another value than each, as the draw from [0, 1) has it; and the two ends."""
    if column.discrete:
        count = len(column.levels)
        step = 1 + math.floor(draw * (count - 1))
        return [(values + step) % count, torch.zeros_like(values), torch.full_like(values, count - 1)]
    scale = (0.5 + draw) * _units_of(column)[1]
    other = values + (scale if column.kind == "real" else math.ceil(scale))
    return [other, torch.full_like(values, column.quantiles[0]), torch.full_like(values, column.quantiles[-1])]
