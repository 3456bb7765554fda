"""The report of the demo: the results, how to read them, the checks and the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import chain, pairwise
from pathlib import Path

import torch

from chainrule.checks import CheckReport
from chainrule.data import Data
from chainrule.reports.demo.demo_training import DemoRun
from chainrule.reports.demo.training_plans import SPLIT_SEED
from chainrule.reports.page import Page
from chainrule.reports.sections import Picture, Section, add_sections
from chainrule.reports.trained_model import (
    DIFFERENCES_CAPTION,
    PARAMETERS_NOTE,
    describe_settings,
    difference_row,
    format_bits,
    format_nats,
    split_values,
    uniform_row,
)
from chainrule.training import Settings
from chainrule.version import __version__

TRAINING_SETTINGS = [field.name for field in fields(Settings)] + ["epoch kept"]
COLUMNS = ("model", "test NLL (nats)", "bits/dim", "parameters", "time (s)")


@dataclass(frozen=True)
class DatasetResults:
    """The models of one data set and their pictures."""

    title: str
    data: Data
    runs: Sequence[DemoRun]
    sections: Sequence[Section]


@dataclass(frozen=True)
class DemoReport:
    """The contents of the report.

    Attributes:
        datasets: the results of each data set.
        masks: the pictures of masks and receptive fields.
        checks: the report of `check_model` on each model of the first data set, by the model's name.
        seed: the seed of weights, orders and samples.
        seconds: the duration of the demo.
    """

    datasets: Sequence[DatasetResults]
    masks: Sequence[Section]
    checks: Mapping[str, CheckReport]
    seed: int
    seconds: float

    @property
    def pictures(self) -> list[Picture]:
        """All pictures."""
        sections = [*(section for dataset in self.datasets for section in dataset.sections), *self.masks]
        return [picture for section in sections for picture in section.pictures]

    @property
    def best(self) -> DemoRun:
        """The model with the lowest validation NLL on the first data set."""
        return min(self.datasets[0].runs, key=lambda run: run.history.best_row.valid_nats)


def write_report(report: DemoReport, path: Path) -> None:
    """Write the report as one HTML file.

    Raises:
        ChainruleError: the file cannot be written.
    """
    page = Page("Four families of models of handwritten digits")
    add_introduction(page, report)
    for dataset in report.datasets:
        page.heading(dataset.title[0].upper() + dataset.title[1:])
        add_results(page, dataset.runs)
        add_sections(page, dataset.sections)
    page.heading("How the models keep from seeing what they predict")
    add_sections(page, report.masks)
    add_checks(page, report.checks)
    add_settings(page, report)
    add_next_steps(page, report.best.folder)
    page.write(path)


def add_introduction(page: Page, report: DemoReport) -> None:
    """Add the data, the product rule, the models, and the units of the results."""
    add_data(page, report)
    add_product_rule(page)
    add_models(page)
    add_units(page)


def add_data(page: Page, report: DemoReport) -> None:
    """Add the data and their split."""
    data = report.datasets[0].data
    train, valid, test = (len(split_values(split)) for split in (data.train, data.valid, data.test))
    page.paragraph(
        f"scikit-learn's {train + valid + test} images of handwritten digits, 8×8 pixels, once with binary pixels (1 "
        f"from half of full scale on) and once with their 17 gray levels. {train} images train the models, {valid} "
        f"validation images choose the epoch that is kept, and {test} test images are scored once, at the end. Every "
        f"number and picture on this page comes from this one run, which took {report.seconds:.0f} seconds."
    )


def add_product_rule(page: Page) -> None:
    """Add the factorisation of the distribution."""
    page.heading("The idea")
    page.formula("p(x) = p(x_{1}) · p(x_{2} ∣ x_{1}) · p(x_{3} ∣ x_{1}, x_{2}) · … · p(x_{D} ∣ x_{1}, …, x_{D−1})")
    page.paragraph(
        "By the product rule of probability, every distribution of images is a product of such conditionals: each "
        "pixel given the pixels before it, here from left to right and from top to bottom. The models differ in how "
        "they compute them."
    )


def add_models(page: Page) -> None:
    """Add a list of the models."""
    page.points([
        "Independent: every pixel has a distribution of its own, whatever the others are. All others have to beat it.",
        "MADE: a fully connected network; masks cut all paths from a pixel to its own prediction and to earlier ones. "
        "Here it also has masked weights from inputs straight to outputs (`direct_connections`), as in its paper.",
        "PixelCNN: a stack of convolutions; masks leave each only the rows above and the pixels to the left. Here it "
        "also learns a bias for each position (`position_bias`), which the paper's models do not have; so do the next "
        "two.",
        "Row LSTM: a recurrent network that goes down the image row by row; what a pixel sees widens with every row "
        "above it.",
        "Diagonal BiLSTM: two that go along the diagonals, from both upper corners; together they see all that is "
        "before a pixel, but for the last pixel of the row above.",
    ])  # fmt: skip


def add_units(page: Page) -> None:
    """Add the meaning of NLL, its standard error, and bits/dim."""
    page.heading("How to read the numbers")
    page.paragraph(
        "NLL is the negative log-likelihood −ln p(x), in nats: the sum over all pixels of −ln "
        "p(x_{i}\u00a0∣\u00a0x_{<i}). It is averaged over the test images, and lower is better: 1 nat less means "
        "that the images are e ≈ 2.72 times as probable (geometric mean). ± is the standard error of that average, "
        "over the test images; it does not say how much another seed would change. bits/dim is the same in bits for "
        "each pixel: nats / (D ln 2), where D = 64 is the number of pixels."
    )


def add_results(page: Page, runs: Sequence[DemoRun]) -> None:
    """Add the tables of results and of differences."""
    domain, n = runs[0].model.domain, runs[0].test.n
    caption = (
        f"NLL of {n} test images ± its standard error. “Uniform” gives every value the same probability. "
        f"{PARAMETERS_NOTE} The time is that of training and validation."
    )
    page.table(COLUMNS, [(*uniform_row(domain), "0", "0"), *map(result_row, runs)], caption)
    page.table(("difference", "nats"), [difference_row(*pair) for pair in pairwise(runs)], DIFFERENCES_CAPTION)


def result_row(run: DemoRun) -> tuple[str, ...]:
    """Return a row of the table of results, for the report and for the terminal."""
    return run.name, format_nats(run.test), format_bits(run.test), f"{run.parameters:,}", f"{run.seconds:.1f}"


def add_checks(page: Page, reports: Mapping[str, CheckReport]) -> None:
    """Add the table of the checks of the models, and the findings of the last model."""
    page.heading("Are these proper densities?")
    page.paragraph(
        "An NLL means nothing if a model sees what it predicts: it would look far better than it is. So the trained "
        "models of binary digits were checked, as `chainrule check` does. The list below the table "
        "says what was run, or why it was not."
    )
    names = list(reports)
    findings = list(zip(*(reports[name].findings for name in names), strict=True))
    page.table(("law", *names), [(row[0].law, *(each.status for each in row)) for row in findings])
    page.points([f"{finding.law} ({names[-1]}): {finding.detail}" for finding in reports[names[-1]].findings])


def add_settings(page: Page, report: DemoReport) -> None:
    """Add the arguments of the models and the settings of training."""
    page.heading("Settings")
    page.paragraph(
        "Sizes and settings were chosen beforehand by validation NLL, on this same split of the images (that of "
        f"seed {SPLIT_SEED}). This run's seed is {report.seed}: it draws the initial weights, MADE's hidden degrees, "
        f"the order of the training images, and the samples. chainrule {__version__}, torch {torch.__version__}, "
        f"threads: {torch.get_num_threads()}."
    )
    for dataset in report.datasets:
        columns = [describe_settings(run) for run in dataset.runs]
        names = dict.fromkeys(chain.from_iterable(columns))
        keys = sorted(names, key=TRAINING_SETTINGS.__contains__)  # the arguments of the models first
        rows = [(key, *(column.get(key, "–") for column in columns)) for key in keys]
        page.table(["", *(run.name for run in dataset.runs)], rows, dataset.title)


def add_next_steps(page: Page, folder: Path) -> None:
    """Add the commands that use a trained model."""
    page.heading("Go on from here")
    page.paragraph("Each model is in a folder of its own, beside this page, with its configuration and `metrics.csv`:")
    page.code(
        f"chainrule sample {folder} -n 64 --out samples.png\nchainrule complete {folder} --data digits --keep top "
        f"--out completed.png\nchainrule evaluate {folder} --data digits\nchainrule check {folder}"
    )
