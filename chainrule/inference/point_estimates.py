"""Point estimates: one value in place of several weighted draws, the most likely value or the mean."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from chainrule.domains import Domain
from chainrule.inference.resampling import resample_equal

MIDDLE = torch.tensor(0.5, dtype=torch.float64)
"""The point of each stretch of the weights at which an equally weighted draw is taken."""


def estimate_by_site(
    values: Tensor, weights: Tensor, domain: Domain, estimate_numbers: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return one value for each site: [m, *shape].

    Args:
        values: draws [m, n, *shape].
        weights: float64 [m, n].
        estimate_numbers: returns one number for each row of equally weighted draws [m, n]; of levels the level with the
            most weight is taken.
    """
    x = values.flatten(2)
    equal = torch.stack([rows[resample_equal(w, MIDDLE.expand(len(w)))[0]] for rows, w in zip(x, weights, strict=True)])
    sites = [
        heaviest_level(x[..., site], weights, levels)
        if levels
        else _keep_exact(estimate_numbers(equal[..., site]), equal[..., site])
        for site, levels in enumerate(domain.levels_by_site.tolist())
    ]
    return torch.stack(sites, 1).to(values.dtype).view(len(x), *domain.shape)


def heaviest_level(values: Tensor, weights: Tensor, levels: int) -> Tensor:
    """Return the level with the most weight in each row of [m, n]: int64 [m]."""
    total = torch.zeros(len(values), levels, dtype=weights.dtype)
    return total.scatter_add(1, values.long(), weights).argmax(1)


def half_sample_mode(values: Tensor) -> Tensor:
    """Return the half-sample mode of each row [m, n]: float64 [m].

    Of the sorted numbers the shortest stretch that holds half of them is taken, again and again.
    Source: Bickel, Frühwirth: On a fast, robust estimator of the mode. 2006, section 2.

    Example:
        >>> half_sample_mode(torch.tensor([[0.0, 0.0, 0.0, 5.0, 9.0], [1.0, 4.0, 4.5, 8.0, 30.0]])).tolist()
        [0.0, 4.25]
    """
    values = values.double().sort(1).values
    while values.shape[1] > 2:
        half = -(-values.shape[1] // 2)
        widths = values[:, half - 1 :] - values[:, : values.shape[1] - half + 1]
        stretch = widths.argmin(1, keepdim=True) + torch.arange(half)
        values = values.gather(1, stretch)
    return values.mean(1)


def row_means(values: Tensor) -> Tensor:
    """Return the mean of each row [m, n]: float64 [m]."""
    return values.double().mean(1)


def _keep_exact(value: Tensor, draws: Tensor) -> Tensor:
    """Round the value of each row where all draws are whole numbers; return the draws' value where they are equal."""
    value = torch.where((draws == draws.round()).all(1), value.round(), value)
    return torch.where((draws == draws[:, :1]).all(1), draws[:, 0].double(), value)
