"""Completion: imputation with equally weighted draws."""

from __future__ import annotations

from torch import Tensor, nn

from chainrule.domains import ArrayLike
from chainrule.inference.impute import impute
from chainrule.inference.particles import PARTICLES
from chainrule.progress import ProgressCallback
from chainrule.sampling import BATCH_SIZE
from chainrule.seeding import Seed


def complete(
    model: nn.Module,
    x: ArrayLike,
    evidence: ArrayLike,
    *,
    n: int = 1,
    seed: Seed = 0,
    temperature: float = 1.0,
    members: int = 1,
    particles: int = PARTICLES,
    context: ArrayLike | None = None,
    batch_size: int = BATCH_SIZE,
    progress: bool | ProgressCallback = False,
) -> Tensor:
    """Draw n completions of each datum, with equal weights: [len(x), n, *shape], on the CPU.

    Where the evidence is the first sites of the model's order, drawing the other sites one after the other draws from
    p(missing | evidence). A family of many orders (`MADE(agnostic="order")`) takes a member whose order begins with the
    evidence, and is exact, too. With any other model and evidence, completions are chosen from weighted particles,
    whose distribution is p(missing | evidence) in the limit of many particles; `impute` says how good they are. Where
    draws are exact, a larger n does not change the first draws.

    Args:
        model: any density.
        x: [m, *shape]; values outside the evidence are not read.
        evidence: bool, True where a value is given; [*shape] for all data alike, or [m, *shape].
        n: the number of completions of each datum.
        seed: an integer, or a torch generator.
        temperature: 1 draws from p itself; a lower temperature prefers the likelier values at each site.
        members: the number of members of a family to average over. A draw comes from member k with p(k | evidence).
        particles: the number of particles that approximate p(missing | evidence), where they are needed.
        context: [m, ...], where the model takes a context.
        batch_size: the number of completions that are computed at once, at most.
        progress: True shows a progress bar; a callable is called with the number of finished completions.

    Raises:
        ChainruleError: x or evidence of a wrong shape or type, values outside the domain, a number under 1, or a
            temperature of 0 or less, or one other than 1 with particles.

    Warns:
        CollapseWarning: particles that are too few to approximate the distribution.

    Example:
        >>> import torch
        >>> from chainrule.domains import Binary
        >>> from chainrule.models import MADE
        >>> x, top = torch.ones(2, 1, 2, 2), torch.tensor([[[True, True], [False, False]]])
        >>> complete(MADE(Binary((1, 2, 2))), x, top, n=3)[:, :, 0, 0].unique().tolist()
        [1]
    """
    return impute(
        model, x, evidence, n=n, seed=seed, temperature=temperature, members=members, particles=particles,
        equal_weights=True, context=context, batch_size=batch_size, progress=progress,
    ).values  # fmt: skip
