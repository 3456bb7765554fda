"""One value in place of several draws of what is missing: the most likely, or the mean."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from chainrule.domains import Domain
from chainrule.inference.conditioning import Imputation
from chainrule.inference.particles import equally

MIDDLE = torch.tensor(0.5, dtype=torch.float64)
"""Where in its stretch of the weights each of the equally weighted draws is taken."""


def most_likely(found: Imputation, domain: Domain) -> Tensor:
    """The most likely value of each site by itself, as the draws have it: [m, *shape]; given values are kept.

    Among levels the one with the most weight; of numbers the middle of where they lie closest together.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.independent import Independent
        >>> from chainrule.inference.impute import impute
        >>> model = Independent(Binary((2,)))
        >>> _ = torch.nn.init.constant_(model.logits, 3.0)  # ones are likelier
        >>> found = impute(model, torch.tensor([[0, 0]]), torch.tensor([True, False]))
        >>> most_likely(found, model.domain).tolist()
        [[0, 1]]
    """
    return _by_site(found, domain, halved)


def mean(found: Imputation, domain: Domain) -> Tensor:
    """The mean of each number, of counts and integers the nearest whole number; of levels the most likely: [m, *shape].

    Source: Rubin: Multiple Imputation for Nonresponse in Surveys. 1987, on why one value hides what is not known.
    """
    return _by_site(found, domain, lambda values: values.double().mean(1))


def halved(values: Tensor) -> Tensor:
    """Where the numbers of each row [m, n] lie closest together: float64 [m].

    Of the sorted numbers the shortest stretch with half of them is kept, again and again (the half-sample mode).
    Source: Bickel, Frühwirth: On a fast, robust estimator of the mode. 2006, section 2.

    Example:
        >>> halved(torch.tensor([[0.0, 0.0, 0.0, 5.0, 9.0], [1.0, 4.0, 4.5, 8.0, 30.0]])).tolist()
        [0.0, 4.25]
    """
    values = values.double().sort(1).values
    while values.shape[1] > 2:
        half = -(-values.shape[1] // 2)
        widths = values[:, half - 1 :] - values[:, : values.shape[1] - half + 1]
        stretch = widths.argmin(1, keepdim=True) + torch.arange(half)
        values = values.gather(1, stretch)
    return values.mean(1)


def _by_site(found: Imputation, domain: Domain, of_numbers: Callable[[Tensor], Tensor]) -> Tensor:
    """One value a site: the heaviest level, or what `of_numbers` makes of equally weighted draws [m, n]."""
    x, levels = found.values.flatten(2), domain.levels_by_site.tolist()
    alike = torch.stack(
        [rows[equally(weights, MIDDLE.expand(len(weights)))[0]] for rows, weights in zip(x, found.weights, strict=True)]
    )
    sites = [
        _heaviest(x[..., site], found.weights, count)
        if count
        else _whole(of_numbers(alike[..., site]), alike[..., site])
        for site, count in enumerate(levels)
    ]
    return torch.stack(sites, 1).to(found.values.dtype).view(len(x), *domain.shape)


def _heaviest(values: Tensor, weights: Tensor, levels: int) -> Tensor:
    """The level with the most weight in each row of [m, n]: int64 [m]."""
    total = torch.zeros(len(values), levels, dtype=weights.dtype)
    return total.scatter_add(1, values.long(), weights).argmax(1)


def _whole(value: Tensor, draws: Tensor) -> Tensor:
    """The value of each row, rounded where all draws are whole numbers; theirs where they are all the same."""
    value = torch.where((draws == draws.round()).all(1), value.round(), value)
    return torch.where((draws == draws[:, :1]).all(1), draws[:, 0].double(), value)
