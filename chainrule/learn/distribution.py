"""Outputs that are no distribution: what an autoencoder's outputs sum to, and when the cross-entropy is −log p(x).

Three questions are asked of a network with one output x̂_d for each of D binary sites: what the cross-entropy of its
outputs is, which probabilities they can be read as, and what these sum to over all 2^D inputs.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.domains import Binary
from chainrule.errors import ChainruleError

MOST = 20
"""Of so many sites all inputs are tried at most: a million."""
ROUNDING = 1e-4
"""So far from 1 a sum of float32 probabilities may lie."""


def cross_entropy(x: Tensor, x_hat: Tensor, logits: bool = False) -> Tensor:
    """ℓ(x) = Σ_d −x_d log x̂_d − (1 − x_d) log(1 − x̂_d), in nats: float64 [n].

    From logits z, with x̂ = sigm(z), it stays finite: −log sigm(z) is log(1 + e^(−z)), and 1 − sigm(z) is sigm(−z).
    From x̂ itself it is infinite as soon as x̂ has been rounded to 1 (in float32 from z = 17 on) where x is 0.
    It is −log p(x) where x̂_d is p(x_d = 1 | x_<d), and only there.

    Source: MADE (arXiv:1502.03509), section 2; as a likelihood, section 3.

    Args:
        x: zeros and ones [n, *sites].
        x_hat: of the same shape: probabilities, or logits.
        logits: which of the two.

    Raises:
        ChainruleError: other values in x, other shapes, or probabilities that are none.

    Example:
        >>> x, z = torch.tensor([[1, 0]]), torch.tensor([[0.0, 40.0]])
        >>> cross_entropy(x, torch.tensor([[0.5, 0.5]])).tolist(), cross_entropy(x, z, logits=True).tolist()
        ([1.3862943611198906], [40.69314718055995])
    """
    check_outputs(x, x_hat, logits)
    x, x_hat = x.double().flatten(1), x_hat.double().flatten(1)
    if logits:
        return -F.logsigmoid((2 * x - 1) * x_hat).sum(1)
    return (-torch.xlogy(x, x_hat) - torch.xlogy(1 - x, 1 - x_hat)).sum(1)


def read_as_probabilities(x: Tensor, x_hat: Tensor) -> Tensor:
    """p(x_d | …) by site: x̂_d where x_d = 1, and 1 − x̂_d where x_d = 0. [n, *sites]

    Whether it deserves that name depends on what x̂_d has seen: of x_<d alone, it is p(x_d | x_<d).

    Source: MADE (arXiv:1502.03509), section 3.

    Args:
        x: zeros and ones [n, *sites].
        x_hat: probabilities of a one, of the same shape.

    Raises:
        ChainruleError: other values in x, other shapes, or probabilities that are none.

    Example:
        >>> read_as_probabilities(torch.tensor([[1, 0]]), torch.tensor([[0.75, 0.75]])).tolist()
        [[0.75, 0.25]]
    """
    check_outputs(x, x_hat, logits=False)
    return torch.where(x == 1, x_hat, 1 - x_hat)


def every_input(sites: int) -> Tensor:
    """All rows of zeros and ones, counting up: int64 [2^sites, sites].

    Raises:
        ChainruleError: no sites, or too many.

    Example:
        >>> every_input(2).tolist()
        [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    if not 1 <= sites <= MOST:
        raise ChainruleError(f"all inputs of 1 to {MOST} sites can be listed, not of {sites}; take fewer sites")
    return torch.cat(list(Binary((sites,)).outcomes()))


def total(log_prob: Callable[[Tensor], Tensor], sites: int) -> float:
    """Σ_x p(x) over all 2^D inputs, in float64: 1, if p is a distribution.

    Args:
        log_prob: from zeros and ones, int64 [2^D, D], to what is taken for log p(x), in nats, [2^D].
        sites: D.

    Raises:
        ChainruleError: no sites, or too many, or not one number for each input.

    Example:
        >>> coins = lambda x: torch.full((len(x),), 0.5).log()  # of one site, and not of three
        >>> round(total(coins, 1), 6), round(total(coins, 3), 6)
        (1.0, 4.0)
    """
    x = every_input(sites)
    with torch.no_grad():
        logs = one_each(log_prob(x), x)
    return float(logs.double().exp().sum())


def reconstruction_table(logits: Callable[[Tensor], Tensor], sites: int) -> Tensor:
    """q(y | x) = ∏_d x̂_d^(y_d) (1 − x̂_d)^(1 − y_d), for all inputs x (rows) and all outputs y (columns).

    Every row sums to 1: for a fixed x, the outputs are a distribution of y, with independent sites. A cross-entropy
    reads the diagonal, q(x | x), which takes each number from another distribution and may sum to anything.

    Args:
        logits: of x̂, [2^D, D] for inputs [2^D, D].
        sites: D.

    Returns:
        float64 [2^D, 2^D]

    Raises:
        ChainruleError: no sites, or too many for all pairs.

    Example:
        >>> copy = lambda x: 100.0 * (2 * x - 1)  # x̂ = x
        >>> reconstruction_table(copy, 1).round(decimals=3).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    if 2 * sites > MOST:
        raise ChainruleError(f"all pairs of inputs and outputs of {sites} sites are too many; take {MOST // 2} at most")
    y = every_input(sites)
    with torch.no_grad():
        z = logits(y).double()
    return (F.logsigmoid(z) @ y.T.double() + F.logsigmoid(-z) @ (1 - y).T.double()).exp()


def frequencies(x: Tensor) -> Tensor:
    """The share of the data that each of the 2^D inputs is, in the order of `every_input`: float64 [2^D].

    Args:
        x: zeros and ones [n, D].

    Raises:
        ChainruleError: other values or shapes, no data, or too many sites.

    Example:
        >>> frequencies(torch.tensor([[0, 1], [0, 1], [1, 1], [0, 0]])).tolist()
        [0.25, 0.5, 0.0, 0.25]
    """
    domain = Binary((len(every_input(x.shape[-1])[0]),))  # asks for few enough sites
    if len(domain.check(x)) == 0:
        raise ChainruleError("there are no data to count; give at least one datum")
    counts = torch.bincount(domain.number_of(x), minlength=2**domain.sites)
    return counts.double() / len(x)


def entropy(p: Tensor) -> float:
    """−Σ p log p in nats: no distribution gives data of frequencies p a smaller mean −log q(x) (Gibbs' inequality).

    Raises:
        ChainruleError: p is no distribution.

    Example:
        >>> round(entropy(torch.tensor([0.5, 0.5, 0.0])), 4)  # ln 2
        0.6931
    """
    if not (bool((p >= 0).all()) and abs(float(p.sum()) - 1) < ROUNDING):
        raise ChainruleError(
            f"an entropy is of probabilities that sum to 1, and these to {float(p.sum()):g}; divide them"
        )
    return float(-torch.xlogy(p, p).sum())


def one_each(logs: Tensor, x: Tensor) -> Tensor:
    """`logs` itself, when it has one number for each datum of x.

    Raises:
        ChainruleError: it has not.
    """
    if logs.shape != (len(x),):
        raise ChainruleError(f"log_prob gave {list(logs.shape)} numbers for {len(x)} inputs; it must give one for each")
    return logs


def check_outputs(x: Tensor, x_hat: Tensor, logits: bool) -> None:
    """Raises ChainruleError unless x is of zeros and ones and x_hat has a number for each of them."""
    if x.ndim < 2 or x_hat.shape != x.shape:
        raise ChainruleError(
            f"data need the shape [n, D], and outputs the same; they have {list(x.shape)} and {list(x_hat.shape)}"
        )
    Binary(tuple(x.shape[1:])).check(x)
    if not logits and not bool(((x_hat >= 0) & (x_hat <= 1)).all()):  # which a NaN is not
        raise ChainruleError(
            "outputs must be probabilities from 0 to 1, and some are not; give logits with logits=True"
        )
