"""Law 5: a model comes back from the disk as it was, and a datum's result is its own."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from chainrule.checkpoint import load, save
from chainrule.checks.dependence import NUMBERS
from chainrule.checks.report import Broken, law
from chainrule.checks.variants import memory_of, random_data, tolerance, variants
from chainrule.models.base import Density

DATA, TOGETHER = 8, 130


@law("5 save and load")
@torch.no_grad()
def save_load_identity(model: Density, seed: int = 0) -> str:
    """Law 5, first half: what `load` makes of what `save` wrote has the same weights and log_prob, bit for bit."""
    x = random_data(model, DATA, seed)
    for which, each in variants(model, seed):
        with tempfile.TemporaryDirectory() as folder:
            save(each, Path(folder) / "model")
            # Frozen like the other: torch has kernels of its own for weights that need no gradient.
            again = load(Path(folder) / "model").to(each.device).requires_grad_(False)
            check_weights(each.state_dict(), again.state_dict(), which)
            if not torch.equal(again.log_prob(x), each.log_prob(x)):
                raise Broken(f"log_prob of {DATA} random data is not the same after save and load{which}")
    return f"{len(model.state_dict())} tensors, and log_prob of {DATA} random data, bit for bit"


def check_weights(before: dict[str, Tensor], after: dict[str, Tensor], which: str) -> None:
    if before.keys() != after.keys():
        changed = ", ".join(sorted(before.keys() ^ after.keys()))
        raise Broken(f"save and load do not keep which weights there are: {changed}{which}")
    for name, weight in before.items():
        if weight.dtype != after[name].dtype or not torch.equal(weight, after[name]):
            raise Broken(f"{name} is not the same after save and load{which}")


@law("5 neighbours")
@torch.no_grad()
def neighbours(model: Density, seed: int = 0) -> str:
    """Law 5, second half: log p(x) of a datum does not depend on what else is in the batch, nor on its place there."""
    # More data than evaluation takes at once, as far as memory allows.
    x = random_data(model, max(DATA, min(TOGETHER, NUMBERS // memory_of(model))), seed)
    for which, each in variants(model, seed):
        alone = torch.cat([each.log_prob(datum) for datum in torch.split(x[:DATA], 1)])
        # Rounding errors of sites are independent of each other: that of their sum grows with the root of their number.
        slack = tolerance(each) * math.sqrt(model.domain.sites)
        together = {"in a batch": each.log_prob(x), "in the batch reversed": each.log_prob(x.flip(0)).flip(0)}
        for how, nats in together.items():
            apart = (nats[:DATA] - alone).abs().max().item()
            if not apart <= slack:
                raise Broken(f"log_prob of a datum {how} is {apart:.2g} nats from what it is alone{which}")
    return f"{DATA} random data alone, in a batch of {len(x)} and in the batch reversed"
