"""Masked linear layers climbed step by step: each unit is computed once, as soon as all that it sees is known.

The masks say how many of the first sites of the order each unit and each output sees. Sites whose outputs see the same
are predicted together: in narrow networks, where no unit has the degree between theirs, there are many such.
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

from chainrule.domains.orders import Order
from chainrule.layers.masked import MaskedLinear

BLOCK = 512
"""So many numbers are learned within a block of steps: what was known before it enters by one product for them all."""


@dataclass(frozen=True, eq=False)
class Ladder:
    """When each number of a masked network is known: those of its inputs, of each hidden layer, and of its outputs.

    Attributes:
        groups: the sites that are predicted together, int64 [g] each, in the order of the steps.
        orders: for the inputs, each hidden layer and the outputs, their numbers as they become known, int64.
        known: for each of these, how many are known once group g can be predicted, and its outputs are.
        reads: for each hidden layer and the outputs, which of these they read.
    """

    groups: tuple[Tensor, ...]
    orders: tuple[Tensor, ...]
    known: tuple[tuple[int, ...], ...]
    reads: tuple[tuple[int, ...], ...]

    def made(self, layer: int, step: int) -> int:
        """How many numbers of a layer are known before a step makes those of its group; step 0 begins with none."""
        return self.known[layer][step - 1] if step else 0

    def end_of_block(self, first: int) -> int:
        """Where a block ends that begins with step `first`: it is of one step, or of as many as learn BLOCK numbers."""
        return max(first + 1, bisect_right(self._learned, self._learned[first] + BLOCK))

    def before(self, layer: int, step: int) -> int:
        """How many numbers of a layer are known when a step begins: the inputs of its predecessors among them."""
        if layer:
            return self.made(layer, step)
        return self.known[0][step] if step < len(self.groups) else len(self.orders[0])

    @cached_property
    def _learned(self) -> list[int]:
        """How many inputs and units in all are known once each group can be predicted."""
        return [sum(each) for each in zip(*self.known[:-1], strict=True)]


def ladder(order: Order, inputs: Tensor, outputs: Tensor, masks: Sequence[Tensor], direct: Tensor | None) -> Ladder:
    """The ladder of a masked network, by its masks.

    Args:
        inputs, outputs: how many of these numbers each site has, int64 [D].
        masks: of each hidden layer and of the outputs, bool [out, in].
        direct: of the weights straight from inputs to outputs, if there are any.

    Example:
        >>> one = torch.ones(3, dtype=torch.int64)
        >>> below = torch.tensor([[0, 0, 0], [1, 0, 0], [1, 0, 0]]).bool()
        >>> [group.tolist() for group in ladder(Order((0, 1, 2)), one, one, [below], None).groups]
        [[0], [1, 2]]
    """
    seen = [(order.rank + 1).repeat_interleave(inputs)]  # how many first sites each number of each layer sees
    for mask in masks:
        seen.append(_most(mask, seen[-1]))
    last = seen.pop() if direct is None else torch.maximum(seen.pop(), _most(direct, seen[0]))
    by_site = torch.stack([each.max() for each in torch.split(last, outputs.tolist())])[order.sites].cummax(0).values
    fields, counts = torch.unique_consecutive(torch.minimum(by_site, torch.arange(len(order))), return_counts=True)
    ends = counts.cumsum(0)
    read, written = (each[order.sites].cumsum(0) for each in (inputs, outputs))
    units = [torch.searchsorted(layer.sort().values, fields, right=True) for layer in seen[1:]]
    return Ladder(
        torch.split(order.sites, counts.tolist()),
        (_numbers(order, inputs), *(layer.argsort(stable=True) for layer in seen[1:]), _numbers(order, outputs)),
        tuple(tuple(each.tolist()) for each in (F.pad(read[ends - 1], (1, -1)), *units, written[ends - 1])),
        (*((layer,) for layer in range(len(masks) - 1)), (len(masks) - 1, *([] if direct is None else [0]))),
    )


def _most(mask: Tensor, seen: Tensor) -> Tensor:
    """How many of the first sites the outputs of a layer see: as many as any input that is open to them, or none."""
    if not len(seen):
        return seen.new_zeros(len(mask))
    return (mask.cpu() * seen.int()).amax(1).long()


def _numbers(order: Order, counts: Tensor) -> Tensor:
    """The numbers of all sites, of which each has so many, in the order of the sites."""
    by_site = torch.split(torch.arange(int(counts.sum())), counts.tolist())
    return torch.cat([by_site[site] for site in order.permutation])


@dataclass(frozen=True, eq=False)
class Reading:
    """A product: what a layer reads of one below it.

    Attributes:
        below: the number of that layer; 0 for the inputs.
        weight: masked, [out, in], both in the order in which they become known.
    """

    below: int
    weight: Tensor


@dataclass(frozen=True, eq=False)
class Rung:
    """A layer, its numbers in the order in which they become known.

    Attributes:
        bias: [out].
        reads: the layers below that it reads.
    """

    bias: Tensor
    reads: tuple[Reading, ...]

    @classmethod
    def of_layers(cls, orders: Sequence[Tensor], layers: Sequence[tuple[int, MaskedLinear]], number: int) -> Rung:
        """The rung of a layer's number, from the layers that make it and the numbers of those that they read."""
        mine = orders[number]
        with torch.no_grad():
            masked = [(below, layer.mask * layer.weight) for below, layer in layers]
            reads = [Reading(below, w.index_select(0, mine).index_select(1, orders[below])) for below, w in masked]
            bias = torch.stack([layer.bias for _, layer in layers]).sum(0)[mine]
        return cls(bias, tuple(reads))

    def of(self, known: Sequence[Tensor], rows: slice, columns: Sequence[int]) -> Tensor:
        """These rows of it, from so many first columns of each layer below: [n, rows]."""
        total = self.bias[rows].expand(len(known[0]), -1)
        for each in self.reads:
            upto = columns[each.below]
            total = torch.addmm(total, known[each.below][:, :upto], each.weight[rows, :upto].t())
        return total


