"""Orders: one pass in training, D in sampling; and what averages of models of several orders sum to.

The models are the library's own. What is here counts their work, draws from them by the plain loop, and adds up every
datum of a small domain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from chainrule.domains import Domain, Grid
from chainrule.errors import ChainruleError
from chainrule.models.base import AutoregressiveModel, Density, evaluating, sum_sites
from chainrule.models.ensemble import Ensemble
from chainrule.sampling.draws import Drawing
from chainrule.sampling.schedules import Schedule, one_by_one
from chainrule.seeding import site_noise

LogProb = Callable[[Tensor], Tensor]
"""From data [n, *shape] to numbers [n] in nats: log-probabilities, if their exponentials sum to 1."""

LARGEST = 2**16
"""Outcomes that are summed over at most."""


def sample_by_hand(
    model: AutoregressiveModel,
    n: int,
    seed: int = 0,
) -> Tensor:
    """Data drawn by the plain loop: draw x_1, feed it in, draw x_2, feed it in, ...: int64 [n, *shape].

    Each site takes a pass through the whole network, which computes all D conditionals; one of them is used. A value is
    drawn by inverting its distribution function at the same noise that `chainrule.sample` takes, so the data are equal.
    Source: MADE (arXiv:1502.03509), section 3; PixelRNN (arXiv:1601.06759), section 2.1.

    Args:
        n: how many data, at least 1.
        seed: of the noise.

    Raises:
        ChainruleError: n < 1.

    Example:
        >>> import chainrule as cr
        >>> model = cr.MADE(cr.Binary((1, 2, 3)), hidden=(8,))
        >>> bool((sample_by_hand(model, 5, seed=1) == cr.sample(model, 5, seed=1)).all())
        True
    """
    x, noise = canvas_and_noise(model, n, seed)
    with evaluating(model):
        for site in torch.split(model.order.sites, 1):
            conditionals = model.conditionals(x)  # a whole pass: all D
            drawn = conditionals.select_sites(site).icdf(noise[:, site])
            x.flatten(1)[:, site] = drawn
    return x


def canvas_and_noise(model: AutoregressiveModel, n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Zeros [n, *shape] to draw into, and the noise of all sites, uniform in [0, 1): float64 [n, D].

    Raises:
        ChainruleError: n < 1.
    """
    if n < 1:
        raise ChainruleError(f"the number of samples must be at least 1, not {n}")
    x = torch.zeros(n, *model.domain.shape, dtype=model.domain.dtype, device=model.device)
    return x, site_noise(seed, [(datum, 0) for datum in range(n)], model.domain.sites)


@contextmanager
def passes(model: AutoregressiveModel) -> Iterator[Callable[[], int]]:
    """Counts how often data go through the network within the block, by a forward hook on its first layer.

    Yields:
        a function that says how often so far.

    Raises:
        ValueError: a model without layers.

    Example:
        >>> import chainrule as cr
        >>> model = cr.MADE(cr.Binary((5,)), hidden=(8,))
        >>> with passes(model) as count:
        ...     x = sample_by_hand(model, 3)
        >>> count()
        5
    """
    layers = (each for each in model.modules() if any(True for _ in each.parameters(recurse=False)))
    first = next((each for each in layers if each is not model), None)
    if first is None:
        raise ValueError(f"a {type(model).__name__} has no layers whose passes could be counted; take another model")
    count = 0

    def after(*_: object) -> None:
        nonlocal count
        count += 1

    hook = first.register_forward_hook(after)
    try:
        yield lambda: count
    finally:
        hook.remove()


def multiply_adds(work: Callable[[], object]) -> int:
    """Of all matrix products and convolutions that torch does in `work`, counted as they are called.

    Example:
        >>> multiply_adds(lambda: torch.ones(2, 3) @ torch.ones(3, 5))
        30
    """
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops()) // 2  # a multiply-add is two operations


@dataclass(frozen=True, eq=False)
class Step:
    """Data as they are after a step of sampling.

    Attributes:
        sites: those that were drawn in this step, int64 [g].
        x: the values so far, zero elsewhere: [n, *shape].
        known: which sites have values, bool [*shape].
        expected: the mean of p(x_i | x_<i) from which each known site was drawn, from 0 (the lowest value) to 1; of
            binary sites it is p(x_i = 1 | x_<i). Zero elsewhere; float64 [n, *shape].
    """

    sites: Tensor
    x: Tensor
    known: Tensor
    expected: Tensor


def draw_in_steps(
    model: AutoregressiveModel, n: int, seed: int = 0, schedule: Schedule | None = None
) -> Iterator[Step]:
    """The same draws as `sample_by_hand`, step by step, to look at.

    Args:
        schedule: the sites of each step; one by one unless given. `model.schedule` takes those together that do not
            depend on each other; where they do, what is drawn is not the model's (`log_prob_in_steps`).

    Raises:
        ChainruleError: n < 1.

    Example:
        >>> import chainrule as cr
        >>> model = cr.MADE(cr.Binary((3,)), hidden=(8,), order=(2, 0, 1))
        >>> [step.known.tolist() for step in draw_in_steps(model, 1)]
        [[False, False, True], [True, False, True], [True, True, True]]
    """
    x, noise = canvas_and_noise(model, n, seed)
    known, expected = torch.zeros(model.domain.sites, dtype=torch.bool), torch.zeros_like(noise)
    choose, scale = Drawing(noise), torch.linspace(0, 1, model.domain.levels, dtype=torch.float64)
    for sites in schedule or one_by_one(model.order):
        with evaluating(model):
            conditionals = model.conditionals(x).select_sites(sites)
        x, expected, known = x.clone(), expected.clone(), known.clone()
        x.flatten(1)[:, sites] = choose(sites, conditionals)
        expected[:, sites] = conditionals.probs.double() @ scale
        known[sites] = True
        yield Step(sites, x, known.view(model.domain.shape), expected.view_as(x))


