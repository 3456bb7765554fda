"""Law 4: samples come as often as their probabilities say."""

from __future__ import annotations

import torch
from torch import Tensor

from chainrule.laws.report import Broken, NotRun, law
from chainrule.laws.subject import outcomes_in_words, variants
from chainrule.models.base import Density
from chainrule.tasks.sample import sample

COUNTABLE = 2**12
DRAWS = 10_000
FEWEST = 5.0
"""The expectation below which cells are merged: the chi-square distribution holds for cells of about five and more."""

IMPROBABLE = 1e-4
"""The p-value below which the law is broken; draws are a function of the seed, so that a passing model stays one."""


@law("4 sample frequencies")
@torch.no_grad()
def sample_frequencies(model: Density, seed: int = 0) -> str:
    """Law 4: chi-square of 10 000 samples against exp(log_prob), where there are at most 4096 outcomes."""
    if model.domain.levels**model.domain.sites > COUNTABLE:
        raise NotRun(f"{outcomes_in_words(model)} are too many to count samples of")
    found = [frequency_fault(each, seed, which) for which, each in variants(model, seed)]
    return f"{DRAWS} samples, chi-square p = {min(found):.2g} at these and at moved weights"


def frequency_fault(model: Density, seed: int, which: str) -> float:
    """The p-value of the samples, when it is not improbable."""
    outcomes = torch.cat(list(model.domain.outcomes()))
    expected = DRAWS * model.log_prob(outcomes.to(model.device)).cpu().double().exp()
    place = model.domain.levels ** torch.arange(model.domain.sites - 1, -1, -1)
    drawn = sample(model, DRAWS, seed, chunk=DRAWS).flatten(1)
    counts = torch.bincount((drawn * place).sum(1), minlength=len(outcomes)).double()
    p = chi_square(counts, expected)
    if not p > IMPROBABLE:
        worst = int(((counts - expected).abs() / expected.clamp(min=FEWEST).sqrt()).argmax())
        often, due = int(counts[worst]), expected[worst].item()
        what = outcomes[worst].flatten().tolist()
        raise Broken(f"{what} came {often} times of {DRAWS}, and {due:.1f} are due (chi-square p = {p:.1g}){which}")
    return p


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