@dataclass(frozen=True, eq=False)
class Network:
    """A masked network, ready for a walk.

    Attributes:
        plan: which of its numbers become known when.
        layers: for each hidden layer and the outputs, the layers that make it of what it reads (`Ladder.reads`).
    """

    plan: Ladder
    layers: tuple[tuple[MaskedLinear, ...], ...]

    @cached_property
    def rungs(self) -> list[Rung]:
        """The hidden layers and the outputs. They are made when they are asked for: not every walk does."""
        orders = [each.to(self.like.device) for each in self.plan.orders]
        made = enumerate(zip(self.plan.reads, self.layers, strict=True), 1)
        return [Rung.of_layers(orders, list(zip(*each, strict=True)), number) for number, each in made]

    @property
    def linears(self) -> list[MaskedLinear]:
        """All of these, one after the other."""
        return [each for layers in self.layers for each in layers]

    @property
    def like(self) -> Tensor:
        """A tensor of the type of its numbers, where they are."""
        return self.layers[-1][0].bias


class Climb:
    """All numbers of n data that are known so far, step by step.

    It is filled in place. `step` says how far: a state that is not as far has to go on from a `copy`.

    Args:
        network: gives them.
        known: the inputs and the numbers of each hidden layer, [n, size], zero where they are not known.
        step: how many groups of inputs are known.
    """

    def __init__(self, network: Network, known: Sequence[Tensor], step: int) -> None:
        self.network, self.plan, self.known, self.step = network, network.plan, list(known), step
        self.first = self.end = step  # no block was begun
        self._outputs: Tensor | None = None  # of this step

    @classmethod
    def of(cls, network: Network, n: int, step: int) -> Climb:
        """Of n data whose first `step` groups are known, and still to be absorbed."""
        like = network.like.detach()
        return cls(network, [like.new_zeros(n, len(each)) for each in network.plan.orders[:-1]], step)

    def copy(self, step: int, rows: Tensor | None = None) -> Climb:
        """The same as it was at an earlier step, of these data only (int64 [m]) where they are given."""
        known = [each.clone() if rows is None else each[rows.to(each.device)] for each in self.known]
        for layer, each in enumerate(known):
            each[:, self.plan.before(layer, step) :] = 0
        return Climb(self.network, known, step)

    def absorb(self, inputs: Tensor) -> None:
        """Computes all hidden units that the groups before this step know, in one pass from their inputs."""
        self.known[0][:, : inputs.shape[1]] = inputs
        for layer, rung in enumerate(self.network.rungs[:-1], 1):
            upto = self.plan.made(layer, self.step)
            columns = [self.plan.before(below, self.step) for below in range(layer)]
            self.known[layer][:, :upto] = rung.of(self.known, slice(upto), columns).relu_()

    def write(self, inputs: Tensor) -> None:
        """The inputs of this step's group are known, [n, inputs], and the next step begins."""
        self.outputs()  # or the units of this step, which later ones read, might never be computed
        first = self.plan.known[0][self.step]
        self.known[0][:, first : first + inputs.shape[1]] = inputs
        self.step, self._outputs = self.step + 1, None

    def outputs(self) -> Tensor:
        """The outputs of this step's group [n, outputs], and on the way there the units that it is the first to see."""
        if self._outputs is None:
            self._outputs = self._climbed()
        return self._outputs

    def _climbed(self) -> Tensor:
        if self.step >= self.end:
            self._begin_block()
        *hidden, last = self.block[self.step - self.first]
        for begun, room, ((below, weight),) in hidden:
            torch.addmm(begun, below, weight, out=room).relu_()
        made: Tensor = last.begun
        for below, weight in last.products:
            made = torch.addmm(made, below, weight)
        return made

    def _begin_block(self) -> None:
        """Does for all steps of a block what needs only what is known before it, and cuts what each works on."""
        self.first, self.end = self.step, self.plan.end_of_block(self.step)
        layers = [self._parts(layer, rung) for layer, rung in enumerate(self.network.rungs, 1)]
        self.block = [
            [part for part in parts[:-1] if part.begun.shape[1]] + [parts[-1]] for parts in zip(*layers, strict=True)
        ]

    def _parts(self, layer: int, rung: Rung) -> list[_Part]:
        """What each step of the block does in a layer."""
        first, last, made = self.first, self.end - 1, self.plan.made
        known = [self.plan.before(each, first) for each in range(len(self.known))]
        rows = slice(made(layer, first), self.plan.known[layer][last])
        sizes = [self.plan.known[layer][step] - made(layer, step) for step in range(first, self.end)]
        begun = rung.of(self.known, rows, known)
        rooms = self.known[layer][:, rows] if layer < len(self.known) else begun
        products = []
        for each in rung.reads:
            columns = slice(known[each.below], self.plan.known[each.below][last])
            below = self.known[each.below][:, columns]
            products.append([(below, weight) for weight in torch.split(each.weight[rows, columns].t(), sizes, 1)])
        cut = (torch.split(each, sizes, 1) for each in (begun, rooms))
        return [_Part(*each) for each in zip(*cut, zip(*products, strict=True), strict=True)]


class _Part(NamedTuple):
    """What a step does in one layer.

    Attributes:
        begun: the bias, and what was known before the block [n, rows].
        room: where the results go.
        products: what is learned within the block [n, in], and its weight [in, rows].
    """

    begun: Tensor
    room: Tensor
    products: tuple[tuple[Tensor, Tensor], ...]
