"""Law 4: samples are as frequent as their probabilities say."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from chainrule.checks.check_report import CheckFailed, CheckNotRun, law
from chainrule.checks.variants import context_rows, evaluate_log_prob, model_variants, single_contexts
from chainrule.models import AutoregressiveModel, Density
from chainrule.seeding import generator

MAX_OUTCOMES = 2**12
"""The largest domain whose outcomes are counted."""

NUM_SAMPLES = 10_000
"""The number of samples that are counted."""

MIN_EXPECTED = 5.0
"""The expected count below which cells are merged: the chi-square distribution holds for cells of about five or
more."""

NUM_TRANSFORMED, NUM_BINS = 2000, 20
"""The number of samples whose Rosenblatt transform is tested, and the number of bins of its histogram."""

MIN_P_VALUE = 1e-4
"""The p-value below which the check fails. Samples are a function of the seed: a model that passes once always does."""


@law("4 sample frequencies")
@torch.no_grad()
def check_sample_frequencies(model: Density, *, seed: int = 0, context: Tensor | None = None) -> str:
    """Check law 4: compare 10 000 samples with exp(log_prob) by a chi-square test, for at most 4096 outcomes.

    For tables with numbers, test that the Rosenblatt transform P(X_i < x_i | x_<i) of samples is uniform (Rosenblatt:
    Remarks on a multivariate transformation, 1952).

    Args:
        model: any model that fulfils the contract of `Density`.
        seed: the seed of the samples and of the noise on the weights.
        context: [m, ...], for a model that takes a context: the rows to check at.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.made import MADE
        >>> check_sample_frequencies(MADE(Binary((3,)))).passed
        True
    """
    if MAX_OUTCOMES < model.domain.size < math.inf:
        raise CheckNotRun(f"{model.domain.describe_size()} are too many to count samples of")
    countable = model.domain.size <= MAX_OUTCOMES
    test, draws = (counts_p_value, NUM_SAMPLES) if countable else (smallest_rosenblatt_p_value, NUM_TRANSFORMED)
    p = min(
        test(variant, seed, row, which)
        for which, variant in model_variants(model, seed)
        for row in single_contexts(context)
    )
    return (
        f"{draws} samples, chi-square p = {p:.2g} at the model's own and at perturbed weights "
        f"(fails below {MIN_P_VALUE:g})"
    )


def counts_p_value(model: Density, seed: int, context: Tensor | None, which: str) -> float:
    """Return the p-value of the counts of samples, for a context of one row.

    Raises:
        CheckFailed: the p-value is too small.
    """
    outcomes = torch.cat(list(model.domain.outcomes()))
    log_prob = evaluate_log_prob(model, outcomes.to(model.device), context_rows(context, len(outcomes)))
    expected = NUM_SAMPLES * log_prob.cpu().double().exp()
    rows = context_rows(context, NUM_SAMPLES)
    samples = model.sample(NUM_SAMPLES, seed=seed, context=rows, batch_size=NUM_SAMPLES)
    indices = model.domain.outcome_index(samples)
    counts = torch.bincount(indices, minlength=len(outcomes)).double()
    p = chi_square(counts, expected)
    if not p > MIN_P_VALUE:
        worst = int(((counts - expected).abs() / expected.clamp(min=MIN_EXPECTED).sqrt()).argmax())
        outcome, count = outcomes[worst].flatten().tolist(), int(counts[worst])
        raise CheckFailed(
            f"{outcome} was drawn {count} times in {NUM_SAMPLES} samples, and {expected[worst].item():.1f} times are "
            f"expected (chi-square p = {p:.1g}){which}"
        )
    return p


def smallest_rosenblatt_p_value(model: Density, seed: int, context: Tensor | None, which: str) -> float:
    """Return the smallest p-value of the transform over the sites; for an ensemble, over its members too.

    Raises:
        CheckFailed: a p-value is too small.
    """
    members = [module for module in model.modules() if isinstance(module, AutoregressiveModel)]
    p = torch.stack([rosenblatt_p_values(member, seed, context) for member in members]).amin(0)
    if not bool((p > MIN_P_VALUE / model.domain.sites).all()):
        site = int(p.argmin())
        where = model.domain.describe_site(site)
        raise CheckFailed(
            f"the samples of {where} do not have the distribution of its conditionals (p = {p[site]:.1g}){which}"
        )
    return float(p.min())


def rosenblatt_p_values(model: AutoregressiveModel, seed: int, context: Tensor | None) -> Tensor:
    """Return the p-value of each site, float64 [D]: of the histogram of its transformed samples."""
    context = context_rows(context, NUM_TRANSFORMED)
    x = model.sample(NUM_TRANSFORMED, seed=seed, context=context, batch_size=NUM_TRANSFORMED).to(model.device)
    conditionals = model.predict_conditionals(x, context)
    lower, upper = (bound.cpu().flatten(1) for bound in conditionals.cdf_bounds(x))
    # The transform of a whole number is an interval: a point in it is drawn.
    noise = torch.rand(lower.shape, generator=generator(seed, 8), dtype=torch.float64)
    bins = ((lower + noise * (upper - lower)) * NUM_BINS).long().clamp(0, NUM_BINS - 1)
    expected = torch.full((NUM_BINS,), NUM_TRANSFORMED / NUM_BINS, dtype=torch.float64)
    counts = [torch.bincount(column, minlength=NUM_BINS).double() for column in bins.T]
    return torch.tensor([chi_square(each, expected) for each in counts], dtype=torch.float64)


def chi_square(counts: Tensor, expected: Tensor) -> float:
    """Return Pearson's p-value of counts [m] against expected counts [m], both float64; rare outcomes share a cell.

    Example:
        >>> fair = torch.tensor([50.0, 50.0])
        >>> chi_square(fair, fair), chi_square(torch.tensor([90.0, 10.0]), fair) < 1e-9
        (1.0, True)
    """
    order = expected.argsort(descending=True)
    counts, expected = counts[order], expected[order]
    cells = max(1, int((expected >= MIN_EXPECTED).sum()))
    if expected[cells:].sum() >= MIN_EXPECTED:
        cells += 1
    # The rest belongs to the last cell: a cell of its own if the rest is large enough, otherwise the rarest.
    cell = torch.arange(len(expected)).clamp(max=cells - 1)
    counts, expected = (torch.zeros(cells, dtype=counts.dtype).index_add(0, cell, each) for each in (counts, expected))
    if cells == 1:
        return 1.0
    statistic = ((counts - expected) ** 2 / expected).sum()
    return float(torch.special.gammaincc(torch.tensor((cells - 1) / 2, dtype=statistic.dtype), statistic / 2))
