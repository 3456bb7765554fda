"""Plant faults in samplers: law 3 finds them, and names the step and the site."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn

from chainrule.checks import check_model, check_sampler
from chainrule.distributions import Conditionals
from chainrule.domains import Binary, natural, raster
from chainrule.models import AutoregressiveModel
from chainrule.models.made import MADE
from chainrule.sampling import RecomputingSampler, Sampler, Schedule, sequential_schedule
from tests.support.findings import BATCH, LEAK, SEQUENTIAL, STORAGE, TOTAL, failed_laws, finding


@dataclass(frozen=True)
class Total:
    """Hold the sum of the values so far, and the number of groups."""

    total: torch.Tensor
    step: int


class RunningSampler(Sampler):
    """Sample from `Running` with one number as the state: the sum of the values so far."""

    def __init__(self, model):
        super().__init__(model.domain, sequential_schedule(model.order), model.device)
        self.weight, self.bias = model.weight, model.bias

    def init_state(self, n, context=None):
        return Total(torch.zeros(n, 1, device=self.device), 0)

    def predict(self, state):
        return Conditionals(self.weight[state.step] * state.total + self.bias[state.step], binary=True)

    def step(self, state, values):
        return Total(state.total + values, state.step + 1)

    def prefill(self, x, groups, context=None):
        return Total(x.flatten(1)[:, :groups].sum(1, keepdim=True).to(self.weight.dtype), groups)


class Running(AutoregressiveModel):
    """Compute the logit of site i as its weight times the number of ones before it, plus its bias."""

    kind = RunningSampler

    def __init__(self, domain):
        super().__init__()
        self.domain, self.order = domain, natural(domain)
        self.weight = nn.Parameter(torch.linspace(-1, 1, domain.sites))
        self.bias = nn.Parameter(torch.linspace(0.5, -0.5, domain.sites))

    def conditionals(self, x):
        x = x.flatten(1).to(self.weight.dtype)
        return Conditionals((self.weight * (x.cumsum(1) - x) + self.bias).view(-1, *self.domain.shape), binary=True)

    def fast_sampler(self):
        return self.kind(self)


def running(sampler, shape=(1, 2, 3)):
    """Return a `Running` model with a sampler of this class."""
    return type(sampler.__name__, (Running,), {"kind": sampler})(Binary(shape))


def test_a_correct_sampler_passes():
    assert failed_laws(check_model(running(RunningSampler))) == set()


class StepForgetsValues(RunningSampler):
    def step(self, state, values):
        return replace(state, step=state.step + 1)


class StepSaturates(RunningSampler):
    """Go wrong only far from the start."""

    def step(self, state, values):
        return replace(super().step(state, values), total=(state.total + values).clamp(max=20))


class WrongInitState(RunningSampler):
    def init_state(self, n, context=None):
        return Total(torch.ones(n, 1), 0)


class WrongSite(RunningSampler):
    """Predict with the weight of the site before."""

    def predict(self, state):
        return Conditionals(self.weight[state.step - 1] * state.total + self.bias[state.step], binary=True)


class PrefillReadsAhead(RunningSampler):
    """Read one site too many."""

    def prefill(self, x, groups, context=None):
        return replace(super().prefill(x, groups + 1), step=groups)


class PrefillMiscounts(RunningSampler):
    """Read one site too few."""

    def prefill(self, x, groups, context=None):
        return replace(super().prefill(x, max(0, groups - 1)), step=groups)


class PredictDropsAxis(RunningSampler):
    """Forget the axis of the group."""

    def predict(self, state):
        return Conditionals(super().predict(state).logits[:, 0], binary=True)


class StepInPlace(RunningSampler):
    """Write into the state that `step` is given."""

    def step(self, state, values):
        state.total.add_(values)
        return replace(state, step=state.step + 1)


class SharedCache(RunningSampler):
    """Share one cache between states: the second step from a state changes the result of the first."""

    def init_state(self, n, context=None):
        return Total(torch.zeros(n, self.domain.sites), 0)

    def predict(self, state):
        return super().predict(replace(state, total=state.total[:, : state.step].sum(1, keepdim=True)))

    def step(self, state, values):
        state.total[:, state.step] = values[:, 0].to(state.total)
        return replace(state, step=state.step + 1)

    def prefill(self, x, groups, context=None):
        return Total(x.flatten(1).to(self.weight.dtype).clone(), groups)


class NoPrefill(RunningSampler):
    """Leave one of the abstract methods out."""

    prefill = Sampler.prefill


class ReorderDoesNothing(RunningSampler):
    """Return the state of the first rows, whatever the rows are."""

    def reorder(self, state, rows):
        return replace(state, total=state.total[torch.arange(len(rows)) % len(state.total)])


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        (StepForgetsValues, "after init_state, and step from there, predict at step 1 (row 0, column 1) differs by"),
        (WrongInitState, "after init_state predict at step 0 (row 0, column 0) differs by"),
        (WrongSite, "after init_state, and step from there, predict at step 1 (row 0, column 1) differs by"),
        (PrefillReadsAhead, "after prefill predict at step 0 (row 0, column 0) differs by"),
        (PrefillMiscounts, "after prefill predict at step 1 (row 0, column 1) differs by"),
        (PredictDropsAxis, "after init_state predict returns parameters [2, 2] at step 0, not [2, 1, 2]"),
        (StepInPlace, "from a state that step was given and must not change, predict at step 0 (row 0, column 0)"),
        (SharedCache, "after step was called a second time with the same state, predict at step 1 (row 0, column 1)"),
        (NoPrefill, "the model raised TypeError: Can't instantiate abstract class NoPrefill"),
        (ReorderDoesNothing, "after reorder predict at step 1 (row 0, column 1) differs by"),
    ],
)
def test_a_wrong_sampler_is_found(sampler, message):
    report = check_model(running(sampler))
    assert message in finding(report, SEQUENTIAL).detail
    assert not failed_laws(report) & {LEAK, TOTAL, BATCH, STORAGE}


def test_a_state_that_goes_wrong_far_from_the_start_is_found():
    wrong = running(StepSaturates, (100,))
    assert "after prefill" not in check_sampler(wrong).detail
    assert not check_sampler(wrong).passed
    assert check_sampler(running(RunningSampler, (100,))).passed


class Grouped(MADE):
    """Visit the sites in given groups, which may be wrong."""

    def __init__(self, domain, groups, **arguments):
        super().__init__(domain, **arguments)
        self.groups = groups

    def fast_sampler(self):
        return RecomputingSampler(self, Schedule(tuple(torch.tensor(group) for group in self.groups)))


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([[0], [1, 2], [3]], "the conditional of site 2 depends on site 1, which no earlier step of the schedule"),
        ([[0], [2], [1], [3]], "the conditional of site 2 depends on site 1, which no earlier step"),
        ([[0], [1], [3]], "the schedule visits site 2 0 times, not once"),
        ([[0], [1, 0], [2], [3]], "the schedule visits site 0 2 times, not once"),
    ],
)
def test_a_wrong_schedule_is_found(groups, message):
    report = check_model(Grouped(Binary((4,)), groups, hidden=(32,)))
    assert message in finding(report, SEQUENTIAL).detail
    assert LEAK not in failed_laws(report)


class Above(AutoregressiveModel):
    """Depend on the pixel above, and perhaps on the pixel to the left; the schedule visits one row a step."""

    def __init__(self, domain, left):
        super().__init__()
        self.domain, self.order, self.left = domain, raster(domain), left
        self.weight = nn.Parameter(torch.tensor([0.5, 1.5]))

    def fast_sampler(self):
        rows = torch.arange(self.domain.sites).view(self.domain.shape[1:])
        return RecomputingSampler(self, Schedule(tuple(rows)))

    def conditionals(self, x):
        above, left = (nn.functional.pad(self.encode(x), pad) for pad in ((0, 0, 1, -1), (1, -1, 0, 0)))
        return Conditionals(self.weight[0] * above + self.weight[1] * left * self.left, binary=True)


def test_groups_of_independent_sites_pass():
    assert failed_laws(check_model(Above(Binary((1, 3, 4)), left=False))) == set()


def test_dependences_within_a_group_are_found():
    report = check_model(Above(Binary((1, 3, 4)), left=True))
    left = tuple((row * 4 + column, row * 4 + column - 1) for row in range(3) for column in range(1, 4))
    assert finding(report, SEQUENTIAL).pairs == left
    assert {LEAK, TOTAL}.isdisjoint(failed_laws(report))
