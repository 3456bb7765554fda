"""Sampling by the plain loop, one pass through the network for each site, and counts of the work it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from chainrule.errors import ChainruleError
from chainrule.models import AutoregressiveModel
from chainrule.sampling import InverseCDFDraw, Schedule, evaluating, sequential_schedule
from chainrule.seeding import site_noise


def sample_naively(
    model: AutoregressiveModel,
    n: int,
    *,
    seed: int = 0,
) -> Tensor:
    """Draw data by the plain loop: draw x_1, feed it in, draw x_2, feed it in, and so on: int64 [n, *shape].

    Each site takes a pass through the whole network, which computes all D conditionals; one conditional is used. A
    value is drawn by inverting the distribution function at the same noise as in `chainrule.sample`, so the data are
    equal.
    Source: MADE (arXiv:1502.03509), section 3; PixelRNN (arXiv:1601.06759), section 2.1.

    Args:
        model: any autoregressive model.
        n: the number of data, at least 1.
        seed: of the noise.

    Raises:
        ChainruleError: n < 1.

    Example:
        >>> import chainrule as cr
        >>> model = cr.MADE(cr.Binary((1, 2, 3)), hidden=(8,))
        >>> bool((sample_naively(model, 5, seed=1) == cr.sample(model, 5, seed=1)).all())
        True
    """
    x, noise = init_samples(model, n, seed=seed)
    with evaluating(model):
        for site in torch.split(model.order.sites, 1):
            conditionals = model.conditionals(x)  # a whole pass: all D
            values = conditionals.select_sites(site).icdf(noise[:, site])
            x.flatten(1)[:, site] = values
    return x


def init_samples(model: AutoregressiveModel, n: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Return zeros [n, *shape] to fill with samples, and the noise of all sites, uniform in [0, 1): float64 [n, D].

    Raises:
        ChainruleError: n < 1.
    """
    if n < 1:
        raise ChainruleError(f"the number of samples must be at least 1, not {n}")
    x = torch.zeros(n, *model.domain.shape, dtype=model.domain.dtype, device=model.device)
    return x, site_noise(seed, [(datum, 0) for datum in range(n)], model.domain.sites)


@contextmanager
def count_forward_passes(model: AutoregressiveModel) -> Iterator[Callable[[], int]]:
    """Count the forward passes through the network within the block, by a forward hook on its first layer.

    Yields:
        A function that returns the number of passes so far.

    Raises:
        ValueError: a model without layers.

    Example:
        >>> import chainrule as cr
        >>> model = cr.MADE(cr.Binary((5,)), hidden=(8,))
        >>> with count_forward_passes(model) as count:
        ...     x = sample_naively(model, 3)
        >>> count()
        5
    """
    layers = (module for module in model.modules() if any(True for _ in module.parameters(recurse=False)))
    first = next((layer for layer in layers if layer is not model), None)
    if first is None:
        raise ValueError(f"a {type(model).__name__} has no layers whose passes can be counted; take another model")
    count = 0

    def increment(*_: object) -> None:
        nonlocal count
        count += 1

    hook = first.register_forward_hook(increment)
    try:
        yield lambda: count
    finally:
        hook.remove()


def count_multiply_adds(function: Callable[[], object]) -> int:
    """Return the number of multiply-adds of all matrix products and convolutions that torch runs in a call.

    Args:
        function: is called once, without arguments.

    Example:
        >>> count_multiply_adds(lambda: torch.ones(2, 3) @ torch.ones(3, 5))
        30
    """
    with FlopCounterMode(display=False) as counter:
        function()
    return int(counter.get_total_flops()) // 2  # a multiply-add is two operations


@dataclass(frozen=True, eq=False)
class SamplingStep:
    """Hold the data after one step of sampling.

    Attributes:
        sites: the sites that were drawn in this step, int64 [g].
        x: the values so far, zero at the other sites: [n, *shape].
        known: True at the sites that have values, bool [*shape].
        expected: the mean of p(x_i | x_<i) from which each known site was drawn, scaled from 0 (the lowest value) to 1;
            for binary sites it is p(x_i = 1 | x_<i). Zero at the other sites; float64 [n, *shape].
    """

    sites: Tensor
    x: Tensor
    known: Tensor
    expected: Tensor


def sample_in_steps(
    model: AutoregressiveModel, n: int, *, seed: int = 0, schedule: Schedule | None = None
) -> Iterator[SamplingStep]:
    """Yield the same draws as `sample_naively` after each step.

    Args:
        model: an autoregressive model on sites with levels.
        n: the number of data, at least 1.
        seed: of the noise.
        schedule: the sites of each step; by default one site in each step. The schedule of the model's sampler puts
            sites into one step that do not depend on each other. If sites of a step depend on each other, the samples
            do not follow the model's distribution (see `log_prob_in_steps`).

    Raises:
        ChainruleError: n < 1.

    Example:
        >>> import chainrule as cr
        >>> model = cr.MADE(cr.Binary((3,)), hidden=(8,), order=(2, 0, 1))
        >>> [step.known.tolist() for step in sample_in_steps(model, 1)]
        [[False, False, True], [True, False, True], [True, True, True]]
    """
    x, noise = init_samples(model, n, seed=seed)
    known, expected = torch.zeros(model.domain.sites, dtype=torch.bool), torch.zeros_like(noise)
    draw, scale = InverseCDFDraw(noise), torch.linspace(0, 1, model.domain.levels, dtype=torch.float64)
    for sites in schedule or sequential_schedule(model.order):
        with evaluating(model):
            conditionals = model.conditionals(x).select_sites(sites)
        x, expected, known = x.clone(), expected.clone(), known.clone()
        x.flatten(1)[:, sites] = draw(sites, conditionals)
        expected[:, sites] = conditionals.probs.double() @ scale
        known[sites] = True
        yield SamplingStep(sites, x, known.view(model.domain.shape), expected.view_as(x))


def log_prob_in_steps(model: AutoregressiveModel, x: Tensor, schedule: Schedule) -> Tensor:
    """Return the log-probability with which `sample_in_steps` draws each of x [n, *shape]: float64 [n] nats.

    The sites of a step are drawn from one pass, which depends on the previous steps alone. The result is log p(x) if
    the sites of a step do not depend on each other; otherwise it is the log-probability of another distribution.

    Raises:
        ChainruleError: data of another shape, or values outside the domain.

    Example:
        >>> import chainrule as cr
        >>> model, x = cr.MADE(cr.Binary((3,)), hidden=(8,)), torch.tensor([[0, 1, 1]])
        >>> bool(torch.allclose(log_prob_in_steps(model, x, model.sampler().schedule), model.log_prob(x)))
        True
    """
    x = model.domain.check(x)
    known, total = torch.zeros_like(x), torch.zeros(len(x), dtype=torch.float64)
    for sites in schedule:
        with evaluating(model):
            conditionals = model.conditionals(known).select_sites(sites)
        values = x.flatten(1)[:, sites]
        total += conditionals.log_prob(values).double().sum(1)
        known.flatten(1)[:, sites] = values
    return total
