"""Every site on its own: the baseline that all others have to beat."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor, nn

from chainrule.distributions import Distributions
from chainrule.domains import Domain
from chainrule.domains.orders import raster
from chainrule.models.base import AutoregressiveModel, Density, sum_sites
from chainrule.sampling.schedules import Schedule
from chainrule.seeding import Seed, as_seed


class Independent(AutoregressiveModel):
    """p(x) = ∏ p(x_i): one free distribution for each site, blind to all others.

    Args:
        domain: what a datum is.
        seed: taken as by every model; nothing is drawn, since all distributions start as the domain has them.

    Example:
        >>> from chainrule.domains import Binary
        >>> round(Independent(Binary((3,))).log_prob(torch.tensor([[0, 1, 1]])).exp().item(), 6)
        0.125
    """

    def __init__(self, domain: Domain, seed: Seed = 0) -> None:
        super().__init__()
        self.domain, self.seed, self.order = domain, as_seed(seed), raster(domain)
        self.logits = nn.Parameter(domain.initial)

    def conditionals(self, x: Tensor) -> Distributions:
        return self.domain.conditionals(self.logits.expand(len(x), *self.logits.shape))

    @cached_property
    def schedule(self) -> Schedule:
        """All sites at once."""
        return Schedule((self.order.sites,))

    def log_marginal(self, x: Tensor, evidence: Tensor) -> Tensor:
        known = evidence.expand(len(x), -1).view(x.shape).to(x.device)
        x = self.domain.check(torch.where(known, x, torch.zeros_like(x)))
        return sum_sites(self.conditionals(x).log_prob(x) * known)

    def given(self, evidence: Tensor, members: int = 1, seed: int = 0) -> Density:  # noqa: ARG002
        """Itself: no site tells of another, so it is exact on all evidence."""
        return self

    def receptive_field(self) -> Tensor:
        return torch.zeros(self.domain.sites, self.domain.sites, dtype=torch.bool)
