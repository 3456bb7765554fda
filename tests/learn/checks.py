"""What the checks of formulas share: the list of them, and models to check."""

from __future__ import annotations

from collections.abc import Callable

import torch

import chainrule as cr

CHECKS: dict[str, Callable[[], None]] = {}
"""Of each formula, by its name."""


def computes(*names: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Marks the check of these formulas."""

    def keep(check: Callable[[], None]) -> Callable[[], None]:
        CHECKS.update(dict.fromkeys(names, check))
        return check

    return keep


def moved(model: cr.AutoregressiveModel) -> cr.AutoregressiveModel:
    """In float64, its weights drawn anew, so that nothing is zero."""
    rng = torch.Generator().manual_seed(1)
    model = model.double().eval()
    for weight in model.parameters():
        weight.data = torch.randn(weight.shape, generator=rng, dtype=torch.float64) / 2
    return model


def site_by_site(model: cr.AutoregressiveModel, x: torch.Tensor) -> torch.Tensor:
    """Σ_i log p(x_i | x_<i), each conditional computed with zeros in place of what does not come before."""
    total, canvas = torch.zeros(len(x), dtype=torch.float64), torch.zeros_like(x)
    for site in model.order.sites.tolist():
        table = model.conditionals(canvas).log_probs.flatten(1, -2)[:, site]
        values = x.flatten(1)[:, site]
        total += table[torch.arange(len(x)), values.long()]
        canvas.flatten(1)[:, site] = values
    return total
