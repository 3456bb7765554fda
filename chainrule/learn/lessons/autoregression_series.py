"""The second half of the lesson on autoregression: sunspots, predicted by a straight line and by a network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule.figures import to_png
from chainrule.formatting import fixed, percent, with_error
from chainrule.inference.complete import complete
from chainrule.learn.autoregression import (
    Floats,
    LinearAR,
    covered,
    next_log_prob,
    share_held,
    sunspots,
    window_table,
    windows,
)
from chainrule.learn.formulas import state
from chainrule.learn.lessons.measured import mean_and_error, mean_of
from chainrule.learn.pictures.autoregression import (
    Expected,
    densities_figure,
    forecasts_figure,
    orders_figure,
    series_figure,
)
from chainrule.learn.source import source
from chainrule.models import MADE
from chainrule.reports import Page
from chainrule.reports.multi_stage_progress import Tell
from chainrule.training import fit

Years = NDArray[np.int64]
VALID, TEST, END = 1900, 1950, 3000
"""The years with which the held-out parts of the series begin, and one beyond the last."""
MOST, ENOUGH = 16, 0.01
"""The largest p that is tried; and nats a value that are not worth a larger one."""
FUTURE, DRAWS = 11, 100
"""Years that are forecast, about one cycle of the sun; and how often."""
NARROWEST = 2.5
"""No component of a density of MADE is narrower, in sunspot numbers."""


def tell_the_series(page: Page, tell: Tell) -> None:
    study = Study.of(*sunspots())
    tell_series(page, study)
    tell_linear(page, study)
    tell_choice(page, study)
    tell_units(page, study)
    tell(0.2)
    model = trained(study)
    tell(0.6)
    tell_windows(page, study, model)
    tell_comparison(page, study, model)
    tell_surprise(page, study, model)
    tell(0.75)
    tell_forecasts(page, study, model)
    tell(1.0)


@dataclass(frozen=True, eq=False)
class Study:
    """The series, and the linear models of it that were fitted to its first part.

    Attributes:
        years, values: the whole series, [n].
        linear: those of order 0, 1, …, each fitted to predict the same years before `VALID`.
        order: the least p that is about the best on the years from `VALID` to `TEST`.
    """

    years: Years
    values: Floats
    linear: list[LinearAR]
    order: int

    @classmethod
    def of(cls, years: Years, values: Floats) -> Study:
        early = values[years < VALID]
        linear = [LinearAR.fit(early[MOST - order :], order) for order in range(MOST + 1)]
        study = cls(years, values, linear, 0)
        valid = study.means(VALID, TEST)
        return cls(years, values, linear, next(p for p in range(MOST + 1) if valid[p] < min(valid) + ENOUGH))

    @property
    def early(self) -> Floats:
        """The values before `VALID`: all that any model is fitted to."""
        return self.values[self.years < VALID]

    def nats(self, log_prob: Floats, first: int, end: int) -> Floats:
        """−log p of the years from first up to end, of log-probabilities [n - p] that stop with the last year."""
        years = self.years[len(self.years) - len(log_prob) :]
        return -log_prob[(years >= first) & (years < end)]

    def means(self, first: int, end: int) -> list[float]:
        """Nats a value from year first up to end, of the linear model of each order."""
        return [float(self.nats(model.log_prob(self.values), first, end).mean()) for model in self.linear]

    @property
    def chosen(self) -> LinearAR:
        return self.linear[self.order]

    @property
    def judged(self) -> int:
        """How many years are to judge by."""
        return int((self.years >= TEST).sum())


def tell_series(page: Page, study: Study) -> None:
    years = study.years
    page.heading("A series is a datum, too")
    page.paragraph(
        f"The yearly means of the sunspot number, an index of how spotted the sun is, from {years[0]} to {years[-1]}: "
        f"{len(years)} numbers in a row, of the National Geophysical Data Center (public domain). The series is one "
        "datum x with as many variables, and it has a natural order. So p(x) is the product of p(x_{t} | x_{<t}): to "
        "know the distribution is to predict each year from the years before it."
    )
    page.paragraph(
        f"We fit on the early part (before {VALID}), choose on a later one (to {TEST - 1}), and judge by the last "
        f"{study.judged} years. The parts are stretches of time, not random picks: a picked "
        "year would stand between two neighbours that were learned from."
    )
    first, last = int(years[0]), int(years[-1])
    parts = {"to fit": (first, VALID - 1), "to choose": (VALID, TEST - 1), "to judge": (TEST, last)}
    early, late = study.early, study.values[years >= TEST]
    page.figure(
        to_png(series_figure(years.tolist(), study.values, parts)),
        f"Cycles of about eleven years. No year to fit on is above {early.max():.0f}; "
        f"{int((late > early.max()).sum())} of the years to judge by are.",
        "The yearly mean sunspot number from 1700 to 2008, in three colours for the three stretches.",
        "sunspots.png",
    )


def tell_linear(page: Page, study: Study) -> None:
    page.heading("The simplest conditional: a straight line")
    page.paragraph(
        "So Yule described the sunspots in 1927, with p = 2: the next value is a weighted sum of the last p, and noise."
    )
    state(page, "linear-autoregression")
    page.paragraph(
        "With Gaussian noise, each conditional is a Gaussian around that sum, and the weights of the greatest "
        "likelihood are those of least squares. It is the same function for every year, so a few numbers describe all "
        "factors."
    )
    page.code(source(LinearAR.fit.__func__), "python")  # type: ignore[attr-defined]
    two = study.linear[2]
    page.paragraph(
        "`_pasts` sets the p values before each one in a row, the latest first; `_series`, `_long_enough` and "
        f"`_not_zero` refuse what cannot be fitted. For p = 2 that gives x_{{t}} = {two.constant:.1f} + "
        f"{two.weights[0]:.2f} x_{{t−1}} − {-two.weights[1]:.2f} x_{{t−2}} + ε_{{t}}, with a standard deviation of "
        f"{two.std:.1f}: go on as before, and swing back."
    )


def tell_choice(page: Page, study: Study) -> None:
    train, valid = study.means(1700 + MOST, VALID), study.means(VALID, TEST)
    page.paragraph(
        f"How many past values? Each p was fitted to predict the same years, {1700 + MOST} to {VALID - 1}. On these, "
        "more are never worse. On the years to choose by they can be: of all p up to "
        f"{MOST}, p = {study.order} is the least that comes within {ENOUGH} nats a value of the best, with "
        f"{valid[study.order]:.2f} against {valid[2]:.2f} for p = 2 and {valid[MOST]:.2f} for p = {MOST}."
    )
    page.figure(
        to_png(orders_figure(train, valid, study.order)),
        "−log p of a value given the p before it. The first two past values gain most; on held-out years, those beyond "
        f"p = {study.order} gain next to nothing.",
        "Two curves that fall with the number of past values; the held-out one is lowest near the marked point.",
        "orders.png",
    )


def tell_units(page: Page, study: Study) -> None:
    rescaled = LinearAR.fit(study.early[MOST - study.order :] / 100, study.order)
    nats = study.nats(study.chosen.log_prob(study.values), TEST, END).mean()
    other = study.nats(rescaled.log_prob(study.values / 100), TEST, END).mean()
    page.heading("A density has units")
    page.paragraph(
        f"The last {study.judged} years cost {nats:.2f} nats each. Now divide all numbers by 100 and fit again: "
        f"{fixed(other, 2)} nats. The model is no better. A density is a probability per unit of the series; in units "
        "a hundred times as large it is a hundred times as high, and the difference is ln 100 = "
        f"{math.log(100):.2f}. So densities are compared in the same units and on the same values, or not at all. "
        "These values have one decimal; as the probability of a decimal, density times 0.1, the same prediction costs "
        f"{nats + math.log(10):.2f} nats. From here on, all are densities per unit of the sunspot number."
    )


def trained(study: Study) -> MADE:
    """MADE over windows of the early part: as many past values as the linear model reads, and the years to forecast."""
    domain = window_table(study.early, study.order, FUTURE, 2 * NARROWEST)
    model = MADE(domain, hidden=(16,), direct_connections=True, seed=0)
    width, years = study.order + FUTURE, study.years
    rows = torch.from_numpy(windows(study.values, width))
    last = torch.from_numpy(years[width - 1 :])
    fit(
        model, rows[last < VALID], rows[(last >= VALID) & (last < TEST)], updates=200, batch_size=50, lr=1e-2,
        warmup=20, ema=0.98, progress=False,
    )  # fmt: skip
    return model


def tell_windows(page: Page, study: Study, model: MADE) -> None:
    width, late = model.domain.sites, study.values[study.years >= TEST]
    page.heading("The same with a network")
    page.paragraph(
        "A straight line with one width of noise is a strong assumption. MADE makes fewer. Cut the series into windows "
        f"of {study.order} past values and the next {FUTURE}: rows of a table of {width} real columns, the past first "
        "in the order. Each column's conditional is a mixture of ten logistic densities, none of a scale below "
        f"{NARROWEST:g}, whose numbers the network computes from the columns before it. It was trained on the "
        f"{VALID - 1700 - width + 1} windows that end before {VALID}. The {TEST - VALID} that end from then to "
        f"{TEST - 1} chose when to stop (the first of them begin before {VALID}), and, while this lesson was written, "
        "how large the network and how narrow its densities may be."
    )
    rows = torch.from_numpy(windows(late, width))
    with torch.no_grad():
        total = float(-model.log_prob(rows).sum())
    once = float(study.nats(next_log_prob(model, study.values, study.order), TEST, END).sum())
    page.paragraph(
        f"Windows overlap. Of the last {len(late)} years one can cut {len(rows)} windows, and their −log p sum to "
        f"{total:,.0f} nats. That is not what these years cost: it is {rows.numel()} terms for {len(late)} values, "
        "most of which are counted many times. Nor is a mean over windows one over independent data, and its standard "
        f"error comes out too small. The right sum has each value once, given what came before it: {once:.0f} nats. It "
        "takes one factor for each value, from the window in which that value is the first one after the past."
    )
    page.paragraph(
        "For the same reason windows must not be shuffled before they are parted. Hold out every fifth at random, and "
        f"{percent(shared_by_shuffling(len(study.values), width))} of the values in held-out windows stand in training "
        "windows, too."
    )


def shared_by_shuffling(n: int, width: int) -> float:
    """Of the values in a random fifth of all windows of a series: which share is in other windows as well."""
    starts = np.random.default_rng(0).permutation(n - width + 1)
    held, kept = np.zeros(n, bool), np.zeros(n, bool)
    for number, start in enumerate(starts):
        (held if number < len(starts) // 5 else kept)[start : start + width] = True
    return float(kept[held].mean())


def tell_comparison(page: Page, study: Study, model: MADE) -> None:
    values, linear = study.values, study.chosen.log_prob(study.values)
    step = float(np.sqrt(np.mean(np.diff(study.early) ** 2)))
    models = {
        "no past": study.linear[0].log_prob(values),
        "last value": LinearAR(0.0, (1.0,), step).log_prob(values),
        "linear": linear,
        "MADE": next_log_prob(model, values, study.order),
    }
    page.heading("One step ahead, like with like")
    page.table(
        ["model", "to choose by", "behind linear", "to judge by", "behind linear"],
        [
            [name, *behind(study, log_prob, linear, VALID, TEST), *behind(study, log_prob, linear, TEST, END)]
            for name, log_prob in models.items()
        ],
        f"Nats a value ± standard error, on the {TEST - VALID} years from {VALID} and the {study.judged} from {TEST}; "
        "and the difference to the linear model, year by year. Densities per unit of the sunspot number; lower is "
        "better. No past: one Gaussian for all years. Last value: a Gaussian around it. All were fitted to the years "
        f"before {VALID}.",
    )
    tell_the_gap(page, study, study.nats(models["MADE"] - linear, TEST, END))


def tell_the_gap(page: Page, study: Study, gap: Floats) -> None:
    mean, error = mean_and_error(gap)
    near = float(np.corrcoef(gap[1:], gap[:-1])[0, 1])
    page.paragraph(
        f"Both models read the {study.order} years before, and are judged on the same values. The first pair of "
        "columns flatters both, since those years chose p and when to stop. The second pair counts: there the "
        f"network's mean less the straight line's is {with_error(mean, error, 2)} nats. With as few as {study.judged} "
        f"values that {'tells them apart' if abs(mean) > 2 * error else 'does not tell them apart'}. (A standard "
        "error takes the years for independent; here the differences of neighbours have a correlation of "
        f"{fixed(near, 2)}.)"
    )


def behind(study: Study, log_prob: Floats, linear: Floats, first: int, end: int) -> list[str]:
    """The nats of some years, and how far they are behind those of the linear model."""
    nats = study.nats(log_prob, first, end)
    apart = nats - study.nats(linear, first, end)
    return [mean_of(nats), "0" if log_prob is linear else mean_of(apart)]


def tell_surprise(page: Page, study: Study, model: MADE) -> None:
    years, late = study.years[study.order :], study.years[study.order :] >= TEST
    apart = study.chosen.log_prob(study.values) - next_log_prob(model, study.values, study.order)
    costly = int(years[apart.argmax()])
    quiet = int(years[late][study.chosen.means(study.values[:-1])[late].argmin()])
    shown = [expected_of(study, model, year) for year in (quiet, costly)]
    below = {name: percent(mass_below_zero(shown[0], name)) for name in shown[0].densities}
    page.paragraph(
        "The means hide where they differ. The line has one width of noise for all years, and in a quiet one much of "
        f"it lies below 0, where no sunspot number can be: {below['linear']} for {quiet}, against {below['MADE']} of "
        f"the network's density. But the network knows only what it has seen. {costly}, with "
        f"{study.values[costly - 1700]:.0f}, was beyond that, and this one year costs it {apart.max():.1f} nats more "
        "than the line, which goes on beyond all data as before."
    )
    page.figure(
        to_png(densities_figure(shown)),
        f"What is expected of {quiet} and of {costly}, given the {study.order} years before. Below 0, grey, nothing "
        "can come true.",
        "Two panels of densities. In the quiet year MADE's is narrow and nearly all above 0; in the other year the "
        "truth lies beyond it, and within the linear model's.",
        "densities.png",
    )


def mass_below_zero(expected: Expected, name: str) -> float:
    density, step = expected.densities[name], expected.grid[1] - expected.grid[0]
    return float(density[expected.grid < 0].sum() * step)


def expected_of(study: Study, model: MADE, year: int) -> Expected:
    """The densities of one year, at the numbers of a grid."""
    place, p = int(year - study.years[0]), study.order
    past, grid = study.values[place - p : place], np.linspace(-60, 260, 641)
    series = [np.append(past, number) for number in grid]
    of_made = partial(next_log_prob, model, past=p)
    densities = {
        "linear": np.exp([study.chosen.log_prob(each)[0] for each in series]),
        "MADE": np.exp([of_made(each)[0] for each in series]),
    }
    return Expected(year, float(study.values[place]), grid, densities)


def tell_forecasts(page: Page, study: Study, model: MADE) -> None:
    last = study.years[-1] - FUTURE + 1
    tiles = list(range(int(last), TEST - 1, -FUTURE))[::-1]
    starts = list(range(TEST, int(last) + 1))
    page.heading("Further ahead: draw, and draw again")
    page.paragraph(
        "To look further than a year, draw the next value, take it for the past, draw the one after it. Many such "
        f"draws are the forecast: a distribution over the next {FUTURE} years together. For MADE it is a completion: "
        "the past is given, the rest is drawn. The past stands first in the order, so the draws are exact, not "
        "weighted or corrected."
    )
    page.code(f"cr.complete(model, windows, evidence=past, n={DRAWS})", "python")
    draws = {"MADE": drawn_by_made(study, model, starts), "linear": drawn_by_line(study, starts)}
    shown = {name: np.stack([paths[starts.index(start)] for start in tiles]) for name, paths in draws.items()}
    recent = study.years >= tiles[0] - study.order
    page.figure(
        to_png(forecasts_figure(study.years[recent].tolist(), study.values[recent], tiles, shown)),
        f"Forecasts of {FUTURE} years, each from the {study.order} years before its dotted line; white is the median "
        f"of {DRAWS} draws. Which of the orange points fall out of the pale bands?",
        "Forecast bands over the last five cycles with the true series. MADE's hardly reach below zero, the linear "
        "model's do, and the highest cycles rise out of both.",
        "forecasts.png",
    )
    tell_coverage(page, study, draws, starts, tiles)


def tell_coverage(page: Page, study: Study, draws: dict[str, Floats], starts: list[int], tiles: list[int]) -> None:
    truth = windows(study.values[starts[0] - 1700 :], FUTURE)
    alone = [starts.index(start) for start in tiles]
    rows = []
    for name, paths in draws.items():
        half, most = covered(paths, truth, 0.5), covered(paths, truth, 0.9)
        shares = [half.mean(), most.mean(), most[:, 0].mean(), most[alone].mean(), (paths < 0).mean()]
        rows.append([name, *(percent(float(share)) for share in shares)])
    page.table(
        ["model", "50 % band", "90 % band", "its 1st year", "its 5 alone", "below 0"],
        rows,
        f"How often a band held what came true, over all {FUTURE} years of the {len(starts)} forecasts that begin in "
        f"{starts[0]} to {starts[-1]}; the 90 % band in the first year alone; and over the {len(tiles)} forecasts of "
        "the picture, which share no year. Last, the share of draws below 0.",
    )
    page.paragraph(
        f"A 90 % band should hold nine in ten (of {DRAWS} draws, whose quantiles are not exact, "
        f"{percent(share_held(0.9, DRAWS))}). Neither model's did: for these years they were too sure of themselves. "
        "Some cycles were higher than any that the models were fitted to, and no likelihood on early years could have "
        f"told. Coverage on held-out years does tell, though not precisely: the {truth.size} trials overlap and fail "
        f"together, and are worth rather some {len(tiles)} cycles."
    )


def drawn_by_made(study: Study, model: MADE, starts: list[int]) -> Floats:
    """[starts, DRAWS, FUTURE]"""
    p = study.order
    rows = [np.append(study.values[start - 1700 - p : start - 1700], np.zeros(FUTURE)) for start in starts]
    past = torch.arange(model.domain.sites) < p
    found: Floats = complete(model, torch.from_numpy(np.stack(rows)), past, n=DRAWS, seed=0)[..., p:].numpy()
    return found


def drawn_by_line(study: Study, starts: list[int]) -> Floats:
    """[starts, DRAWS, FUTURE]"""
    return np.stack([study.chosen.draws(study.values[: start - 1700], FUTURE, DRAWS, seed=start) for start in starts])
