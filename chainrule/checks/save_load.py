"""Law 5, first part: saving and loading a model is the identity."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from torch import Tensor

from chainrule.checkpoint import load, save
from chainrule.checks.check_report import CheckFailed, law
from chainrule.checks.variants import context_rows, evaluate_log_prob, model_variants, random_data
from chainrule.models import Density

NUM_DATA = 8
"""The number of random data at which `log_prob` is compared."""


@law("5 save and load")
@torch.no_grad()
def check_save_load(model: Density, *, seed: int = 0, context: Tensor | None = None) -> str:
    """Check law 5: `load` after `save` gives a model with the same weights and the same log_prob, bit for bit.

    Args:
        model: any model that fulfils the contract of `Density`.
        seed: the seed of the data and of the noise on the weights.
        context: [m, ...], for a model that takes a context: the rows to check at.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.made import MADE
        >>> print(check_save_load(MADE(Binary((3,)), hidden=(4,))))
        passed   5 save and load: 4 tensors, and log_prob of 8 random data, bit for bit
    """
    x, rows = random_data(model, NUM_DATA, seed), context_rows(context, NUM_DATA)
    for which, variant in model_variants(model, seed):
        with tempfile.TemporaryDirectory() as folder:
            save(variant, Path(folder) / "model")
            # Frozen like the variant: torch has other kernels for weights that need no gradient.
            loaded = load(Path(folder) / "model").to(variant.device).requires_grad_(False)
            compare_weights(variant.state_dict(), loaded.state_dict(), which)
            before, after = (evaluate_log_prob(each, x, rows) for each in (variant, loaded))
            if not torch.equal(before, after):
                raise CheckFailed(f"log_prob of {NUM_DATA} random data is not the same after save and load{which}")
    return f"{len(model.state_dict())} tensors, and log_prob of {NUM_DATA} random data, bit for bit"


def compare_weights(before: dict[str, Tensor], after: dict[str, Tensor], which: str) -> None:
    """Compare two state dictionaries bit for bit.

    Raises:
        CheckFailed: a name, a dtype or a value differs.
    """
    if before.keys() != after.keys():
        names = ", ".join(sorted(before.keys() ^ after.keys()))
        raise CheckFailed(f"the names of the weights are not the same after save and load: {names}{which}")
    for name, weight in before.items():
        if weight.dtype != after[name].dtype or not torch.equal(weight, after[name]):
            raise CheckFailed(f"{name} is not the same after save and load{which}")
