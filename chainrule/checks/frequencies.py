"""Law 4: samples come as often as their probabilities say."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from chainrule.checks.report import Broken, NotRun, law
from chainrule.checks.variants import variants
from chainrule.inference.sample import sample
from chainrule.models.base import AutoregressiveModel, Density
from chainrule.seeding import generator

COUNTABLE = 2**12
DRAWS = 10_000
FEWEST = 5.0
"""The expectation below which cells are merged: the chi-square distribution holds for cells of about five and more."""

SHARED, CELLS = 2000, 20
"""Samples whose shares are looked at, and how many cells they are sorted into."""

IMPROBABLE = 1e-4
"""The p-value below which the law is broken; draws are a function of the seed, so that a passing model stays one."""


@law("4 sample frequencies")
@torch.no_grad()
def sample_frequencies(model: Density, seed: int = 0) -> str:
    """Law 4: chi-square of 10 000 samples against exp(log_prob), where there are at most 4096 outcomes.

    Where columns hold numbers, of the share of p(x_i | x_<i) that lies below each x_i of a sample, which must be
    uniform (Rosenblatt: Remarks on a multivariate transformation, 1952).
    """
    if COUNTABLE < model.domain.size < math.inf:
        raise NotRun(f"{model.domain.size_in_words()} are too many to count samples of")
    test = frequency_fault if model.domain.size <= COUNTABLE else share_fault
    found = [test(each, seed, which) for which, each in variants(model, seed)]
    draws = DRAWS if test is frequency_fault else SHARED
    return (
        f"{draws} samples, chi-square p = {min(found):.2g} at these and at moved weights (broken below {IMPROBABLE:g})"
    )


def frequency_fault(model: Density, seed: int, which: str) -> float:
    """The p-value of the samples, when it is not improbable."""
    outcomes = torch.cat(list(model.domain.outcomes()))
    expected = DRAWS * model.log_prob(outcomes.to(model.device)).cpu().double().exp()
    drawn = model.domain.number_of(sample(model, DRAWS, seed, batch_size=DRAWS))
    counts = torch.bincount(drawn, minlength=len(outcomes)).double()
    p = chi_square(counts, expected)
    if not p > IMPROBABLE:
        worst = int(((counts - expected).abs() / expected.clamp(min=FEWEST).sqrt()).argmax())
        often, due = int(counts[worst]), expected[worst].item()
        what = outcomes[worst].flatten().tolist()
        raise Broken(f"{what} came {often} times of {DRAWS}, and {due:.1f} are due (chi-square p = {p:.1g}){which}")
    return p


def share_fault(model: Density, seed: int, which: str) -> float:
    """The least p-value of the columns' shares, when it is not improbable; of an ensemble, of its members."""
    members = [part for part in model.modules() if isinstance(part, AutoregressiveModel)]
    p = torch.stack([shares_p(member, seed) for member in members]).amin(0)
    if not bool((p > IMPROBABLE / model.domain.sites).all()):
        site = int(p.argmin())
        where = model.domain.describe_site(site)
        raise Broken(f"the samples of {where} do not spread as its conditionals say (p = {p[site]:.1g}){which}")
    return float(p.min())


def shares_p(model: AutoregressiveModel, seed: int) -> Tensor:
    """The p-value of each site, float64 [D]: in how many of equally many cells the shares below its draws lie."""
    x = sample(model, SHARED, seed, batch_size=SHARED).to(model.device)
    below, upto = (each.cpu().flatten(1) for each in model.conditionals(x).cdf_bounds(x))
    # A whole number's share is a range: a point in it is drawn.
    inside = torch.rand(below.shape, generator=generator(seed, 8), dtype=torch.float64)
    cells = ((below + inside * (upto - below)) * CELLS).long().clamp(0, CELLS - 1)
    due = torch.full((CELLS,), SHARED / CELLS, dtype=torch.float64)
    counts = [torch.bincount(column, minlength=CELLS).double() for column in cells.T]
    return torch.tensor([chi_square(each, due) for each in counts], dtype=torch.float64)


def chi_square(counts: Tensor, expected: Tensor) -> float:
    """Pearson's p-value of counts [m] against expectations [m], both float64; rare outcomes share a cell.

    Example:
        >>> fair = torch.tensor([50.0, 50.0])
        >>> chi_square(fair, fair), chi_square(torch.tensor([90.0, 10.0]), fair) < 1e-9
        (1.0, True)
    """
    order = expected.argsort(descending=True)
    counts, expected = counts[order], expected[order]
    cells = max(1, int((expected >= FEWEST).sum()))
    if expected[cells:].sum() >= FEWEST:
        cells += 1
    # What is left is the last cell's: a cell of its own where it is large enough, else part of the rarest.
    cell = torch.arange(len(expected)).clamp(max=cells - 1)
    counts, expected = (torch.zeros(cells, dtype=counts.dtype).index_add(0, cell, each) for each in (counts, expected))
    if cells == 1:
        return 1.0
    statistic = ((counts - expected) ** 2 / expected).sum()
    return float(torch.special.gammaincc(torch.tensor((cells - 1) / 2, dtype=statistic.dtype), statistic / 2))
