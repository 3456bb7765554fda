"""The second half of the lesson on autoregression: a linear model and a network predict sunspots."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule.figures import to_png
from chainrule.formatting import fixed, percent, with_error
from chainrule.inference import complete
from chainrule.learn.arrays import FloatArray
from chainrule.learn.figures.autoregression_figures import (
    YearForecast,
    plot_forecast_densities,
    plot_forecasts,
    plot_order_selection,
    plot_series,
)
from chainrule.learn.formulas import add_formulas
from chainrule.learn.lessons.mean_and_error import format_mean, mean_and_error
from chainrule.learn.source_code import read_source
from chainrule.learn.time_series import (
    LinearAR,
    expected_coverage,
    is_covered,
    load_sunspots,
    make_window_table,
    next_value_log_prob,
    sliding_windows,
)
from chainrule.models import MADE
from chainrule.reports import Page, StageProgress
from chainrule.training import fit

Years = NDArray[np.int64]
VALID, TEST, END = 1900, 1950, 3000
"""The first years of the validation and test data, and a year after the last one."""
MAX_ORDER, TOLERANCE = 16, 0.01
"""The largest p; and the nats a value within which a smaller p is preferred."""
HORIZON, NUM_SAMPLES = 11, 100
"""The length of a forecast in years, about one cycle of the sun; and the number of samples of a forecast."""
MIN_SCALE = 2.5
"""The smallest scale of a mixture component of MADE, in sunspot numbers."""


def add_time_series(page: Page, progress: StageProgress) -> None:
    study = Study.fit(*load_sunspots())
    add_data(page, study)
    add_linear_model(page, study)
    add_order_selection(page, study)
    add_units(page, study)
    progress(0.2)
    model = train_made(study)
    progress(0.6)
    add_windows(page, study, model)
    add_comparison(page, study, model)
    add_example_years(page, study, model)
    progress(0.75)
    add_forecasts(page, study, model)
    progress(1.0)


@dataclass(frozen=True, eq=False)
class Study:
    """Hold the series and the linear models that were fitted to its training years.

    Attributes:
        years: the years [n] of the whole series.
        values: the sunspot numbers [n].
        linear: the models of order 0, 1, …, fitted to predict the same years before `VALID`.
        order: the smallest p whose validation NLL is within `TOLERANCE` of the best.
    """

    years: Years
    values: FloatArray
    linear: list[LinearAR]
    order: int

    @classmethod
    def fit(cls, years: Years, values: FloatArray) -> Study:
        early = values[years < VALID]
        linear = [LinearAR.fit(early[MAX_ORDER - order :], order=order) for order in range(MAX_ORDER + 1)]
        study = cls(years, values, linear, 0)
        valid = study.mean_nlls(VALID, TEST)
        return cls(years, values, linear, next(p for p in range(MAX_ORDER + 1) if valid[p] < min(valid) + TOLERANCE))

    @property
    def train_values(self) -> FloatArray:
        """Return the values before `VALID`, the training data of all models."""
        return self.values[self.years < VALID]

    def nll(self, log_prob: FloatArray, first: int, end: int) -> FloatArray:
        """Return −log p of the years from `first` up to `end`, given log-densities [n - p] of the last years."""
        years = self.years[len(self.years) - len(log_prob) :]
        return -log_prob[(years >= first) & (years < end)]

    def mean_nlls(self, first: int, end: int) -> list[float]:
        """Return the mean NLL, in nats a value, of the linear model of each order from `first` up to `end`."""
        return [float(self.nll(model.log_prob(self.values), first, end).mean()) for model in self.linear]

    @property
    def selected(self) -> LinearAR:
        """Return the linear model of the selected order."""
        return self.linear[self.order]

    @property
    def num_test(self) -> int:
        """Return the number of test years."""
        return int((self.years >= TEST).sum())


def add_data(page: Page, study: Study) -> None:
    years = study.years
    page.heading("A time series is one datum")
    page.paragraph(
        "The data are the yearly means of the sunspot number, an index of the number of spots on the sun, from "
        f"{years[0]} to {years[-1]}: {len(years)} values, published by the National Geophysical Data Center (public "
        f"domain). The series is one datum x with {len(years)} variables, and it has a natural order. So p(x) is the "
        "product of the factors p(x_{t} | x_{<t}): a model that predicts each year from the years before it defines "
        "the distribution of the series."
    )
    page.paragraph(
        f"The years before {VALID} are the training data. The years from {VALID} to {TEST - 1} are the validation "
        f"data: they select the model. The last {study.num_test} years are the test data. The three parts are "
        "consecutive periods, not random samples: a randomly selected test year would lie between two years of the "
        "training data."
    )
    first, last = int(years[0]), int(years[-1])
    parts = {"training": (first, VALID - 1), "validation": (VALID, TEST - 1), "test": (TEST, last)}
    early, late = study.train_values, study.values[years >= TEST]
    page.figure(
        to_png(plot_series(years.tolist(), study.values, parts)),
        f"The sunspot number has cycles of about eleven years. No training year is above {early.max():.0f}, but "
        f"{int((late > early.max()).sum())} of the test years are.",
        "The yearly mean sunspot number from 1700 to 2008, in three colours for the three parts.",
        "sunspots.png",
    )


def add_linear_model(page: Page, study: Study) -> None:
    page.heading("The simplest conditional: a straight line")
    page.paragraph(
        "In 1927 Yule described the sunspots by a linear model with p = 2. The next value is a weighted sum of the "
        "last p values, plus noise:"
    )
    add_formulas(page, "linear-autoregression")
    page.paragraph(
        "With Gaussian noise, each conditional distribution is a Gaussian around this sum, and the weights of "
        "maximum likelihood are the weights of least squares. The same function predicts every year, so a few "
        "parameters describe all factors."
    )
    page.code(read_source(LinearAR.fit.__func__), "python")  # type: ignore[attr-defined]
    two = study.linear[2]
    page.paragraph(
        "`_past_values` returns, for each value, a row of the p values before it, the latest first. "
        "`_check_series`, `_check_length` and `_check_noise` raise an error if the series cannot be fitted. For p = "
        f"2 the fit is x_{{t}} = {two.constant:.1f} + {two.weights[0]:.2f} x_{{t−1}} − {-two.weights[1]:.2f} "
        f"x_{{t−2}} + ε_{{t}}, with a standard deviation of {two.std:.1f}. The first weight continues the last "
        "value; the second weight pulls the series back, so that it oscillates."
    )


def add_order_selection(page: Page, study: Study) -> None:
    train, valid = study.mean_nlls(1700 + MAX_ORDER, VALID), study.mean_nlls(VALID, TEST)
    page.paragraph(
        "How many past values should the model read? For each p the model was fitted to predict the same years, "
        f"{1700 + MAX_ORDER} to {VALID - 1}. On these training years a larger p is never worse. On the validation "
        f"years it can be worse. Of all p up to {MAX_ORDER}, p = {study.order} is the smallest whose validation NLL "
        f"is within {TOLERANCE} nats a value of the best: {valid[study.order]:.2f} nats, against {valid[2]:.2f} for "
        f"p = 2 and {valid[MAX_ORDER]:.2f} for p = {MAX_ORDER}. (NLL is the negative log-likelihood, −log p.)"
    )
    page.figure(
        to_png(plot_order_selection(train, valid, study.order)),
        "The NLL of a value given the p values before it. The first two past values reduce it most. On the "
        f"validation years, more than {study.order} past values gain almost nothing.",
        "Two curves that fall with the number of past values; the validation curve is lowest near the marked point.",
        "orders.png",
    )


def add_units(page: Page, study: Study) -> None:
    rescaled = LinearAR.fit(study.train_values[MAX_ORDER - study.order :] / 100, order=study.order)
    nats = study.nll(study.selected.log_prob(study.values), TEST, END).mean()
    other = study.nll(rescaled.log_prob(study.values / 100), TEST, END).mean()
    page.heading("A density has units")
    page.paragraph(
        f"The mean NLL of the {study.num_test} test years is {nats:.2f} nats. Now divide all values by 100 and fit "
        f"again: the mean NLL is {fixed(other, 2)} nats. The model is not better. A density is a probability per "
        "unit of the series. If the unit is a hundred times as large, the density is a hundred times as high, and "
        f"the difference is ln 100 = {math.log(100):.2f} nats. So densities may only be compared in the same units "
        "and on the same values. The sunspot numbers have one decimal. The probability of one decimal is the "
        f"density times 0.1, and with it the same prediction costs {nats + math.log(10):.2f} nats. From here on, all "
        "densities are per unit of the sunspot number."
    )


def train_made(study: Study) -> MADE:
    """Train MADE on windows of the training years: the past values that the linear model reads, and the forecast."""
    domain = make_window_table(study.train_values, past=study.order, future=HORIZON, resolution=2 * MIN_SCALE)
    model = MADE(domain, hidden=(16,), direct_connections=True, seed=0)
    width, years = study.order + HORIZON, study.years
    rows = torch.from_numpy(sliding_windows(study.values, width))
    last = torch.from_numpy(years[width - 1 :])
    fit(
        model, rows[last < VALID], rows[(last >= VALID) & (last < TEST)], updates=200, batch_size=50, lr=1e-2,
        warmup=20, ema=0.98, progress=False,
    )  # fmt: skip
    return model


def add_windows(page: Page, study: Study, model: MADE) -> None:
    width, late = model.domain.sites, study.values[study.years >= TEST]
    page.heading("The same prediction with a network")
    page.paragraph(
        "The linear model assumes that the mean is a weighted sum and that the noise has the same width every year. "
        f"MADE assumes less. Cut the series into windows of {study.order} past values and the next {HORIZON} values. "
        f"The windows are the rows of a table with {width} real columns, and the past values come first in the "
        "order. The conditional distribution of each column is a mixture of ten logistic densities with scales of "
        f"at least {MIN_SCALE:g}. The network computes the parameters of the mixture from the columns before it. The "
        f"training data are the {VALID - 1700 - width + 1} windows that end before {VALID}. The {TEST - VALID} "
        f"windows that end from {VALID} to {TEST - 1} decided when to stop the training (the first of these windows "
        f"begin before {VALID}). They also decided, while this lesson was written, the size of the network and the "
        "smallest scale of its densities."
    )
    rows = torch.from_numpy(sliding_windows(late, width))
    with torch.no_grad():
        total = float(-model.log_prob(rows).sum())
    once = float(study.nll(next_value_log_prob(model, study.values, past=study.order), TEST, END).sum())
    page.paragraph(
        f"Windows overlap. The last {len(late)} years contain {len(rows)} windows, and the NLLs of these windows sum "
        f"to {total:,.0f} nats. This sum is not the NLL of the {len(late)} years: it has {rows.numel()} terms for "
        f"{len(late)} values, and counts most values many times. The windows are not independent data either, so the "
        "standard error of a mean over windows is too small. The correct sum counts each value once, given the "
        f"values before it: {once:.0f} nats. It takes one factor for each value, from the window in which this value "
        "is the first one after the past."
    )
    page.paragraph(
        "For the same reason windows must not be shuffled before they are split into training and test data. If a "
        f"random fifth of all windows is held out, {percent(shared_fraction(len(study.values), width))} of the "
        "values in held-out windows are also in training windows."
    )


def shared_fraction(n: int, width: int) -> float:
    """Return the share of the values in a random fifth of all windows of a series that other windows contain too."""
    starts = np.random.default_rng(0).permutation(n - width + 1)
    test, train = np.zeros(n, bool), np.zeros(n, bool)
    for number, start in enumerate(starts):
        (test if number < len(starts) // 5 else train)[start : start + width] = True
    return float(train[test].mean())


def add_comparison(page: Page, study: Study, model: MADE) -> None:
    values, linear = study.values, study.selected.log_prob(study.values)
    step = float(np.sqrt(np.mean(np.diff(study.train_values) ** 2)))
    models = {
        "no past": study.linear[0].log_prob(values),
        "last value": LinearAR(0.0, (1.0,), step).log_prob(values),
        "linear": linear,
        "MADE": next_value_log_prob(model, values, past=study.order),
    }
    page.heading("Predict one step ahead: a fair comparison")
    page.table(
        ["model", "validation", "minus linear", "test", "minus linear"],
        [
            [name, *format_nll(study, log_prob, linear, VALID, TEST), *format_nll(study, log_prob, linear, TEST, END)]
            for name, log_prob in models.items()
        ],
        f"The mean NLL in nats a value ± its standard error, on the {TEST - VALID} validation years from {VALID} and "
        f"the {study.num_test} test years from {TEST}; and the mean difference to the linear model, year by year. "
        "Densities are per unit of the sunspot number; lower is better. “No past” is one Gaussian for all years. "
        f"“Last value” is a Gaussian around the last value. All models were fitted to the years before {VALID}.",
    )
    add_mean_difference(page, study, study.nll(models["MADE"] - linear, TEST, END))


def add_mean_difference(page: Page, study: Study, gap: FloatArray) -> None:
    mean, error = mean_and_error(gap)
    near = float(np.corrcoef(gap[1:], gap[:-1])[0, 1])
    page.paragraph(
        f"Both the linear model and MADE read the {study.order} years before, and both are tested on the same "
        "values. The validation columns are too favourable to both, because these years selected p and the end of "
        "the training. The test columns count: on the test years the mean NLL of MADE minus the mean NLL of the "
        f"linear model is {with_error(mean, error, 2)} nats. With only {study.num_test} values "
        f"{'this is a clear difference' if abs(mean) > 2 * error else 'this is no clear difference'}. (A standard "
        "error assumes that the years are independent; here the differences of neighbouring years have a "
        f"correlation of {fixed(near, 2)}.)"
    )


def format_nll(study: Study, log_prob: FloatArray, linear: FloatArray, first: int, end: int) -> list[str]:
    """Format the mean NLL of the years from `first` up to `end`, and its difference to the linear model."""
    nats = study.nll(log_prob, first, end)
    apart = nats - study.nll(linear, first, end)
    return [format_mean(nats), "0" if log_prob is linear else format_mean(apart)]


def add_example_years(page: Page, study: Study, model: MADE) -> None:
    years, late = study.years[study.order :], study.years[study.order :] >= TEST
    apart = study.selected.log_prob(study.values) - next_value_log_prob(model, study.values, past=study.order)
    costly = int(years[apart.argmax()])
    quiet = int(years[late][study.selected.predict_means(study.values[:-1])[late].argmin()])
    shown = [predict_year(study, model, year) for year in (quiet, costly)]
    below = {name: percent(integrate_below_zero(shown[0], name)) for name in shown[0].densities}
    page.paragraph(
        "The means hide where the models differ. The noise of the linear model has the same width every year. In a "
        f"quiet year much of its density lies below 0, where no sunspot number can be: {below['linear']} for "
        f"{quiet}, against {below['MADE']} of MADE's density. But MADE knows only the range of its training data. "
        f"The value of {costly}, {study.values[costly - 1700]:.0f}, was outside this range. This one year costs MADE "
        f"{apart.max():.1f} nats more than the linear model, which extrapolates with the same width of noise."
    )
    page.figure(
        to_png(plot_forecast_densities(shown)),
        f"The predicted densities of {quiet} and of {costly}, given the {study.order} years before. No sunspot "
        "number is below 0 (the grey range).",
        "Two panels of densities. In the quiet year MADE's density is narrow and nearly all above 0. In the other "
        "year the true value is outside MADE's density and within the density of the linear model.",
        "densities.png",
    )


def integrate_below_zero(expected: YearForecast, name: str) -> float:
    density, step = expected.densities[name], expected.grid[1] - expected.grid[0]
    return float(density[expected.grid < 0].sum() * step)


def predict_year(study: Study, model: MADE, year: int) -> YearForecast:
    """Return the predicted densities of one year at the values of a grid."""
    index, p = int(year - study.years[0]), study.order
    past, grid = study.values[index - p : index], np.linspace(-60, 260, 641)
    series = [np.append(past, number) for number in grid]
    of_made = partial(next_value_log_prob, model, past=p)
    densities = {
        "linear": np.exp([study.selected.log_prob(each)[0] for each in series]),
        "MADE": np.exp([of_made(each)[0] for each in series]),
    }
    return YearForecast(year, float(study.values[index]), grid, densities)


def add_forecasts(page: Page, study: Study, model: MADE) -> None:
    last = study.years[-1] - HORIZON + 1
    disjoint = list(range(int(last), TEST - 1, -HORIZON))[::-1]
    starts = list(range(TEST, int(last) + 1))
    page.heading("Predict further ahead: sample step by step")
    page.paragraph(
        "To predict more than one year, sample the next value, append it to the past, and sample the value after "
        f"it. Many samples together are the forecast: a joint distribution over the next {HORIZON} years. For MADE "
        "such a forecast is a completion: the past is observed, the future is sampled. The past comes first in the "
        "order, so these are exact samples, without importance weights or corrections."
    )
    page.code(f"cr.complete(model, windows, evidence=past, n={NUM_SAMPLES})", "python")
    draws = {"MADE": sample_made(study, model, starts), "linear": sample_linear(study, starts)}
    shown = {name: np.stack([paths[starts.index(start)] for start in disjoint]) for name, paths in draws.items()}
    recent = study.years >= disjoint[0] - study.order
    page.figure(
        to_png(plot_forecasts(study.years[recent].tolist(), study.values[recent], disjoint, shown)),
        f"Forecasts of {HORIZON} years, each from the {study.order} years before its dotted line. White: the median "
        f"of {NUM_SAMPLES} samples. Some orange points, the true values, lie outside the pale bands.",
        "Forecast bands over the last five cycles with the true series. MADE's bands hardly reach below zero, the "
        "linear model's bands do, and the highest cycles rise above both.",
        "forecasts.png",
    )
    add_coverage(page, study, draws, starts, disjoint)


def add_coverage(
    page: Page, study: Study, draws: dict[str, FloatArray], starts: list[int], disjoint: list[int]
) -> None:
    truth = sliding_windows(study.values[starts[0] - 1700 :], HORIZON)
    rows_of_disjoint = [starts.index(start) for start in disjoint]
    rows = []
    for name, paths in draws.items():
        half, most = is_covered(paths, truth, coverage=0.5), is_covered(paths, truth, coverage=0.9)
        shares = [half.mean(), most.mean(), most[:, 0].mean(), most[rows_of_disjoint].mean(), (paths < 0).mean()]
        rows.append([name, *(percent(float(share)) for share in shares)])
    page.table(
        ["model", "50 % band", "90 % band", "90 %, 1st year", "90 %, disjoint", "below 0"],
        rows,
        f"The share of true values inside a band. First over all {HORIZON} years of the {len(starts)} forecasts that "
        f"begin in {starts[0]} to {starts[-1]}. Then for the 90 % band: in the first year of each forecast, and over "
        f"the {len(disjoint)} forecasts of the picture, which share no year. Last column: the share of samples below "
        "0.",
    )
    page.paragraph(
        f"A 90 % band should contain nine of ten true values. (With {NUM_SAMPLES} samples the quantiles are not "
        f"exact, and the expected share is {percent(expected_coverage(0.9, n=NUM_SAMPLES))}.) The bands of both models "
        "contain fewer: for these years both models were overconfident. Some cycles were higher than all cycles of "
        "the training data, and no likelihood of early years could show this. The coverage on held-out years does "
        f"show it, though not precisely: the {truth.size} predictions overlap and fail together, so they carry about "
        f"as much information as {len(disjoint)} independent cycles."
    )


def sample_made(study: Study, model: MADE, starts: list[int]) -> FloatArray:
    """Sample forecasts [starts, NUM_SAMPLES, HORIZON] from MADE."""
    p = study.order
    rows = [np.append(study.values[start - 1700 - p : start - 1700], np.zeros(HORIZON)) for start in starts]
    past = torch.arange(model.domain.sites) < p
    found: FloatArray = complete(model, torch.from_numpy(np.stack(rows)), past, n=NUM_SAMPLES, seed=0)[..., p:].numpy()
    return found


def sample_linear(study: Study, starts: list[int]) -> FloatArray:
    """Sample forecasts [starts, NUM_SAMPLES, HORIZON] from the selected linear model."""
    return np.stack(
        [
            study.selected.sample(study.values[: start - 1700], steps=HORIZON, n=NUM_SAMPLES, seed=start)
            for start in starts
        ]
    )
