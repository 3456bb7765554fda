"""Measure which conditional depends on which site, by perturbation and by gradients, for any model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import shorten
from typing import NamedTuple, cast

import torch
from torch import Tensor

from chainrule.checks.variants import (
    context_rows,
    elements_per_datum,
    frozen_copy,
    model_dtype,
    perturbed_copy,
    random_data,
)
from chainrule.domains import Domain
from chainrule.errors import ChainruleError
from chainrule.models import AutoregressiveModel
from chainrule.seeding import generator

BATCH_SIZE = 32
"""The number of sites that are tested at once, each in a row of the batch."""

MAX_ELEMENTS = 2**24
"""The largest number of elements in a batch of conditionals: 64 MB in float32."""

MAX_ERROR_LENGTH = 240
"""The largest number of characters of a user's error that a message quotes."""


@dataclass(frozen=True, eq=False)
class Dependence:
    """Store which conditional depends on which site.

    Attributes:
        matrix: bool [D, D], True at [i, j] if the conditional of site i depends on the value of site j, with the
            model's own weights or with perturbed weights.
        matrix_at_own_weights: the same matrix, measured at the model's own weights only.
        no_gradient: the reason why gradients were not measured; empty if they were.
    """

    matrix: Tensor
    matrix_at_own_weights: Tensor
    no_gradient: str = ""

    @property
    def has_gradient(self) -> bool:
        """True if gradients reached the input."""
        return not self.no_gradient

    @property
    def method(self) -> str:
        """The text that says how the dependence was measured."""
        return "by gradient and perturbation" if self.has_gradient else f"by perturbation only ({self.no_gradient})"


class Measurement(NamedTuple):
    """Store the dependence at one draw of data and weights.

    Attributes:
        changes: float [D, D], by how much another value at site j changes the outputs of site i.
        gradients: bool [D, D], True if the outputs of site i have a gradient at site j; or why there is no gradient.
    """

    changes: Tensor
    gradients: Tensor | str


class NoGradient(Exception):
    """Report that no gradient reaches the input; the message says why."""


OutputFunction = Callable[[Tensor], Tensor]
"""A function from data [n, *shape] to the parameters of their conditionals, [n, D, K]: K for each site."""


