"""Completion: keep the sites that are given, draw the others from p(missing | given)."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from chainrule.inference.conditioning import Imputation, Request, draw_missing
from chainrule.inference.particles import PARTICLES, equally
from chainrule.models.base import Density
from chainrule.progress import ProgressCallback
from chainrule.sampling.decode import CHUNK
from chainrule.seeding import Seed, as_seed


def complete(
    model: Density,
    x: Tensor | np.ndarray,
    evidence: Tensor | np.ndarray,
    n: int = 1,
    seed: Seed = 0,
    temperature: float = 1.0,
    chunk: int = CHUNK,
    progress: ProgressCallback | None = None,
    members: int = 1,
    particles: int = PARTICLES,
) -> Tensor:
    """`n` completions of each datum, equally weighted: int64 [len(x), n, *shape], on the CPU.

    Where the evidence is the first sites of the model's order, drawing the others in turn draws from p(missing |
    given). A family of many orders (`MADE(agnostic="order")`) takes a member whose order begins with the evidence:
    exact, too. With any other model and evidence, completions are chosen from weighted particles, whose distribution is
    p(missing | given) in the limit of many; `impute` tells how good they are. Values of x outside the evidence are not
    read. More draws leave the first ones as they are, where they are exact.

    Args:
        x: [m, *shape].
        evidence: bool, True where a value is given; [*shape] for all data alike, or [m, *shape].
        n: the number of completions of each datum.
        members: of a family, how many members to average over; a draw comes from member k with p(k | evidence).
        particles: how many stand for p(missing | given), where they are needed.

    Raises:
        ChainruleError: x or evidence of a wrong shape or type, values outside the domain, n < 1, or a temperature of 0
            or less, or other than 1 with particles.

    Warns:
        CollapseWarning: particles of which too few are left to stand for the distribution.

    Example:
        >>> import torch
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.made import MADE
        >>> x, top = torch.ones(2, 1, 2, 2), torch.tensor([[[True, True], [False, False]]])
        >>> complete(MADE(Binary((1, 2, 2))), x, top, n=3)[:, :, 0, 0].unique().tolist()
        [1]
    """
    return completed(
        model, x, evidence, Request(n, as_seed(seed), temperature, chunk, members, particles, progress)
    ).values


def completed(model: Density, x: Tensor | np.ndarray, evidence: Tensor | np.ndarray, how: Request) -> Imputation:
    """The completions of `complete`, and what they are worth: exact or not, and how good the particles are."""
    return draw_missing(model, x, evidence, how, equally)
