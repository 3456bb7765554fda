"""Ancestral sampling: each site is drawn given those before it."""

from __future__ import annotations

import torch
from torch import Tensor

from chainrule.errors import ChainruleError
from chainrule.models.base import Density
from chainrule.progress import ProgressCallback
from chainrule.sampling.decode import CHUNK, walk_all
from chainrule.seeding import Seed, as_seed


def sample(
    model: Density,
    n: int,
    seed: Seed = 0,
    temperature: float = 1.0,
    chunk: int = CHUNK,
    progress: ProgressCallback | None = None,
) -> Tensor:
    """`n` data drawn from the model: int64 [n, *shape], on the CPU.

    Datum i depends on the seed and on i alone, whatever the chunk and the schedule are.

    Args:
        temperature: 1 draws from p itself; less prefers the likelier values at each site.
        chunk: how many data are walked at once.
        progress: told how many data were finished, for a progress bar.

    Raises:
        ChainruleError: n < 1, or a temperature of 0 or less.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.made import MADE
        >>> sample(MADE(Binary((3,)), hidden=(8,)), 5, seed=1).shape
        torch.Size([5, 3])
    """
    if n < 1:
        raise ChainruleError(f"the number of samples must be at least 1, not {n}")
    blank = torch.zeros(n, *model.domain.shape, dtype=model.domain.dtype)
    nothing, keys = torch.zeros_like(blank, dtype=torch.bool), [(datum, 0) for datum in range(n)]
    return walk_all(model, blank, nothing, keys, as_seed(seed), temperature, chunk, progress)
