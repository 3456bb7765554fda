"""Resample weighted particles, and measure how equal their weights are."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

TINY = 1e-300
"""Added to weights that may all be zero where one particle has to be drawn."""

Resample = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Turns the weights of particles and noise [n] into n rows of particles and the weights of these rows."""


def effective_sample_size(log_weights: Tensor) -> float:
    """Return 1 / Σ w² of the normalised weights [particles], from 1 (one particle) to their number (equal weights).

    Source: Kong, Liu, Wong: Sequential imputations and Bayesian missing data problems. 1994.

    Example:
        >>> effective_sample_size(torch.zeros(4)), effective_sample_size(torch.tensor([0.0, -1000.0]))
        (4.0, 1.0)
    """
    return float(1 / log_weights.softmax(0).square().sum())


def resample_systematic(weights: Tensor, count: int, noise: float) -> Tensor:
    """Draw rows in proportion to their weights, with the least variance: int64 [count], sorted.

    Source: Doucet, Johansen: A tutorial on particle filtering and smoothing. 2009, section 3.4.

    Args:
        weights: [particles], any scale.
        noise: uniform in [0, 1).

    Example:
        >>> resample_systematic(torch.tensor([0.5, 0.0, 0.25, 0.25]), 4, 0.5).tolist()
        [0, 0, 2, 3]
    """
    ends = weights.double().cumsum(0)
    points = (torch.arange(count, dtype=torch.float64) + noise) / count * ends[-1]
    return torch.searchsorted(ends, points, right=True).clamp(max=int(weights.nonzero().max()))


def resample_equal(weights: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Return n rows with equal weights, for noise [n]: rows int64 [n], weights float64 [n]."""
    n = len(noise)
    return resample_systematic(weights, n, float(noise[0])), torch.full((n,), 1 / n, dtype=torch.float64)


def resample_stratified(weights: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Return one row from each of n equal parts of the particles, with the weight of the part, for noise [n].

    The weights then show how unequal the weights of all particles are, and expectations stay unbiased.

    Returns:
        rows int64 [n], weights float64 [n].
    """
    parts = torch.arange(len(weights)).tensor_split(len(noise))
    rows = [
        part[resample_systematic(weights[part] + TINY, 1, u)] for part, u in zip(parts, noise.tolist(), strict=True)
    ]
    totals = torch.stack([weights[part].sum() for part in parts])
    return torch.cat(rows), totals / totals.sum()
