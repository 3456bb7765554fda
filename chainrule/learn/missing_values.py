"""The distribution of missing values given the evidence, by enumeration, and those of two wrong ways to sample them."""

from __future__ import annotations

import torch
from torch import Tensor

from chainrule.domains import Domain
from chainrule.inference import check_evidence
from chainrule.learn.model_averages import enumerate_outcomes
from chainrule.models import AutoregressiveModel, Density
from chainrule.sampling import evaluating


def enumerate_completions(domain: Domain, x: Tensor, evidence: Tensor) -> Tensor:
    """Return every datum of a small domain that agrees with the evidence: [m, *shape].

    Args:
        domain: a domain of at most 2^16 outcomes.
        x: one datum, [*shape]; values outside the evidence are ignored.
        evidence: bool [*shape], True where a value is known.

    Raises:
        ChainruleError: a domain of more than 2^16 outcomes.

    Example:
        >>> from chainrule.domains import Binary
        >>> enumerate_completions(Binary((3,)), torch.tensor([1, 0, 0]), torch.tensor([True, False, True])).tolist()
        [[1, 0, 0], [1, 1, 0]]
    """
    parts = (part[(part == x)[:, evidence].all(1)] for part in enumerate_outcomes(domain))
    return torch.cat(list(parts))


def posterior_probs(model: Density, x: Tensor, evidence: Tensor) -> Tensor:
    """Return p(missing | evidence) of each of the `enumerate_completions` of a datum: float64 [m], with sum 1.

    By Bayes' rule it is p(x) of each completion, divided by the sum over all completions.

    Args:
        model: a density on a small domain.
        x: one datum, [*shape]; values outside the evidence are ignored.
        evidence: bool [*shape], True where a value is known.

    Raises:
        ChainruleError: x or evidence of a wrong shape or type, or a domain of more than 2^16 outcomes.

    Example:
        >>> import chainrule as cr
        >>> model = cr.MADE(cr.Binary((3,)), hidden=(8,))  # untrained: all outcomes are equally likely
        >>> posterior_probs(model, torch.tensor([1, 0, 0]), torch.tensor([True, False, True])).tolist()
        [0.5, 0.5]
    """
    x, evidence = check_datum(model, x, evidence)
    with evaluating(model):
        return model.log_prob(enumerate_completions(model.domain, x, evidence)).double().softmax(0)


def clamped_sampling_probs(
    model: AutoregressiveModel,
    x: Tensor,
    evidence: Tensor,
) -> Tensor:
    """Return the probability of each of the `enumerate_completions` when known sites are clamped while sampling: [m].

    The known values stay fixed, and each missing site is sampled from p(x_i | x_<i), so the probability is the product
    over the missing sites. It is p(missing | evidence) if the known sites come first in the order. Otherwise it is a
    common mistake: the sample of a site ignores the known sites after it.

    Args:
        model: an autoregressive model on a small domain.
        x: one datum, [*shape]; values outside the evidence are ignored.
        evidence: bool [*shape], True where a value is known.

    Returns:
        float64 [m].

    Raises:
        ChainruleError: x or evidence of a wrong shape or type, or a domain of more than 2^16 outcomes.

    Example:
        >>> import chainrule as cr
        >>> model = cr.MADE(cr.Binary((3,)), hidden=(8,), order=(0, 2, 1))
        >>> x, evidence = torch.tensor([1, 0, 0]), torch.tensor([True, False, True])
        >>> bool(torch.allclose(clamped_sampling_probs(model, x, evidence), posterior_probs(model, x, evidence)))
        True
    """
    x, evidence = check_datum(model, x, evidence)
    completions = enumerate_completions(model.domain, x, evidence)
    with evaluating(model):
        conditionals = model.conditionals(completions)
        log_probs = conditionals.log_prob(completions).double()
    return log_probs[:, ~evidence].sum(1).exp()


def overwritten_sampling_probs(model: Density, x: Tensor, evidence: Tensor) -> Tensor:
    """Return the probability of each completion if known values overwrite a whole sample: p(missing), float64 [m].

    It is another common mistake: the sample ignores the evidence.

    Args:
        model: a density on a small domain.
        x: one datum, [*shape]; values outside the evidence are ignored.
        evidence: bool [*shape], True where a value is known.

    Raises:
        ChainruleError: x or evidence of a wrong shape or type, or a domain of more than 2^16 outcomes.
    """
    x, evidence = check_datum(model, x, evidence)
    outcomes = torch.cat(list(enumerate_outcomes(model.domain)))
    with evaluating(model):
        p = model.log_prob(outcomes).double().exp()
    overwritten = torch.where(evidence, x, outcomes)
    totals = torch.zeros_like(p).index_add(0, model.domain.outcome_index(overwritten), p)
    return totals[model.domain.outcome_index(enumerate_completions(model.domain, x, evidence))]


def check_datum(model: Density, x: Tensor, evidence: Tensor) -> tuple[Tensor, Tensor]:
    """Return one datum with zeros outside the evidence, and the evidence: both [*shape].

    Raises:
        ChainruleError: x or evidence of a wrong shape or type.
    """
    rows, known = check_evidence(model, x[None], evidence[None])
    return rows[0], known[0]


def expected_values(completions: Tensor, p: Tensor) -> Tensor:
    """Return the mean of each site over completions [m, *shape] with probabilities p [m]: float64 [*shape].

    For binary sites it is p(x_i = 1 | evidence).

    Raises:
        ValueError: a shape of p other than [m].

    Example:
        >>> expected_values(torch.tensor([[1, 0], [1, 1]]), torch.tensor([0.25, 0.75])).tolist()
        [1.0, 0.75]
    """
    if p.shape != completions.shape[:1]:
        raise ValueError(f"{len(completions)} completions need as many probabilities, not {list(p.shape)}")
    return (completions.flatten(1).double() * p.double()[:, None]).sum(0).view(completions.shape[1:])
