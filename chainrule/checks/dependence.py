"""Which conditional sees which site, found out from outside, whatever the model is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import shorten
from typing import cast

import torch
from torch import Tensor

from chainrule.checks.variants import as_it_is, dtype_of, memory_of, moved, random_data
from chainrule.domains import Domain
from chainrule.errors import ChainruleError
from chainrule.models.base import AutoregressiveModel
from chainrule.seeding import generator

BATCH = 32
"""Sites asked about at once: each has a row of its own in the batch."""

NUMBERS = 2**24
"""Numbers that a batch of conditionals may hold: 64 MB in float32."""

WORDS = 240
"""Characters of a user's error that are told."""


@dataclass(frozen=True, eq=False)
class Dependence:
    """Who sees whom.

    Attributes:
        now: bool [D, D], True at [i, j] where the conditional of site i depends on the value of site j.
        ever: the same for the model as it is and with its weights moved.
        no_gradient: why there were no gradients, and changes of values alone were seen; empty where there were some.
    """

    now: Tensor
    ever: Tensor
    no_gradient: str = ""

    @property
    def by_gradient(self) -> bool:
        """Did gradients reach the input?"""
        return not self.no_gradient

    @property
    def how(self) -> str:
        """By what it was seen, in words."""
        return "by gradient and by change" if self.by_gradient else f"by change alone ({self.no_gradient})"


class NoGradient(Exception):
    """There is no gradient at the input; the message says why."""


Looked = tuple[Tensor, Tensor | str]
"""By how much each site changes each output, and who sees whom by gradient or why that is not known."""


Look = Callable[[], Dependence]

Outputs = Callable[[Tensor], Tensor]
"""From data [n, *shape] to the numbers that stand for their conditionals, [n, D, K]: K of each site."""


def dependence(model: AutoregressiveModel, seed: int = 0, batch: int = BATCH) -> Dependence:
    """Who sees whom, at random data.

    Small domains are looked at with more draws of data and weights than large ones: a small network has few units, and
    a ReLU that happens to be shut would hide what is behind it.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.made import MADE
        >>> dependence(MADE(Binary((3,)), order=(2, 1, 0))).ever.int().tolist()
        [[0, 1, 1], [0, 0, 1], [0, 0, 0]]
    """
    draws = min(8, 4 + 64 // model.domain.sites)
    batch = max(1, min(batch, NUMBERS // memory_of(model)))
    looks = [look(as_it_is(model), seed, batch)]
    looks += [look(moved(model, seed + draw), seed + draw, batch) for draw in range(draws)]
    return together(looks, 1)


def together(looks: Sequence[Looked], now: int) -> Dependence:
    """What several looks saw, the first of them, so many, at the weights as they are."""
    seen = [change > 0 if isinstance(gradient, str) else (change > 0) | gradient for change, gradient in looks]
    reasons = [gradient for _, gradient in looks if isinstance(gradient, str)]
    reason = reasons[0] if len(reasons) == len(looks) else ""
    return Dependence(torch.stack(seen[:now]).any(0), torch.stack(seen).any(0), reason)


def look(model: AutoregressiveModel, seed: int, batch: int) -> Looked:
    """Who sees whom in this model, by change and by gradient."""
    x = random_data(model, batch, seed)

    def canonical_params(x: Tensor) -> Tensor:
        return model.conditionals(x).canonical_params.reshape(len(x), model.domain.sites, -1)

    def numbers(x: Tensor) -> Tensor:
        return model.conditionals(x).params.reshape(len(x), model.domain.sites, -1)

    floating = x if x.is_floating_point() else x.to(dtype_of(model))
    return changes(canonical_params, x, model.domain, seed), seen_by_gradient(numbers, floating, seed)


def name_of(dtype: torch.dtype) -> str:
    """A type without its prefix.

    Example:
        >>> name_of(torch.float64)
        'float64'
    """
    return str(dtype).removeprefix("torch.")


@torch.no_grad()
def changes(outputs: Outputs, x: Tensor, domain: Domain, seed: int) -> Tensor:
    """Float [D, D]: [i, j] by how much another value at site j changes the outputs of site i, at data x [n, *shape].

    Values are compared exactly: the same row of a batch of the same shape goes through the same arithmetic. So 0 says
    that nothing changed, not even the last digit.
    """
    sites = x[0].numel()
    before, others = outputs(x), domain.perturb(x, generator(seed, 2))
    most = torch.zeros(sites, sites)
    for some in torch.split(torch.arange(sites), len(x)):
        rows = torch.arange(len(some))
        for other in others:
            changed = x.clone()
            changed.flatten(1)[rows, some] = other.flatten(1)[rows, some]
            apart = difference(outputs(changed)[rows], before[rows]).amax(-1).T
            most[:, some] = torch.maximum(most[:, some], apart.float().cpu())
    return most


def difference(some: Tensor, others: Tensor) -> Tensor:
    """|some - others|, 0 where both are the same, infinities and NaNs too; infinite where one alone is NaN."""
    same = (some == others) | (some.isnan() & others.isnan())
    return torch.where(same, 0.0, (some - others).abs().nan_to_num(nan=torch.inf, posinf=torch.inf))


def seen_by_gradient(outputs: Outputs, x: Tensor, seed: int) -> Tensor | str:
    """bool [D, D]: [i, j] True where a random projection of site i's outputs has a gradient at site j of the input.

    Where there is none, the reason: the model looks values up, say. A gradient of NaN says nothing.

    Args:
        x: the data, floating-point [n, *shape].
    """
    try:
        return gradients_seen(outputs, x, seed)
    except NoGradient as reason:
        return str(reason)
    except (RuntimeError, TypeError, IndexError, ChainruleError) as error:  # it takes whole numbers alone, say
        words = shorten(f"{type(error).__name__}: {error}", WORDS)
        return f"with gradients on, at images of {name_of(x.dtype)}, it raised {words}"


@torch.enable_grad()
def gradients_seen(outputs: Outputs, x: Tensor, seed: int) -> Tensor:
    """What `seen_by_gradient` gives where there are gradients.

    Raises:
        NoGradient: there are none.
    """
    # Each site is asked about at another datum than by changes, so that the two can find different things.
    x, sites = x.roll(1, 0).requires_grad_(), x[0].numel()
    logits = outputs(x)
    if not logits.requires_grad:
        raise NoGradient("the outputs have no gradient")
    rng = generator(seed, 3)
    seen = torch.zeros(sites, sites, dtype=torch.bool)
    for some in torch.split(torch.arange(sites), len(x)):
        rows, direction = torch.arange(len(some)), torch.zeros_like(logits)
        direction[rows, some] = torch.randn(len(some), logits.shape[2], generator=rng).to(logits)
        gradient = cast(
            Tensor | None, torch.autograd.grad(logits, x, direction, retain_graph=True, allow_unused=True)[0]
        )
        if gradient is None:  # it is weights alone that the outputs have a gradient for
            raise NoGradient("no gradient reaches the input")
        seen[some] = (gradient[rows].flatten(1).nan_to_num() != 0).cpu()
    return seen
