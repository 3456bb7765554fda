"""Autoregression: the product rule on tables of probabilities, and a series predicted from its own past.

A joint distribution of D variables is a product of D conditional ones, each of a variable given those before it. Here
that is done by counting (`factors`, `product_rule`), then for a series of numbers by least squares (`LinearAR`), and
with windows of the series as rows of a table, for a network (`windows`, `window_table`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from chainrule.domains import Column, Table
from chainrule.domains.table import NUM_QUANTILES
from chainrule.errors import ChainruleError
from chainrule.models.base import AutoregressiveModel, evaluating

Floats = NDArray[np.float64]
DUST = 1e-9
"""How far the sum of a table may be from 1; and residuals so small beside the values are none."""


def factors(joint: ArrayLike) -> list[Floats]:
    """The conditional tables p(x_1), p(x_2 | x_1), …, p(x_D | x_1, …, x_{D-1}) of a joint table.

    Each is what is left of the joint when all later variables are summed out, divided by the same of the variables
    before. Given what never happens, a variable is uniform: any numbers would do there. For another order of the
    variables, transpose the table first.
    Source: MADE (arXiv:1502.03509), section 3.

    Args:
        joint: probabilities [K_1, …, K_D], of variables with K_d levels each.

    Returns:
        D tables; the d-th is [K_1, …, K_d], and sums to 1 over its last axis.

    Raises:
        ChainruleError: no variables, a negative number, or a sum other than 1.

    Example:
        >>> first, second = factors([[0.4, 0.1], [0.1, 0.4]])
        >>> first.tolist(), second.round(3).tolist()
        ([0.5, 0.5], [[0.8, 0.2], [0.2, 0.8]])
    """
    p, found = _checked(joint), []
    before = np.ones(())  # p of no variables at all
    for d in range(p.ndim):
        later = tuple(range(d + 1, p.ndim))
        upto = p.sum(axis=later)  # p(x_1, …, x_d)
        found.append(_divided(upto, before[..., None]))
        before = upto
    return found


def product_rule(factors: Sequence[ArrayLike]) -> Floats:
    """The joint table p(x) = ∏ p(x_d | x_<d) of its conditional tables: the inverse of `factors`.

    Source: MADE (arXiv:1502.03509), section 3.

    Args:
        factors: D tables, the d-th [K_1, …, K_d].

    Returns:
        [K_1, …, K_D]

    Raises:
        ChainruleError: no tables, or one that is not the one before it with an axis more.

    Example:
        >>> product_rule([[0.5, 0.5], [[0.8, 0.2], [0.2, 0.8]]]).tolist()
        [[0.4, 0.1], [0.1, 0.4]]
    """
    joint = np.ones(())  # p of no variables at all
    for factor in _nested(factors):
        joint = joint[..., None] * factor
    return joint


def free_numbers(levels: Sequence[int]) -> list[int]:
    """How many numbers each of the conditional tables of variables with so many levels is free to choose.

    For each outcome of the variables before it, a table has K_d probabilities, which sum to 1. All of them together
    have as many as the joint table, ∏ K_d - 1: the product rule saves nothing, it only sorts.

    Args:
        levels: K_1, …, K_D.

    Raises:
        ChainruleError: a variable without levels.

    Example:
        >>> free_numbers([2, 2, 2, 2]), 2**4 - 1
        ([1, 2, 4, 8], 15)
    """
    if min(levels, default=1) < 1:
        raise ChainruleError(f"each variable needs at least 1 level, and levels is {list(levels)}")
    return [math.prod(levels[:d]) * (levels[d] - 1) for d in range(len(levels))]


def _nested(factors: Sequence[ArrayLike]) -> list[Floats]:
    """The tables as arrays, once each is known to have an axis more than the one before it."""
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


def _checked(joint: ArrayLike) -> Floats:
    p = np.asarray(joint, dtype=np.float64)
    if p.ndim == 0 or p.size == 0:
        raise ChainruleError(f"a joint table needs variables with levels, and its shape is {list(p.shape)}")
    if not (p >= 0).all() or abs(p.sum() - 1) > DUST:
        raise ChainruleError(
            f"the numbers of a joint table are at least 0 and sum to 1; the least of these is {p.min():g}, their sum "
            f"{p.sum():g}: divide counts by their total"
        )
    return p


def _divided(upto: Floats, before: Floats) -> Floats:
    """upto / before, and uniform where that is 0 / 0."""
    happens = np.broadcast_to(before > 0, upto.shape)
    found: Floats = np.divide(upto, before, out=np.full(upto.shape, 1 / upto.shape[-1]), where=happens)
    return found


@dataclass(frozen=True)
class LinearAR:
    """A linear autoregression x_t = c + Σ φ_i x_{t-i} + ε_t, with Gaussian ε_t: each value given the p before it.

    So the density of a series, given its first p values, is the product of these Gaussians. With p = 0 it is one
    Gaussian for all values.
    Source: linear autoregression of order p (Yule 1927).

    Attributes:
        constant: c, in the units of the series.
        weights: φ_1, …, φ_p; φ_1 is that of the value just before.
        std: the standard deviation of ε_t, in the units of the series.

    Example:
        >>> halves = LinearAR.fit([64, 32, 16, 8, 4, 3, 1, 1, 0], order=1)
        >>> [round(weight, 2) for weight in halves.weights], halves.means([64.0, 32.0]).round(1).tolist()
        ([0.5], [32.0, 16.0])
    """

    constant: float
    weights: tuple[float, ...]
    std: float

    @classmethod
    def fit(cls, series: ArrayLike, order: int) -> LinearAR:
        """The maximum of the likelihood given the first p values: least squares, and the residuals' mean square.

        Args:
            series: [n].
            order: p.

        Raises:
            ChainruleError: p below 0, too short a series, or one without any noise.
        """
        x = _long_enough(_series(series), order)
        past, now = _pasts(x[:-1], order), x[order:]
        design = np.column_stack([np.ones(len(now)), past])
        solution = np.linalg.lstsq(design, now)[0]
        std = _not_zero(np.sqrt(np.mean((now - design @ solution) ** 2)), x)
        return cls(float(solution[0]), tuple(solution[1:].tolist()), std)

    @property
    def order(self) -> int:
        return len(self.weights)

    def means(self, series: ArrayLike) -> Floats:
        """What is expected after each run of p values of a series [n], the last one included: [n - p + 1]."""
        found: Floats = self.constant + _pasts(_series(series), self.order) @ np.array(self.weights)
        return found

    def log_prob(self, series: ArrayLike) -> Floats:
        """log p(x_t | x_{t-1}, …, x_{t-p}), nats per unit of the series, of all values but the first p: [n - p]."""
        x = _series(series)
        z = (x[self.order :] - self.means(x[:-1])) / self.std
        return -0.5 * z**2 - math.log(self.std) - 0.5 * math.log(2 * math.pi)

    def draws(self, past: ArrayLike, steps: int, n: int, seed: int = 0) -> Floats:
        """`n` ways to go on with a series: each value is drawn given those before it, the drawn ones included.

        Args:
            past: at least p values.
            steps: how many to draw.

        Returns:
            [n, steps]
        """
        x = np.tile(_series(past), (n, 1))
        noise = self.std * np.random.default_rng(seed).standard_normal((steps, n))
        for step in range(steps):
            latest = x[:, x.shape[1] - self.order :][:, ::-1]
            value = self.constant + latest @ np.array(self.weights) + noise[step]
            x = np.column_stack([x, value])
        return x[:, x.shape[1] - steps :]


def _pasts(x: Floats, order: int) -> Floats:
    """Each run of p values, the latest first: [n - p + 1, p]."""
    if order == 0:
        return np.empty((len(x) + 1, 0))
    return windows(x, order)[:, ::-1]


def _long_enough(x: Floats, order: int) -> Floats:
    if not 0 <= order <= (len(x) - 2) // 2:
        raise ChainruleError(
            f"an order of {order} cannot be fitted to {len(x)} values; give an order of at least 0, and 2 · order + 2 "
            "values or more"
        )
    return x


def _not_zero(std: float, x: Floats) -> float:
    if std <= DUST * np.abs(x).max():
        raise ChainruleError("the series follows from its past without noise: its density has no end; add other values")
    return float(std)


def _series(series: ArrayLike) -> Floats:
    x = np.asarray(series, dtype=np.float64)
    if x.ndim != 1 or not np.isfinite(x).all():
        raise ChainruleError(f"a series is a row of finite numbers, not of shape {list(x.shape)}; drop what is missing")
    return x


def windows(series: ArrayLike, width: int) -> Floats:
    """All runs of `width` values that follow each other, as rows: [n - width + 1, width].

    Neighbouring rows share all values but one: they are no independent data.

    Raises:
        ChainruleError: a width below 1, or beyond the length of the series.

    Example:
        >>> windows([1, 2, 3, 4], 3).tolist()
        [[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]]
    """
    x = _series(series)
    if not 1 <= width <= len(x):
        raise ChainruleError(f"windows of {width} values do not fit into a series of {len(x)}; give 1 to {len(x)}")
    return np.lib.stride_tricks.sliding_window_view(x, width).copy()


def window_table(series: ArrayLike, past: int, future: int, resolution: float) -> Table:
    """The domain of windows of a series: a real column for each of so many values.

    Args:
        series: those to learn from: their quantiles are the scale of each column.
        past: how many columns are known when one predicts; they come first in the order.
        future: how many are to be predicted.
        resolution: no component of a density will be narrower than half of it, in the units of the series.

    Example:
        >>> window_table([3.0, 5.0, 4.0], 1, 2, 0.5).names
        ('1 before', '1 after', '2 after')
    """
    quantiles = tuple(np.quantile(_series(series), np.linspace(0, 1, NUM_QUANTILES)).tolist())
    names = [f"{lag} before" for lag in range(past, 0, -1)] + [f"{step} after" for step in range(1, future + 1)]
    return Table([Column(name, "real", quantiles=quantiles, dtype="float64", resolution=resolution) for name in names])


def next_log_prob(model: AutoregressiveModel, series: ArrayLike, past: int) -> Floats:
    """log p(x_t | the `past` values before it) of all values of a series but the first ones: float64 [n - past].

    Nats per unit of the series, under a model of windows. The conditional of the first column to be predicted reads
    only the columns before it, so whatever stands after it makes no difference: here zeros.

    Args:
        model: its domain is a `window_table`, its order that of the columns.
        series: [n].
    """
    later = model.domain.sites - past - 1
    rows = torch.from_numpy(windows(np.append(_series(series), np.zeros(later)), past + 1 + later))
    with evaluating(model):
        by_column = model.conditionals(model.domain.check(rows)).log_prob(rows)
    found: Floats = by_column[:, past].double().numpy()
    return found


def band(draws: Floats, share: float) -> tuple[Floats, Floats]:
    """The ends of the middle interval that holds this share of draws [..., n, steps]: two of [..., steps].

    Example:
        >>> low, high = band(np.arange(101.0)[:, None], 0.9)
        >>> low.round(6).tolist(), high.round(6).tolist()
        ([5.0], [95.0])
    """
    if not 0 < share < 1:
        raise ChainruleError(f"the share of draws within a band lies between 0 and 1, and it is {share}")
    low, high = np.quantile(draws, [(1 - share) / 2, (1 + share) / 2], axis=-2)
    return low, high


def covered(draws: Floats, truth: Floats, share: float) -> NDArray[np.bool_]:
    """Does the band that holds this share of draws [..., n, steps] hold what came true [..., steps]?

    Where forecasts are as sure as they may be, the answer is yes for about that share of them: see `share_held`.
    """
    low, high = band(draws, share)
    return (low <= truth) & (truth <= high)


def share_held(share: float, n: int) -> float:
    """How much of a distribution the band of n draws from it holds, in the mean: a little less than its share.

    Below the i-th smallest of n draws lies i / (n + 1) of the distribution, in the mean; and NumPy takes for the
    quantile of q the one at i = 1 + q (n - 1).

    Example:
        >>> round(share_held(0.9, 100), 3), round(share_held(0.9, 10_000), 3)
        (0.882, 0.9)
    """
    return share * (n - 1) / (n + 1)


def sunspots() -> tuple[NDArray[np.int64], Floats]:
    """The years 1700 to 2008, and the mean sunspot number of each: two of [309].

    Source: NOAA National Geophysical Data Center, as the Python package statsmodels keeps it; public domain.

    Example:
        >>> years, numbers = sunspots()
        >>> years[[0, -1]].tolist(), numbers.max().item(), years[numbers.argmax()].item()
        ([1700, 2008], 190.2, 1957)
    """
    text = files("chainrule.learn").joinpath("data", "sunspots.csv").read_text(encoding="utf-8")
    rows = np.loadtxt(text.splitlines(), delimiter=",", skiprows=3)
    return rows[:, 0].astype(np.int64), rows[:, 1].copy()
