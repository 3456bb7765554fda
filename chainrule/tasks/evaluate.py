"""Evaluation: the negative log-likelihood of data, with its standard error."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from chainrule.data import Split, as_split
from chainrule.models.base import Density, evaluating
from chainrule.walk import Tick
from chainrule.words import with_error

BATCH = 100


@dataclass(frozen=True)
class Evaluation:
    """Mean negative log-likelihood over a data set.

    Attributes:
        nats: mean of -ln p(x), per datum.
        stderr: its standard error over data, in nats: the sample standard deviation / sqrt(n); nan for a single datum.
        n: the number of data.
        sites: D, every colour channel counted: the denominator of bits/dim.
    """

    nats: float
    stderr: float
    n: int
    sites: int

    @property
    def bits_per_dim(self) -> float:
        """nats / (D ln 2)."""
        return self.nats / (self.sites * math.log(2))

    def __str__(self) -> str:
        return f"{with_error(self.nats, self.stderr, 2)} nats, {self.bits_per_dim:.4f} bits/dim, n = {self.n}"


def evaluate(
    model: Density, data: Tensor | np.ndarray | Split, batch: int = BATCH, tick: Tick | None = None
) -> Evaluation:
    """The mean negative log-likelihood of `data` [n, *shape] under the model, in nats and bits/dim.

    Raises:
        ChainruleError: no data, a wrong shape, or values outside the domain.

    Example:
        >>> from chainrule.domain import Binary
        >>> from chainrule.models.independent import Independent
        >>> print(evaluate(Independent(Binary((4,))), torch.tensor([[0, 1, 1, 0], [1, 1, 1, 1]])))
        2.77 ± 0.00 nats, 1.0000 bits/dim, n = 2
    """
    nats = -log_prob_all(model, as_split(data).values(), batch, tick)
    stderr = nats.std().item() / math.sqrt(len(nats)) if len(nats) > 1 else math.nan
    return Evaluation(nats.mean().item(), stderr, len(nats), model.domain.sites)


def log_prob_all(model: Density, x: Tensor, batch: int = BATCH, tick: Tick | None = None) -> Tensor:
    """log p(x) in nats of each datum: float64 [n], on the CPU; in batches of bounded memory."""
    parts = [torch.empty(0, dtype=torch.float64)]
    with evaluating(model):
        for rows in torch.split(model.domain.check(x), batch):
            parts.append(model.log_prob(rows.to(model.device)).cpu().double())
            if tick:
                tick(len(rows))
    return torch.cat(parts)
