"""Evaluation: the negative log-likelihood of data, with its standard error."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from chainrule.data import Split, as_split
from chainrule.errors import ChainruleError
from chainrule.formatting import with_error
from chainrule.inference.conditioning import densities
from chainrule.models.base import Density, evaluating, not_first, observed_mask
from chainrule.progress import ProgressCallback

if TYPE_CHECKING:
    import pandas as pd

BATCH = 100


@dataclass(frozen=True)
class Evaluation:
    """Mean negative log-likelihood over a data set.

    Attributes:
        nats: mean of -ln p(x), per datum.
        stderr: its standard error over data, in nats: the sample standard deviation / sqrt(n); nan for a single datum.
        n: the number of data.
        sites: D, every colour channel counted: the denominator of bits/dim.
        missing: how many values were not there; then each NLL is of the others.
        empty: how many data had no value at all, which n does not count.
        discrete: all data have probabilities. Where a column of a table is real, NLL is that of a density.
    """

    nats: float
    stderr: float
    n: int
    sites: int
    missing: int = 0
    empty: int = 0
    discrete: bool = True

    @property
    def bits_per_dim(self) -> float:
        """nats / (D ln 2).

        Raises:
            ChainruleError: it means nothing, since the NLL is of a density, or values are missing.
        """
        if not self.has_bits:
            why = f"{self.missing} values are missing" if self.discrete else "a column is real"
            raise ChainruleError(f"there are no bits/dim where {why}; tell the NLL in nats")
        return self.nats / (self.sites * math.log(2))

    @property
    def has_bits(self) -> bool:
        """Do bits/dim mean something?"""
        return self.discrete and not self.missing

    def __str__(self) -> str:
        nats = f"{with_error(self.nats, self.stderr, 2)} nats"
        if self.has_bits:
            return f"{nats}, {self.bits_per_dim:.4f} bits/dim, n = {self.n}"
        density = "" if self.discrete else " (of a density, in the units of the columns)"
        missing = f", {self.missing} values missing" if self.missing else ""
        empty = f", {self.empty} data without any left out" if self.empty else ""
        return f"{nats}{density}, n = {self.n}{missing}{empty}"


def evaluate(
    model: Density,
    data: Tensor | np.ndarray | pd.DataFrame | Split,
    batch: int = BATCH,
    progress: ProgressCallback | None = None,
    members: int = 1,
) -> Evaluation:
    """The mean negative log-likelihood of `data` [n, *shape] under the model, in nats and bits/dim.

    Of a row with missing values (NaN) it is that of the values there are, all others summed out: exact, by a member of
    a family of orders (`MADE(agnostic="order")`) whose order begins with them.

    Args:
        members: of such a family, how many members to average over, one being the model itself.

    Raises:
        ChainruleError: no data, a wrong shape, values outside the domain, or missing ones that the model does not take.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.independent import Independent
        >>> print(evaluate(Independent(Binary((4,))), torch.tensor([[0, 1, 1, 0], [1, 1, 1, 1]])))
        2.77 ± 0.00 nats, 1.0000 bits/dim, n = 2
    """
    x = as_split(data, model.domain).values()
    some = observed_mask(x).any(1)
    if not bool(some.any()):
        raise ChainruleError("all values of these data are missing; give some")
    x, empty = (x, 0) if bool(some.all()) else (x[some], int((~some).sum()))
    nats = -log_prob_all(model, x, batch, progress, members)
    stderr = nats.std().item() / math.sqrt(len(nats)) if len(nats) > 1 else math.nan
    missing = int((~observed_mask(x)).sum())
    return Evaluation(nats.mean().item(), stderr, len(nats), model.domain.sites, missing, empty, model.domain.discrete)


def log_prob_all(
    model: Density, x: Tensor, batch: int = BATCH, progress: ProgressCallback | None = None, members: int = 1
) -> Tensor:
    """log p in nats of what is known of each datum (not NaN): float64 [n], on the CPU; in batches of bounded memory.

    Args:
        members: of a family of many orders, how many to average over.

    Raises:
        ChainruleError: as for `evaluate`.
    """
    known = observed_mask(x)
    x = model.domain.check(torch.where(known.view(x.shape), x, torch.zeros_like(x)))
    found = torch.empty(len(x), dtype=torch.float64)
    for density, rows in _takers(model, known, members):
        with evaluating(density):
            for some in torch.split(rows, batch):
                given, here = x[some].to(model.device), known[some]
                nats = density.log_prob(given) if bool(here.all()) else density.log_marginal(given, here)
                found[some] = nats.cpu().double()
                if progress:
                    progress(len(some))
    return found


def _takers(model: Density, known: Tensor, members: int) -> Iterator[tuple[Density, Tensor]]:
    """Densities whose orders begin with what is known, bool [n, D]; and the rows of the data that each takes."""
    if members == 1 and bool(known.all()):
        yield model, torch.arange(len(known))
        return
    for density, rows in densities(partial(model.given, members=members), model, known):
        if density is None:
            raise ChainruleError(not_first(model))
        yield density, rows
