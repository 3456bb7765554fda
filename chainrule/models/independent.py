"""Every site on its own: the baseline that all other models have to beat."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from chainrule.distributions import Distributions
from chainrule.domains import ArrayLike, Domain, Grid, as_tensor, raster
from chainrule.errors import ChainruleError
from chainrule.models.autoregressive import AutoregressiveModel
from chainrule.models.density import Density, sum_sites
from chainrule.sampling import RecomputingSampler, Sampler, Schedule, refuse_context
from chainrule.seeding import Seed, as_seed

COUNT_BATCH_SIZE = 1000
"""The number of data that are counted at once."""


class Independent(AutoregressiveModel):
    """Give each site a free distribution that depends on no other site: p(x) = ∏ p(x_i).

    Args:
        domain: the space of a datum.
        seed: accepted as by every model; nothing is drawn, since all distributions start as the domain gives them.

    Example:
        >>> from chainrule.domains import Binary
        >>> round(Independent(Binary((3,))).log_prob(torch.tensor([[0, 1, 1]])).exp().item(), 6)
        0.125
    """

    def __init__(self, domain: Domain, seed: Seed = 0) -> None:
        super().__init__()
        self.domain, self.seed, self.order = domain, as_seed(seed), raster(domain)
        self.logits = nn.Parameter(domain.initial_params)

    def conditionals(self, x: ArrayLike, context: Tensor | None = None) -> Distributions:
        refuse_context(context)
        return self.domain.conditionals(self.logits.expand(len(x), *self.logits.shape))

    def log_marginal(self, x: ArrayLike, evidence: Tensor, context: Tensor | None = None) -> Tensor:
        x = as_tensor(x)
        known = evidence.expand(len(x), -1).view(x.shape).to(x.device)
        x = self.domain.check(torch.where(known, x, torch.zeros_like(x)))
        return sum_sites(self.predict_conditionals(x, context).log_prob(x) * known)

    def condition(self, evidence: Tensor, *, members: int = 1, seed: int = 0) -> Density:  # noqa: ARG002
        """Return the model itself: sites do not depend on each other, so it is exact on all evidence."""
        return self

    def fast_sampler(self) -> Sampler:
        """Return a sampler that draws all sites in one step."""
        return RecomputingSampler(self, Schedule((self.order.sites,)))

    def receptive_field(self) -> Tensor:
        return torch.zeros(self.domain.sites, self.domain.sites, dtype=torch.bool)

    def receptive_fields_by_depth(self) -> dict[int, Tensor]:
        return {}  # there are no layers

    def init_from_data(self, x: Tensor) -> None:
        """Set the distribution of each site to (c + 1) / (n + K): the c of n data with each of its K values.

        The 1 gives a probability to values that do not occur; without it this is the maximum of the likelihood.

        Args:
            x: [n, *shape], of a domain of levels.

        Raises:
            ChainruleError: a domain of tables.

        Example:
            >>> from chainrule.domains import Binary
            >>> model = Independent(Binary((2,)))
            >>> model.init_from_data(torch.tensor([[1, 0], [1, 1], [1, 0]]))
            >>> [round(p, 6) for p in model.logits.sigmoid().flatten().tolist()]  # (3 + 1) / (3 + 2), (1 + 1) / (3 + 2)
            [0.8, 0.4]
        """
        if not isinstance(self.domain, Grid):
            raise ChainruleError("values are counted of data of levels, not of tables")
        log_counts = (1.0 + count_values(x, self.domain.levels)).log()
        if self.domain.outputs_per_site == 1:
            logits = log_counts[:, 1:] - log_counts[:, :1]
        else:
            logits = log_counts - log_counts.logsumexp(1, keepdim=True)
        with torch.no_grad():
            self.logits.copy_(logits.view(self.logits.shape))


def count_values(x: Tensor, levels: int) -> Tensor:
    """Count how often each site has each level: float64 [D, levels].

    Args:
        x: levels [n, *shape].
        levels: the number of levels.

    Example:
        >>> count_values(torch.tensor([[0, 2], [1, 2]]), 3).tolist()
        [[1.0, 1.0, 0.0], [0.0, 0.0, 2.0]]
    """
    sites = x[0].numel()
    first = torch.arange(sites) * levels
    counts = torch.zeros(sites * levels, dtype=torch.float64)
    for batch in torch.split(x.flatten(1), COUNT_BATCH_SIZE):
        counts += torch.bincount((batch.long() + first).flatten(), minlength=sites * levels)
    return counts.view(sites, levels)
