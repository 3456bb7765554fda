"""Law 5, second part: the result of a datum does not depend on its batch."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from chainrule.checks.check_report import CheckFailed, law
from chainrule.checks.dependence import MAX_ELEMENTS
from chainrule.checks.variants import (
    context_rows,
    elements_per_datum,
    evaluate_log_prob,
    model_variants,
    random_data,
    tolerance,
)
from chainrule.models import Density

NUM_DATA, MAX_BATCH_SIZE = 8, 130
"""The number of data that are evaluated one by one, and the size of the batch that they are compared in: more data than
evaluation takes at once, as far as memory allows."""


@law("5 batch independence")
@torch.no_grad()
def check_batch_independence(model: Density, *, seed: int = 0, context: Tensor | None = None) -> str:
    """Check law 5: log p(x) of a datum depends neither on the other data of its batch nor on its index there.

    Args:
        model: any model that fulfils the contract of `Density`.
        seed: the seed of the data and of the noise on the weights.
        context: [m, ...], for a model that takes a context: the rows to check at.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.made import MADE
        >>> print(check_batch_independence(MADE(Binary((3,)))))
        passed   5 batch independence: 8 random data alone, in a batch of 130 and in the reversed batch
    """
    x = random_data(model, max(NUM_DATA, min(MAX_BATCH_SIZE, MAX_ELEMENTS // elements_per_datum(model))), seed)
    rows = context_rows(context, len(x))
    for which, variant in model_variants(model, seed):
        alone = torch.cat([log_prob_alone(variant, x, rows, index) for index in range(NUM_DATA)])
        reversed_rows = None if rows is None else rows.flip(0)
        batches = {
            "in a batch": evaluate_log_prob(variant, x, rows),
            "in the reversed batch": evaluate_log_prob(variant, x.flip(0), reversed_rows).flip(0),
        }
        # Rounding errors of sites are independent of each other: that of their sum grows with the root of their number.
        largest = tolerance(variant) * math.sqrt(model.domain.sites)
        for where, log_prob in batches.items():
            difference = (log_prob[:NUM_DATA] - alone).abs().max().item()
            if not difference <= largest:
                raise CheckFailed(
                    f"log_prob of a datum {where} differs by {difference:.2g} nats from that of the datum alone{which}"
                )
    return f"{NUM_DATA} random data alone, in a batch of {len(x)} and in the reversed batch"


def log_prob_alone(model: Density, x: Tensor, context: Tensor | None, index: int) -> Tensor:
    """Return the log-density of one datum, evaluated in a batch of its own: [1]."""
    row = None if context is None else context[index : index + 1]
    return evaluate_log_prob(model, x[index : index + 1], row)