def log_prob_in_steps(model: AutoregressiveModel, x: Tensor, schedule: Schedule) -> Tensor:
    """The log-probability with which `draw_in_steps` draws each of x [n, *shape]: float64 [n] nats.

    The sites of a step are drawn from one pass that knows the steps before and nothing of each other. That is log p(x)
    where they do not depend on each other, and else another density: the price of drawing several sites at once.

    Raises:
        ChainruleError: data of another shape, or values outside the domain.

    Example:
        >>> import chainrule as cr
        >>> model, x = cr.MADE(cr.Binary((3,)), hidden=(8,)), torch.tensor([[0, 1, 1]])
        >>> bool(torch.allclose(log_prob_in_steps(model, x, model.schedule), model.log_prob(x)))
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


def total_probability(log_prob: LogProb, domain: Domain) -> float:
    """The sum of exp(log_prob(x)) over every datum of a small domain: 1 for a distribution, and for nothing else.

    Raises:
        ChainruleError: a domain of more than 2^16 outcomes, or of real numbers.

    Example:
        >>> import chainrule as cr
        >>> model = cr.MADE(cr.Binary((4,)), hidden=(8,))
        >>> round(total_probability(model.log_prob, model.domain), 6)
        1.0
    """
    with torch.no_grad():
        return sum(float(log_prob(x).double().exp().sum()) for x in outcomes(domain))


def outcomes(domain: Domain) -> Iterator[Tensor]:
    """Every datum of a small domain, in chunks [m, *shape].

    Raises:
        ChainruleError: a domain of more than 2^16 outcomes, or of real numbers.
    """
    if not domain.discrete or domain.size > LARGEST:
        raise ChainruleError(
            f"only a domain of at most {LARGEST:,} outcomes can be summed over, and this one has "
            f"{domain.size_in_words()}; take fewer sites"
        )
    return domain.outcomes()


def mean_log_prob(models: Sequence[Density], x: Tensor) -> Tensor:
    """1/K Σ_k log p_k(x): [n] nats; what one gets by averaging the members' NLLs. No density, unless all agree.

    By Jensen's inequality it is nowhere above the log of the averaged probabilities, so it sums to 1 or less.

    Raises:
        ChainruleError: no models, or models of several domains.

    Example:
        >>> import chainrule as cr
        >>> models = cr.MADE(cr.Binary((4,)), hidden=(8,), agnostic="order").members(3)
        >>> x = torch.tensor([[0, 1, 1, 0]])
        >>> bool(mean_log_prob(models, x) <= cr.Ensemble(models).log_prob(x) + 1e-6)
        True
    """
    return torch.stack([model.log_prob(x) for model in Ensemble(models).members]).mean(0)


def mean_of_conditionals(
    models: Sequence[AutoregressiveModel], x: Tensor, of: Literal["logits", "probabilities"]
) -> Tensor:
    """Σ_i log q_i(x_i): [n] nats, q_i the models' conditionals of site i averaged into one distribution.

    A density where all models have one order: q_i then is a conditional of that order. With several orders it is none,
    since x_i helps to predict x_j in one model, x_j to predict x_i in another, and both are counted.

    Args:
        of: what is averaged at each site: probabilities, or logits, whose softmax is taken afterwards.

    Raises:
        ChainruleError: no models, models of several domains, or a domain whose sites are not of levels.
        ValueError: neither logits nor probabilities.

    Example:
        >>> import chainrule as cr
        >>> models = [cr.MADE(cr.Binary((4,)), hidden=(8,), seed=seed) for seed in range(3)]
        >>> round(total_probability(lambda x: mean_of_conditionals(models, x, "logits"), models[0].domain), 6)
        1.0
    """
    if of not in ("logits", "probabilities"):
        raise ValueError(f"of must be 'logits' or 'probabilities', not {of!r}")
    if not isinstance(Ensemble(models).domain, Grid):
        raise ChainruleError("conditionals are averaged of sites with levels alone; take a Binary or Levels domain")
    log_p = torch.stack([model.conditionals(x).log_probs for model in models]).double()  # [K, n, *shape, levels]
    mixed = log_p.mean(0).log_softmax(-1) if of == "logits" else log_p.exp().mean(0).log()
    return sum_sites(mixed.gather(-1, x.long().unsqueeze(-1)))


def distance(p: Tensor, q: Tensor) -> float:
    """½ Σ |p - q|: by how much the probability of any set of outcomes differs at most (total variation).

    Raises:
        ValueError: distributions over different numbers of outcomes.

    Example:
        >>> distance(torch.tensor([0.5, 0.5]), torch.tensor([1.0, 0.0]))
        0.5
    """
    if p.shape != q.shape:
        raise ValueError(f"two distributions over the same outcomes are compared, not over {len(p)} and {len(q)}")
    return float((p - q).abs().sum()) / 2
