"""Sample a masked MLP in one compiled loop, which draws each value as soon as the outputs of its site are computed.

With torch a step is a few small operations, whose calls take longer than their arithmetic. Here the weights are copied
into one buffer in the order in which the loop reads them, and one call goes through the buffer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from chainrule.distributions import check_temperature
from chainrule.domains import Binary, Domain, Levels
from chainrule.sampling.draws import InverseCDFDraw
from chainrule.sampling.mlp_cache import ActivationCache, ActivationPlan, PlannedNetwork

Array = np.ndarray[Any, Any]
DTYPES = {torch.float32: "f4", torch.float64: "f8"}
LANES = 4
"""The number of data that the loop computes side by side. Rows are padded to a multiple of it, so that the arithmetic
of a datum does not depend on the number of data."""


class WeightBlock(NamedTuple):
    """The weights between two layers.

    Attributes:
        layer, source: the indices of the layer that reads, and of the layer that is read.
        units: the indices in the program of the units that read, int64 [m].
        starts, lengths: for each of these units, the start and the number of its weights in the buffer, int64 [m].
    """

    layer: int
    source: int
    units: Array
    starts: Array
    lengths: Array


@dataclass(frozen=True, eq=False)
class Program:
    """The units that the loop computes, in the order in which they become known.

    Attributes:
        steps: the step of each unit, int64 [units].
        table: int64 [units, 6]: the column that the unit fills (-1 for an output); the start of its weights; and the
            first and last column of two ranges that it reads, the second range empty where it reads one layer alone.
        blocks: the weights between each two layers.
    """

    steps: Array
    table: Array
    blocks: tuple[WeightBlock, ...]

    @classmethod
    def from_plan(cls, plan: ActivationPlan) -> Program:
        """Return the program of a network's plan."""
        known = np.array(plan.counts)
        counts = np.diff(known[1:], prepend=0)
        steps = np.concatenate([np.arange(known.shape[1]).repeat(each) for each in counts])
        order = steps.argsort(kind="stable")
        steps, layers = steps[order], np.arange(1, len(known)).repeat(counts.sum(1))[order]
        bases, table, found = np.cumsum([0, *map(len, plan.orders)]), np.zeros((len(order), 6), np.int64), []
        for layer, sources in enumerate(plan.sources, 1):
            units = np.flatnonzero(layers == layer)
            table[units, 0] = bases[layer] + np.arange(len(units)) if layer < len(plan.sources) else -1
            for column, source in zip((2, 4), sources, strict=False):
                table[units, column] = bases[source]
                table[units, column + 1] = bases[source] + known[source][steps[units]]
                found.append((layer, source, units, column))
        lengths = table[:, 3::2] - table[:, 2::2]
        ends = lengths.cumsum().reshape(lengths.shape)
        table[:, 1] = (ends - lengths)[:, 0]
        blocks = (
            WeightBlock(layer, source, units, (ends - lengths)[units, column // 2 - 1], lengths[units, column // 2 - 1])
            for layer, source, units, column in found
        )
        return cls(steps, table, tuple(blocks))


class Kernels(NamedTuple):
    """The compiled functions of `mlp_kernels.py`."""

    copy_weights: Callable[..., None]
    sample: Callable[..., None]


@cache
def load_kernels(dtype: torch.dtype) -> Kernels | None:
    """Return the compiled functions for this dtype; None where numba is missing, or cannot compile them here."""
    try:
        from chainrule.sampling import mlp_kernels  # numba is optional, and takes half a second to import

        mlp_kernels.compile_for(DTYPES[dtype])
    except Exception:  # torch draws the same values, whatever the reason
        return None
    return Kernels(mlp_kernels.copy_weights, mlp_kernels.sample)


def draw_compiled(
    cache: ActivationCache, step: int, program: Program, domain: Domain, draw: InverseCDFDraw
) -> Tensor | None:
    """Draw the values of all groups from `step` on, as `draw` would.

    The cache stays as it is, and may be beyond that step.

    Returns:
        int64 [n, remaining sites], in the order of the sites; None where there is no loop for this domain, device or
        dtype, or no numba.

    Raises:
        ChainruleError: a temperature of 0 or less.
    """
    check_temperature(draw.temperature)
    inputs, sites = cache.activations[0], cache.plan.orders[0]
    supported = type(domain) in (Binary, Levels) and inputs.device.type == "cpu" and inputs.dtype in DTYPES
    kernels = load_kernels(inputs.dtype) if supported else None
    if kernels is None:
        return None
    first = int(program.steps.searchsorted(step))
    weights, biases = copy_weights(cache.network, program, first, kernels.copy_weights)
    activations = copy_activations(cache, step)
    values = evidence_values(draw, sites[cache.plan.known_at(0, step) :])
    codes = domain.encode(torch.arange(int(domain.levels_by_site[0])).to(inputs.dtype)).numpy()
    kernels.sample(
        program.table[first:], weights, biases[first:], activations, draw.noise.contiguous().numpy(), sites.numpy(),
        values, codes, codes.dtype.type(draw.temperature), int(domain.outputs[0]),
    )  # fmt: skip
    return torch.from_numpy(values)


def copy_weights(
    network: PlannedNetwork, program: Program, first: int, copy: Callable[..., None]
) -> tuple[Array, Array]:
    """Return the weights and biases of the units from index `first` on, in the order of the program.

    The entries of earlier units are not initialised.
    """
    reference, plan = network.reference.detach().numpy(), network.plan
    weights = np.empty(sum(int(each.lengths.sum()) for each in program.blocks), reference.dtype)
    biases = np.zeros(len(program.table), reference.dtype)
    for (layer, source, units, starts, lengths), linear in zip(program.blocks, network.linears, strict=True):
        begin, rows = int(units.searchsorted(first)), plan.orders[layer].numpy()[: len(units)]
        weight, mask = linear.weight.detach().contiguous().numpy(), linear.mask.contiguous().numpy()
        copy(weight, mask, rows[begin:], plan.orders[source].numpy(), lengths[begin:], starts[begin:], weights)
        biases[units] += linear.bias.detach().numpy()[rows]
    return weights, biases


def copy_activations(cache: ActivationCache, step: int) -> Array:
    """Return the activations that are known when the step begins, all layers side by side: [padded rows, units]."""
    activations, n = cache.activations, len(cache.activations[0])
    sizes = [each.shape[1] for each in activations]
    buffer = activations[0].new_zeros(-(-n // LANES) * LANES, sum(sizes))
    for layer, columns in enumerate(torch.split(buffer[:n], sizes, 1)):
        end = cache.plan.known_at(layer, step)
        columns[:, :end] = activations[layer][:, :end]
    return buffer.numpy()


def evidence_values(draw: InverseCDFDraw, sites: Tensor) -> Array:
    """Return the values of these sites where they are evidence, and -1 where they are to be drawn: int64 [n, sites]."""
    values = torch.full((len(draw.noise), len(sites)), -1)
    if draw.values is not None and draw.evidence is not None:
        values = torch.where(draw.evidence[:, sites].cpu(), draw.values[:, sites].cpu().long(), values)
    return values.numpy()
