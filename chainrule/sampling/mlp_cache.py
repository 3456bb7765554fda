"""The incremental cache of a masked MLP: each unit is computed once, as soon as all inputs that it reads are known.

The masks say how many of the first sites of the order each unit and each output depends on. Sites whose outputs depend
on the same prefix are predicted together: narrow networks have many such sites, since no unit has a degree in between.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.domains import Order
from chainrule.layers.linear import MaskedLinear

BLOCK_UNITS = 512
"""The number of inputs and units that become known within a block of steps, about.

The units that were known before the block enter it by one product for all steps of the block.
"""


@dataclass(frozen=True, eq=False)
class ActivationPlan:
    """The step at which each input, hidden unit and output of a masked network becomes known.

    Layer 0 holds the inputs, then come the hidden layers, and the outputs last.

    Attributes:
        groups: the sites that are predicted together, int64 [g] each, in the order of the steps.
        orders: for each layer, its units in the order in which they become known, int64.
        counts: for each layer, the number of units that are known once group g can be predicted.
        sources: for each hidden layer and the outputs, the layers that they read.
    """

    groups: tuple[Tensor, ...]
    orders: tuple[Tensor, ...]
    counts: tuple[tuple[int, ...], ...]
    sources: tuple[tuple[int, ...], ...]

    def computed_before(self, layer: int, step: int) -> int:
        """Return the number of units of a layer that the steps before `step` compute."""
        return self.counts[layer][step - 1] if step else 0

    def known_at(self, layer: int, step: int) -> int:
        """Return the number of units of a layer that are known when a step begins, the inputs of its group excluded."""
        if layer:
            return self.computed_before(layer, step)
        return self.counts[0][step] if step < len(self.groups) else len(self.orders[0])

    def end_of_block(self, first: int) -> int:
        """Return the end of the block that begins with step `first`: it has one step, or about BLOCK_UNITS units."""
        return max(first + 1, bisect_right(self._known_units, self._known_units[first] + BLOCK_UNITS))

    @cached_property
    def _known_units(self) -> list[int]:
        """The number of inputs and hidden units that are known once each group can be predicted."""
        return [sum(each) for each in zip(*self.counts[:-1], strict=True)]


def activation_plan(
    order: Order, inputs: Tensor, outputs: Tensor, masks: Sequence[Tensor], direct: Tensor | None
) -> ActivationPlan:
    """Return the plan of a masked network, from its masks.

    Args:
        inputs, outputs: the number of inputs and outputs of each site, int64 [D].
        masks: of each hidden layer and of the outputs, bool [out, in].
        direct: the mask of the direct connections from inputs to outputs, if there are any.

    Example:
        >>> one = torch.ones(3, dtype=torch.int64)
        >>> mask = torch.tensor([[0, 0, 0], [1, 0, 0], [1, 0, 0]]).bool()
        >>> [group.tolist() for group in activation_plan(Order((0, 1, 2)), one, one, [mask], None).groups]
        [[0], [1, 2]]
    """
    prefixes = [(order.rank + 1).repeat_interleave(inputs)]  # the prefix of sites that each unit of a layer depends on
    for mask in masks:
        prefixes.append(_longest_prefix(mask, prefixes[-1]))
    last = prefixes.pop() if direct is None else torch.maximum(prefixes.pop(), _longest_prefix(direct, prefixes[0]))
    by_site = torch.stack([each.max() for each in torch.split(last, outputs.tolist())])[order.sites].cummax(0).values
    fields, counts = torch.unique_consecutive(torch.minimum(by_site, torch.arange(len(order))), return_counts=True)
    ends = counts.cumsum(0)
    read, written = (each[order.sites].cumsum(0) for each in (inputs, outputs))
    units = [torch.searchsorted(layer.sort().values, fields, right=True) for layer in prefixes[1:]]
    return ActivationPlan(
        torch.split(order.sites, counts.tolist()),
        (_in_order(order, inputs), *(layer.argsort(stable=True) for layer in prefixes[1:]), _in_order(order, outputs)),
        tuple(tuple(each.tolist()) for each in (F.pad(read[ends - 1], (1, -1)), *units, written[ends - 1])),
        (*((layer,) for layer in range(len(masks) - 1)), (len(masks) - 1, *([] if direct is None else [0]))),
    )


def _longest_prefix(mask: Tensor, prefixes: Tensor) -> Tensor:
    """Return the longest prefix among the open inputs of each output of a layer, 0 without open inputs."""
    if not len(prefixes):
        return prefixes.new_zeros(len(mask))
    return (mask.cpu() * prefixes.int()).amax(1).long()


def _in_order(order: Order, counts: Tensor) -> Tensor:
    """Return the indices of the inputs (or outputs) of all sites, `counts` for each site, in the order of the sites."""
    by_site = torch.split(torch.arange(int(counts.sum())), counts.tolist())
    return torch.cat([by_site[site] for site in order.permutation])


@dataclass(frozen=True, eq=False)
class LayerInput:
    """The weights with which a layer reads another layer.

    Attributes:
        source: the index of the layer that is read; 0 for the inputs.
        weight: masked, [out, in], both in the order in which units become known.
    """

    source: int
    weight: Tensor


@dataclass(frozen=True, eq=False)
class SortedLayer:
    """A layer whose units stand in the order in which they become known.

    Attributes:
        bias: [out].
        inputs: the layers that it reads.
    """

    bias: Tensor
    inputs: tuple[LayerInput, ...]

    @classmethod
    def from_linears(
        cls, orders: Sequence[Tensor], linears: Sequence[tuple[int, MaskedLinear]], layer: int
    ) -> SortedLayer:
        """Sort a layer: its linear layers come with the index of the layer that each reads."""
        order = orders[layer]
        with torch.no_grad():
            masked = [(source, linear.mask * linear.weight) for source, linear in linears]
            inputs = [
                LayerInput(source, w.index_select(0, order).index_select(1, orders[source])) for source, w in masked
            ]
            bias = torch.stack([linear.bias for _, linear in linears]).sum(0)[order]
        return cls(bias, tuple(inputs))

    def forward(self, activations: Sequence[Tensor], rows: slice, columns: Sequence[int]) -> Tensor:
        """Compute these rows of the layer from the first columns of each layer that it reads: [n, rows]."""
        total = self.bias[rows].expand(len(activations[0]), -1)
        for each in self.inputs:
            end = columns[each.source]
            total = torch.addmm(total, activations[each.source][:, :end], each.weight[rows, :end].t())
        return total


@dataclass(frozen=True, eq=False)
class PlannedNetwork:
    """A masked network and its plan.

    Attributes:
        plan: the step at which each unit becomes known.
        layers: for each hidden layer and the outputs, the linear layers that compute it, one for each layer that it
            reads (`ActivationPlan.sources`).
    """

    plan: ActivationPlan
    layers: tuple[tuple[MaskedLinear, ...], ...]

    @cached_property
    def sorted_layers(self) -> list[SortedLayer]:
        """The hidden layers and the outputs, sorted; made on demand, since the compiled loop does not need them."""
        orders = [each.to(self.reference.device) for each in self.plan.orders]
        linears = enumerate(zip(self.plan.sources, self.layers, strict=True), 1)
        return [SortedLayer.from_linears(orders, list(zip(*each, strict=True)), layer) for layer, each in linears]

    @property
    def linears(self) -> list[MaskedLinear]:
        """All linear layers in one list."""
        return [each for layers in self.layers for each in layers]

    @property
    def reference(self) -> Tensor:
        """A tensor with the dtype and device of the weights."""
        return self.layers[-1][0].bias


class ActivationCache:
    """The activations of n data that are known so far.

    The cache is filled in place. `step` counts the groups that are done: a state of an earlier step continues from a
    `copy`.

    Args:
        network: the network that computes the activations.
        activations: the inputs and the units of each hidden layer, [n, size], zero where they are not known.
        step: the number of groups of inputs that are known.
    """

    def __init__(self, network: PlannedNetwork, activations: Sequence[Tensor], step: int) -> None:
        self.network, self.plan, self.activations, self.step = network, network.plan, list(activations), step
        self.first = self.end = step  # no block has begun
        self._outputs: Tensor | None = None  # of this step

    @classmethod
    def allocate(cls, network: PlannedNetwork, n: int, step: int) -> ActivationCache:
        """Return an empty cache for n data whose first `step` groups will be given to `prefill`."""
        reference = network.reference.detach()
        return cls(network, [reference.new_zeros(n, len(each)) for each in network.plan.orders[:-1]], step)

    def copy(self, step: int, rows: Tensor | None = None) -> ActivationCache:
        """Return a copy as of an earlier step, of all data or of these rows (int64 [m])."""
        activations = [each.clone() if rows is None else each[rows.to(each.device)] for each in self.activations]
        for layer, each in enumerate(activations):
            each[:, self.plan.known_at(layer, step) :] = 0
        return ActivationCache(self.network, activations, step)

    def prefill(self, inputs: Tensor) -> None:
        """Compute all hidden units that the groups before this step determine, in one pass from their inputs."""
        self.activations[0][:, : inputs.shape[1]] = inputs
        for index, layer in enumerate(self.network.sorted_layers[:-1], 1):
            end = self.plan.computed_before(index, self.step)
            columns = [self.plan.known_at(source, self.step) for source in range(index)]
            self.activations[index][:, :end] = layer.forward(self.activations, slice(end), columns).relu_()

    def append(self, inputs: Tensor) -> None:
        """Write the inputs of this step's group, [n, inputs], and begin the next step."""
        self.outputs()  # computes the units of this step, which later steps read
        first = self.plan.counts[0][self.step]
        self.activations[0][:, first : first + inputs.shape[1]] = inputs
        self.step, self._outputs = self.step + 1, None

    def outputs(self) -> Tensor:
        """Return the outputs of this step's group [n, outputs], and compute the hidden units of this step."""
        if self._outputs is None:
            self._outputs = self._compute_outputs()
        return self._outputs

    def _compute_outputs(self) -> Tensor:
        if self.step >= self.end:
            self._begin_block()
        *hidden, last = self.block[self.step - self.first]
        for partial_sum, out, ((activations, weight),) in hidden:
            torch.addmm(partial_sum, activations, weight, out=out).relu_()
        total: Tensor = last.partial_sum
        for activations, weight in last.products:
            total = torch.addmm(total, activations, weight)
        return total

    def _begin_block(self) -> None:
        """Compute the part of a block that needs only units known before it, and cut the operands of each step."""
        self.first, self.end = self.step, self.plan.end_of_block(self.step)
        layers = [self._operands(index, layer) for index, layer in enumerate(self.network.sorted_layers, 1)]
        self.block = [
            [each for each in operands[:-1] if each.partial_sum.shape[1]] + [operands[-1]]
            for operands in zip(*layers, strict=True)
        ]

    def _operands(self, index: int, layer: SortedLayer) -> list[_StepOperands]:
        """Return the operands of each step of the block in one layer."""
        first, last, computed_before = self.first, self.end - 1, self.plan.computed_before
        known = [self.plan.known_at(each, first) for each in range(len(self.activations))]
        rows = slice(computed_before(index, first), self.plan.counts[index][last])
        sizes = [self.plan.counts[index][step] - computed_before(index, step) for step in range(first, self.end)]
        partial_sums = layer.forward(self.activations, rows, known)
        out = self.activations[index][:, rows] if index < len(self.activations) else partial_sums
        products = []
        for each in layer.inputs:
            columns = slice(known[each.source], self.plan.counts[each.source][last])
            activations = self.activations[each.source][:, columns]
            products.append([(activations, weight) for weight in torch.split(each.weight[rows, columns].t(), sizes, 1)])
        cut = (torch.split(each, sizes, 1) for each in (partial_sums, out))
        return [_StepOperands(*each) for each in zip(*cut, zip(*products, strict=True), strict=True)]


class _StepOperands(NamedTuple):
    """The operands of a step in one layer.

    Attributes:
        partial_sum: the bias, and the products with units known before the block [n, rows].
        out: the buffer of the results.
        products: activations of the block [n, in], and their weight [in, rows].
    """

    partial_sum: Tensor
    out: Tensor
    products: tuple[tuple[Tensor, Tensor], ...]
