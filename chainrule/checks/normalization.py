"""Law 2: the probabilities of all data sum to 1."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from chainrule.checks.report import Broken, law
from chainrule.checks.variants import random_data, variants
from chainrule.distributions import Columns, Distributions, Mixture
from chainrule.domains import Domain
from chainrule.models.base import AutoregressiveModel, Density

ENUMERABLE = 2**16

DATA = 16
"""Random data at which `log_prob` is compared with the conditionals."""

POINTS = 500
"""Around each component of a mixture, where its density is integrated."""

ROUNDING = 2e-6
"""How far two float32 computations of a site's log-probability may lie apart, in nats: some units in the last place."""

SLACK = 1e-4
"""How far a total may lie from 1. float32 rounds by 1e-7 for each site: that does not add up to a tenth of this."""


@law("2 a distribution")
@torch.no_grad()
def is_distribution(model: Density, seed: int = 0) -> str:
    """Law 2: Σ_x p(x) = 1, by enumeration of up to 2^16 outcomes.

    Larger domains cannot be enumerated. There, that each conditional sums to 1 over its values, and that `log_prob` is
    the sum of the conditionals, implies it, with law 1; both are tried on all domains, at random data. Of an ensemble
    they are tried on each member: an average of distributions is one. Densities of reals are integrated by quadrature.
    """
    enumerable = model.domain.size <= ENUMERABLE
    for which, each in variants(model, seed):
        x = random_data(each, DATA, seed)
        members = [part for part in each.modules() if isinstance(part, AutoregressiveModel)]
        for member in members:
            check_sites(member, x[:2], which)
        if enumerable:
            check_total(each, which)
        for member in members:
            check_log_prob(member, x, which)
    if enumerable:
        return f"enumerated {model.domain.size} outcomes"
    return f"by law 1 and normalised conditionals ({model.domain.size_in_words()} are too many to enumerate)"


def check_sites(model: AutoregressiveModel, x: Tensor, which: str) -> None:
    """Every conditional at data x [n, *shape] sums to 1 over its values."""
    conditionals = model.conditionals(x)
    total = totals(conditionals, model.domain, x)
    off = (total - 1).abs()
    if bool((off <= SLACK).all()):  # which a NaN is not
        return
    row, site = divmod(int(off.argmax()), model.domain.sites)
    where = model.domain.describe_site(site)
    raise Broken(f"the conditional of {where} sums to {total[row, site].item():.6g} over its values, not to 1{which}")


def totals(conditionals: Distributions, domain: Domain, x: Tensor) -> Tensor:
    """What each conditional sums, or integrates, to over its values: float64 [n, D]."""
    if isinstance(conditionals, Columns):
        total = torch.empty(x.shape, dtype=torch.float64)
        for columns, block in conditionals.blocks:
            levels = int(domain.levels_by_site[columns[0]])
            mine = x[:, columns.to(x.device)]
            total[:, columns] = integrals(block) if isinstance(block, Mixture) else sums(block, mine, levels)
        return total
    return sums(conditionals, x, domain.levels).flatten(1)


def sums(conditionals: Distributions, x: Tensor, levels: int) -> Tensor:
    """The total probability of the values 0 … levels-1 at each site: float64, of the shape of x."""
    by_value = [conditionals.log_prob(torch.full_like(x, value)).cpu().double() for value in range(levels)]
    return torch.stack(by_value).exp().sum(0)


def integrals(mixture: Mixture) -> Tensor:
    """The density integrated, or the masses summed, with straight lines between the points asked: float64 [n, g]."""
    x = mixture.points(POINTS).movedim(-1, 0)
    p, step = mixture.log_prob(x).exp(), x.diff(dim=0)
    between = step * (p[1:] + p[:-1]) / 2
    if mixture.kind == "real":
        return between.sum(0).cpu()
    # Of whole numbers the sum over those after one point and up to the next, which is exact where these are neighbours.
    return (p[0] + (between + p.diff(dim=0) / 2).sum(0)).cpu()


def check_total(model: Density, which: str) -> None:
    """All data of the domain together have probability 1."""
    parts = [model.log_prob(x.to(model.device)).cpu().double().exp().sum() for x in model.domain.outcomes()]
    total = torch.stack(parts).sum().item()
    if not abs(total - 1) <= SLACK:
        raise Broken(f"the probabilities of all {model.domain.size_in_words()} sum to {total:.6g}, not to 1{which}")


def check_log_prob(model: AutoregressiveModel, x: Tensor, which: str) -> None:
    """`log_prob`, which a model may have written anew, is the sum of its conditionals.

    These come from a copy that has not seen the data, and from the table of all values, not from `log_prob` by site:
    neither can have looked up what the values are.
    """
    wanted = by_table(copy.deepcopy(model).conditionals(x), x).cpu().double().flatten(1).sum(1)
    got = model.log_prob(x).cpu().double()
    if not torch.allclose(got, wanted, rtol=0, atol=ROUNDING * model.domain.sites):
        apart = (got - wanted).abs().max().item()
        raise Broken(f"log_prob is not the sum of the conditionals: {apart:.3g} nats lie between them{which}")


def by_table(conditionals: Distributions, x: Tensor) -> Tensor:
    """log p by site, [n, *sites]: looked up among those of all values; numbers have no such table."""
    if isinstance(conditionals, Mixture):
        return conditionals.log_prob(x)
    if isinstance(conditionals, Columns):
        blocks = [(columns, by_table(block, x[:, columns.to(x.device)])) for columns, block in conditionals.blocks]
        order = torch.cat([columns for columns, _ in blocks]).argsort()
        return torch.cat([log_probs.double() for _, log_probs in blocks], 1)[:, order.to(x.device)]
    return conditionals.log_probs.gather(-1, x.long().unsqueeze(-1)).squeeze(-1)
