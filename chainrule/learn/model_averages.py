"""Averages of several models, and sums of probabilities over every datum of a small domain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor

from chainrule.domains import Domain, Grid
from chainrule.errors import ChainruleError
from chainrule.models import AutoregressiveModel, Density, Ensemble, sum_sites

LogProb = Callable[[Tensor], Tensor]
"""A function from data [n, *shape] to values [n] in nats; log-probabilities if their exponentials sum to 1."""

MAX_OUTCOMES = 2**16
"""The largest number of outcomes that are enumerated."""


def sum_over_domain(log_prob: LogProb, domain: Domain) -> float:
    """Return the sum of exp(log_prob(x)) over every datum of a small domain; it is 1 for a distribution.

    Raises:
        ChainruleError: a domain of more than 2^16 outcomes, or of real numbers.

    Example:
        >>> import chainrule as cr
        >>> model = cr.MADE(cr.Binary((4,)), hidden=(8,))
        >>> round(sum_over_domain(model.log_prob, model.domain), 6)
        1.0
    """
    with torch.no_grad():
        return sum(float(log_prob(x).double().exp().sum()) for x in enumerate_outcomes(domain))


def enumerate_outcomes(domain: Domain) -> Iterator[Tensor]:
    """Return an iterator over every datum of a small domain, in chunks [m, *shape].

    Raises:
        ChainruleError: a domain of more than 2^16 outcomes, or of real numbers.
    """
    if not domain.is_discrete or domain.size > MAX_OUTCOMES:
        raise ChainruleError(
            f"only a domain of at most {MAX_OUTCOMES:,} outcomes can be summed over, and this one has "
            f"{domain.describe_size()}; take fewer sites"
        )
    return domain.outcomes()


def average_log_probs(models: Sequence[Density], x: Tensor) -> Tensor:
    """Return 1/K Σ_k log p_k(x), the negative of the members' average NLL: [n] nats.

    It is a log-density only if all models agree. By Jensen's inequality it is at most the log of the averaged
    probabilities, so it sums to 1 or less.

    Raises:
        ChainruleError: no models, or models of different domains.

    Example:
        >>> import chainrule as cr
        >>> models = cr.MADE(cr.Binary((4,)), hidden=(8,), agnostic="order").members(3)
        >>> x = torch.tensor([[0, 1, 1, 0]])
        >>> bool(average_log_probs(models, x) <= cr.Ensemble(models).log_prob(x) + 1e-6)
        True
    """
    return torch.stack([model.log_prob(x) for model in Ensemble(models).components]).mean(0)


def average_conditionals(
    models: Sequence[AutoregressiveModel], x: Tensor, *, averaged: Literal["logits", "probabilities"]
) -> Tensor:
    """Return Σ_i log q_i(x_i), where q_i is the average of the models' conditionals of site i: [n] nats.

    It is a log-density if all models have one order: q_i is then a conditional of that order. With several orders it is
    not: x_i helps to predict x_j in one model and x_j helps to predict x_i in another, and both are counted.

    Args:
        models: autoregressive models of one domain.
        x: data, [n, *shape].
        averaged: what is averaged at each site: probabilities, or logits, whose softmax is taken afterwards.

    Raises:
        ChainruleError: no models, models of different domains, or a domain whose sites do not have levels.
        ValueError: `averaged` is neither "logits" nor "probabilities".

    Example:
        >>> import chainrule as cr
        >>> models = [cr.MADE(cr.Binary((4,)), hidden=(8,), seed=seed) for seed in range(3)]
        >>> log_prob = lambda x: average_conditionals(models, x, averaged="logits")
        >>> round(sum_over_domain(log_prob, models[0].domain), 6)
        1.0
    """
    if averaged not in ("logits", "probabilities"):
        raise ValueError(f"averaged must be 'logits' or 'probabilities', not {averaged!r}")
    if not isinstance(Ensemble(models).domain, Grid):
        raise ChainruleError("conditionals can only be averaged at sites with levels; take a Binary or Levels domain")
    log_p = torch.stack([model.conditionals(x).log_probs for model in models]).double()  # [K, n, *shape, levels]
    mixed = log_p.mean(0).log_softmax(-1) if averaged == "logits" else log_p.exp().mean(0).log()
    return sum_sites(mixed.gather(-1, x.long().unsqueeze(-1)))


def total_variation(p: Tensor, q: Tensor) -> float:
    """Return ½ Σ |p - q|, the largest difference between the probabilities of any set of outcomes.

    Raises:
        ValueError: distributions over different numbers of outcomes.

    Example:
        >>> total_variation(torch.tensor([0.5, 0.5]), torch.tensor([1.0, 0.0]))
        0.5
    """
    if p.shape != q.shape:
        raise ValueError(
            f"total variation compares distributions over the same outcomes, and these are over {len(p)} and {len(q)}"
        )
    return float((p - q).abs().sum()) / 2
