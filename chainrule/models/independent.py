"""Every site on its own: the baseline that all others have to beat."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from chainrule.conditionals import Conditionals
from chainrule.domain import Domain
from chainrule.models.base import AutoregressiveModel
from chainrule.order import raster
from chainrule.seeding import Seed, as_seed


class Independent(AutoregressiveModel):
    """p(x) = ∏ p(x_i): one free distribution for each site, blind to all others.

    Args:
        domain: what a datum is.
        seed: taken as by every model; nothing is drawn, since all distributions start uniform.

    Example:
        >>> from chainrule.domain import Binary
        >>> round(Independent(Binary((3,))).log_prob(torch.tensor([[0, 1, 1]])).exp().item(), 6)
        0.125
    """

    def __init__(self, domain: Domain, seed: Seed = 0) -> None:
        super().__init__()
        self.domain, self.seed, self.order = domain, as_seed(seed), raster(domain)
        self.logits = nn.Parameter(torch.zeros(*domain.shape, domain.parameters))

    def conditionals(self, x: Tensor) -> Conditionals:
        return self.domain.conditionals(self.logits.expand(len(x), *self.logits.shape))

    def receptive_field(self) -> Tensor:
        return torch.zeros(self.domain.sites, self.domain.sites, dtype=torch.bool)
