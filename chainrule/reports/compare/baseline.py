"""The yardstick's weights, which need no training: how often each site has each value in the data."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from chainrule.domains import Grid
from chainrule.models.independent import Independent

CHUNK = 1000
"""Data that are counted at once."""
STILL: dict[str, Any] = {"updates": 1, "optimiser": "sgd", "lr": 1e-12, "weight_decay": 0.0, "warmup": 0}
"""Settings of `fit`, which makes a run of a model whose weights are known: one update, too small to change its NLL."""


def settle(model: Independent, x: Tensor) -> None:
    """Gives each site the distribution of its values in x, each value counted once more than it is there.

    It is what maximum likelihood comes to, but for that one more: a value that never occurs still has a probability.

    Args:
        x: data [n, *shape].

    Example:
        >>> from chainrule.domains import Binary
        >>> model = Independent(Binary((2,)))
        >>> settle(model, torch.tensor([[1, 0], [1, 1], [1, 0]]))
        >>> [round(p, 6) for p in model.logits.sigmoid().flatten().tolist()]  # (3 + 1) / (3 + 2), (1 + 1) / (3 + 2)
        [0.8, 0.4]
    """
    domain = model.domain
    assert isinstance(domain, Grid), "no plan compares models of tables"
    logs = (1.0 + occurrences(x, domain.levels)).log()
    binary = domain.outputs_per_site == 1
    logits = logs[:, 1:] - logs[:, :1] if binary else logs - logs.logsumexp(1, keepdim=True)
    with torch.no_grad():
        model.logits.copy_(logits.view(model.logits.shape))


def occurrences(x: Tensor, levels: int) -> Tensor:
    """How often each site has each value: float64 [D, levels].

    Example:
        >>> occurrences(torch.tensor([[0, 2], [1, 2]]), 3).tolist()
        [[1.0, 1.0, 0.0], [0.0, 0.0, 2.0]]
    """
    sites = x[0].numel()
    first = torch.arange(sites) * levels
    found = torch.zeros(sites * levels, dtype=torch.float64)
    for rows in torch.split(x.flatten(1), CHUNK):
        found += torch.bincount((rows.long() + first).flatten(), minlength=sites * levels)
    return found.view(sites, levels)
