"""The one sequential loop: visit the groups of a schedule, and let the task choose the values of each.

Tasks differ in `choose` alone: sampling draws, completion keeps the evidence and draws the rest. Where all is drawn, a
model may have a faster loop of its own for the groups that are left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from chainrule.models.base import AutoregressiveModel, Density, evaluating
from chainrule.progress import ProgressCallback
from chainrule.sampling.draws import Choose, Drawing
from chainrule.seeding import site_noise

CHUNK = 256
"""Data walked at once, at most: enough to keep the machine busy."""
MEMORY = 2**30
"""Bytes that a walk may keep: fewer data are walked at once where each takes much."""

Reorder = Callable[[], Tensor | None]
"""Asked after each group which data to go on with, int64 [n]; None for all as they are."""


def walk(
    model: AutoregressiveModel,
    n: int,
    choose: Choose,
    given: Tensor | None = None,
    groups: int = 0,
    reorder: Reorder | None = None,
    progress: ProgressCallback | None = None,
) -> Tensor:
    """Data made group by group: [n, *shape], in the type of the domain.

    Args:
        choose: gives each group its values.
        given: [n, *shape], of which the first `groups` groups are taken as they are, in one parallel pass.
        reorder: some data may be dropped on the way, and others doubled in their place.
        progress: told on the way, as the share of the sites that are done times n.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.independent import Independent
        >>> walk(Independent(Binary((3,))), 1, lambda sites, conditionals: sites.view(1, -1) % 2)
        tensor([[0, 1, 0]])
    """
    x = torch.zeros(n, model.domain.sites, dtype=model.domain.dtype, device=model.device)
    told = _Told(progress, n, model.domain.sites)
    with evaluating(model):
        if given is None or groups == 0:
            state, groups = model.start(n), 0
        else:
            state = model.absorb(given.to(x), groups)
            first = model.schedule.sites_before(groups).to(x.device)
            x[:, first] = given.flatten(1).to(x)[:, first]
            told(len(first))
        rest = model.run(state, choose) if isinstance(choose, Drawing) and reorder is None else None
        if rest is not None:
            left = model.schedule.sites_after(groups).to(x.device)
            told(len(left))
            return x.index_copy_(1, left, rest.to(x)).view(n, *model.domain.shape)
        for sites in model.schedule.after(groups):
            values = choose(sites, model.predict(state))
            state = model.advance(state, values)
            x.index_copy_(1, sites.to(x.device), values.to(x))
            told(len(sites))
            rows = reorder() if reorder else None
            if rows is not None:
                state, x = model.select(state, rows), x[rows.to(x.device)]
    return x.view(n, *model.domain.shape)


class _Told:
    """Tells a progress, as sites are done, how many data that comes to."""

    def __init__(self, progress: ProgressCallback | None, n: int, sites: int) -> None:
        self.progress, self.n, self.sites, self.done = progress, n, sites, 0

    def __call__(self, sites: int) -> None:
        before, self.done = self.n * self.done // self.sites, self.done + sites
        more = self.n * self.done // self.sites - before
        if self.progress and more:
            self.progress(more)


def walk_all(
    model: Density,
    given: Tensor,
    evidence: Tensor,
    keys: Sequence[tuple[int, ...]],
    seed: int,
    temperature: float = 1.0,
    chunk: int = CHUNK,
    progress: ProgressCallback | None = None,
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
    chunk = min(chunk, max(1, MEMORY // model.kept))
    for rows in torch.split(torch.arange(len(given)), chunk):
        noise = site_noise(seed, [keys[row] for row in rows.tolist()], model.domain.sites + 1)  # the last: which member
        part, known = (each.index_select(0, rows) for each in (given, evidence.flatten(1)))
        with evaluating(model):
            shares = list(model.drawn(part, known, noise[:, -1]))
        for member, its in shares:
            mine, kept, theirs = (each.index_select(0, its) for each in (part, known, noise))
            choose = Drawing(theirs, temperature, mine.flatten(1), kept if bool(kept.any()) else None)
            drawn = walk(member, len(its), choose, mine, member.schedule.given(kept), progress=progress)
            x.index_copy_(0, rows.index_select(0, its), drawn.cpu())
    return x
