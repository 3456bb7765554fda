"""A walk up a ladder in one compiled loop, in which each value is drawn as soon as its outputs are there.

With torch a step is a handful of small operations, which take longer to be called than to be done. Here the weights are
put one after the other in the order in which the walk reads them, and one call goes through them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from chainrule.distributions.distribution import check_temperature
from chainrule.domains import Binary, Domain, Levels
from chainrule.sampling.draws import Drawing
from chainrule.sampling.mlp_cache import Climb, Ladder, Network

Array = np.ndarray[Any, Any]
FLOATS = {torch.float32: "f4", torch.float64: "f8"}
ABREAST = 4
"""Data that go through the loop side by side. All do, so that none depends on how many there are."""


class Reading(NamedTuple):
    """The weights between two layers.

    Attributes:
        layer, below: the numbers of the layers.
        units: the places in the program of those that read, int64 [m].
        starts, lengths: for each of these, where its weights are put, and how many they are, int64 [m].
    """

    layer: int
    below: int
    units: Array
    starts: Array
    lengths: Array


@dataclass(frozen=True, eq=False)
class Program:
    """What the loop computes, unit by unit, in the order in which they become known.

    Attributes:
        steps: the step that each unit is of, int64 [units].
        table: int64 [units, 6]: the column that it fills, -1 for an output; where its weights start; and twice, from
            which to which column it reads, the second time from 0 to 0 where it reads one layer alone.
        readings: where the weights come from.
    """

    steps: Array
    table: Array
    readings: tuple[Reading, ...]

    @classmethod
    def of(cls, plan: Ladder) -> Program:
        known = np.array(plan.known)
        counts = np.diff(known[1:], prepend=0)
        steps = np.concatenate([np.arange(known.shape[1]).repeat(each) for each in counts])
        order = steps.argsort(kind="stable")
        steps, layers = steps[order], np.arange(1, len(known)).repeat(counts.sum(1))[order]
        bases, table, found = np.cumsum([0, *map(len, plan.orders)]), np.zeros((len(order), 6), np.int64), []
        for layer, reads in enumerate(plan.reads, 1):
            units = np.flatnonzero(layers == layer)
            table[units, 0] = bases[layer] + np.arange(len(units)) if layer < len(plan.reads) else -1
            for column, below in zip((2, 4), reads, strict=False):
                table[units, column] = bases[below]
                table[units, column + 1] = bases[below] + known[below][steps[units]]
                found.append((layer, below, units, column))
        lengths = table[:, 3::2] - table[:, 2::2]
        ends = lengths.cumsum().reshape(lengths.shape)
        table[:, 1] = (ends - lengths)[:, 0]
        readings = (
            Reading(layer, below, units, (ends - lengths)[units, column // 2 - 1], lengths[units, column // 2 - 1])
            for layer, below, units, column in found
        )
        return cls(steps, table, tuple(readings))


class Loops(NamedTuple):
    """The compiled functions: `compiled.py` says what they do."""

    lay: Callable[..., None]
    climb: Callable[..., None]


@cache
def loops(dtype: torch.dtype) -> Loops | None:
    """The compiled functions for numbers of this type; None where numba is missing, or cannot compile them here."""
    try:
        from chainrule.sampling import mlp_kernels as compiled  # numba is optional, and takes half a second to import

        compiled.ready(FLOATS[dtype])
    except Exception:  # whatever it is: torch draws the same
        return None
    return Loops(compiled.lay, compiled.climb)


def draw(climb: Climb, step: int, program: Program, domain: Domain, choice: Drawing) -> Tensor | None:
    """The values of all groups from `step` on, as `choice` has them: int64 [n, sites left], in their order.

    The climb stays as it is, and may be beyond that step.

    Returns:
        None where there is no loop for this domain, device or type of numbers, or no numba.

    Raises:
        ChainruleError: a temperature of 0 or less.
    """
    check_temperature(choice.temperature)
    like, sites = climb.known[0], climb.plan.orders[0]
    fits = type(domain) in (Binary, Levels) and like.device.type == "cpu" and like.dtype in FLOATS
    found = loops(like.dtype) if fits else None
    if found is None:
        return None
    first = int(program.steps.searchsorted(step))
    weights, biases = laid(climb.network, program, first, found.lay)
    known, values = side_by_side(climb, step), kept(choice, sites[climb.plan.before(0, step) :])
    codes = domain.encode(torch.arange(int(domain.levels_by_site[0])).to(like.dtype)).numpy()
    found.climb(
        program.table[first:], weights, biases[first:], known, choice.noise.contiguous().numpy(), sites.numpy(), values,
        codes, codes.dtype.type(choice.temperature), int(domain.outputs[0]),
    )  # fmt: skip
    return torch.from_numpy(values)


def laid(network: Network, program: Program, first: int, lay: Callable[..., None]) -> tuple[Array, Array]:
    """The weights and biases of all units from the first on, in the order of the program; others are left open."""
    like, plan = network.like.detach().numpy(), network.plan
    weights = np.empty(sum(int(each.lengths.sum()) for each in program.readings), like.dtype)
    biases = np.zeros(len(program.table), like.dtype)
    for (layer, below, units, starts, lengths), linear in zip(program.readings, network.linears, strict=True):
        left, rows = int(units.searchsorted(first)), plan.orders[layer].numpy()[: len(units)]
        weight, mask = linear.weight.detach().contiguous().numpy(), linear.mask.contiguous().numpy()
        lay(weight, mask, rows[left:], plan.orders[below].numpy(), lengths[left:], starts[left:], weights)
        biases[units] += linear.bias.detach().numpy()[rows]
    return weights, biases


def side_by_side(climb: Climb, step: int) -> Array:
    """What is known when the step begins, the inputs and all hidden layers: [rows, all], some rows for nobody."""
    known, n = climb.known, len(climb.known[0])
    sizes = [each.shape[1] for each in known]
    room = known[0].new_zeros(-(-n // ABREAST) * ABREAST, sum(sizes))
    for layer, columns in enumerate(torch.split(room[:n], sizes, 1)):
        upto = climb.plan.before(layer, step)
        columns[:, :upto] = known[layer][:, :upto]
    return room.numpy()


def kept(choice: Drawing, sites: Tensor) -> Array:
    """The values of these sites that are evidence, and -1 where they are to be drawn: int64 [n, sites]."""
    values = torch.full((len(choice.noise), len(sites)), -1)
    if choice.given is not None and choice.evidence is not None:
        values = torch.where(choice.evidence[:, sites].cpu(), choice.given[:, sites].cpu().long(), values)
    return values.numpy()
