"""The report of a comparison: tables of the results as HTML, as Markdown, for the terminal, and for programs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import torch
from rich.table import Table

from chainrule.data import Data
from chainrule.domains import Domain, channel_name
from chainrule.formatting import counted, percent
from chainrule.reports.compare.comparison_plan import ABLATION_VARIANTS, CompareOptions, ComparisonPlan
from chainrule.reports.compare.comparison_runs import ComparisonEntry
from chainrule.reports.page import Page
from chainrule.reports.sections import Section, add_sections
from chainrule.reports.trained_model import (
    DIFFERENCES_CAPTION,
    PARAMETERS_NOTE,
    describe_settings,
    difference_row,
    format_best_epoch,
    format_bits,
    format_nats,
    split_values,
    terminal_table,
    uniform_row,
)
from chainrule.version import __version__

HTML, MARKDOWN = "report.html", "report.md"

LIKELIHOOD_COLUMNS = ("model", "test NLL (nats)", "bits/dim", "parameters", "valid NLL", "epoch kept")
TERMINAL_COLUMNS = 4
"""The number of columns of likelihoods that fit into a terminal."""
TRAINING_COLUMNS = ("model", "updates", "epochs", "minutes", "seconds an epoch")
ABLATION_COLUMNS = ("residual", "skip", *LIKELIHOOD_COLUMNS[1:])

PAPER_COLUMN = "paper: Row LSTM, 12 layers, CIFAR-10 (bits/dim)"
PAPER_RESULTS = {"row-lstm": {"neither": "–", "skip": "3.09", "residual": "3.07", "both": "3.06"}}
"""The paper's results by family and variant. Source: PixelRNN (arXiv:1601.06759), as later texts quote it."""

