"""Law 3: the sequential half of a model says what its parallel half says."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.checks.dependence import Dependence, Look, dependence
from chainrule.checks.report import Broken, law, pairs_in_words, pairs_of
from chainrule.checks.variants import of_one_order, random_data, tolerance, variants
from chainrule.distributions import Columns, Distributions
from chainrule.models.base import AutoregressiveModel, Density
from chainrule.seeding import generator

STARTS, LONG, SHORT = 32, 128, 4
"""How much is walked, so that large domains take bounded time: from the start, LONG steps; and SHORT steps from each of
STARTS prefixes, spread evenly."""


@law("3 sequential equals parallel")
@torch.no_grad()
def sequential_equals_parallel(model: Density, seed: int = 0, look: Look | None = None) -> str:
    """Law 3: `start`, `absorb`, `advance`, `select` and `predict` give what `conditionals` does; the schedule is sound.

    The schedule has each site once, and no site sees another of its own group or of a later one. `absorb` does not read
    what comes after its groups, and `advance` leaves the state that it is given as it was.

    Args:
        model: any that fulfils the contract.
        seed: draws the data, and the noise that moves the weights.
        look: gives who sees whom, where that is known already.
    """
    model = of_one_order(model)
    check_partition(model)
    check_groups(model, look() if look else dependence(model, seed))
    starts = sorted(set(torch.linspace(0, len(model.schedule) - 1, STARTS).long().tolist()))
    for which, each in variants(model, seed):
        walk = Walk(each, random_data(each, 2, seed), seed, which)
        walk.follow("start", each.start(2), 0, LONG)
        for first in starts:
            walk.follow("absorb", walk.absorbed(first), first, SHORT)
            walk.keeps_its_state(first)
            walk.selects(first)
        each.absorb(walk.x, len(each.schedule))  # nothing is left to predict, but completion may ask for it
    walked = min(LONG, len(model.schedule))
    return f"{walked} of {len(model.schedule)} steps from the start, and from {len(starts)} prefixes"


def check_partition(model: AutoregressiveModel) -> None:
    """The groups of the schedule have each site once."""
    visits = torch.bincount(torch.cat(list(model.schedule)).cpu(), minlength=model.domain.sites)
    wrong = (visits != 1).nonzero().flatten().tolist()
    if wrong:
        times = int(visits[wrong[0]])
        more = f" (one of {len(wrong)} such sites)" if len(wrong) > 1 else ""
        raise Broken(f"the schedule visits {model.domain.describe_site(wrong[0])} {times} times, not once{more}")


def check_groups(model: AutoregressiveModel, seen: Dependence) -> None:
    """No site sees another that the order puts before it, and the schedule in its own group or a later one."""
    group = torch.empty(model.domain.sites, dtype=torch.int64)
    for step, sites in enumerate(model.schedule):
        group[sites.cpu()] = step
    wrong = seen.ever & model.order.before & (group[None, :] >= group[:, None])
    if bool(wrong.any()):
        pairs = pairs_of(wrong)
        raise Broken(f"{pairs_in_words(model.domain, pairs)}, which no earlier step of the schedule visits", pairs)


class Walk:
    """Walks of a model over data x [n, *shape], each prediction compared with `conditionals(x)`.

    Attributes:
        other: data that differ from x at every site.
    """

    def __init__(self, model: AutoregressiveModel, x: Tensor, seed: int, which: str) -> None:
        self.model, self.x, self.which = model, x, which
        self.other = model.domain.perturb(x, generator(seed, 7))[0]
        self.wanted = model.conditionals(x).canonical_params.flatten(1, -2)

    def follow(self, origin: str, state: Any, first: int, steps: int, rows: Tensor | None = None) -> None:
        """Up to so many steps from `state`, which `origin` gave, before group `first`; of these data, or of all."""
        last = min(first + steps, len(self.model.schedule))
        x, wanted = (each if rows is None else each[rows.to(each.device)] for each in (self.x, self.wanted))
        for step in range(first, last):
            when = f"after {origin}" if step == first else f"after {origin}, and advance from there,"
            self.compare(self.model.predict(state), step, when, wanted)
            state = self.model.advance(state, self.values(x, step))

    def keeps_its_state(self, step: int) -> None:
        """`advance` leaves the state alone: what is predicted from it, and from what another `advance` made of it."""
        state = self.absorbed(step)
        following = self.model.advance(state, self.values(self.x, step))
        self.model.advance(state, self.values(self.other, step))
        self.compare(self.model.predict(state), step, "from a state that advance was given and must not change,")
        if step + 1 < len(self.model.schedule):
            self.compare(self.model.predict(following), step + 1, "after the same state was advanced a second time,")
        again = self.model.advance(state, self.values(self.x, step))
        self.follow("a state that was advanced before", again, step + 1, SHORT)

    def selects(self, step: int) -> None:
        """`select` gives the states of the data asked for, in that order and as often."""
        rows = torch.tensor([1, 0, 1])
        self.follow("select", self.model.select(self.absorbed(step), rows), step, SHORT, rows)

    def absorbed(self, groups: int) -> Any:
        """The state after the first groups, with other values in those that are not to be read."""
        later = torch.cat(self.model.schedule.after(groups)).to(self.x.device)
        given = self.x.clone()
        given.flatten(1)[:, later] = self.other.flatten(1)[:, later]
        return self.model.absorb(given, groups)

    def values(self, x: Tensor, step: int) -> Tensor:
        """What the group takes in x: [n, g]."""
        return x.flatten(1)[:, self.model.schedule[step].to(x.device)]

    def compare(self, predicted: Distributions, step: int, when: str, wanted: Tensor | None = None) -> None:
        """With what `conditionals` gives: that of these data, [n, D, K], unless another is given."""
        sites, slack = self.model.schedule[step], tolerance(self.model)
        wanted = self.wanted if wanted is None else wanted
        got, wanted = predicted.canonical_params, wanted[:, sites.to(wanted.device)]
        got = F.pad(got, (0, wanted.shape[-1] - got.shape[-1])) if isinstance(predicted, Columns) else got
        if got.shape != wanted.shape:
            raise Broken(f"{when} predict gives {list(got.shape)} numbers at step {step}, not {list(wanted.shape)}")
        close = torch.isclose(got, wanted, rtol=slack, atol=slack)
        if not bool(close.all()):
            where = self.model.domain.describe_site(int(sites[(~close).nonzero()[0, 1]]))
            apart = f"{(got - wanted)[~close].abs().max().item():.2g} nats"
            raise Broken(f"{when} predict at step {step} ({where}) is {apart} from conditionals{self.which}")
