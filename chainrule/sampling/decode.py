"""The decode loop: visit the groups of a schedule, and let the task choose the values of each group.

Tasks differ only in how they choose: sampling draws; completion keeps the evidence and draws the other sites.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from chainrule.progress import ProgressCallback
from chainrule.sampling.draws import ChooseValues, InverseCDFDraw
from chainrule.sampling.sampler import Sampler

ResampleHook = Callable[[], Tensor | None]
"""Returns, after each group, the rows of data to go on with, int64 [n]; None for all rows as they are."""


def decode(
    sampler: Sampler,
    n: int,
    choose: ChooseValues,
    *,
    context: Tensor | None = None,
    prefix: Tensor | None = None,
    groups: int = 0,
    resample: ResampleHook | None = None,
    progress: ProgressCallback | None = None,
) -> Tensor:
    """Return n data [n, *shape], made group by group, in the dtype of the domain.

    Args:
        sampler: gives the conditionals of each group.
        n: the number of data.
        choose: gives each group its values.
        context: [n, ...], where the model takes a context.
        prefix: [n, *shape], from which the first `groups` groups take their values, in one parallel pass.
        groups: the number of groups that `prefix` gives.
        resample: drops some data after a group, and repeats other data in their place.
        progress: called with the share of the sites that are done, times n.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models import Independent
        >>> decode(Independent(Binary((3,))).sampler(), 1, lambda sites, conditionals: sites.view(1, -1) % 2)
        tensor([[0, 1, 0]])
    """
    x = torch.zeros(n, sampler.domain.sites, dtype=sampler.domain.dtype, device=sampler.device)
    count = ProgressCounter(progress, n, sampler.domain.sites)
    groups = 0 if prefix is None else groups
    with sampler.evaluating():
        if prefix is None or groups == 0:
            state = sampler.init_state(n, context)
        else:
            state = sampler.prefill(prefix.to(x), groups, context)
            first = sampler.schedule.sites_before(groups).to(x.device)
            x[:, first] = prefix.flatten(1).to(x)[:, first]
            count(len(first))
        rest = _decode_in_loop(sampler, state, choose, resample)
        if rest is None:
            x = _decode_in_steps(sampler, state, x, groups, choose, resample, count)
        else:
            remaining = sampler.schedule.sites_from(groups).to(x.device)
            count(len(remaining))
            x.index_copy_(1, remaining, rest.to(x))
    return x.view(n, *sampler.domain.shape)


def _decode_in_loop(sampler: Sampler, state: Any, choose: ChooseValues, resample: ResampleHook | None) -> Tensor | None:
    """Return the values of all remaining sites by the sampler's compiled loop; None where it has none, or no use of it.

    Such a loop draws by inverse CDF, and cannot resample data on the way.
    """
    if isinstance(choose, InverseCDFDraw) and resample is None and sampler.loop_matches_steps():
        return sampler.sample_remaining(state, choose)
    return None


def _decode_in_steps(
    sampler: Sampler,
    state: Any,
    x: Tensor,
    groups: int,
    choose: ChooseValues,
    resample: ResampleHook | None,
    count: ProgressCounter,
) -> Tensor:
    """Return x [n, D] with the values of the groups from index `groups` on, one group a step."""
    for sites in sampler.schedule.groups[groups:]:
        values = choose(sites, sampler.predict(state))
        state = sampler.step(state, values)
        x.index_copy_(1, sites.to(x.device), values.to(x))
        count(len(sites))
        rows = resample() if resample else None
        if rows is not None:
            state, x = sampler.reorder(state, rows), x[rows.to(x.device)]
    return x


class ProgressCounter:
    """Turn numbers of finished sites into numbers of finished data, for a progress callback."""

    def __init__(self, progress: ProgressCallback | None, n: int, sites: int) -> None:
        self.progress, self.n, self.sites, self.done = progress, n, sites, 0

    def __call__(self, sites: int) -> None:
        before, self.done = self.n * self.done // self.sites, self.done + sites
        finished = self.n * self.done // self.sites - before
        if self.progress and finished:
            self.progress(finished)