def measure_dependence(
    model: AutoregressiveModel, *, seed: int = 0, context: Tensor | None = None, batch_size: int = BATCH_SIZE
) -> Dependence:
    """Measure which conditional depends on which site, at random data, with the model's own and with perturbed weights.

    Small domains get more draws of data and weights than large ones: a small network has few units, and a ReLU that
    happens to be zero would hide a dependence.

    Args:
        model: any model that fulfils the contract of `AutoregressiveModel`.
        seed: the seed of the data and of the noise on the weights.
        context: [m, ...], for a model that takes a context: the rows to measure at.
        batch_size: the largest number of sites that are tested at once.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.made import MADE
        >>> measure_dependence(MADE(Binary((3,)), order=(2, 1, 0))).matrix.int().tolist()
        [[0, 1, 1], [0, 0, 1], [0, 0, 0]]
    """
    draws = min(8, 4 + 64 // model.domain.sites)
    batch_size = max(1, min(batch_size, MAX_ELEMENTS // elements_per_datum(model)))
    measurements = [measure(frozen_copy(model), seed, context, batch_size)]
    measurements += [
        measure(perturbed_copy(model, seed + draw), seed + draw, context, batch_size) for draw in range(draws)
    ]
    return combine(measurements, num_own=1)


def combine(measurements: Sequence[Measurement], *, num_own: int) -> Dependence:
    """Combine measurements, of which the first `num_own` were made with the model's own weights."""
    matrices = [
        changes > 0 if isinstance(gradients, str) else (changes > 0) | gradients for changes, gradients in measurements
    ]
    reasons = [gradients for _, gradients in measurements if isinstance(gradients, str)]
    reason = reasons[0] if len(reasons) == len(measurements) else ""
    return Dependence(torch.stack(matrices).any(0), torch.stack(matrices[:num_own]).any(0), reason)


def measure(model: AutoregressiveModel, seed: int, context: Tensor | None, batch_size: int) -> Measurement:
    """Measure the dependence of a model with the weights that it has."""
    x, context = random_data(model, batch_size, seed), context_rows(context, batch_size, offset=seed)

    def canonical_params(x: Tensor) -> Tensor:
        return model.predict_conditionals(x, context).canonical_params.reshape(len(x), model.domain.sites, -1)

    def params(x: Tensor) -> Tensor:
        return model.predict_conditionals(x, context).params.reshape(len(x), model.domain.sites, -1)

    floating = x if x.is_floating_point() else x.to(model_dtype(model))
    return Measurement(
        measure_changes(canonical_params, x, model.domain, seed), measure_gradients(params, floating, seed)
    )


def dtype_name(dtype: torch.dtype) -> str:
    """Return the name of a dtype without its prefix.

    Example:
        >>> dtype_name(torch.float64)
        'float64'
    """
    return str(dtype).removeprefix("torch.")


@torch.no_grad()
def measure_changes(outputs: OutputFunction, x: Tensor, domain: Domain, seed: int) -> Tensor:
    """Measure by how much another value at site j changes the outputs of site i, at data x [n, *shape].

    Values are compared exactly: the same row of a batch of the same shape goes through the same arithmetic. So 0 means
    that nothing changed, not even the last digit.

    Returns:
        float [D, D], [i, j] the largest change.
    """
    num_sites = x[0].numel()
    before, perturbed_data = outputs(x), domain.perturb(x, generator(seed, 2))
    largest = torch.zeros(num_sites, num_sites)
    for sites in torch.split(torch.arange(num_sites), len(x)):
        rows = torch.arange(len(sites))
        for perturbed in perturbed_data:
            changed = x.clone()
            changed.flatten(1)[rows, sites] = perturbed.flatten(1)[rows, sites]
            change = absolute_difference(outputs(changed)[rows], before[rows]).amax(-1).T
            largest[:, sites] = torch.maximum(largest[:, sites], change.float().cpu())
    return largest


def absolute_difference(first: Tensor, second: Tensor) -> Tensor:
    """Return |first - second|: 0 where both are the same infinity or both NaN, infinite where only one is NaN."""
    same = (first == second) | (first.isnan() & second.isnan())
    return torch.where(same, 0.0, (first - second).abs().nan_to_num(nan=torch.inf, posinf=torch.inf))


def measure_gradients(outputs: OutputFunction, x: Tensor, seed: int) -> Tensor | str:
    """Measure whether a random projection of the outputs of site i has a gradient at site j. A NaN counts as none.

    Args:
        x: the data, floating-point [n, *shape].

    Returns:
        bool [D, D]; or the reason why there is no gradient, such as a model that looks its values up.
    """
    try:
        return gradient_mask(outputs, x, seed)
    except NoGradient as reason:
        return str(reason)
    except (RuntimeError, TypeError, IndexError, ChainruleError) as error:  # it takes whole numbers only, say
        message = shorten(f"{type(error).__name__}: {error}", MAX_ERROR_LENGTH)
        return f"with gradients on, at images of {dtype_name(x.dtype)}, it raised {message}"


@torch.enable_grad()
def gradient_mask(outputs: OutputFunction, x: Tensor, seed: int) -> Tensor:
    """Return the mask of `measure_gradients`.

    Raises:
        NoGradient: the outputs have no gradient at the input.
    """
    # Each site is tested at another datum than by perturbation, so that the two can find different things.
    x, num_sites = x.roll(1, 0).requires_grad_(), x[0].numel()
    params = outputs(x)
    if not params.requires_grad:
        raise NoGradient("the outputs have no gradient")
    rng = generator(seed, 3)
    mask = torch.zeros(num_sites, num_sites, dtype=torch.bool)
    for sites in torch.split(torch.arange(num_sites), len(x)):
        rows, direction = torch.arange(len(sites)), torch.zeros_like(params)
        direction[rows, sites] = torch.randn(len(sites), params.shape[2], generator=rng).to(params)
        gradient = cast(
            Tensor | None, torch.autograd.grad(params, x, direction, retain_graph=True, allow_unused=True)[0]
        )
        if gradient is None:  # the outputs have a gradient at the weights only
            raise NoGradient("no gradient reaches the input")
        mask[sites] = (gradient[rows].flatten(1).nan_to_num() != 0).cpu()
    return mask
