"""What a model is checked with: copies of it, and random data."""

from __future__ import annotations

import copy
import math
from typing import TypeVar

import torch
from torch import Tensor, nn

from chainrule.checks.report import NotRun
from chainrule.models.base import AutoregressiveModel, Density
from chainrule.seeding import generator

Model = TypeVar("Model", bound=nn.Module)

AS_IT_IS, MOVED = "", " once its weights move"
"""How a message speaks of the two variants."""


def as_it_is(model: Model) -> Model:
    """A copy in evaluation mode, its weights frozen: whatever is done to it, the model stays as it was."""
    return copy.deepcopy(model).eval().requires_grad_(False)


def moved(model: Model, seed: int) -> Model:
    """A copy whose every parameter was moved by noise.

    Layers that start at zero (the last convolution of a residual block, biases) hide what is behind them: an untrained
    model can keep a law that it breaks after its first step of training. Noise of the size of an ordinary
    initialisation opens every path. Masks are no parameters, so what they close stays closed.
    """
    model, rng = as_it_is(model), generator(seed, 0)
    for weight in model.parameters():
        if weight.is_floating_point():
            weight.add_(noise(weight, rng))
    return model


def noise(weight: Tensor, rng: torch.Generator) -> Tensor:
    """Noise of the shape of a weight, of the size of an ordinary initialisation."""
    fan_in = weight[0].numel() if weight.ndim > 1 else 4
    return torch.randn(weight.shape, generator=rng).to(weight.data) / math.sqrt(fan_in)


def variants(model: Model, seed: int) -> tuple[tuple[str, Model], tuple[str, Model]]:
    """The two models that a law is checked on, each with the words that name it in a message."""
    return (AS_IT_IS, as_it_is(model)), (MOVED, moved(model, seed))


def of_one_order(model: Density) -> AutoregressiveModel:
    """The model itself, for laws that speak of an order and its conditionals.

    Raises:
        NotRun: it has none.
    """
    if not isinstance(model, AutoregressiveModel):
        raise NotRun(f"an {type(model).__name__} has no order of its own, and no conditionals: check its members")
    return model


def random_data(model: Density, n: int, seed: int) -> Tensor:
    """Data of the model's domain that have nothing to do with each other: [n, *shape], on its device."""
    return model.domain.random(n, generator(seed, 1)).to(model.device)


def dtype_of(model: nn.Module) -> torch.dtype:
    """The type that the model computes in: that of its first floating-point parameter."""
    return next((weight.dtype for weight in model.parameters() if weight.is_floating_point()), torch.float32)


def tolerance(model: Density) -> float:
    """How far two ways to compute one log-probability may lie apart, in nats: half of the digits of the model's type.

    Sums of a few hundred products in another order differ by some tens of units in the last place, and through a deep
    network by some hundreds; a wrong value differs in the first digits. The square root stands well between (3e-4 in
    float32, 1e-8 in float64).
    """
    return math.sqrt(torch.finfo(dtype_of(model)).eps)


def memory_of(model: Density) -> int:
    """How many numbers one datum takes as conditionals, and as the tables of their values."""
    return int(torch.maximum(model.domain.outputs, model.domain.levels_by_site).sum())
