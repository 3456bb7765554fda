"""Completion: keep the sites that are given, draw the others from p(missing | given)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from chainrule.errors import ChainruleError
from chainrule.models.base import AutoregressiveModel
from chainrule.seeding import Seed, as_seed
from chainrule.walk import CHUNK, Tick, walk_all


def complete(
    model: AutoregressiveModel,
    x: Tensor | np.ndarray,
    evidence: Tensor | np.ndarray,
    n: int = 1,
    seed: Seed = 0,
    temperature: float = 1.0,
    chunk: int = CHUNK,
    tick: Tick | None = None,
) -> Tensor:
    """`n` completions of each datum: int64 [len(x), n, *shape], on the CPU.

    Exact: the evidence must be the first sites of the model's order, and then drawing the others in turn draws from
    p(missing | given). Values of x outside the evidence are not read. More draws leave the first ones as they are.

    Args:
        x: [m, *shape].
        evidence: bool, True where a value is given; [*shape] for all data alike, or [m, *shape].
        n: the number of completions of each datum.

    Raises:
        ChainruleError: x or evidence of a wrong shape or type, values outside the domain, n < 1, a temperature of 0 or
            less, or evidence that is not a prefix of the model's order.

    Example:
        >>> from chainrule.domain import Binary
        >>> from chainrule.models.made import MADE
        >>> x, top = torch.ones(2, 1, 2, 2), torch.tensor([[[True, True], [False, False]]])
        >>> complete(MADE(Binary((1, 2, 2))), x, top, n=3)[:, :, 0, 0].unique().tolist()
        [1]
    """
    if n < 1:
        raise ChainruleError(f"the number of completions must be at least 1, not {n}")
    x, evidence = torch.as_tensor(x), torch.as_tensor(evidence)
    evidence = check_evidence(model, x, evidence)
    given = model.domain.check(torch.where(evidence, x, torch.zeros_like(x)))
    rows, known = given.repeat_interleave(n, 0), evidence.repeat_interleave(n, 0)
    draws = walk_all(model, rows, known, as_seed(seed), temperature, chunk, tick, draws=n)
    return draws.view(len(x), n, *model.domain.shape)


def check_evidence(model: AutoregressiveModel, x: Tensor, evidence: Tensor) -> Tensor:
    """The evidence as bool [len(x), *shape], once it is known to fit the data and the model's order."""
    shape = model.domain.shape
    if tuple(x.shape[1:]) != shape:
        raise ChainruleError(f"the model takes data of shape {['n', *shape]}, not {list(x.shape)}; reshape the data")
    if evidence.dtype != torch.bool:
        raise ChainruleError(f"evidence must be a boolean mask (True where a value is given), not {evidence.dtype}")
    if tuple(evidence.shape) not in (shape, tuple(x.shape)):
        raise ChainruleError(
            f"the evidence mask has shape {list(evidence.shape)}; it must be {list(shape)} or {list(x.shape)}"
        )
    evidence = evidence.expand(x.shape)
    prefix = model.order.is_prefix(evidence.flatten(1))
    if not bool(prefix.all()):
        raise ChainruleError(
            f"the evidence of datum {int(prefix.int().argmin())} is not a prefix of the model's order, and what is "
            "drawn would ignore the evidence after it; give the first sites of the order (raster order: the top rows)"
        )
    return evidence
