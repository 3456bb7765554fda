"""Faults planted in the sequential half of models: law 3 finds them, and names the step and the site."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import pytest
import torch
from torch import nn

from chainrule.checks import check_model, sequential_equals_parallel
from chainrule.distributions import Conditionals
from chainrule.domains import Binary
from chainrule.domains.orders import natural, raster
from chainrule.models.base import AutoregressiveModel
from chainrule.models.made import MADE
from chainrule.sampling.schedules import Schedule
from tests.support.findings import LEAK, NEIGHBOURS, SEQUENTIAL, STORAGE, TOTAL, broken, finding


@dataclass(frozen=True)
class Total:
    """The sum of what was seen, and how many groups that was."""

    total: torch.Tensor
    step: int


class Running(AutoregressiveModel):
    """Logit of site i: its weight times the number of ones before it, plus its bias. The fast half is right."""

    def __init__(self, domain):
        super().__init__()
        self.domain, self.order = domain, natural(domain)
        self.weight = nn.Parameter(torch.linspace(-1, 1, domain.sites))
        self.bias = nn.Parameter(torch.linspace(0.5, -0.5, domain.sites))

    def conditionals(self, x):
        x = x.flatten(1).to(self.weight.dtype)
        return Conditionals((self.weight * (x.cumsum(1) - x) + self.bias).view(-1, *self.domain.shape), binary=True)

    def start(self, n):
        return Total(torch.zeros(n, 1, device=self.device), 0)

    def predict(self, state):
        return Conditionals(self.weight[state.step] * state.total + self.bias[state.step], binary=True)

    def advance(self, state, values):
        return Total(state.total + values, state.step + 1)

    def absorb(self, x, groups):
        return Total(x.flatten(1)[:, :groups].sum(1, keepdim=True).to(self.weight.dtype), groups)


def test_a_right_sequential_half_passes():
    assert broken(check_model(Running(Binary((1, 2, 3))))) == set()


class Stale(Running):
    """Its advance forgets to add."""

    def advance(self, state, values):
        return replace(state, step=state.step + 1)


class LateStale(Running):
    """Its advance goes wrong far from the start only."""

    def advance(self, state, values):
        return replace(super().advance(state, values), total=(state.total + values).clamp(max=20))


class BadStart(Running):
    def start(self, n):
        return Total(torch.ones(n, 1), 0)


class WrongSite(Running):
    """Its predict takes the weight of the site before."""

    def predict(self, state):
        return Conditionals(self.weight[state.step - 1] * state.total + self.bias[state.step], binary=True)


class ReadsAhead(Running):
    """Its absorb reads one site too many."""

    def absorb(self, x, groups):
        return replace(super().absorb(x, groups + 1), step=groups)


class Miscounts(Running):
    """Its absorb is one site short."""

    def absorb(self, x, groups):
        return replace(super().absorb(x, max(0, groups - 1)), step=groups)


class Narrow(Running):
    """Its predict forgets the axis of the group."""

    def predict(self, state):
        return Conditionals(super().predict(state).logits[:, 0], binary=True)


class InPlace(Running):
    """Its advance writes into the state that it was given."""

    def advance(self, state, values):
        state.total.add_(values)
        return replace(state, step=state.step + 1)


class SharedCache(Running):
    """Its states share one cache: the second advance from a state spoils what the first one made."""

    def start(self, n):
        return Total(torch.zeros(n, self.domain.sites), 0)

    def predict(self, state):
        return super().predict(replace(state, total=state.total[:, : state.step].sum(1, keepdim=True)))

    def advance(self, state, values):
        state.total[:, state.step] = values[:, 0].to(state.total)
        return replace(state, step=state.step + 1)

    def absorb(self, x, groups):
        return Total(x.flatten(1).to(self.weight.dtype).clone(), groups)


class NoAbsorb(Running):
    """Writes three of the four methods: the fourth is the base class's, with another state."""

    absorb = AutoregressiveModel.absorb


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Stale, "after start, and advance from there, predict at step 1 (row 0, column 1) is"),
        (BadStart, "after start predict at step 0 (row 0, column 0) is"),
        (WrongSite, "after start, and advance from there, predict at step 1 (row 0, column 1) is"),
        (ReadsAhead, "after absorb predict at step 0 (row 0, column 0) is"),
        (Miscounts, "after absorb predict at step 1 (row 0, column 1) is"),
        (Narrow, "after start predict gives [2, 2] numbers at step 0, not [2, 1, 2]"),
        (InPlace, "from a state that advance was given and must not change, predict at step 0 (row 0, column 0)"),
        (SharedCache, "after the same state was advanced a second time, predict at step 1 (row 0, column 1)"),
        (NoAbsorb, "the model raised AttributeError: 'Total' object has no attribute 'x'"),
    ],
)
def test_a_wrong_sequential_half(model, words):
    report = check_model(model(Binary((1, 2, 3))))
    assert words in finding(report, SEQUENTIAL).detail
    assert not broken(report) & {LEAK, TOTAL, NEIGHBOURS, STORAGE}


def test_a_cache_that_goes_stale_far_from_the_start():
    assert "after absorb" not in sequential_equals_parallel(LateStale(Binary((100,)))).detail
    assert not sequential_equals_parallel(LateStale(Binary((100,)))).passed
    assert sequential_equals_parallel(Running(Binary((100,)))).passed


class Grouped(MADE):
    """A MADE whose schedule is given, right or wrong; predictions come from the base class."""

    def __init__(self, domain, groups, **arguments):
        super().__init__(domain, **arguments)
        self.groups = groups

    @cached_property
    def schedule(self):
        return Schedule(tuple(torch.tensor(group) for group in self.groups))


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ([[0], [1, 2], [3]], "the conditional of site 2 sees site 1, which no earlier step of the schedule visits"),
        ([[0], [2], [1], [3]], "the conditional of site 2 sees site 1, which no earlier step"),
        ([[0], [1], [3]], "the schedule visits site 2 0 times, not once"),
        ([[0], [1, 0], [2], [3]], "the schedule visits site 0 2 times, not once"),
    ],
)
def test_a_wrong_schedule(groups, words):
    report = check_model(Grouped(Binary((4,)), groups, hidden=(32,)))
    assert words in finding(report, SEQUENTIAL).detail
    assert LEAK not in broken(report)


class Above(AutoregressiveModel):
    """Each pixel sees the one above it, and may see its left neighbour; the schedule takes a row a step."""

    def __init__(self, domain, left):
        super().__init__()
        self.domain, self.order, self.left = domain, raster(domain), left
        self.weight = nn.Parameter(torch.tensor([0.5, 1.5]))

    @cached_property
    def schedule(self):
        return Schedule(tuple(torch.arange(self.domain.sites).view(self.domain.shape[1:])))

    def conditionals(self, x):
        above, left = (nn.functional.pad(self.encode(x), pad) for pad in ((0, 0, 1, -1), (1, -1, 0, 0)))
        return Conditionals(self.weight[0] * above + self.weight[1] * left * self.left, binary=True)


def test_groups_of_sites_that_do_not_see_each_other_are_right():
    assert broken(check_model(Above(Binary((1, 3, 4)), left=False))) == set()


def test_groups_of_sites_that_see_each_other_are_named():
    report = check_model(Above(Binary((1, 3, 4)), left=True))
    left = tuple((row * 4 + column, row * 4 + column - 1) for row in range(3) for column in range(1, 4))
    assert finding(report, SEQUENTIAL).pairs == left
    assert {LEAK, TOTAL}.isdisjoint(broken(report))
