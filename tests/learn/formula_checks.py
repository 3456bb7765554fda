"""The register of the checks of formulas, and models with random weights for them."""

from __future__ import annotations

from collections.abc import Callable

import torch

import chainrule as cr

CHECKS: dict[str, Callable[[], None]] = {}
"""The check of each formula, by the name of the formula."""


def checks_formulas(*names: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register a function as the check of these formulas."""

    def register(check: Callable[[], None]) -> Callable[[], None]:
        CHECKS.update(dict.fromkeys(names, check))
        return check

    return register


def randomize_weights(model: cr.AutoregressiveModel) -> cr.AutoregressiveModel:
    """Return the model in float64 with random weights, so that no weight is zero."""
    rng = torch.Generator().manual_seed(1)
    model = model.double().eval()
    for weight in model.parameters():
        weight.data = torch.randn(weight.shape, generator=rng, dtype=torch.float64) / 2
    return model


def sum_log_probs_by_site(model: cr.AutoregressiveModel, x: torch.Tensor) -> torch.Tensor:
    """Return Σ_i log p(x_i | x_<i), with zeros at the sites after x_i when its conditional is computed."""
    total, known = torch.zeros(len(x), dtype=torch.float64), torch.zeros_like(x)
    for site in model.order.sites.tolist():
        table = model.conditionals(known).log_probs.flatten(1, -2)[:, site]
        values = x.flatten(1)[:, site]
        total += table[torch.arange(len(x)), values.long()]
        known.flatten(1)[:, site] = values
    return total
