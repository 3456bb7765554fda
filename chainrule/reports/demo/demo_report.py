"""The demo's report: what was done, what came out, and how to read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import chain, pairwise
from pathlib import Path

import torch

from chainrule.checks import CheckReport
from chainrule.data import Data
from chainrule.reports import Page, Picture, Section, tell_sections
from chainrule.reports.demo.plans import SPLIT_SEED
from chainrule.reports.demo.work import Run
from chainrule.reports.trained_model import (
    DIFFERENCES,
    PARAMETERS,
    bits,
    difference_row,
    nats,
    settings_of,
    uniform_row,
    values,
)
from chainrule.training import Settings
from chainrule.version import __version__

TRAINING = [field.name for field in fields(Settings)] + ["epoch kept"]
COLUMNS = ("model", "test NLL (nats)", "bits/dim", "parameters", "time (s)")


@dataclass(frozen=True)
class Chapter:
    """All there is to tell of one data set."""

    title: str
    data: Data
    runs: Sequence[Run]
    sections: Sequence[Section]


@dataclass(frozen=True)
class Story:
    """All there is to tell.

    Attributes:
        chapters: one a data set.
        masks: on how the models work.
        laws: what the check of each model of the first chapter found.
        seed: of weights, orders and draws.
        seconds: that all of it took.
    """

    chapters: Sequence[Chapter]
    masks: Sequence[Section]
    laws: Mapping[str, CheckReport]
    seed: int
    seconds: float

    @property
    def pictures(self) -> list[Picture]:
        """All of them."""
        sections = [*(section for chapter in self.chapters for section in chapter.sections), *self.masks]
        return [picture for section in sections for picture in section.pictures]

    @property
    def best(self) -> Run:
        """Of the first data set, the model with the lowest validation NLL."""
        return min(self.chapters[0].runs, key=lambda run: run.history.best_row.valid_nats)


def write_report(story: Story, path: Path) -> None:
    """The whole report as one HTML file."""
    page = Page("Four families of models of handwritten digits")
    introduce(page, story)
    for chapter in story.chapters:
        page.heading(chapter.title[0].upper() + chapter.title[1:])
        tell_results(page, chapter.runs)
        tell_sections(page, chapter.sections)
    page.heading("How the models keep from seeing what they predict")
    tell_sections(page, story.masks)
    tell_laws(page, story.laws)
    tell_settings(page, story)
    tell_what_next(page, story.best.folder)
    page.write(path)


def introduce(page: Page, story: Story) -> None:
    """What was done, the idea behind it, the models, and how to read what came out."""
    tell_data(page, story)
    tell_idea(page)
    tell_models(page)
    tell_units(page)


def tell_data(page: Page, story: Story) -> None:
    data = story.chapters[0].data
    train, valid, test = (len(values(split)) for split in (data.train, data.valid, data.test))
    page.paragraph(
        f"scikit-learn's {train + valid + test} images of handwritten digits, 8×8 pixels, once with binary pixels (1 "
        f"from half of full scale on) and once with their 17 gray levels. {train} images train the models, {valid} "
        f"validation images choose the epoch that is kept, and {test} test images are scored once, at the end. Every "
        f"number and picture on this page comes from this one run, which took {story.seconds:.0f} seconds."
    )


def tell_idea(page: Page) -> None:
    page.heading("The idea")
    page.formula("p(x) = p(x_{1}) · p(x_{2} ∣ x_{1}) · p(x_{3} ∣ x_{1}, x_{2}) · … · p(x_{D} ∣ x_{1}, …, x_{D−1})")
    page.paragraph(
        "By the product rule of probability, every distribution of images is a product of such conditionals: each "
        "pixel given the pixels before it, here from left to right and from top to bottom. The models differ in how "
        "they compute them."
    )


def tell_models(page: Page) -> None:
    page.points([
        "Independent: every pixel has a distribution of its own, whatever the others are. All others have to beat it.",
        "MADE: a fully connected network; masks cut all paths from a pixel to its own prediction and to earlier ones. "
        "Here it also has masked weights straight from inputs to outputs (`direct`), an option of the paper's.",
        "PixelCNN: a stack of convolutions; masks leave each only the rows above and the pixels to the left. Here it "
        "also learns a bias for each position (`position_bias`), which the paper's models do not have; so do the next "
        "two.",
        "Row LSTM: a recurrent network that goes down the image row by row; what a pixel sees widens with every row "
        "above it.",
        "Diagonal BiLSTM: two that go along the diagonals, from both upper corners; together they see all that is "
        "before a pixel, but for the last pixel of the row above.",
    ])  # fmt: skip


def tell_units(page: Page) -> None:
    page.heading("How to read the numbers")
    page.paragraph(
        "NLL is the negative log-likelihood −ln p(x), in nats: the sum over all pixels of −ln "
        "p(x_{i}\u00a0∣\u00a0x_{<i}). It is averaged over the test images, and lower is better: 1 nat less means "
        "that the images are e ≈ 2.72 times as probable (geometric mean). ± is the standard error of that average, "
        "over the test images; it does not say how much another seed would change. bits/dim is the same in bits for "
        "each pixel: nats / (D ln 2), where D = 64 is the number of pixels."
    )


def tell_results(page: Page, runs: Sequence[Run]) -> None:
    domain, n = runs[0].model.domain, runs[0].test.n
    caption = (
        f"NLL of {n} test images ± its standard error. “Uniform” gives every value the same probability. {PARAMETERS} "
        "The time is that of training and validation."
    )
    page.table(COLUMNS, [(*uniform_row(domain), "0", "0"), *map(result_row, runs)], caption)
    page.table(("difference", "nats"), [difference_row(*pair) for pair in pairwise(runs)], DIFFERENCES)


def result_row(run: Run) -> tuple[str, ...]:
    """A run as a row of the table, in the report and in the terminal."""
    return run.name, nats(run.test), bits(run.test), f"{run.parameters:,}", f"{run.seconds:.1f}"


def tell_laws(page: Page, laws: Mapping[str, CheckReport]) -> None:
    page.heading("Are these proper densities?")
    page.paragraph(
        "An NLL means nothing if a model sees what it predicts: it would look far better than it is. So the trained "
        "models of binary digits were checked, as `chainrule check` does. What was run, or why not, is told "
        "below the table."
    )
    names = list(laws)
    findings = list(zip(*(laws[name].findings for name in names), strict=True))
    page.table(("law", *names), [(row[0].law, *(each.status for each in row)) for row in findings])
    page.points([f"{finding.law} ({names[-1]}): {finding.detail}" for finding in laws[names[-1]].findings])


def tell_settings(page: Page, story: Story) -> None:
    page.heading("Settings")
    page.paragraph(
        "Sizes and settings were chosen beforehand by validation NLL, on this same split of the images (that of "
        f"seed {SPLIT_SEED}). This run's seed is {story.seed}: it draws the initial weights, MADE's hidden degrees, "
        f"the order of the training images, and the samples. chainrule {__version__}, torch {torch.__version__}, "
        f"threads: {torch.get_num_threads()}."
    )
    for chapter in story.chapters:
        columns = [settings_of(run) for run in chapter.runs]
        keys = sorted(dict.fromkeys(chain.from_iterable(columns)), key=TRAINING.__contains__)  # the models' own first
        rows = [(key, *(column.get(key, "–") for column in columns)) for key in keys]
        page.table(["", *(run.name for run in chapter.runs)], rows, chapter.title)


def tell_what_next(page: Page, folder: Path) -> None:
    page.heading("Go on from here")
    page.paragraph("Each model is in a folder of its own, beside this page, with its configuration and `metrics.csv`:")
    page.code(
        f"chainrule sample {folder} -n 64 --out samples.png\nchainrule complete {folder} --data digits --keep top "
        f"--out completed.png\nchainrule evaluate {folder} --data digits\nchainrule check {folder}"
    )
