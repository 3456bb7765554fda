"""Evaluation: the negative log-likelihood of data, with its standard error."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.data import Split, as_split
from chainrule.domains import ArrayLike
from chainrule.errors import ChainruleError
from chainrule.formatting import with_error
from chainrule.inference.conditioning import group_by_density
from chainrule.models import Density, as_density, observed_mask
from chainrule.progress import ProgressCallback, report_progress
from chainrule.sampling import as_context, evaluating, move_context, select_context, with_context

if TYPE_CHECKING:
    import pandas as pd

BATCH_SIZE = 100
"""The number of data that are evaluated at once, at most."""


@dataclass(frozen=True)
class Evaluation:
    """The mean negative log-likelihood (NLL) of a data set.

    Attributes:
        nats: the mean of -ln p(x), per datum.
        stderr: the standard error of the mean, in nats: sample standard deviation / sqrt(n); NaN for one datum.
        n: the number of data.
        sites: D, the denominator of bits/dim; every colour channel counts.
        missing: the number of missing values; the NLL is that of the observed values.
        empty: the number of data without any observed value; n does not count them.
        discrete: whether all data have probabilities. With a real column in a table, the NLL is that of a density.
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
        """The NLL in bits/dim: nats / (D ln 2).

        Raises:
            ChainruleError: no meaning, since the NLL is that of a density, or values are missing.
        """
        if not self.has_bits:
            why = f"{self.missing} values are missing" if self.discrete else "a column is real"
            raise ChainruleError(f"there are no bits/dim where {why}; tell the NLL in nats")
        return self.nats / (self.sites * math.log(2))

    @property
    def has_bits(self) -> bool:
        """Whether bits/dim have a meaning: not for densities, and not where values are missing."""
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
    model: nn.Module,
    data: Tensor | np.ndarray | pd.DataFrame | Split,
    *,
    members: int = 1,
    context: ArrayLike | None = None,
    batch_size: int = BATCH_SIZE,
    progress: bool | ProgressCallback = False,
) -> Evaluation:
    """Return the mean negative log-likelihood of data under a density, in nats and bits/dim.

    Of a row with missing values (NaN) it is the NLL of the observed values, with the missing values summed out. It is
    exact, by a member of a family of orders (`MADE(agnostic="order")`) whose order begins with the observed values.

    Args:
        model: any density.
        data: [n, *shape]; of a table also a frame.
        members: the number of members of a family to average over; 1 takes the model itself.
        context: [n, ...], where the model takes a context.
        batch_size: the number of data that are computed at once, at most.
        progress: True shows a progress bar; a callable is called with the number of finished data.

    Raises:
        ChainruleError: no data, a wrong shape, values outside the domain, or missing values that the model does not
            take.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models import Independent
        >>> print(evaluate(Independent(Binary((4,))), torch.tensor([[0, 1, 1, 0], [1, 1, 1, 1]])))
        2.77 ± 0.00 nats, 1.0000 bits/dim, n = 2
    """
    density = as_density(model)
    domain = density.domain
    x = as_split(data, domain).values()
    rows = as_context(context, len(x))
    observed = observed_mask(x).any(1)
    if not bool(observed.any()):
        raise ChainruleError("all values of these data are missing; give some")
    if not bool(observed.all()):
        x, rows = x[observed], select_context(rows, observed)
    nats = -compute_log_probs(density, x, members=members, context=rows, batch_size=batch_size, progress=progress)
    stderr = nats.std().item() / math.sqrt(len(nats)) if len(nats) > 1 else math.nan
    missing, empty = int((~observed_mask(x)).sum()), int((~observed).sum())
    return Evaluation(nats.mean().item(), stderr, len(nats), domain.sites, missing, empty, domain.is_discrete)


def compute_log_probs(
    density: Density,
    x: Tensor,
    *,
    members: int = 1,
    context: Tensor | None = None,
    batch_size: int = BATCH_SIZE,
    progress: bool | ProgressCallback = False,
) -> Tensor:
    """Return log p of the observed values (not NaN) of each datum, in nats: float64 [n], on the CPU.

    Args:
        x: [n, *shape].
        members: the number of members of a family to average over.
        context: [n, ...], where the density takes a context.
        batch_size: the number of data that are computed at once, at most.

    Raises:
        ChainruleError: as for `evaluate`.
    """
    observed = observed_mask(x)
    x = density.domain.check(torch.where(observed.view(x.shape), x, torch.zeros_like(x)))
    log_probs = torch.empty(len(x), dtype=torch.float64)
    with report_progress(progress, "evaluating", len(x)) as report:
        for exact, rows in _exact_densities(density, observed, members):
            with evaluating(exact):
                for batch in torch.split(rows, batch_size):
                    values, known = x[batch].to(density.device), observed[batch]
                    its = move_context(select_context(context, batch), density.device)
                    whole = bool(known.all())
                    if whole:
                        nats = with_context(exact.log_prob, values, context=its)
                    else:
                        nats = with_context(exact.log_marginal, values, known, context=its)
                    log_probs[batch] = nats.cpu().double()
                    report(len(batch))
    return log_probs


def _exact_densities(density: Density, observed: Tensor, members: int) -> Iterator[tuple[Density, Tensor]]:
    """Yield densities whose orders begin with the observed sites, bool [n, D], and the rows of their data."""
    if members == 1 and bool(observed.all()):
        yield density, torch.arange(len(observed))
        return
    for exact, rows in group_by_density(partial(density.condition, members=members), density, observed):
        if exact is None:
            raise density.missing_values_error()
        yield exact, rows
