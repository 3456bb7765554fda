"""Evidence that is not a prefix of a model's order: weighted particles (sequential importance resampling).

Each particle walks through the sites. At a missing site it draws; at a given one it takes the value there, and its
weight is multiplied by the probability of that value. Where few particles carry nearly all of the weight, they are
drawn anew in proportion to it. The weighted particles then stand for p(missing | given).

Gordon, Salmond, Smith: Novel approach to nonlinear/non-Gaussian Bayesian state estimation. 1993. Doucet, Johansen: A
tutorial on particle filtering and smoothing. 2009, section 3.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from chainrule.distributions import Distributions
from chainrule.models.base import AutoregressiveModel, Density, evaluating
from chainrule.sampling.decode import walk
from chainrule.sampling.draws import Drawing
from chainrule.seeding import site_noise

PARTICLES = 1024
"""As many as are used unless another number is asked for."""
COLLAPSED = 10
"""Fewer first particles with descendants than this, or a smaller effective sample size, are too few to trust."""
TINY = 1e-300
"""Added to weights where all may be zero, and one has to be drawn."""
FEW = 0.5
"""Particles are drawn anew where the effective sample size is under this share of their number."""


@dataclass(frozen=True, eq=False)
class Particles:
    """Weighted completions of one datum.

    Attributes:
        values: [particles, *shape].
        log_weights: float64 [particles]; they sum to log_evidence.
        ancestors: int64 [particles]: the particle, among those that there were at first, that each descends from.
    """

    values: Tensor
    log_weights: Tensor
    ancestors: Tensor

    @property
    def log_evidence(self) -> float:
        """An estimate of log p(given) in nats; that of p(given) itself is unbiased."""
        return float(self.log_weights.logsumexp(0))

    @property
    def weights(self) -> Tensor:
        """Normalised: float64 [particles]."""
        return self.log_weights.softmax(0)

    @property
    def ess(self) -> float:
        """The effective sample size, 1 / Σ w²: of how many independent draws these are worth, by weight alone."""
        return effective(self.log_weights)

    @property
    def surviving(self) -> int:
        """How many of the first particles have descendants: what the effective sample size does not show."""
        return len(set(self.ancestors.tolist()))


class CollapseWarning(UserWarning):
    """Too few particles are left to stand for a distribution."""


def warn_if_collapsed(ess: Tensor, ancestors: Tensor, count: int) -> None:
    """Warns where the particles of some data are too few to trust.

    Args:
        ess: of each datum, float64 [m].
        ancestors: how many first particles have descendants, int64 [m].
        count: how many particles there were of each.
    """
    worth = torch.minimum(ess, ancestors.to(ess))
    bad = int((worth < min(COLLAPSED, count)).sum())
    if bad:
        worst = int(worth.argmin())
        warnings.warn(
            f"the particles of {bad} of {len(worth)} data have collapsed: those of datum {worst} are worth "
            f"{ess[worst]:.1f} of {count} draws and descend from {int(ancestors[worst])}; take more particles, or a "
            "model whose order begins with the evidence",
            CollapseWarning,
            stacklevel=4,
        )


def effective(log_weights: Tensor) -> float:
    """1 / Σ w² of the normalised weights [particles]: from 1, all on one, to their number, all equal.

    Example:
        >>> effective(torch.zeros(4)), effective(torch.tensor([0.0, -1000.0]))
        (4.0, 1.0)
    """
    return float(1 / log_weights.softmax(0).square().sum())


def systematic(weights: Tensor, count: int, noise: float) -> Tensor:
    """Rows drawn in proportion to their weights, with the least variance: int64 [count], sorted.

    Args:
        weights: [particles], any scale.
        noise: uniform in [0, 1).

    Example:
        >>> systematic(torch.tensor([0.5, 0.0, 0.25, 0.25]), 4, 0.5).tolist()
        [0, 0, 2, 3]
    """
    ends = weights.double().cumsum(0)
    places = (torch.arange(count, dtype=torch.float64) + noise) / count * ends[-1]
    return torch.searchsorted(ends, places, right=True).clamp(max=int(weights.nonzero().max()))


def equally(weights: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """As many particles as there is noise [n] for, with equal weights: rows int64 [n], weights float64 [n]."""
    n = len(noise)
    return systematic(weights, n, float(noise[0])), torch.full((n,), 1 / n, dtype=torch.float64)


def weighted(weights: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """As many particles as there is noise [n] for, with the weights of n parts of them: one is drawn from each part.

    So the weights say how unequal those of all particles are, and expectations stay as they are on average.
    """
    parts = torch.arange(len(weights)).tensor_split(len(noise))
    rows = [part[systematic(weights[part] + TINY, 1, u)] for part, u in zip(parts, noise.tolist(), strict=True)]
    totals = torch.stack([weights[part].sum() for part in parts])
    return torch.cat(rows), totals / totals.sum()


def weigh(model: Density, x: Tensor, evidence: Tensor, count: int, seed: int, key: int) -> Particles:
    """Completions of one datum, weighted so that they stand for p(missing | given), whatever the evidence is.

    Args:
        x: [*shape]; values outside the evidence are not read.
        evidence: bool [D].
        count: how many particles.
        key: of the datum: the draws are a function of it and of the seed.
    """
    noise = site_noise(seed, [(key, particle) for particle in range(count)], model.domain.sites + 1)
    rows = x.expand(count, *x.shape)
    nothing = torch.zeros(count, model.domain.sites, dtype=torch.bool)
    swarms = [
        (its, _Swarm(member, rows[its], evidence, noise[its]))
        for member, its in model.drawn(rows, nothing, noise[:, -1])
    ]
    values = torch.cat([swarm.run() for _, swarm in swarms])
    # In each swarm they average to its member's estimate of p(given); members count by how many particles drew them.
    log_weights = torch.cat([swarm.log_weights for _, swarm in swarms]) - math.log(count)
    return Particles(values, log_weights, torch.cat([its[swarm.ancestors] for its, swarm in swarms]))


class _Swarm:
    """Particles of one autoregressive model on their walk.

    Attributes:
        log_weights: float64 [particles]; their mean, as weights, estimates p(given so far).
        ancestors: int64 [particles].
    """

    def __init__(self, model: AutoregressiveModel, given: Tensor, evidence: Tensor, noise: Tensor) -> None:
        self.model, self.given, self.noise = model, given, noise
        self.evidence = evidence.expand(len(given), -1)
        self.draw = Drawing(noise, 1.0, given.flatten(1), self.evidence)
        self.left = int(evidence.sum())
        self.log_weights = torch.zeros(len(given), dtype=torch.float64)
        self.ancestors = torch.arange(len(given))
        self.weighed: int | None = None  # the last given site since `reorder` was asked

    def run(self) -> Tensor:
        """The values that they end with: [particles, *shape]."""
        groups = self.model.schedule.given(self.evidence)
        first = torch.zeros_like(self.evidence[0])
        first[self.model.schedule.sites_before(groups)] = True
        self.log_weights += self.log_prob_of_first(first)
        self.left -= int(first.sum())
        return walk(self.model, len(self.given), self.choose, self.given, groups, self.reorder).cpu()

    def log_prob_of_first(self, first: Tensor) -> float:
        """log p of the given values at the sites of the first groups (bool [D]), which look at each other alone."""
        x = torch.where(first.view(self.given.shape[1:]), self.given[0], torch.zeros_like(self.given[0]))[None]
        x = x.to(self.model.device)
        with evaluating(self.model):
            by_site = self.model.conditionals(x).log_prob(x).flatten(1).cpu()
        return float(by_site[:, first].double().sum())

    def choose(self, sites: Tensor, conditionals: Distributions) -> Tensor:
        """Draws what is missing, and weighs by what is given."""
        known = self.evidence[0, sites]
        values = self.draw(sites, conditionals)
        if bool(known.any()):
            log_probs = conditionals.log_prob(values.to(conditionals.device)).cpu().double()
            self.log_weights += log_probs[:, known].sum(1)
            self.left -= int(known.sum())
            self.weighed = int(sites[known][-1])
        return values

    def reorder(self) -> Tensor | None:
        """Which particles to go on with, where few carry the weight and more evidence is to come."""
        count, site = len(self.log_weights), self.weighed
        self.weighed = None
        if site is None or not self.left or effective(self.log_weights) >= FEW * count:
            return None
        offset = float(self.noise[0, site])  # nothing was drawn with it, since the site is given
        rows = systematic(self.log_weights.softmax(0), count, offset)
        self.ancestors = self.ancestors[rows]
        self.log_weights = (self.log_weights.logsumexp(0) - math.log(count)).expand(count).clone()
        return rows
