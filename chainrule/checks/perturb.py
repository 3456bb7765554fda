"""A user's weights, moved by noise for as long as they are looked at, where training could move them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from chainrule.checks.callable_adapter import Call
from chainrule.checks.restore import borrowed
from chainrule.checks.variants import noise
from chainrule.errors import ChainruleError
from chainrule.seeding import generator

STEPS = 4
"""Steps of training that are tried, to see which zeros they move."""


@dataclass(frozen=True, eq=False)
class Movable:
    """What can be moved of a callable's weights.

    Attributes:
        weights: the parameters that are trained.
        free: for each, bool of its shape: True where an entry moves.
        frozen: there are others, which are not trained; one of them may hide a path.
    """

    weights: Sequence[Tensor]
    free: Sequence[Tensor]
    frozen: bool

    @contextmanager
    def moved(self, seed: int) -> Iterator[None]:
        """The weights with noise, and then what they were.

        Layers that start at zero hide what is behind them until the first step of training.
        """
        kept, rng = [weight.data for weight in self.weights], generator(seed, 0)
        try:
            for weight, free in zip(self.weights, self.free, strict=True):
                weight.data = weight.data + noise(weight, rng) * free
            yield
        finally:
            for weight, values in zip(self.weights, kept, strict=True):
                weight.data = values


def movable(call: Call, modules: nn.Module, seed: int) -> Movable:
    """What can be moved: of weights that are trained, all but what a mask holds at zero.

    A weight of zeros alone is one that starts so. Zeros among other weights are what a mask left of them, or what an
    initialisation did (`nn.init.dirac_`): they move where training moves them, that is where a loss has a gradient,
    and where the module does not put them back to zero when it is called.
    """
    parameters = [each for each in modules.parameters() if each.is_floating_point()]
    weights = [each for each in parameters if each.requires_grad]
    free = [(weight != 0) | ~(weight != 0).any() for weight in weights]
    first = Movable(weights, free, len(weights) < len(parameters))
    if all(bool((weight != 0).all()) for weight in weights):
        return first
    for draw in range(seed, seed + STEPS):
        now = Movable(weights, free, first.frozen)
        free = [each | steps for each, steps in zip(free, stepped(call, now, draw), strict=True)]
    back = put_back(call, modules, Movable(weights, free, first.frozen), seed)
    return Movable(weights, [each & ~zero for each, zero in zip(free, back, strict=True)], first.frozen)


@torch.enable_grad()
def stepped(call: Call, movable: Movable, seed: int) -> list[Tensor]:
    """Where the weights, moved, have a gradient of a loss at random images; nowhere, where none reaches them."""
    with movable.moved(seed):
        try:
            outputs = call(call.images(seed))
            loss = (outputs * torch.randn(outputs.shape, generator=generator(seed, 7)).to(outputs)).sum()
            gradients = torch.autograd.grad(loss, movable.weights, materialize_grads=True)
        except (ChainruleError, RuntimeError):
            return [torch.zeros_like(free) for free in movable.free]
    return [gradient.to_dense().nan_to_num() != 0 for gradient in gradients]


@torch.no_grad()
def put_back(call: Call, modules: nn.Module, movable: Movable, seed: int) -> list[Tensor]:
    """Which entries a call in training mode sets to zero: it multiplies its weights by a mask, in their place."""
    with borrowed(modules), movable.moved(seed), suppress(ChainruleError):
        modules.train()
        before = [weight != 0 for weight in movable.weights]
        call(call.images(seed))
        return [was & (weight == 0) for was, weight in zip(before, movable.weights, strict=True)]
    return [torch.zeros_like(free) for free in movable.free]
