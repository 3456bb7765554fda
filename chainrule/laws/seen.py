"""Which conditional sees which site, found out from outside, whatever the model is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from chainrule.laws.subject import as_it_is, dtype_of, moved, random_data
from chainrule.models.base import AutoregressiveModel
from chainrule.seeding import generator

BATCH = 32
"""Sites asked about at once: each has a row of its own in the batch."""

NUMBERS = 2**24
"""Numbers that a batch of conditionals may hold: 64 MB in float32."""


@dataclass(frozen=True, eq=False)
class Dependence:
    """Who sees whom.

    Attributes:
        now: bool [D, D], True at [i, j] where the conditional of site i depends on the value of site j.
        ever: the same for the model as it is and with its weights moved.
        by_gradient: whether gradients reached the input; if not, changes of values alone were seen.
    """

    now: Tensor
    ever: Tensor
    by_gradient: bool


Look = Callable[[], Dependence]


def dependence(model: AutoregressiveModel, seed: int = 0, batch: int = BATCH) -> Dependence:
    """Who sees whom, at random data.

    Small domains are looked at with more draws of data and weights than large ones: a small network has few units, and
    a ReLU that happens to be shut would hide what is behind it.

    Example:
        >>> from chainrule.domain import Binary
        >>> from chainrule.models.made import MADE
        >>> dependence(MADE(Binary((3,)), order=(2, 1, 0))).ever.int().tolist()
        [[0, 1, 1], [0, 0, 1], [0, 0, 0]]
    """
    draws = min(8, 4 + 64 // model.domain.sites)
    batch = max(1, min(batch, NUMBERS // (model.domain.sites * model.domain.levels)))
    looks = [look(as_it_is(model), seed, batch)]
    looks += [look(moved(model, seed + draw), seed + draw, batch) for draw in range(draws)]
    seen = [by_change if by_gradient is None else by_change | by_gradient for by_change, by_gradient in looks]
    return Dependence(seen[0], torch.stack(seen).any(0), any(by_gradient is not None for _, by_gradient in looks))


def look(model: AutoregressiveModel, seed: int, batch: int) -> tuple[Tensor, Tensor | None]:
    """Who sees whom in this model, by change and by gradient."""
    x = random_data(model, batch, seed)
    return seen_by_change(model, x, seed), seen_by_gradient(model, x, seed)


@torch.no_grad()
def seen_by_change(model: AutoregressiveModel, x: Tensor, seed: int) -> Tensor:
    """bool [D, D]: [i, j] True where another value at site j changes the conditional of site i, at data x [n, *shape].

    Values are compared exactly: the same row of a batch of the same shape goes through the same arithmetic.
    """
    sites, levels = model.domain.sites, model.domain.levels
    step = torch.randint(1, levels, (sites,), generator=generator(seed, 2)).to(x)
    before = model.conditionals(x).log_table
    seen = torch.zeros(sites, sites, dtype=torch.bool)
    for some in torch.split(torch.arange(sites), len(x)):
        rows = torch.arange(len(some))
        now = x.flatten(1)[rows, some]
        for value in other_values((now + step[some]) % levels, levels):
            changed = x.clone()
            changed.flatten(1)[rows, some] = value
            after = model.conditionals(changed).log_table
            same = (after == before) | (after.isnan() & before.isnan())
            seen[:, some] |= ~same.reshape(len(x), sites, levels)[rows].all(-1).T.cpu()
    return seen


def other_values(drawn: Tensor, levels: int) -> list[Tensor]:
    """The values that sites are changed to: those drawn, and the ends of the scale, which models may treat apart."""
    ends = [torch.zeros_like(drawn), torch.full_like(drawn, levels - 1)]
    return [drawn, *ends] if levels > 2 else [drawn]


@torch.enable_grad()
def seen_by_gradient(model: AutoregressiveModel, x: Tensor, seed: int) -> Tensor | None:
    """bool [D, D]: [i, j] True where a random projection of site i's logits has a gradient at site j of the input.

    None where no gradient reaches the input: the model looks values up, say. A gradient of NaN says nothing.
    """
    # Each site is asked about at another datum than by changes, so that the two can find different things.
    x = x.roll(1, 0).to(dtype_of(model)).requires_grad_()
    try:
        logits = model.conditionals(x).logits
    except (RuntimeError, TypeError, IndexError):  # takes whole numbers alone
        return None
    if not logits.requires_grad:
        return None
    logits, rng = logits.reshape(len(x), model.domain.sites, -1), generator(seed, 3)
    seen = torch.zeros(model.domain.sites, model.domain.sites, dtype=torch.bool)
    for some in torch.split(torch.arange(model.domain.sites), len(x)):
        rows, direction = torch.arange(len(some)), torch.zeros_like(logits)
        direction[rows, some] = torch.randn(len(some), logits.shape[2], generator=rng).to(logits)
        (gradient,) = torch.autograd.grad(logits, x, direction, retain_graph=True, materialize_grads=True)
        seen[some] = (gradient[rows].flatten(1).nan_to_num() != 0).cpu()
    return seen
