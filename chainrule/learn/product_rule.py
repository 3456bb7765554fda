"""The product rule on tables of probabilities: factorize a joint table into conditional tables, and multiply them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from chainrule.errors import ChainruleError
from chainrule.learn.arrays import FloatArray

TOLERANCE = 1e-9
"""The largest difference from 1 that the sum of a joint table may have."""


def factorize_joint(joint: ArrayLike) -> list[FloatArray]:
    """Return the conditional tables p(x_1), p(x_2 | x_1), …, p(x_D | x_1, …, x_{D-1}) of a joint table.

    Each conditional table is the marginal of the variables up to x_d, divided by the marginal of the variables before
    x_d. Where the values before x_d have probability 0, the conditional is set to the uniform distribution; any
    distribution would be valid there. For another order of the variables, transpose the joint table first.
    Source: MADE (arXiv:1502.03509), section 3.

    Args:
        joint: probabilities [K_1, …, K_D] of variables with K_d levels each.

    Returns:
        D tables; table d has the shape [K_1, …, K_d] and sums to 1 over its last axis.

    Raises:
        ChainruleError: no variables, a negative probability, or a sum other than 1.

    Example:
        >>> first, second = factorize_joint([[0.4, 0.1], [0.1, 0.4]])
        >>> first.tolist(), second.round(3).tolist()
        ([0.5, 0.5], [[0.8, 0.2], [0.2, 0.8]])
    """
    p, factors = _check_joint(joint), []
    before = np.ones(())  # p of no variables at all
    for d in range(p.ndim):
        later = tuple(range(d + 1, p.ndim))
        upto = p.sum(axis=later)  # p(x_1, …, x_d)
        factors.append(_divide(upto, before[..., None]))
        before = upto
    return factors


def multiply_conditionals(factors: Sequence[ArrayLike]) -> FloatArray:
    """Return the joint table p(x) = ∏ p(x_d | x_<d) of its conditional tables; the inverse of `factorize_joint`.

    Source: MADE (arXiv:1502.03509), section 3.

    Args:
        factors: D tables; table d has the shape [K_1, …, K_d].

    Returns:
        The joint table, [K_1, …, K_D].

    Raises:
        ChainruleError: no tables, or a table whose shape does not extend the shape of the previous table by one axis.

    Example:
        >>> multiply_conditionals([[0.5, 0.5], [[0.8, 0.2], [0.2, 0.8]]]).tolist()
        [[0.4, 0.1], [0.1, 0.4]]
    """
    joint = np.ones(())  # p of no variables at all
    for factor in _check_factors(factors):
        joint = joint[..., None] * factor
    return joint


def count_free_parameters(levels: Sequence[int]) -> list[int]:
    """Return the number of free parameters of each conditional table.

    For each outcome of the previous variables, table d has K_d probabilities that sum to 1. All tables together have
    as many free parameters as the joint table, ∏ K_d - 1: the product rule alone saves no parameters.

    Args:
        levels: K_1, …, K_D, the number of levels of each variable.

    Raises:
        ChainruleError: a variable without levels.

    Example:
        >>> count_free_parameters([2, 2, 2, 2]), 2**4 - 1
        ([1, 2, 4, 8], 15)
    """
    if min(levels, default=1) < 1:
        raise ChainruleError(f"each variable needs at least 1 level, and levels is {list(levels)}")
    return [math.prod(levels[:d]) * (levels[d] - 1) for d in range(len(levels))]


def _check_factors(factors: Sequence[ArrayLike]) -> list[FloatArray]:
    """Return the tables as arrays, after checking that each table has one axis more than the previous one."""
    arrays = [np.asarray(factor, dtype=np.float64) for factor in factors]
    if not arrays:
        raise ChainruleError("the product rule needs a table for each variable; give at least p(x_1), as [K_1]")
    before: tuple[int, ...] = ()
    for d, array in enumerate(arrays, 1):
        if array.ndim != d or array.shape[:-1] != before:
            raise ChainruleError(
                f"factor {d} has the shape {list(array.shape)}, after one of {list(before)}; give p(x_d | x_<d) as "
                "[K_1, …, K_d]"
            )
        before = array.shape
    return arrays


def _check_joint(joint: ArrayLike) -> FloatArray:
    p = np.asarray(joint, dtype=np.float64)
    if p.ndim == 0 or p.size == 0:
        raise ChainruleError(f"a joint table needs variables with levels, and its shape is {list(p.shape)}")
    if not (p >= 0).all() or abs(p.sum() - 1) > TOLERANCE:
        raise ChainruleError(
            f"the probabilities of a joint table must be at least 0 and sum to 1; the smallest is {p.min():g} and "
            f"their sum is {p.sum():g}: divide counts by their total"
        )
    return p


def _divide(upto: FloatArray, before: FloatArray) -> FloatArray:
    """Return upto / before, and the uniform distribution where that is 0 / 0."""
    happens = np.broadcast_to(before > 0, upto.shape)
    quotient: FloatArray = np.divide(upto, before, out=np.full(upto.shape, 1 / upto.shape[-1]), where=happens)
    return quotient
