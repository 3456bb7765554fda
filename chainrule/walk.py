"""The one sequential loop: visit the groups of a schedule, and let the task choose the values of each.

Tasks differ in `choose` alone: sampling draws, completion keeps the evidence and draws the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from chainrule.conditionals import Distributions
from chainrule.models.base import AutoregressiveModel, Density, evaluating
from chainrule.seeding import site_noise

Choose = Callable[[Tensor, Distributions], Tensor]
"""From the sites of a group [g] and their conditionals [n, g] to their values [n, g]."""

Tick = Callable[[int], None]
"""Told how many data were finished since the last call, for a progress bar."""

CHUNK = 256
"""Data walked at once: enough to keep the machine busy, few enough to bound memory."""


Reorder = Callable[[], Tensor | None]
"""Asked after each group which data to go on with, int64 [n]; None for all as they are."""


def walk(
    model: AutoregressiveModel,
    n: int,
    choose: Choose,
    given: Tensor | None = None,
    groups: int = 0,
    reorder: Reorder | None = None,
) -> Tensor:
    """Data made group by group: [n, *shape], in the type of the domain.

    Args:
        choose: gives each group its values.
        given: [n, *shape], of which the first `groups` groups are taken as they are, in one parallel pass.
        reorder: some data may be dropped on the way, and others doubled in their place.

    Example:
        >>> from chainrule.domain import Binary
        >>> from chainrule.models.independent import Independent
        >>> walk(Independent(Binary((3,))), 1, lambda sites, conditionals: sites.view(1, -1) % 2)
        tensor([[0, 1, 0]])
    """
    x = torch.zeros(n, model.domain.sites, dtype=model.domain.dtype, device=model.device)
    with evaluating(model):
        if given is None or groups == 0:
            state, groups = model.start(n), 0
        else:
            state = model.absorb(given.to(x), groups)
            first = model.schedule.sites_before(groups).to(x.device)
            x[:, first] = given.flatten(1).to(x)[:, first]
        for sites in model.schedule.after(groups):
            values = choose(sites, model.predict(state))
            state = model.advance(state, values)
            x.index_copy_(1, sites.to(x.device), values.to(x))
            rows = reorder() if reorder else None
            if rows is not None:
                state, x = model.select(state, rows), x[rows.to(x.device)]
    return x.view(n, *model.domain.shape)


def drawing(noise: Tensor, temperature: float) -> Choose:
    """Chooses each value by inverting its distribution function at `noise` [n, D]."""
    by_site = noise.t().contiguous()  # that of a group is then in one place

    def choose(sites: Tensor, conditionals: Distributions) -> Tensor:
        return conditionals.tempered(temperature).icdf(by_site.index_select(0, sites).t())

    return choose


def keeping(given: Tensor, evidence: Tensor, otherwise: Choose) -> Choose:
    """Sites of the evidence (bool [n, D]) keep their values in `given` [n, D]; `otherwise` chooses the others."""

    def choose(sites: Tensor, conditionals: Distributions) -> Tensor:
        values = otherwise(sites, conditionals)
        known, theirs = evidence.index_select(1, sites), given.index_select(1, sites)
        return torch.where(known.to(values.device), theirs.to(values), values)

    return choose


def walk_all(
    model: Density,
    given: Tensor,
    evidence: Tensor,
    keys: Sequence[tuple[int, ...]],
    seed: int,
    temperature: float = 1.0,
    chunk: int = CHUNK,
    tick: Tick | None = None,
) -> Tensor:
    """`given` with every site outside the evidence drawn, in chunks of bounded memory: [n, *shape], on the CPU.

    Row i depends on the seed and on keys[i] alone, whatever the chunk and the schedule are. Evidence must be a prefix
    of the order (not checked here), or the draws would ignore what comes later.

    Args:
        given: [n, *shape].
        evidence: bool [n, *shape].

    Raises:
        ChainruleError: a temperature of 0 or less.
    """
    x = torch.empty(len(given), *model.domain.shape, dtype=model.domain.dtype)
    for rows in torch.split(torch.arange(len(given)), chunk):
        noise = site_noise(seed, [keys[row] for row in rows.tolist()], model.domain.sites + 1)  # the last: which member
        known = evidence[rows].flatten(1)
        with evaluating(model):
            shares = list(model.drawn(given[rows], known, noise[:, -1]))
        for member, its in shares:
            mine = given[rows[its]]
            groups, choose = member.schedule.given(known[its]), drawing(noise[its], temperature)
            if bool(known[its].any()):
                choose = keeping(mine.flatten(1), known[its], choose)
            x[rows[its]] = walk(member, len(its), choose, mine, groups).cpu()
        if tick:
            tick(len(rows))
    return x
