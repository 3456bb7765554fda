"""Tables: the domain of rows of named columns, each binary, categorical, of whole numbers or real."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.distributions import ColumnConditionals, Conditionals, Distributions, LogisticMixture, Standardization
from chainrule.domains.column import NUM_QUANTILES, Column, Kind
from chainrule.domains.domain import ArrayLike, Domain, as_floats, as_tensor, check_params
from chainrule.errors import ChainruleError


@dataclass(frozen=True, repr=False)
class Table(Domain):
    """Rows of named columns, float64 [n, D]; a binary or categorical value is the index of its level.

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
        >>> table.inputs.tolist(), table.encode([[1, 0]]).tolist()
        ([3, 1], [[0.0, 1.0, 0.0, -1.0]])
    """

    columns: tuple[Column, ...]
    dtype: ClassVar[torch.dtype] = torch.float64

    def __init__(self, columns: Sequence[Column]) -> None:
        object.__setattr__(self, "columns", tuple(columns))
        if not self.columns:
            raise ChainruleError("a table needs at least one column")
        repeated = [name for name in self.names if self.names.count(name) > 1]
        if repeated:
            raise ChainruleError(f"a table needs a name of its own for each column, and {repeated[0]!r} is there twice")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """(D,), the number of columns."""
        return (len(self.columns),)

    @property
    def levels(self) -> int:  # type: ignore[override]
        raise ChainruleError("a table has no one number of levels: each column has its own")

    @cached_property
    def inputs(self) -> Tensor:
        """The number of inputs of each column, int64 [D]: 1 if binary, K if categorical, 2 if numeric."""
        return torch.tensor([column.inputs for column in self.columns])

    @cached_property
    def outputs(self) -> Tensor:
        """The number of parameters of each column, int64 [D]: 1 if binary, K if categorical, 30 if numeric."""
        return torch.tensor([column.outputs for column in self.columns])

    @property
    def size(self) -> int | float:
        return math.prod(len(column.levels) if column.is_discrete else math.inf for column in self.columns)

    @property
    def levels_by_site(self) -> Tensor:
        return torch.tensor([len(column.levels) for column in self.columns])

    @property
    def is_discrete(self) -> bool:
        return all(column.kind != "real" for column in self.columns)

    @property
    def initial_params(self) -> Tensor:
        """Parameters [outputs.sum()]: all levels are equally likely, and mixtures resemble the quantiles."""
        return torch.cat([column.initial_params() for column in self.columns])

    def encode(self, x: ArrayLike) -> Tensor:
        """Return rows as the input of a network, [n, inputs.sum()].

        A binary column is -1 or 1, a categorical one a one-hot vector. A numeric one is two values: the tanh of the
        standardised value, and its position among the quantiles, both in [-1, 1]. All have a derivative also at levels,
        so that gradients show which columns a conditional depends on.

        Args:
            x: [n, D], a tensor, an array or lists.
        """
        x = as_floats(x, torch.float64)
        parts = [self._encode_group(x[:, columns.to(x.device)], columns) for columns in self._groups.values()]
        return torch.cat(parts, 1)[:, self._input_positions.to(x.device)]

    def _encode_group(self, values: Tensor, columns: Tensor) -> Tensor:
        """Encode the values [n, g] of a group of columns: [n, g * inputs]."""
        column = self.columns[int(columns[0])]
        if column.kind == "binary":
            return 2.0 * values - 1.0
        if column.is_discrete:
            return _one_hot(values, len(column.levels)).flatten(1)
        standardization = self._standardization.select_sites(columns).to(values.device)
        squashed = ((values - standardization.shift) / standardization.scale).tanh()
        return torch.stack([squashed, _rank_below(values, self._quantiles[columns].to(values))], -1).flatten(1)

    @cached_property
    def _groups(self) -> dict[tuple[Kind, int], Tensor]:
        """The columns of each kind and number of outputs, int64: they are computed together."""
        groups: dict[tuple[Kind, int], list[int]] = {}
        for site, column in enumerate(self.columns):
            groups.setdefault((column.kind, column.outputs), []).append(site)
        return {group: torch.tensor(sites) for group, sites in groups.items()}

    @cached_property
    def _input_positions(self) -> Tensor:
        """The permutation from the inputs of all groups to the inputs in the order of the columns, int64."""
        grouped = torch.cat(list(self._groups.values()))
        return torch.argsort(grouped.repeat_interleave(self.inputs[grouped]), stable=True)

    @cached_property
    def _quantiles(self) -> Tensor:
        """The quantiles of each column, float64 [D, NUM_QUANTILES]; zeros for a discrete column."""
        zeros = (0.0,) * NUM_QUANTILES
        return torch.tensor([column.quantiles or zeros for column in self.columns], dtype=torch.float64)

    @cached_property
    def _standardization(self) -> Standardization:
        """The standardization of each column; of no meaning for a discrete column."""
        by_column = [(0.0, 1.0, 1.0) if column.is_discrete else column.standardization() for column in self.columns]
        return Standardization(*torch.tensor(by_column, dtype=torch.float64).unbind(1))

    def conditionals(self, params: Tensor) -> Distributions:
        """Return the distributions of all columns that have these parameters.

        Args:
            params: [n, outputs.sum()], those of the first column first.

        Raises:
            ChainruleError: parameters of another shape.
        """
        check_params(params, (int(self.outputs.sum()),))
        return ColumnConditionals(
            [
                (
                    columns,
                    self._group_conditionals(kind, columns, params[:, self._output_indices(columns).to(params.device)]),
                )
                for (kind, _), columns in self._groups.items()
            ]
        )

    def _group_conditionals(self, kind: Kind, columns: Tensor, params: Tensor) -> Distributions:
        """Return the distributions of a group of columns with parameters [n, g, outputs]."""
        if kind == "binary":
            return Conditionals(params.squeeze(-1), binary=True)
        if kind == "categorical":
            return Conditionals(params, binary=False)
        return LogisticMixture(params, self._standardization.select_sites(columns), kind=kind)

    def _output_indices(self, columns: Tensor) -> Tensor:
        """Return the indices of the parameters of a group of columns among those of all, int64 [g, outputs]."""
        starts = self.outputs.cumsum(0) - self.outputs
        return starts[columns, None] + torch.arange(int(self.outputs[columns[0]]))

    def select_sites(self, sites: Tensor) -> Table:
        return Table([self.columns[site] for site in sites.tolist()])

    def check(self, x: ArrayLike) -> Tensor:
        """Return the rows as a tensor, checked to be rows of this table; a tensor is returned itself.

        Args:
            x: [n, D], a tensor, an array or lists.

        Raises:
            ChainruleError: a wrong shape, a value that its column cannot have, or a missing value (NaN).
        """
        x = as_tensor(x)
        self.check_shape(x)
        for site, column in enumerate(self.columns):
            wrong = ~column.contains(x[:, site].double())
            if bool(wrong.any()):
                row = int(wrong.int().argmax())
                value = float(x[row, site])
                missing = "is missing; mark the observed values as evidence"
                fault = missing if math.isnan(value) else f"has the value {value:g}"
                raise ChainruleError(f"row {row}, column {column.name!r} ({column.description}) {fault}")
        return x

    def random_data(self, n: int, rng: torch.Generator) -> Tensor:
        noise = torch.rand(n, self.sites, generator=rng, dtype=torch.float64)
        return torch.stack([column.from_uniform(noise[:, site]) for site, column in enumerate(self.columns)], 1)

    def perturb(self, x: Tensor, rng: torch.Generator) -> list[Tensor]:
        noise = torch.rand(self.sites, generator=rng, dtype=torch.float64).tolist()
        by_column = [column.perturb(x[:, site], noise[site]) for site, column in enumerate(self.columns)]
        return [torch.stack(values, 1) for values in zip(*by_column, strict=True)]

    def describe_site(self, site: int) -> str:
        """Return a site in words: `column 'age'`."""
        return f"column {self.columns[site].name!r}"

    def describe_size(self) -> str:
        """Return the number of different rows in words: `12 outcomes`, or `infinitely many outcomes`."""
        return f"{self.size} outcomes" if self.size < math.inf else "infinitely many outcomes"

    def to_dict(self) -> dict[str, Any]:
        columns = [
            {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(column).items()}
            for column in self.columns
        ]
        return {"kind": "Table", "columns": columns}

    @classmethod
    def from_dict(cls, arguments: dict[str, Any]) -> Table:
        """Return the table of these arguments, as `to_dict` returned them without `kind`.

        Raises:
            ChainruleError: a column with unknown keys.
        """
        try:
            return cls([Column(**column) for column in arguments["columns"]])
        except TypeError as error:
            raise ChainruleError(f"a column of a table is not described as this version does it ({error})") from None

    def __repr__(self) -> str:
        kinds = [column.kind for column in self.columns]
        counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in get_args(Kind) if kind in kinds)
        return f"Table({len(kinds)} columns: {counts})"


def _one_hot(values: Tensor, levels: int) -> Tensor:
    """Return 1 at the level of each value and 0 elsewhere, [n, g] to [n, g, levels].

    It is a triangle around each level, made of ramps, so that it has a slope at every level.
    """
    ramps = F.relu(values.unsqueeze(-1) - torch.arange(-1, levels + 1).to(values))
    return ramps[..., :-2] - 2 * ramps[..., 1:-1] + ramps[..., 2:]


def _rank_below(values: Tensor, quantiles: Tensor) -> Tensor:
    """Return the share of the data below each value [n, g], scaled to [-1, 1]; half of the equal data count.

    Args:
        quantiles: [g, NUM_QUANTILES], of each column.
    """
    x, low, width = values.unsqueeze(-1), quantiles[:, :-1], quantiles.diff(dim=-1)
    ramp = ((x - low) / width.where(width > 0, torch.ones_like(width))).clamp(0, 1)
    step = 0.5 * ((x > low).to(x) + (x >= low).to(x))
    return 2 * torch.where(width > 0, ramp, step).mean(-1) - 1
