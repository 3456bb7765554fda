"""Imputation: what is missing, given whatever else there is, in weighted draws."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from chainrule.inference.conditioning import Imputation, Request, draw_missing
from chainrule.inference.particles import PARTICLES, weighted
from chainrule.models.base import Density
from chainrule.progress import ProgressCallback
from chainrule.sampling.decode import CHUNK
from chainrule.seeding import Seed, as_seed


def impute(
    model: Density,
    x: Tensor | np.ndarray,
    evidence: Tensor | np.ndarray,
    n: int = 16,
    seed: Seed = 0,
    members: int = 1,
    particles: int = PARTICLES,
    chunk: int = CHUNK,
    progress: ProgressCallback | None = None,
) -> Imputation:
    """`n` weighted draws of what is missing from each datum, given the sites of the evidence, whichever they are.

    Exact, with equal weights, where the model's order begins with the evidence, or a member's of a family of many
    orders (`MADE(agnostic="order")`). Else weighted particles, which tell what they are worth: `ess` and `ancestors`
    should be far above 1.

    Args:
        x: [m, *shape]; values outside the evidence are not read.
        evidence: bool, True where a value is given; [*shape] for all data alike, or [m, *shape].
        n: draws of each datum.
        members: of a family, how many members to average over; a draw comes from member k with p(k | evidence).
        particles: how many stand for p(missing | given), where they are needed; the n draws are chosen from them.

    Raises:
        ChainruleError: x or evidence of a wrong shape or type, values outside the domain, or a number under 1.

    Warns:
        CollapseWarning: particles that are too few to trust.

    Example:
        >>> import torch
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.made import MADE
        >>> last = torch.tensor([False, False, True])
        >>> found = impute(MADE(Binary((3,)), agnostic="order"), torch.ones(2, 3), last, n=4)
        >>> found.values.shape, found.weights.sum(1).tolist(), bool(found.exact.all())
        (torch.Size([2, 4, 3]), [1.0, 1.0], True)
    """
    how = Request(n, as_seed(seed), 1.0, chunk, members, particles, progress)
    return draw_missing(model, x, evidence, how, weighted)
