"""Autoregression of a time series: a linear model, windows of the series as rows of a table, and forecasts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from chainrule.domains import NUM_QUANTILES, Column, Table
from chainrule.errors import ChainruleError
from chainrule.learn.arrays import FloatArray
from chainrule.models import AutoregressiveModel
from chainrule.sampling import evaluating

SMALLEST_NOISE = 1e-9
"""The residuals of a fit, relative to the largest value, at or below which a series counts as free of noise."""


@dataclass(frozen=True)
class LinearAR:
    """A linear autoregression x_t = c + Σ φ_i x_{t-i} + ε_t, with Gaussian ε_t: each value given the p values before.

    The density of a series given its first p values is the product of these Gaussians. With p = 0 the model is one
    Gaussian for all values.
    Source: linear autoregression of order p (Yule 1927).

    Attributes:
        constant: c, in the units of the series.
        weights: φ_1, …, φ_p; φ_1 is the weight of the previous value.
        std: the standard deviation of ε_t, in the units of the series.

    Example:
        >>> halves = LinearAR.fit([64, 32, 16, 8, 4, 3, 1, 1, 0], order=1)
        >>> [round(weight, 2) for weight in halves.weights], halves.predict_means([64.0, 32.0]).round(1).tolist()
        ([0.5], [32.0, 16.0])
    """

    constant: float
    weights: tuple[float, ...]
    std: float

    @classmethod
    def fit(cls, series: ArrayLike, *, order: int) -> LinearAR:
        """Return the maximum-likelihood model given the first p values: least squares, and the residuals' mean square.

        Args:
            series: values [n].
            order: p, the number of previous values that the model reads.

        Raises:
            ChainruleError: p below 0, a series that is too short, or a series without noise.
        """
        x = _check_length(_check_series(series), order)
        past, now = _past_values(x[:-1], order), x[order:]
        design = np.column_stack([np.ones(len(now)), past])
        solution = np.linalg.lstsq(design, now)[0]
        std = _check_noise(np.sqrt(np.mean((now - design @ solution) ** 2)), x)
        return cls(float(solution[0]), tuple(solution[1:].tolist()), std)

    @property
    def order(self) -> int:
        """The number of previous values that the model reads, p."""
        return len(self.weights)

    def predict_means(self, series: ArrayLike) -> FloatArray:
        """Return the conditional mean after each p consecutive values of a series [n], including the last p: [n-p+1].

        Raises:
            ChainruleError: a series that is not a row of finite numbers.
        """
        means: FloatArray = self.constant + _past_values(_check_series(series), self.order) @ np.array(self.weights)
        return means

    def log_prob(self, series: ArrayLike) -> FloatArray:
        """Return log p(x_t | x_{t-1}, …, x_{t-p}) of all values but the first p: [n - p], nats per unit of the series.

        Raises:
            ChainruleError: a series that is not a row of finite numbers.
        """
        x = _check_series(series)
        z = (x[self.order :] - self.predict_means(x[:-1])) / self.std
        return -0.5 * z**2 - math.log(self.std) - 0.5 * math.log(2 * math.pi)

    def sample(self, past: ArrayLike, *, steps: int, n: int, seed: int = 0) -> FloatArray:
        """Draw `n` continuations of a series; each value is drawn given the values before it, drawn values included.

        Args:
            past: at least p values.
            steps: the number of values to draw.
            n: the number of continuations.
            seed: of the noise.

        Returns:
            The drawn values, [n, steps].
        """
        x = np.tile(_check_series(past), (n, 1))
        noise = self.std * np.random.default_rng(seed).standard_normal((steps, n))
        for step in range(steps):
            latest = x[:, x.shape[1] - self.order :][:, ::-1]
            value = self.constant + latest @ np.array(self.weights) + noise[step]
            x = np.column_stack([x, value])
        return x[:, x.shape[1] - steps :]


def _past_values(x: FloatArray, order: int) -> FloatArray:
    """Return each p consecutive values, the latest value first: [n - p + 1, p]."""
    if order == 0:
        return np.empty((len(x) + 1, 0))
    return sliding_windows(x, order)[:, ::-1]


def _check_length(x: FloatArray, order: int) -> FloatArray:
    if not 0 <= order <= (len(x) - 2) // 2:
        raise ChainruleError(
            f"an order of {order} cannot be fitted to {len(x)} values; give an order of at least 0, and 2 · order + 2 "
            "values or more"
        )
    return x


def _check_noise(std: float, x: FloatArray) -> float:
    if std <= SMALLEST_NOISE * np.abs(x).max():
        raise ChainruleError("the series follows from its past without noise, so its density is infinite")
    return float(std)


def _check_series(series: ArrayLike) -> FloatArray:
    x = np.asarray(series, dtype=np.float64)
    if x.ndim != 1 or not np.isfinite(x).all():
        raise ChainruleError(f"a series is a row of finite numbers, not of shape {list(x.shape)}; drop missing values")
    return x


def sliding_windows(series: ArrayLike, width: int) -> FloatArray:
    """Return all windows of `width` consecutive values as rows: [n - width + 1, width].

    Neighbouring rows share all values but one, so the rows are not independent data.

    Raises:
        ChainruleError: a width below 1, or above the length of the series.

    Example:
        >>> sliding_windows([1, 2, 3, 4], 3).tolist()
        [[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]]
    """
    x = _check_series(series)
    if not 1 <= width <= len(x):
        raise ChainruleError(f"windows of {width} values do not fit into a series of {len(x)}; give 1 to {len(x)}")
    return np.lib.stride_tricks.sliding_window_view(x, width).copy()


def make_window_table(series: ArrayLike, *, past: int, future: int, resolution: float) -> Table:
    """Return the domain of windows of a series: one real column for each value of a window.

    Args:
        series: the training values; their quantiles define the scale of each column.
        past: the number of columns that are known at prediction; they come first in the order.
        future: the number of columns to predict.
        resolution: twice the smallest width of a density's components, in the units of the series.

    Example:
        >>> make_window_table([3.0, 5.0, 4.0], past=1, future=2, resolution=0.5).names
        ('1 before', '1 after', '2 after')
    """
    quantiles = tuple(np.quantile(_check_series(series), np.linspace(0, 1, NUM_QUANTILES)).tolist())
    names = [f"{lag} before" for lag in range(past, 0, -1)] + [f"{step} after" for step in range(1, future + 1)]
    return Table([Column(name, "real", quantiles=quantiles, dtype="float64", resolution=resolution) for name in names])


def next_value_log_prob(model: AutoregressiveModel, series: ArrayLike, *, past: int) -> FloatArray:
    """Return log p(x_t | the `past` values before x_t) of all values but the first `past`, in nats per unit.

    The conditional of the first predicted column reads only the columns before it, so the values of later columns
    make no difference; they are set to zero.

    Args:
        model: a model whose domain is a `make_window_table`, in the order of its columns.
        series: values [n].
        past: the number of known columns of the table.

    Returns:
        float64 [n - past].
    """
    later = model.domain.sites - past - 1
    rows = torch.from_numpy(sliding_windows(np.append(_check_series(series), np.zeros(later)), past + 1 + later))
    with evaluating(model):
        by_column = model.conditionals(model.domain.check(rows)).log_prob(rows)
    log_probs: FloatArray = by_column[:, past].double().numpy()
    return log_probs


def prediction_interval(draws: FloatArray, *, coverage: float) -> tuple[FloatArray, FloatArray]:
    """Return the ends of the central interval that holds this share of draws [..., n, steps]: two arrays [..., steps].

    Raises:
        ChainruleError: a coverage outside (0, 1).

    Example:
        >>> low, high = prediction_interval(np.arange(101.0)[:, None], coverage=0.9)
        >>> low.round(6).tolist(), high.round(6).tolist()
        ([5.0], [95.0])
    """
    if not 0 < coverage < 1:
        raise ChainruleError(f"the coverage of a prediction interval lies between 0 and 1, and it is {coverage}")
    low, high = np.quantile(draws, [(1 - coverage) / 2, (1 + coverage) / 2], axis=-2)
    return low, high


def is_covered(draws: FloatArray, truth: FloatArray, *, coverage: float) -> NDArray[np.bool_]:
    """Return True where the prediction interval of draws [..., n, steps] contains the true value [..., steps].

    For calibrated forecasts the share of True is close to the coverage; see `expected_coverage`.
    """
    low, high = prediction_interval(draws, coverage=coverage)
    return (low <= truth) & (truth <= high)


def expected_coverage(coverage: float, *, n: int) -> float:
    """Return the expected probability mass inside the prediction interval of n draws: slightly below its coverage.

    Below the i-th smallest of n draws lies i / (n + 1) of the distribution, in expectation; NumPy places the quantile
    q at i = 1 + q (n - 1).

    Example:
        >>> round(expected_coverage(0.9, n=100), 3), round(expected_coverage(0.9, n=10_000), 3)
        (0.882, 0.9)
    """
    return coverage * (n - 1) / (n + 1)


def load_sunspots() -> tuple[NDArray[np.int64], FloatArray]:
    """Return the years 1700 to 2008, and the mean sunspot number of each year: two arrays [309].

    Source: NOAA National Geophysical Data Center, as the Python package statsmodels distributes it; public domain.

    Example:
        >>> years, numbers = load_sunspots()
        >>> years[[0, -1]].tolist(), numbers.max().item(), years[numbers.argmax()].item()
        ([1700, 2008], 190.2, 1957)
    """
    text = files("chainrule.learn").joinpath("data", "sunspots.csv").read_text(encoding="utf-8")
    rows = np.loadtxt(text.splitlines(), delimiter=",", skiprows=3)
    return rows[:, 0].astype(np.int64), rows[:, 1].copy()