STRUCTURE = {
    "made": "masked fully connected layers",
    "pixelcnn": "7×7 conv, mask A; residual blocks of 3×3 conv, mask B",
    "row-lstm": "7×7 conv, mask A; Row LSTM: i-s 3×1 mask B, s-s 3×1 no mask",
    "diagonal-bilstm": "7×7 conv, mask A; Diagonal BiLSTM: i-s 1×1 mask B, s-s 2×1 no mask",
}
"""The layers of each family. Source: MADE (arXiv:1502.03509); the others PixelRNN (arXiv:1601.06759), table 1."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """The results of a comparison.

    Attributes:
        options: the options of the comparison.
        plan: its plan.
        data: its data.
        entries: one entry for each model, the baseline first.
        ablation: one entry for each variant of the ablation, or none.
        out: the folder of the comparison.
    """

    options: CompareOptions
    plan: ComparisonPlan
    data: Data
    entries: Sequence[ComparisonEntry]
    ablation: Sequence[ComparisonEntry]
    out: Path

    @property
    def compared(self) -> list[ComparisonEntry]:
        """The entries without the baseline."""
        return [entry for entry in self.entries if not entry.is_baseline]

    def to_dict(self) -> dict[str, Any]:
        """Return the tables as JSON values."""
        variants = zip(ABLATION_VARIANTS, self.ablation, strict=False)
        return {
            "budget": {"minutes": self.options.budget_minutes, "updates": self.options.updates},
            "samples": self.plan.samples,
            "models": [entry_to_dict(entry) for entry in self.entries],
            "ablation": {name: entry_to_dict(entry) for name, entry in variants},
        }


def entry_to_dict(entry: ComparisonEntry) -> dict[str, Any]:
    """Return the results of a model as JSON values; None where a value has no meaning, as epochs of the baseline."""
    test, sampled = entry.test, len(entry.measurements.samples) > 0
    values = {
        "model": entry.job.family, "run": str(entry.folder), "parameters": entry.parameters,
        "test_nats": test.nats, "test_stderr": test.stderr, "n": test.n, "sites": test.sites,
        "bits_per_dim": test.bits_per_dim, "bits_per_dim_stderr": test.stderr / (test.sites * math.log(2)),
        "valid_nats": entry.history.best_row.valid_nats, "epoch_kept": entry.history.best,
        "updates": entry.updates, "epochs": entry.epochs, "minutes": entry.seconds / 60,
        "seconds_per_epoch": entry.seconds / entry.epochs, "past_seen": entry.past_seen,
        "training_steps": entry.training_steps, "sampling_steps": entry.sampling_steps,
        "sampling_seconds": entry.measurements.sampling_seconds if sampled else math.nan,
    }  # fmt: skip
    if entry.is_baseline:
        values |= dict.fromkeys(("epoch_kept", "updates", "epochs", "minutes", "seconds_per_epoch"))
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in values.items()}


def summary_tables(comparison: Comparison) -> list[Table]:
    """Return the tables of likelihoods and of training for a terminal."""
    test = comparison.entries[0].test
    likelihoods = [likelihood_row(entry)[:TERMINAL_COLUMNS] for entry in comparison.entries]
    training = [training_row(entry) for entry in comparison.compared]
    title = f"{test.n} test data, D = {test.sites}"
    return [
        terminal_table(title, LIKELIHOOD_COLUMNS[:TERMINAL_COLUMNS], likelihoods),
        terminal_table(f"budget: {comparison.options.budget} a model", TRAINING_COLUMNS, training),
    ]


def write_report(comparison: Comparison, sections: dict[str, Section]) -> None:
    """Write the report as HTML and as Markdown.

    Args:
        comparison: the results.
        sections: the pictures, by the chapter to which they belong.
    """
    page = Page(" and ".join(filter(None, _split_last([entry.name for entry in comparison.compared]))) + ", compared")
    add_introduction(page, comparison)
    add_likelihoods(page, comparison)
    add_sections(page, [sections["likelihoods"]])
    add_training(page, comparison)
    add_sections(page, [sections["minutes"]])
    add_structure(page, comparison)
    add_sections(page, [sections[key] for key in ("fields", "samples") if key in sections])
    if comparison.ablation:
        add_ablation(page, comparison.ablation)
    add_settings(page, comparison)
    page.write(comparison.out / HTML)
    page.write(comparison.out / MARKDOWN)


def _split_last(names: Sequence[str]) -> tuple[str, str]:
    """Return all names but the last with commas between them, and the last name."""
    return ", ".join(names[:-1]), names[-1]


def add_introduction(page: Page, comparison: Comparison) -> None:
    """Add the data, the budget, the baseline and the units."""
    data, options = comparison.data, comparison.options
    train, valid, test = (len(split_values(split)) for split in (data.train, data.valid, data.test))
    equal = "number of updates" if options.updates else "time for training and validation"
    page.paragraph(
        f"Data: `{data.source}`, {data.domain}; {train} to train on, {valid} that choose the epoch that is kept, and "
        f"{test} test data that are scored at the end. Each model was given the same {equal}: {options.budget}. "
        "`Independent`, in which no pixel depends on another, is the baseline that all others have to beat. It is not "
        "trained: its probabilities are the frequencies of each pixel's values in the training data. Each value is "
        "counted once more than it occurs, so that no value has probability 0."
    )
    page.paragraph(
        "NLL is −ln p(x) in nats, the mean over data ± its standard error; bits/dim is NLL / (D ln 2), where D = "
        f"{data.domain.sites}. Lower is better. The standard error is over test data: it does not say how much another "
        "seed or another budget would change, and an order of models under one budget need not hold under another."
    )


def add_likelihoods(page: Page, comparison: Comparison) -> None:
    """Add the table of test NLLs, and the table of their differences."""
    test = comparison.entries[0].test
    page.heading("Likelihood")
    uniform = uniform_row(comparison.data.domain)
    rows = [(*uniform, "0", uniform[1], "–"), *map(likelihood_row, comparison.entries)]
    caption = (
        f"NLL of {test.n} test data, D = {test.sites}. “Uniform” gives all values the same probability. "
        f"{PARAMETERS_NOTE}"
    )
    page.table(LIKELIHOOD_COLUMNS, rows, caption)
    pairs = [difference_row(*pair) for pair in pairwise(comparison.entries)]
    page.table(("difference", "nats"), pairs, DIFFERENCES_CAPTION)


def likelihood_row(entry: ComparisonEntry) -> tuple[str, ...]:
    """Return a row of the table of likelihoods."""
    valid = f"{entry.history.best_row.valid_nats:.2f}"
    epoch = "–" if entry.is_baseline else format_best_epoch(entry.history)
    return entry.name, format_nats(entry.test), format_bits(entry.test), f"{entry.parameters:,}", valid, epoch


def add_training(page: Page, comparison: Comparison) -> None:
    """Add the table of the cost of training."""
    page.heading("Training")
    options = comparison.options
    budget = f"Each was given {options.budget}."
    if options.updates is None:
        budget = (
            f"The budget is {options.budget} a model. Some updates of each model were timed beforehand, which fixed "
            "the number of updates that fills the budget; the table has the minutes that they took."
        )
    page.paragraph(f"{budget} Minutes are those of training and validation, without the time of writing files.")
    page.table(TRAINING_COLUMNS, [training_row(entry) for entry in comparison.compared])


def training_row(entry: ComparisonEntry) -> tuple[str, ...]:
    """Return a row of the table of training."""
    minutes, epoch = entry.seconds / 60, entry.seconds / entry.epochs
    return entry.name, f"{entry.updates:,}", f"{entry.epochs:.1f}", f"{minutes:.2f}", f"{epoch:.2f}"


def add_structure(page: Page, comparison: Comparison) -> None:
    """Add the table of layers, receptive fields, and sequential steps."""
    page.heading("Structure")
    page.paragraph(
        "The steps below are those that cannot run in parallel on any machine. In training, MADE and PixelCNN see a "
        "whole image in one parallel pass; each LSTM layer goes through it, row after row (Row LSTM: H steps a layer) "
        "or diagonal after diagonal (Diagonal BiLSTM: H + W − 1 a layer, both directions at once). Sampling is "
        "sequential in all of them: every pixel has to be known before the next."
    )
    entries, count = comparison.compared, comparison.plan.samples
    rows = [
        ("layers", *(STRUCTURE[entry.job.family] for entry in entries)),
        ("share of the past that is seen", *(_format_past_seen(entry) for entry in entries)),
        ("training, steps a pass", *(format_training_steps(entry.training_steps) for entry in entries)),
        ("sampling, steps", *(f"{entry.sampling_steps:,}" for entry in entries)),
        (f"sampling, seconds for {count}", *(f"{entry.measurements.sampling_seconds:.2f}" for entry in entries)),
    ]
    caption = (
        "The share of the past: of all pairs of a site and one before it, those where the first one's distribution can "
        f"depend on the second, by kernels and masks. Sampling: {count} data at once; in each step go all sites that "
        "do not wait for each other. i-s: input to state, s-s: state to state."
    )
    page.table(("", *(entry.name for entry in entries)), rows, caption)
    if any(entry.job.family == "diagonal-bilstm" and entry.past_seen < 1 for entry in entries):
        page.paragraph(
            "Of the last pixel of the row above, other than from nearby, the paper's Diagonal BiLSTM sees "
            f"{_seen_of_last_pixel(comparison.data.domain)}; with `--diagonal-bilstm.full-context true` it sees all of "
            "the past."
        )


def format_training_steps(steps: int) -> str:
    """Return the number of sequential steps of a training pass in words.

    Example:
        >>> format_training_steps(1), format_training_steps(24)
        ('1 (parallel)', '24 (sequential)')
    """
    return "1 (parallel)" if steps == 1 else f"{steps:,} (sequential)"


def add_ablation(page: Page, ablation: Sequence[ComparisonEntry]) -> None:
    """Add the table of the ablation of residual and skip connections."""
    page.heading("Residual and skip connections")
    first = ablation[0]
    page.paragraph(
        f"{first.job.title.split(',')[0]}, {first.model.arguments['layers']} layers of h = "
        f"{first.model.arguments['features']}, {counted(first.updates, 'update')} each; all else is as above."
    )
    rows = [ablation_row(name, entry) for name, entry in zip(ABLATION_VARIANTS, ablation, strict=True)]
    if first.job.family not in PAPER_RESULTS:
        page.table(ABLATION_COLUMNS, rows)
        return
    caption = (
        "The paper's figures are as later texts quote them, where that of neither was not found: they show the "
        "direction to expect, not values that these models could reach."
    )
    page.table((*ABLATION_COLUMNS, PAPER_COLUMN), rows, caption)


def ablation_row(name: str, entry: ComparisonEntry) -> tuple[str, ...]:
    """Return a row of the table of the ablation, with the paper's result if there is one."""
    connections = ("yes" if present else "no" for present in ABLATION_VARIANTS[name])
    paper = PAPER_RESULTS.get(entry.job.family)
    return *connections, *likelihood_row(entry)[1:], *([paper[name]] if paper else [])


