"""Probabilities from the outputs of a network on binary sites: the cross-entropy, and sums over all 2^D inputs."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.domains import Binary
from chainrule.errors import ChainruleError

MAX_SITES = 20
"""The largest number of sites whose inputs are all enumerated: a million inputs."""
TOLERANCE = 1e-4
"""The largest difference from 1 that a sum of float32 probabilities may have."""


def cross_entropy(x: Tensor, x_hat: Tensor, *, logits: bool = False) -> Tensor:
    """Return ℓ(x) = Σ_d −x_d log x̂_d − (1 − x_d) log(1 − x̂_d), in nats: float64 [n].

    From logits z, with x̂ = sigm(z), the result is finite: −log sigm(z) is log(1 + e^(−z)), and 1 − sigm(z) is
    sigm(−z). From x̂ it is infinite where x̂ is rounded to 1 (in float32 from z = 17 on) and x is 0.
    The cross-entropy is −log p(x) only where x̂_d is p(x_d = 1 | x_<d).

    Source: MADE (arXiv:1502.03509), section 2; as a likelihood, section 3.

    Args:
        x: zeros and ones [n, *sites].
        x_hat: probabilities or logits of the same shape.
        logits: True if `x_hat` contains logits.

    Raises:
        ChainruleError: other values in x, different shapes, or probabilities outside [0, 1].

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


def bernoulli_probs(x: Tensor, x_hat: Tensor) -> Tensor:
    """Return the probability of each value: x̂_d where x_d = 1, and 1 − x̂_d where x_d = 0. [n, *sites]

    It is p(x_d | x_<d) if x̂_d depends on x_<d alone.

    Source: MADE (arXiv:1502.03509), section 3.

    Args:
        x: zeros and ones [n, *sites].
        x_hat: probabilities of a one, of the same shape.

    Raises:
        ChainruleError: other values in x, different shapes, or probabilities outside [0, 1].

    Example:
        >>> bernoulli_probs(torch.tensor([[1, 0]]), torch.tensor([[0.75, 0.75]])).tolist()
        [[0.75, 0.25]]
    """
    check_outputs(x, x_hat, logits=False)
    return torch.where(x == 1, x_hat, 1 - x_hat)


def enumerate_inputs(sites: int) -> Tensor:
    """Return all rows of zeros and ones, in the order of binary numbers: int64 [2^sites, sites].

    Raises:
        ChainruleError: no sites, or more than `MAX_SITES`.

    Example:
        >>> enumerate_inputs(2).tolist()
        [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    if not 1 <= sites <= MAX_SITES:
        raise ChainruleError(
            f"the inputs of 1 to {MAX_SITES} sites can be enumerated, not of {sites}; take fewer sites"
        )
    return torch.cat(list(Binary((sites,)).outcomes()))


def sum_over_inputs(
    log_prob: Callable[[Tensor], Tensor],
    sites: int,
) -> float:
    """Return Σ_x p(x) over all 2^D inputs, in float64; it is 1 if p is a distribution.

    Args:
        log_prob: a function from zeros and ones, int64 [2^D, D], to log p(x) in nats, [2^D].
        sites: D.

    Raises:
        ChainruleError: no sites, more than `MAX_SITES`, or a result of another shape than [2^D].

    Example:
        >>> coin = lambda x: torch.full((len(x),), 0.5).log()  # a distribution over one site, and not over three
        >>> round(sum_over_inputs(coin, 1), 6), round(sum_over_inputs(coin, 3), 6)
        (1.0, 4.0)
    """
    x = enumerate_inputs(sites)
    with torch.no_grad():
        log_probs = check_log_probs(log_prob(x), x)
    return float(log_probs.double().exp().sum())


def reconstruction_probs(logits: Callable[[Tensor], Tensor], sites: int) -> Tensor:
    """Return q(y | x) = ∏_d x̂_d^(y_d) (1 − x̂_d)^(1 − y_d), for all inputs x (rows) and all outputs y (columns).

    Every row sums to 1: for a fixed x, the outputs define a distribution of y with independent sites. A cross-entropy
    reads the diagonal, q(x | x), whose entries belong to different distributions and may have any sum.

    Args:
        logits: a function from inputs [2^D, D] to the logits of x̂, [2^D, D].
        sites: D.

    Returns:
        float64 [2^D, 2^D]

    Raises:
        ChainruleError: no sites, or more than `MAX_SITES` / 2.

    Example:
        >>> copy = lambda x: 100.0 * (2 * x - 1)  # x̂ = x
        >>> reconstruction_probs(copy, 1).round(decimals=3).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    if 2 * sites > MAX_SITES:
        raise ChainruleError(
            f"there are too many pairs of inputs and outputs of {sites} sites; take {MAX_SITES // 2} at most"
        )
    y = enumerate_inputs(sites)
    with torch.no_grad():
        z = logits(y).double()
    return (F.logsigmoid(z) @ y.T.double() + F.logsigmoid(-z) @ (1 - y).T.double()).exp()


def empirical_probs(x: Tensor) -> Tensor:
    """Return the frequency of each of the 2^D inputs in the data, in the order of `enumerate_inputs`: float64 [2^D].

    Args:
        x: zeros and ones [n, D].

    Raises:
        ChainruleError: other values or shapes, no data, or more than `MAX_SITES` sites.

    Example:
        >>> empirical_probs(torch.tensor([[0, 1], [0, 1], [1, 1], [0, 0]])).tolist()
        [0.25, 0.5, 0.0, 0.25]
    """
    domain = Binary((len(enumerate_inputs(x.shape[-1])[0]),))  # raises an error for too many sites
    if len(domain.check(x)) == 0:
        raise ChainruleError("there are no data to count; give at least one datum")
    counts = torch.bincount(domain.outcome_index(x), minlength=2**domain.sites)
    return counts.double() / len(x)


def entropy(p: Tensor) -> float:
    """Return −Σ p log p in nats, the smallest mean −log q(x) of any distribution q on data with frequencies p.

    That lower bound is Gibbs' inequality.

    Raises:
        ChainruleError: p is not a distribution.

    Example:
        >>> round(entropy(torch.tensor([0.5, 0.5, 0.0])), 4)  # ln 2
        0.6931
    """
    if not (bool((p >= 0).all()) and abs(float(p.sum()) - 1) < TOLERANCE):
        raise ChainruleError(
            f"an entropy needs probabilities of at least 0 that sum to 1, and their sum is {float(p.sum()):g}; divide "
            "them by it"
        )
    return float(-torch.xlogy(p, p).sum())


def check_log_probs(log_probs: Tensor, x: Tensor) -> Tensor:
    """Return `log_probs`, after checking that it has one value for each datum of x.

    Raises:
        ChainruleError: another shape.
    """
    if log_probs.shape != (len(x),):
        raise ChainruleError(
            f"log_prob returned the shape {list(log_probs.shape)} for {len(x)} inputs; it must return [{len(x)}]"
        )
    return log_probs


def check_outputs(x: Tensor, x_hat: Tensor, logits: bool) -> None:
    """Raise ChainruleError unless x contains zeros and ones, and x_hat has the same shape."""
    if x.ndim < 2 or x_hat.shape != x.shape:
        raise ChainruleError(
            f"data need the shape [n, D], and outputs the same; they have {list(x.shape)} and {list(x_hat.shape)}"
        )
    Binary(tuple(x.shape[1:])).check(x)
    if not logits and not bool(((x_hat >= 0) & (x_hat <= 1)).all()):  # False for a NaN
        raise ChainruleError(
            "outputs must be probabilities from 0 to 1, and some are not; give logits with logits=True"
        )
