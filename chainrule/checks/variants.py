"""Copies of a model with its own and with perturbed weights, and random data to check them on."""

from __future__ import annotations

import copy
import math
from typing import TypeVar

import torch
from torch import Tensor, nn

from chainrule.checks.check_report import CheckNotRun
from chainrule.models import AutoregressiveModel, Density
from chainrule.seeding import generator

Model = TypeVar("Model", bound=nn.Module)

OWN_WEIGHTS, PERTURBED_WEIGHTS = "", ", once its weights are perturbed"
"""The end of a failure's message, for each of the two variants."""


MAX_CONTEXTS = 4
"""The number of contexts at which all outcomes are enumerated, or samples counted."""


def frozen_copy(model: Model) -> Model:
    """Return a copy in evaluation mode whose weights need no gradient."""
    return copy.deepcopy(model).eval().requires_grad_(False)


def perturbed_copy(model: Model, seed: int) -> Model:
    """Return a frozen copy with noise added to every parameter.

    Layers that start at zero (the last convolution of a residual block, biases) hide the layers below them: an
    untrained model can keep a law that it breaks after its first step of training. Noise of the size of an ordinary
    initialisation opens every path. Masks are not parameters, so the connections that they close stay closed.
    """
    model, rng = frozen_copy(model), generator(seed, 0)
    for weight in model.parameters():
        if weight.is_floating_point():
            weight.add_(weight_noise(weight, rng))
    return model


def weight_noise(weight: Tensor, rng: torch.Generator) -> Tensor:
    """Return normal noise of the shape of a weight, with the standard deviation 1/√(fan in)."""
    fan_in = weight[0].numel() if weight.ndim > 1 else 4
    return torch.randn(weight.shape, generator=rng).to(weight.data) / math.sqrt(fan_in)


def model_variants(model: Model, seed: int) -> tuple[tuple[str, Model], tuple[str, Model]]:
    """Return the two copies that a law is checked on, each after the text that names it in a message."""
    return (OWN_WEIGHTS, frozen_copy(model)), (PERTURBED_WEIGHTS, perturbed_copy(model, seed))


def require_autoregressive(model: Density) -> AutoregressiveModel:
    """Return the model itself, for laws about an order and its conditionals.

    Raises:
        CheckNotRun: the model has no order and no conditionals.
    """
    if not isinstance(model, AutoregressiveModel):
        raise CheckNotRun(
            f"an {type(model).__name__} has no order and no conditionals of its own: check its components"
        )
    return model


def random_data(model: Density, n: int, seed: int) -> Tensor:
    """Return independent random data of the model's domain, [n, *shape], on the model's device."""
    return model.domain.random_data(n, generator(seed, 1)).to(model.device)


def context_rows(context: Tensor | None, n: int, *, offset: int = 0) -> Tensor | None:
    """Return n rows of a context, which is repeated; None without a context.

    Example:
        >>> context_rows(torch.tensor([7, 8]), 3, offset=1)
        tensor([8, 7, 8])
    """
    if context is None:
        return None
    return context[(torch.arange(n, device=context.device) + offset) % len(context)]


def single_contexts(context: Tensor | None) -> list[Tensor | None]:
    """Return the first `MAX_CONTEXTS` rows of a context, each as a context of one datum; [None] without a context."""
    return [None] if context is None else list(torch.split(context[:MAX_CONTEXTS], 1))


def evaluate_log_prob(model: Density, x: Tensor, context: Tensor | None) -> Tensor:
    """Return `log_prob`, [n], called without the argument `context` if there is no context."""
    return model.log_prob(x) if context is None else model.log_prob(x, context)


def model_dtype(model: nn.Module) -> torch.dtype:
    """Return the dtype of the first floating-point parameter; float32 without such a parameter."""
    return next((weight.dtype for weight in model.parameters() if weight.is_floating_point()), torch.float32)


def tolerance(model: Density) -> float:
    """Return the largest difference, in nats, that rounding explains between two computations of a log-probability.

    Sums of a few hundred products in another order differ by some tens of units in the last place, and through a deep
    network by some hundreds; a wrong value differs in the first digits. The square root of the machine epsilon stands
    well between them: 3e-4 in float32, 1e-8 in float64.
    """
    return math.sqrt(torch.finfo(model_dtype(model)).eps)


def elements_per_datum(model: Density) -> int:
    """Return the number of elements that the conditionals of one datum need, as parameters or as tables of values."""
    return int(torch.maximum(model.domain.outputs, model.domain.levels_by_site).sum())