def add_settings(page: Page, comparison: Comparison) -> None:
    """Add the table of the models' arguments and the settings of training."""
    page.heading("Settings")
    page.paragraph(
        f"Seed {comparison.options.seed}. chainrule {__version__}, torch {torch.__version__}, threads: "
        f"{torch.get_num_threads()}. Each run is in a folder beside this report, as `chainrule train` makes "
        "them. `position_bias`, a learned bias for each feature and position, is not in the paper's table 1; "
        "`direct_connections`, weights straight from inputs to outputs, is an option of MADE's paper."
    )
    columns = [describe_settings(entry) for entry in comparison.compared]
    keys = list(dict.fromkeys(chain.from_iterable(columns)))
    keys = sorted(keys, key=lambda key: all(key in column for column in columns))  # the models' own arguments first
    rows = [(key, *(column.get(key, "–") for column in columns)) for key in keys]
    page.table(["", *(entry.name for entry in comparison.compared)], rows)


def _format_past_seen(entry: ComparisonEntry) -> str:
    return "not known" if entry.receptive_field is None else percent(entry.past_seen)


def _seen_of_last_pixel(domain: Domain) -> str:
    """Return what a Diagonal BiLSTM without full context sees of the last pixel of the row above, in words."""
    last = domain.shape[0] - 1
    return f"all but the last of its channels, {channel_name(last, last + 1)}" if last else "nothing"
