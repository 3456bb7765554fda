"""Weighted particles (sequential Monte Carlo), for evidence that is not a prefix of a model's order.

Each particle goes through the sites. At a missing site it draws a value. At a site of the evidence it takes the value
there, and its weight is multiplied by the probability of that value. Where few particles carry nearly all of the
weight, the particles are resampled. The weighted particles then approximate p(missing | evidence).

Gordon, Salmond, Smith: Novel approach to nonlinear/non-Gaussian Bayesian state estimation. 1993. Doucet, Johansen: A
tutorial on particle filtering and smoothing. 2009, section 3.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from chainrule.distributions import Distributions
from chainrule.inference.resampling import effective_sample_size, resample_systematic
from chainrule.models import AutoregressiveModel, Density
from chainrule.sampling import InverseCDFDraw, choose_components, decode, evaluating, move_context, select_context
from chainrule.seeding import site_noise

PARTICLES = 1024
"""The number of particles unless another number is asked for."""
MIN_RELIABLE = 10
"""The least effective sample size, and the least number of ancestors, of particles that can be trusted."""
RESAMPLE_BELOW = 0.5
"""Particles are resampled where the effective sample size is below this share of their number."""


@dataclass(frozen=True, eq=False)
class Particles:
    """Weighted completions of one datum.

    Attributes:
        values: [particles, *shape].
        log_weights: float64 [particles]; their log-sum-exp is `log_evidence`.
        ancestors: int64 [particles]: the first particle from which each particle descends.
    """

    values: Tensor
    log_weights: Tensor
    ancestors: Tensor

    @property
    def log_evidence(self) -> float:
        """An estimate of log p(evidence) in nats. The estimate of p(evidence) itself is unbiased."""
        return float(self.log_weights.logsumexp(0))

    @property
    def weights(self) -> Tensor:
        """The normalised weights: float64 [particles]."""
        return self.log_weights.softmax(0)

    @property
    def ess(self) -> float:
        """The effective sample size: the number of independent draws that the weights are worth."""
        return effective_sample_size(self.log_weights)

    @property
    def num_ancestors(self) -> int:
        """The number of first particles that have descendants. The effective sample size does not show it."""
        return len(set(self.ancestors.tolist()))


class CollapseWarning(UserWarning):
    """Too few particles are left to approximate a distribution."""


def warn_if_collapsed(ess: Tensor, ancestors: Tensor, count: int) -> None:
    """Warn where the particles of some data are too few to trust.

    Args:
        ess: of each datum, float64 [m].
        ancestors: the number of first particles with descendants, int64 [m].
        count: the number of particles of each datum.
    """
    worth = torch.minimum(ess, ancestors.to(ess))
    collapsed = int((worth < min(MIN_RELIABLE, count)).sum())
    if collapsed:
        worst = int(worth.argmin())
        warnings.warn(
            f"the particles of {collapsed} of {len(worth)} data have collapsed: those of datum {worst} are worth "
            f"{ess[worst]:.1f} of {count} draws and descend from {int(ancestors[worst])}; take more particles, or a "
            "model whose order begins with the evidence",
            CollapseWarning,
            stacklevel=4,
        )


def run_smc(
    density: Density,
    x: Tensor,
    evidence: Tensor,
    *,
    seed: int,
    particles: int,
    key: int,
    context: Tensor | None = None,
) -> Particles:
    """Return weighted completions of one datum that approximate p(missing | evidence), for any evidence.

    Args:
        x: [*shape]; values outside the evidence are not read.
        evidence: bool [D].
        particles: the number of particles.
        key: of the datum: the draws are a function of the key and the seed.
        context: [1, ...], where the density takes a context.
    """
    noise = site_noise(seed, [(key, particle) for particle in range(particles)], density.domain.sites + 1)
    rows, nothing = x.expand(particles, *x.shape), torch.zeros(particles, density.domain.sites, dtype=torch.bool)
    context = None if context is None else context.expand(particles, *context.shape[1:])
    filters = []
    with evaluating(density):
        for model, its in list(choose_components(density, rows, nothing, noise[:, -1], context)):
            part = rows[its], evidence, noise[its], select_context(context, its)
            filters.append((its, ParticleFilter(cast("AutoregressiveModel", model), *part)))
        values = torch.cat([each.run() for _, each in filters])
    # The weights of a filter average to its model's estimate of p(evidence). A model counts by its share of particles.
    log_weights = torch.cat([each.log_weights for _, each in filters]) - math.log(particles)
    return Particles(values, log_weights, torch.cat([its[each.ancestors] for its, each in filters]))


class ParticleFilter:
    """Particles of one autoregressive model.

    Args:
        model: the model that draws them.
        x: [particles, *shape], with the values of the evidence.
        evidence: bool [D].
        noise: uniform in [0, 1), float64 [particles, D + 1].
        context: [particles, ...], where the model takes a context.

    Attributes:
        log_weights: float64 [particles]; their average, as weights, estimates p(evidence so far).
        ancestors: int64 [particles].
    """

    def __init__(
        self, model: AutoregressiveModel, x: Tensor, evidence: Tensor, noise: Tensor, context: Tensor | None
    ) -> None:
        self.model, self.sampler, self.x, self.noise = model, model.sampler(), x, noise
        self.context = move_context(context, model.device)
        self.evidence = evidence.expand(len(x), -1)
        self.draw = InverseCDFDraw(noise, 1.0, x.flatten(1), self.evidence)
        self.remaining = int(evidence.sum())  # the number of evidence sites that are yet to come
        self.log_weights = torch.zeros(len(x), dtype=torch.float64)
        self.ancestors = torch.arange(len(x))
        self.last_weighed: int | None = None  # the last evidence site since the last call of `resample`

    def run(self) -> Tensor:
        """Return the final values: [particles, *shape], on the CPU."""
        groups = self.sampler.schedule.prefix_length(self.evidence)
        self._weigh_prefix(groups)
        return decode(
            self.sampler, len(self.x), self.choose, context=self.context, prefix=self.x, groups=groups,
            resample=self.resample,
        ).cpu()  # fmt: skip

    def _weigh_prefix(self, groups: int) -> None:
        """Add log p of the first groups to the weights: their values are the same for all particles."""
        if groups == 0:
            return
        first = torch.zeros_like(self.evidence[0])
        first[self.sampler.schedule.sites_before(groups)] = True
        x = torch.where(first.view(self.x.shape[1:]), self.x[0], torch.zeros_like(self.x[0]))[None].to(
            self.model.device
        )
        context = None if self.context is None else self.context[:1]
        by_site = self.model.predict_conditionals(x, context).log_prob(x).flatten(1).cpu()
        self.log_weights += float(by_site[:, first].double().sum())
        self.remaining -= int(first.sum())

    def choose(self, sites: Tensor, conditionals: Distributions) -> Tensor:
        """Draw missing values, and weigh the particles by the values of the evidence."""
        known = self.evidence[0, sites]
        values = self.draw(sites, conditionals)
        if bool(known.any()):
            log_probs = conditionals.log_prob(values.to(conditionals.device)).cpu().double()
            self.log_weights += log_probs[:, known].sum(1)
            self.remaining -= int(known.sum())
            self.last_weighed = int(sites[known][-1])
        return values

    def resample(self) -> Tensor | None:
        """Return the particles to go on with, where few carry the weight and more evidence is to come."""
        count, site = len(self.log_weights), self.last_weighed
        self.last_weighed = None
        if site is None or not self.remaining or effective_sample_size(self.log_weights) >= RESAMPLE_BELOW * count:
            return None
        offset = float(self.noise[0, site])  # unused so far, since the value of this site is given
        rows = resample_systematic(self.log_weights.softmax(0), count, offset)
        self.ancestors = self.ancestors[rows]
        self.log_weights = (self.log_weights.logsumexp(0) - math.log(count)).expand(count).clone()
        return rows
