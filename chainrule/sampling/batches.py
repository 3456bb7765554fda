"""Decode any number of data in batches of bounded memory, each datum with one autoregressive model of a density."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Protocol

import torch
from torch import Tensor

from chainrule.domains import Domain
from chainrule.progress import ProgressCallback
from chainrule.sampling.context import move_context, select_context, with_context
from chainrule.sampling.decode import decode
from chainrule.sampling.draws import InverseCDFDraw
from chainrule.sampling.sampler import Sampler, Switchable, evaluating
from chainrule.seeding import site_noise

BATCH_SIZE = 256
"""The number of data that are decoded at once, at most: enough to keep the machine busy."""
MAX_BYTES = 2**30
"""The memory that a batch may take: fewer data are decoded at once where each datum takes much."""


class DecodableDensity(Switchable, Protocol):
    """The part of a density that decoding needs."""

    @property
    def domain(self) -> Domain: ...

    @property
    def bytes_per_datum(self) -> int: ...

    @property
    def components(self) -> Sequence[DecodableDensity]: ...

    def log_marginal(self, x: Tensor, evidence: Tensor, context: Tensor | None = None) -> Tensor: ...

    def sampler(self) -> Sampler: ...

    def __hash__(self) -> int: ...


def decode_batches(
    density: DecodableDensity,
    x: Tensor,
    evidence: Tensor,
    keys: Sequence[tuple[int, ...]],
    *,
    seed: int,
    context: Tensor | None = None,
    temperature: float = 1.0,
    batch_size: int = BATCH_SIZE,
    progress: ProgressCallback | None = None,
) -> Tensor:
    """Return x with every site outside the evidence drawn: [n, *shape], on the CPU.

    Row i depends on the seed and on keys[i] alone: neither the batch size nor the schedule changes what is drawn. The
    evidence must be a prefix of the order (this is not checked here), or the draws would ignore evidence that comes
    later.

    Args:
        x: [n, *shape].
        evidence: bool [n, *shape].
        keys: the key of the noise of each datum.
        context: [n, ...], where the density takes a context.

    Raises:
        ChainruleError: a temperature of 0 or less.
    """
    drawn, evidence = torch.empty(x.shape, dtype=density.domain.dtype), evidence.flatten(1)
    sampler_of = cache(lambda model: model.sampler())
    for batch in torch.split(torch.arange(len(x)), min(batch_size, max(1, MAX_BYTES // density.bytes_per_datum))):
        noise = site_noise(seed, [keys[row] for row in batch.tolist()], density.domain.sites + 1)
        values, known, of_batch = x[batch], evidence[batch], select_context(context, batch)
        with evaluating(density):
            # The last column of the noise chooses the component.
            shares = list(choose_components(density, values, known, noise[:, -1], of_batch))
            for model, rows in shares:
                part = values[rows], known[rows], noise[rows], select_context(of_batch, rows)
                drawn[batch[rows]] = _decode_part(sampler_of(model), *part, temperature, progress)
    return drawn


def _decode_part(
    sampler: Sampler,
    x: Tensor,
    evidence: Tensor,
    noise: Tensor,
    context: Tensor | None,
    temperature: float,
    progress: ProgressCallback | None,
) -> Tensor:
    """Draw the sites outside the evidence (bool [n, D]) of x [n, *shape] with one sampler; on the CPU."""
    draw = InverseCDFDraw(noise, temperature, x.flatten(1), evidence if bool(evidence.any()) else None)
    groups = sampler.schedule.prefix_length(evidence)
    context = move_context(context, sampler.device)
    return decode(sampler, len(x), draw, context=context, prefix=x, groups=groups, progress=progress).cpu()


def choose_components(
    density: DecodableDensity, x: Tensor, evidence: Tensor, noise: Tensor, context: Tensor | None = None
) -> Iterator[tuple[DecodableDensity, Tensor]]:
    """Choose the autoregressive model that decodes each datum, with p(component | evidence).

    Args:
        x: [n, *shape]; values outside the evidence are not read.
        evidence: bool [n, D], the first sites of the order.
        noise: uniform in [0, 1), float64 [n].
        context: [n, ...], where the density takes a context.

    Yields:
        a model, and the rows of x that it decodes, int64 [m].
    """
    if not density.components:
        yield density, torch.arange(len(x))
        return
    log_marginals = [
        with_context(each.log_marginal, x.to(each.device), evidence, context=move_context(context, each.device))
        for each in density.components
    ]
    weights = torch.stack(log_marginals, -1).cpu().double().softmax(-1)
    ends = weights.cumsum(-1)
    chosen = (noise[:, None] >= ends[:, :-1]).sum(-1)
    for k, component in enumerate(density.components):
        rows = torch.nonzero(chosen == k).flatten()
        if len(rows):
            # What the choice leaves of the noise is uniform again, for a component that has components itself.
            rest = ((noise - ends[:, k] + weights[:, k]) / weights[:, k])[rows].clamp(0, 1 - 2**-53)
            for model, its in choose_components(
                component, x[rows], evidence[rows], rest, select_context(context, rows)
            ):
                yield model, rows[its]
