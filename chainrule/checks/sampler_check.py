"""Law 3: the sampler of a model predicts the same conditionals, step by step, as the parallel pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.checks.check_report import CheckFailed, describe_pairs, law, mask_to_pairs
from chainrule.checks.dependence import Dependence, measure_dependence
from chainrule.checks.variants import context_rows, model_variants, random_data, require_autoregressive, tolerance
from chainrule.distributions import ColumnConditionals, Distributions
from chainrule.models import AutoregressiveModel, Density
from chainrule.sampling import Schedule
from chainrule.seeding import generator

NUM_PREFIXES, MAX_STEPS, STEPS_AFTER_PREFIX = 32, 128, 4
"""The number of prefixes, spread evenly; the number of steps from the start; and that from each prefix. They bound the
time that large domains take."""


@law("3 sequential equals parallel")
@torch.no_grad()
def check_sampler(
    model: Density,
    *,
    seed: int = 0,
    context: Tensor | None = None,
    dependence: Callable[[], Dependence] | None = None,
) -> str:
    """Check law 3: all methods of `model.sampler()` agree with `conditionals`, and its schedule is valid.

    The schedule visits each site once, and no site depends on another site of its own group or of a later one.
    `prefill` does not read values of later groups. `step` and `reorder` do not change the state that they are given.

    Args:
        model: any model that fulfils the contract of `Density`.
        seed: the seed of the data and of the noise on the weights.
        context: [m, ...], for a model that takes a context: the rows to check at.
        dependence: returns the model's dependence, if it was measured before.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.made import MADE
        >>> print(check_sampler(MADE(Binary((3,)))))
        passed   3 sequential equals parallel: 3 of 3 steps from the start, and from 3 prefixes
    """
    model = require_autoregressive(model)
    schedule = model.sampler().schedule
    check_partition(model, schedule)
    measured = dependence() if dependence else measure_dependence(model, seed=seed, context=context)
    check_groups(model, schedule, measured)
    prefixes = sorted(set(torch.linspace(0, len(schedule) - 1, NUM_PREFIXES).long().tolist()))
    for which, variant in model_variants(model, seed):
        x = random_data(variant, 2, seed)
        comparison = SamplerComparison(variant, x, context_rows(context, len(x)), seed, which)
        comparison.check_start()
        for groups in prefixes:
            comparison.check_prefill(groups)
            comparison.check_state_is_kept(groups)
            comparison.check_reorder(groups)
        comparison.prefill(len(schedule))  # nothing is left to predict, but completion may ask for it
    steps = min(MAX_STEPS, len(schedule))
    return f"{steps} of {len(schedule)} steps from the start, and from {len(prefixes)} prefixes"


def check_partition(model: AutoregressiveModel, schedule: Schedule) -> None:
    """Check that the groups of a schedule contain each site once.

    Raises:
        CheckFailed: a site is missing, or visited several times.
    """
    visits = torch.bincount(torch.cat(list(schedule)).cpu(), minlength=model.domain.sites)
    wrong = (visits != 1).nonzero().flatten().tolist()
    if wrong:
        times = int(visits[wrong[0]])
        more = f" (one of {len(wrong)} such sites)" if len(wrong) > 1 else ""
        raise CheckFailed(f"the schedule visits {model.domain.describe_site(wrong[0])} {times} times, not once{more}")


def check_groups(model: AutoregressiveModel, schedule: Schedule, measured: Dependence) -> None:
    """Check that no site depends on a site before it that the schedule visits in the same or in a later group.

    Raises:
        CheckFailed: a site does.
    """
    group = torch.empty(model.domain.sites, dtype=torch.int64)
    for step, sites in enumerate(schedule):
        group[sites.cpu()] = step
    wrong = measured.matrix & model.order.before & (group[None, :] >= group[:, None])
    if bool(wrong.any()):
        pairs = mask_to_pairs(wrong)
        raise CheckFailed(f"{describe_pairs(model.domain, pairs)}, which no earlier step of the schedule visits", pairs)


class SamplerComparison:
    """Compare the predictions of a model's sampler with the model's conditionals, at data x [n, *shape].

    Args:
        model: the model.
        x: the data.
        context: [n, ...], or None.
        seed: the seed of other data, which differ from x at every site.
        which: the end of a failure's message, which names the variant of the model.
    """

    def __init__(self, model: AutoregressiveModel, x: Tensor, context: Tensor | None, seed: int, which: str) -> None:
        self.model, self.x, self.context, self.which = model, x, context, which
        self.other_x = model.domain.perturb(x, generator(seed, 7))[0]
        self.expected = model.predict_conditionals(x, context).canonical_params.flatten(1, -2)
        self.sampler = model.sampler()

    def check_start(self) -> None:
        """Check the predictions of `MAX_STEPS` steps from the start."""
        self.compare_steps_from("init_state", self.sampler.init_state(len(self.x), self.context), 0, MAX_STEPS)

    def check_prefill(self, groups: int) -> None:
        """Check the predictions of some steps after `prefill`."""
        self.compare_steps_from("prefill", self.prefill(groups), groups, STEPS_AFTER_PREFIX)

    def check_state_is_kept(self, groups: int) -> None:
        """Check that `step` changes neither the state that it is given, nor a state that it made of it before."""
        state = self.prefill(groups)
        following = self.sampler.step(state, self.values(self.x, groups))
        self.sampler.step(state, self.values(self.other_x, groups))
        self.compare(self.sampler.predict(state), groups, "from a state that step was given and must not change,")
        if groups + 1 < len(self.sampler.schedule):
            when = "after step was called a second time with the same state,"
            self.compare(self.sampler.predict(following), groups + 1, when)
        again = self.sampler.step(state, self.values(self.x, groups))
        self.compare_steps_from("a state that step was given before", again, groups + 1, STEPS_AFTER_PREFIX)

    def check_reorder(self, groups: int) -> None:
        """Check that `reorder` returns the states of the given rows, in their order and with repetitions."""
        rows = torch.tensor([1, 0, 1])
        self.compare_steps_from(
            "reorder", self.sampler.reorder(self.prefill(groups), rows), groups, STEPS_AFTER_PREFIX, rows
        )

    def compare_steps_from(self, origin: str, state: Any, start: int, steps: int, rows: Tensor | None = None) -> None:
        """Compare the predictions of some steps from a state, for the given rows of the data or for all.

        Args:
            origin: the method that returned the state.
            start: the index of the state's next group.
        """
        x, expected = (each if rows is None else each[rows.to(each.device)] for each in (self.x, self.expected))
        for step in range(start, min(start + steps, len(self.sampler.schedule))):
            when = f"after {origin}" if step == start else f"after {origin}, and step from there,"
            self.compare(self.sampler.predict(state), step, when, expected)
            state = self.sampler.step(state, self.values(x, step))

    def prefill(self, groups: int) -> Any:
        """Return the state after the first groups, with other values at the sites that must not be read."""
        later = self.sampler.schedule.sites_from(groups).to(self.x.device)
        x = self.x.clone()
        x.flatten(1)[:, later] = self.other_x.flatten(1)[:, later]
        return self.sampler.prefill(x, groups, self.context)

    def values(self, x: Tensor, step: int) -> Tensor:
        """Return the values of a group in x: [n, g]."""
        return x.flatten(1)[:, self.sampler.schedule[step].to(x.device)]

    def compare(self, predicted: Distributions, step: int, when: str, expected: Tensor | None = None) -> None:
        """Compare a prediction with the conditionals of the group: those of all data, unless others are given.

        Raises:
            CheckFailed: they differ.
        """
        sites, slack = self.sampler.schedule[step], tolerance(self.model)
        expected = self.expected if expected is None else expected
        params, expected = predicted.canonical_params, expected[:, sites.to(expected.device)]
        if isinstance(predicted, ColumnConditionals):
            params = F.pad(params, (0, expected.shape[-1] - params.shape[-1]))
        if params.shape != expected.shape:
            raise CheckFailed(
                f"{when} predict returns parameters {list(params.shape)} at step {step}, not {list(expected.shape)}"
            )
        close = torch.isclose(params, expected, rtol=slack, atol=slack)
        if not bool(close.all()):
            where = self.model.domain.describe_site(int(sites[(~close).nonzero()[0, 1]]))
            difference = f"{(params - expected)[~close].abs().max().item():.2g} nats"
            raise CheckFailed(
                f"{when} predict at step {step} ({where}) differs by {difference} from conditionals{self.which}"
            )
