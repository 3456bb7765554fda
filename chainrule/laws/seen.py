"""Which conditional sees which site, found out from outside, whatever the model is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

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

Outputs = Callable[[Tensor], Tensor]
"""From data [n, *shape] to the numbers that stand for their conditionals, [n, D, K]: K of each site."""


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

    def table(x: Tensor) -> Tensor:
        return model.conditionals(x).log_table.reshape(len(x), model.domain.sites, -1)

    def logits(x: Tensor) -> Tensor:
        return model.conditionals(x).logits.reshape(len(x), model.domain.sites, -1)

    by_change = changes(table, x, model.domain.levels, seed) > 0
    return by_change, seen_by_gradient(logits, x.to(dtype_of(model)), seed)


@torch.no_grad()
def changes(outputs: Outputs, x: Tensor, levels: int, seed: int) -> Tensor:
    """Float [D, D]: [i, j] by how much another value at site j changes the outputs of site i, at data x [n, *shape].

    Values are compared exactly: the same row of a batch of the same shape goes through the same arithmetic. So 0 says
    that nothing changed, not even the last digit.
    """
    sites = x[0].numel()
    step = torch.randint(1, levels, (sites,), generator=generator(seed, 2)).to(x)
    before = outputs(x)
    most = torch.zeros(sites, sites)
    for some in torch.split(torch.arange(sites), len(x)):
        rows = torch.arange(len(some))
        now = x.flatten(1)[rows, some]
        for value in other_values((now + step[some]) % levels, levels):
            changed = x.clone()
            changed.flatten(1)[rows, some] = value
            apart = difference(outputs(changed)[rows], before[rows]).amax(-1).T
            most[:, some] = torch.maximum(most[:, some], apart.float().cpu())
    return most


def difference(some: Tensor, others: Tensor) -> Tensor:
    """|some - others|, 0 where both are the same, infinities and NaNs too; infinite where one alone is NaN."""
    same = (some == others) | (some.isnan() & others.isnan())
    return torch.where(same, 0.0, (some - others).abs().nan_to_num(nan=torch.inf, posinf=torch.inf))


def other_values(drawn: Tensor, levels: int) -> list[Tensor]:
    """The values that sites are changed to: those drawn, and the ends of the scale, which models may treat apart."""
    ends = [torch.zeros_like(drawn), torch.full_like(drawn, levels - 1)]
    return [drawn, *ends] if levels > 2 else [drawn]


@torch.enable_grad()
def seen_by_gradient(outputs: Outputs, x: Tensor, seed: int) -> Tensor | None:
    """bool [D, D]: [i, j] True where a random projection of site i's outputs has a gradient at site j of the input.

    None where no gradient reaches the input: the model looks values up, say. A gradient of NaN says nothing.

    Args:
        x: the data, floating-point [n, *shape].
    """
    # Each site is asked about at another datum than by changes, so that the two can find different things.
    x, sites = x.roll(1, 0).requires_grad_(), x[0].numel()
    try:
        logits = outputs(x)
    except (RuntimeError, TypeError, IndexError):  # takes whole numbers alone
        return None
    if not logits.requires_grad:
        return None
    rng = generator(seed, 3)
    seen = torch.zeros(sites, sites, dtype=torch.bool)
    for some in torch.split(torch.arange(sites), len(x)):
        rows, direction = torch.arange(len(some)), torch.zeros_like(logits)
        direction[rows, some] = torch.randn(len(some), logits.shape[2], generator=rng).to(logits)
        gradient = cast(
            Tensor | None, torch.autograd.grad(logits, x, direction, retain_graph=True, allow_unused=True)[0]
        )
        if gradient is None:  # it is weights alone that the outputs have a gradient for
            return None
        seen[some] = (gradient[rows].flatten(1).nan_to_num() != 0).cpu()
    return seen
