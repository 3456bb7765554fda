"""Perturb the weights that a callable uses, in the entries that training could change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from chainrule.checks.callable_adapter import CallableAdapter
from chainrule.checks.module_state import restore_on_exit
from chainrule.checks.variants import weight_noise
from chainrule.errors import ChainruleError
from chainrule.seeding import generator

NUM_STEPS = 4
"""The number of training steps that are tried, to find the zeros that training changes."""


@dataclass(frozen=True, eq=False)
class WeightPerturbation:
    """Store which weights, and which of their entries, are perturbed.

    Attributes:
        weights: the parameters that require a gradient.
        masks: for each weight, bool of its shape: True at entries that are perturbed.
        has_frozen: True if there are other parameters, which are not trained; one of them may hide a dependence.
    """

    weights: Sequence[Tensor]
    masks: Sequence[Tensor]
    has_frozen: bool

    @contextmanager
    def apply(self, seed: int) -> Iterator[None]:
        """Add noise to the weights, and restore them after the block.

        Layers that start at zero hide the layers below them until the first step of training.
        """
        originals, rng = [weight.data for weight in self.weights], generator(seed, 0)
        try:
            for weight, mask in zip(self.weights, self.masks, strict=True):
                weight.data = weight.data + weight_noise(weight, rng) * mask
            yield
        finally:
            for weight, values in zip(self.weights, originals, strict=True):
                weight.data = values


def find_perturbation(adapter: CallableAdapter, modules: nn.Module, seed: int) -> WeightPerturbation:
    """Find the entries of trained weights that can change: all but those that a mask keeps at zero.

    A weight of zeros only was initialised so. Zeros among other weights come from a mask, or from an initialisation
    (`nn.init.dirac_`): they change where training changes them, that is where a loss has a gradient, and where the
    module does not set them back to zero when it is called.
    """
    parameters = [parameter for parameter in modules.parameters() if parameter.is_floating_point()]
    weights = [parameter for parameter in parameters if parameter.requires_grad]
    masks = [(weight != 0) | ~(weight != 0).any() for weight in weights]
    has_frozen = len(weights) < len(parameters)
    if all(bool((weight != 0).all()) for weight in weights):
        return WeightPerturbation(weights, masks, has_frozen)
    for draw in range(seed, seed + NUM_STEPS):
        perturbation = WeightPerturbation(weights, masks, has_frozen)
        masks = [mask | step for mask, step in zip(masks, find_gradients(adapter, perturbation, draw), strict=True)]
    reset = find_reset_entries(adapter, modules, WeightPerturbation(weights, masks, has_frozen), seed)
    masks = [mask & ~zero for mask, zero in zip(masks, reset, strict=True)]
    return WeightPerturbation(weights, masks, has_frozen)


@torch.enable_grad()
def find_gradients(adapter: CallableAdapter, perturbation: WeightPerturbation, seed: int) -> list[Tensor]:
    """Find the entries of the perturbed weights where a loss at random images has a gradient: bool, of their shapes."""
    with perturbation.apply(seed):
        try:
            outputs = adapter(adapter.random_images(seed))
            loss = (outputs * torch.randn(outputs.shape, generator=generator(seed, 7)).to(outputs)).sum()
            gradients = torch.autograd.grad(loss, perturbation.weights, materialize_grads=True)
        except (ChainruleError, RuntimeError):
            return [torch.zeros_like(mask) for mask in perturbation.masks]
    return [gradient.to_dense().nan_to_num() != 0 for gradient in gradients]


@torch.no_grad()
def find_reset_entries(
    adapter: CallableAdapter, modules: nn.Module, perturbation: WeightPerturbation, seed: int
) -> list[Tensor]:
    """Find the entries that a call in training mode sets to zero, such as one that multiplies its weights by a mask."""
    with restore_on_exit(modules), perturbation.apply(seed), suppress(ChainruleError):
        modules.train()
        before = [weight != 0 for weight in perturbation.weights]
        adapter(adapter.random_images(seed))
        return [was & (weight == 0) for was, weight in zip(before, perturbation.weights, strict=True)]
    return [torch.zeros_like(mask) for mask in perturbation.masks]
