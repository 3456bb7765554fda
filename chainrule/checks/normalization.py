"""Law 2: the probabilities of all data sum to 1."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from chainrule.checks.check_report import CheckFailed, law
from chainrule.checks.variants import context_rows, evaluate_log_prob, model_variants, random_data, single_contexts
from chainrule.distributions import ColumnConditionals, Distributions, LogisticMixture
from chainrule.domains import Domain
from chainrule.models import AutoregressiveModel, Density

MAX_OUTCOMES = 2**16
"""The largest domain that is enumerated."""

NUM_DATA = 16
"""The number of random data at which `log_prob` is compared with the conditionals."""

NUM_POINTS = 500
"""The number of points around each component of a mixture at which its density is integrated."""

ROUNDING = 2e-6
"""The largest difference, in nats, of two float32 computations of a site's log-probability: some units in the last
place."""

TOTAL_TOLERANCE = 1e-4
"""The largest difference of a total from 1. float32 rounds by 1e-7 for each site: that does not add up to a tenth of
this."""


@law("2 normalization")
@torch.no_grad()
def check_normalization(model: Density, *, seed: int = 0, context: Tensor | None = None) -> str:
    """Check law 2: Σ_x p(x) = 1, by enumeration of up to 2^16 outcomes.

    Larger domains cannot be enumerated. There, law 2 follows from law 1 if each conditional sums to 1 over its values
    and `log_prob` is the sum of the conditionals; both are tested on all domains, at random data. For an ensemble
    they are tested on each member: an average of distributions is a distribution. Densities of real columns are
    integrated by quadrature.

    Args:
        model: any model that fulfils the contract of `Density`.
        seed: the seed of the data and of the noise on the weights.
        context: [m, ...], for a model that takes a context: the rows to check at.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.made import MADE
        >>> print(check_normalization(MADE(Binary((3,)))))
        passed   2 normalization: enumerated 8 outcomes
    """
    enumerable = model.domain.size <= MAX_OUTCOMES
    for which, variant in model_variants(model, seed):
        x, rows = random_data(variant, NUM_DATA, seed), context_rows(context, NUM_DATA)
        members = [module for module in variant.modules() if isinstance(module, AutoregressiveModel)]
        for member in members:
            compare_conditional_totals(member, x[:2], context_rows(context, 2), which)
        if enumerable:
            for row in single_contexts(context):
                compare_joint_total(variant, row, which)
        for member in members:
            compare_log_prob(member, x, rows, which)
    if enumerable:
        return f"enumerated {model.domain.size} outcomes"
    return f"by law 1 and normalised conditionals ({model.domain.describe_size()} are too many to enumerate)"


def compare_conditional_totals(model: AutoregressiveModel, x: Tensor, context: Tensor | None, which: str) -> None:
    """Compare the total probability of each conditional, at data x [n, *shape], with 1.

    Raises:
        CheckFailed: a total is not 1.
    """
    conditionals = model.predict_conditionals(x, context)
    totals = total_probability(conditionals, model.domain, x)
    error = (totals - 1).abs()
    if bool((error <= TOTAL_TOLERANCE).all()):  # which a NaN is not
        return
    row, site = divmod(int(error.argmax()), model.domain.sites)
    where, total = model.domain.describe_site(site), totals[row, site].item()
    raise CheckFailed(f"the conditional of {where} sums to {total:.6g} over its values, not to 1{which}")


def total_probability(conditionals: Distributions, domain: Domain, x: Tensor) -> Tensor:
    """Sum, or integrate, each conditional over its values: float64 [n, D]."""
    if isinstance(conditionals, ColumnConditionals):
        total = torch.empty(x.shape, dtype=torch.float64)
        for columns, block in conditionals.blocks:
            levels = int(domain.levels_by_site[columns[0]])
            values = x[:, columns.to(x.device)]
            total[:, columns] = (
                integrate_mixture(block) if isinstance(block, LogisticMixture) else sum_levels(block, values, levels)
            )
        return total
    return sum_levels(conditionals, x, domain.levels).flatten(1)


def sum_levels(conditionals: Distributions, x: Tensor, levels: int) -> Tensor:
    """Sum the probabilities of the values 0 … levels-1 at each site: float64, of the shape of x."""
    by_value = [conditionals.log_prob(torch.full_like(x, value)).cpu().double() for value in range(levels)]
    return torch.stack(by_value).exp().sum(0)


def integrate_mixture(mixture: LogisticMixture) -> Tensor:
    """Integrate the density, or sum the masses, with linear interpolation between the points: float64 [n, g]."""
    x = mixture.quadrature_points(NUM_POINTS).movedim(-1, 0)
    p, step = mixture.log_prob(x).exp(), x.diff(dim=0)
    trapezoids = step * (p[1:] + p[:-1]) / 2
    if mixture.kind == "real":
        return trapezoids.sum(0).cpu()
    # For whole numbers, the sum over the numbers after one point and up to the next: exact where these are neighbours.
    return (p[0] + (trapezoids + p.diff(dim=0) / 2).sum(0)).cpu()


def compare_joint_total(model: Density, context: Tensor | None, which: str) -> None:
    """Compare the total probability of all data of the domain, for a context of one row, with 1.

    Raises:
        CheckFailed: the total is not 1.
    """
    batches = [x.to(model.device) for x in model.domain.outcomes()]
    log_probs = [evaluate_log_prob(model, x, context_rows(context, len(x))) for x in batches]
    total = torch.stack([log_prob.cpu().double().exp().sum() for log_prob in log_probs]).sum().item()
    if not abs(total - 1) <= TOTAL_TOLERANCE:
        outcomes = model.domain.describe_size()
        raise CheckFailed(f"the probabilities of all {outcomes} sum to {total:.6g}, not to 1{which}")


def compare_log_prob(model: AutoregressiveModel, x: Tensor, context: Tensor | None, which: str) -> None:
    """Compare `log_prob`, which a model may override, with the sum of the model's conditionals.

    The conditionals come from a copy that has not been called with the data, and from the table of all values, not from
    `log_prob` by site: neither can know the values in advance.

    Raises:
        CheckFailed: they differ.
    """
    conditionals = copy.deepcopy(model).predict_conditionals(x, context)
    expected = tabulated_log_prob(conditionals, x).cpu().double().flatten(1).sum(1)
    log_prob = evaluate_log_prob(model, x, context).cpu().double()
    if not torch.allclose(log_prob, expected, rtol=0, atol=ROUNDING * model.domain.sites):
        difference = (log_prob - expected).abs().max().item()
        raise CheckFailed(f"log_prob is not the sum of the conditionals: they differ by {difference:.3g} nats{which}")


def tabulated_log_prob(conditionals: Distributions, x: Tensor) -> Tensor:
    """Return log p by site, [n, *sites], from the table of all values; a mixture has no such table."""
    if isinstance(conditionals, LogisticMixture):
        return conditionals.log_prob(x)
    if isinstance(conditionals, ColumnConditionals):
        blocks = [
            (columns, tabulated_log_prob(block, x[:, columns.to(x.device)])) for columns, block in conditionals.blocks
        ]
        order = torch.cat([columns for columns, _ in blocks]).argsort()
        return torch.cat([log_probs.double() for _, log_probs in blocks], 1)[:, order.to(x.device)]
    return conditionals.log_probs.gather(-1, x.long().unsqueeze(-1)).squeeze(-1)
