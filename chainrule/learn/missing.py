"""Missing values: p(missing | given) by enumeration, and what two ways to fill them in draw from instead.

All of it adds up every datum of a small domain, so that a wrong distribution is a number and no matter of taste.
"""

from __future__ import annotations

import torch
from torch import Tensor

from chainrule.domains import Domain
from chainrule.inference.conditioning import check_evidence
from chainrule.learn.orders import outcomes
from chainrule.models.base import AutoregressiveModel, Density, evaluating


def completions_of(domain: Domain, x: Tensor, evidence: Tensor) -> Tensor:
    """Every datum of a small domain that has the given values: [m, *shape].

    Args:
        x: one datum, [*shape]; values outside the evidence are not read.
        evidence: bool [*shape], True where a value is given.

    Raises:
        ChainruleError: a domain of more than 2^16 outcomes.

    Example:
        >>> from chainrule.domains import Binary
        >>> completions_of(Binary((3,)), torch.tensor([1, 0, 0]), torch.tensor([True, False, True])).tolist()
        [[1, 0, 0], [1, 1, 0]]
    """
    parts = (each[(each == x)[:, evidence].all(1)] for each in outcomes(domain))
    return torch.cat(list(parts))


def posterior(model: Density, x: Tensor, evidence: Tensor) -> Tensor:
    """p(missing | given) of each of the `completions_of` a datum: float64 [m]; it sums to 1.

    By Bayes' rule, p(x) of each completion over the sum of them all: what every other way has to agree with.

    Args:
        x: one datum, [*shape]; values outside the evidence are not read.
        evidence: bool [*shape], True where a value is given.

    Raises:
        ChainruleError: x or evidence of a wrong shape or type, or a domain of more than 2^16 outcomes.

    Example:
        >>> import chainrule as cr
        >>> model = cr.MADE(cr.Binary((3,)), hidden=(8,))  # untrained: all are equally likely
        >>> posterior(model, torch.tensor([1, 0, 0]), torch.tensor([True, False, True])).tolist()
        [0.5, 0.5]
    """
    x, evidence = checked(model, x, evidence)
    with evaluating(model):
        return model.log_prob(completions_of(model.domain, x, evidence)).double().softmax(0)


def drawn_around(
    model: AutoregressiveModel,
    x: Tensor,
    evidence: Tensor,
) -> Tensor:
    """How likely each of the `completions_of` a datum is if the missing sites are drawn in the model's order: [m].

    The given values stand where they are, and each missing site is drawn from p(x_i | x_<i): ∏ over the missing sites.
    That is p(missing | given) where the given sites are the first of the order. Elsewhere it is the classic mistake: a
    site that is drawn early knows nothing of what is given later.

    Args:
        x: one datum, [*shape]; values outside the evidence are not read.
        evidence: bool [*shape], True where a value is given.

    Raises:
        ChainruleError: x or evidence of a wrong shape or type, or a domain of more than 2^16 outcomes.

    Example:
        >>> import chainrule as cr
        >>> model = cr.MADE(cr.Binary((3,)), hidden=(8,), order=(0, 2, 1))
        >>> x, evidence = torch.tensor([1, 0, 0]), torch.tensor([True, False, True])
        >>> bool(torch.allclose(drawn_around(model, x, evidence), posterior(model, x, evidence)))
        True
    """
    x, evidence = checked(model, x, evidence)
    every = completions_of(model.domain, x, evidence)
    with evaluating(model):
        by_site = model.conditionals(every).log_prob(every).double()
    return by_site[:, ~evidence].sum(1).exp()


def overwritten(model: Density, x: Tensor, evidence: Tensor) -> Tensor:
    """The same if a whole datum is drawn, and the given values are written over it: p(missing), float64 [m].

    The other classic mistake: nothing that is drawn knows anything of what is given.

    Args:
        x: one datum, [*shape]; values outside the evidence are not read.
        evidence: bool [*shape], True where a value is given.

    Raises:
        ChainruleError: x or evidence of a wrong shape or type, or a domain of more than 2^16 outcomes.
    """
    x, evidence = checked(model, x, evidence)
    every = torch.cat(list(outcomes(model.domain)))
    with evaluating(model):
        p = model.log_prob(every).double().exp()
    missing = torch.where(evidence, x, every)  # each datum as it ends up
    totals = torch.zeros_like(p).index_add(0, model.domain.number_of(missing), p)
    return totals[model.domain.number_of(completions_of(model.domain, x, evidence))]


def checked(model: Density, x: Tensor, evidence: Tensor) -> tuple[Tensor, Tensor]:
    """One datum with zeros outside the evidence, and the evidence: both [*shape].

    Raises:
        ChainruleError: x or evidence of a wrong shape or type.
    """
    rows, known = check_evidence(model, x[None], evidence[None])
    return rows[0], known[0]


def expected(every: Tensor, p: Tensor) -> Tensor:
    """The mean of each site over completions [m, *shape] of probability p [m]; of binary sites p(x_i = 1 | given).

    Raises:
        ValueError: not one probability for each completion.

    Example:
        >>> expected(torch.tensor([[1, 0], [1, 1]]), torch.tensor([0.25, 0.75])).tolist()
        [1.0, 0.75]
    """
    if p.shape != every.shape[:1]:
        raise ValueError(f"{len(every)} completions need as many probabilities, not {list(p.shape)}")
    return (every.flatten(1).double() * p.double()[:, None]).sum(0).view(every.shape[1:])
