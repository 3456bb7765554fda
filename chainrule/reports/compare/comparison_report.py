"""The report of a comparison: tables of what was measured, as HTML and as Markdown, and the same for programs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import torch

from chainrule.data import Data
from chainrule.domains import Domain, channel_name
from chainrule.formatting import counted, percent
from chainrule.reports import Page, Section, tell_sections
from chainrule.reports.compare.plan import VARIANTS, Plan, Terms
from chainrule.reports.compare.runs import Entry
from chainrule.reports.trained_model import (
    DIFFERENCES,
    PARAMETERS,
    bits,
    difference_row,
    kept,
    nats,
    settings_of,
    uniform_row,
    values,
)
from chainrule.version import __version__

HTML, MARKDOWN = "report.html", "report.md"

LIKELIHOOD = ("model", "test NLL (nats)", "bits/dim", "parameters", "valid NLL", "epoch kept")
TRAINING = ("model", "updates", "epochs", "minutes", "seconds an epoch")
ABLATION = ("residual", "skip", *LIKELIHOOD[1:])

QUOTED = "paper: Row LSTM, 12 layers, CIFAR-10 (bits/dim)"
PAPER = {"row-lstm": {"neither": "–", "skip": "3.09", "residual": "3.07", "both": "3.06"}}
"""What the paper found, by family. Source: PixelRNN (arXiv:1601.06759), as later texts quote it."""

STRUCTURE = {
    "made": "masked fully connected layers",
    "pixelcnn": "7×7 conv, mask A; residual blocks of 3×3 conv, mask B",
    "row-lstm": "7×7 conv, mask A; Row LSTM: i-s 3×1 mask B, s-s 3×1 no mask",
    "diagonal-bilstm": "7×7 conv, mask A; Diagonal BiLSTM: i-s 1×1 mask B, s-s 2×1 no mask",
}
"""What each is made of. Source: MADE (arXiv:1502.03509); the others PixelRNN (arXiv:1601.06759), table 1."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """What a comparison found.

    Attributes:
        entries: one a model, the yardstick first.
        ablation: one for each of the variants, or none.
        out: its folder.
    """

    terms: Terms
    plan: Plan
    data: Data
    entries: Sequence[Entry]
    ablation: Sequence[Entry]
    out: Path

    @property
    def compared(self) -> list[Entry]:
        """All but the yardstick."""
        return [entry for entry in self.entries if not entry.yardstick]

    def to_dict(self) -> dict[str, Any]:
        """The tables, as JSON values."""
        return {
            "budget": {"minutes": self.terms.chosen_minutes, "updates": self.terms.updates},
            "samples": self.plan.samples,
            "models": [numbers(entry) for entry in self.entries],
            "ablation": {name: numbers(entry) for name, entry in zip(VARIANTS, self.ablation, strict=False)},
        }


def numbers(entry: Entry) -> dict[str, Any]:
    """All that was measured of a model; None is what has no meaning, such as the training of what is only counted."""
    test, sampled = entry.test, len(entry.found.drawn) > 0
    found = {
        "model": entry.job.family, "run": str(entry.folder), "parameters": entry.parameters,
        "test_nats": test.nats, "test_stderr": test.stderr, "n": test.n, "sites": test.sites,
        "bits_per_dim": test.bits_per_dim, "bits_per_dim_stderr": test.stderr / (test.sites * math.log(2)),
        "valid_nats": entry.history.best_row.valid_nats, "epoch_kept": entry.history.best,
        "updates": entry.updates, "epochs": entry.epochs, "minutes": entry.seconds / 60,
        "seconds_per_epoch": entry.seconds / entry.epochs, "past_seen": entry.past,
        "training_steps": entry.training_steps, "sampling_steps": entry.sampling_steps,
        "sampling_seconds": entry.found.sampling if sampled else math.nan,
    }  # fmt: skip
    if entry.yardstick:
        found |= dict.fromkeys(("epoch_kept", "updates", "epochs", "minutes", "seconds_per_epoch"))
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in found.items()}


def write_report(comparison: Comparison, sections: dict[str, Section]) -> None:
    """The report, twice.

    Args:
        sections: pictures, by the chapter that they belong to.
    """
    page = Page(" and ".join(filter(None, _enumerated([entry.name for entry in comparison.compared]))) + ", compared")
    introduce(page, comparison)
    tell_likelihood(page, comparison)
    tell_sections(page, [sections["likelihoods"]])
    tell_training(page, comparison)
    tell_sections(page, [sections["minutes"]])
    tell_structure(page, comparison)
    tell_sections(page, [sections[key] for key in ("fields", "samples") if key in sections])
    if comparison.ablation:
        tell_ablation(page, comparison.ablation)
    tell_settings(page, comparison)
    page.write(comparison.out / HTML)
    page.write(comparison.out / MARKDOWN)


def _enumerated(names: Sequence[str]) -> tuple[str, str]:
    """All but the last with commas, and the last."""
    return ", ".join(names[:-1]), names[-1]


def introduce(page: Page, comparison: Comparison) -> None:
    data, terms = comparison.data, comparison.terms
    train, valid, test = (len(values(split)) for split in (data.train, data.valid, data.test))
    equal = "number of updates" if terms.updates else "time for training and validation"
    page.paragraph(
        f"Data: `{data.source}`, {data.domain}; {train} to train on, {valid} that choose the epoch that is kept, and "
        f"{test} test data that are scored at the end. Each model was given the same {equal}: {terms.budget}. "
        "`Independent`, in which no pixel knows of another, is the yardstick that all have to beat. It is not trained: "
        "how often each pixel has each value in the training data, each value counted once more than it is there, is "
        "its maximum likelihood but for that one more."
    )
    page.paragraph(
        "NLL is −ln p(x) in nats, the mean over data ± its standard error; bits/dim is NLL / (D ln 2), where D = "
        f"{data.domain.sites}. Lower is better. The standard error is over test data: it does not say how much another "
        "seed or another budget would change, and an order of models under one budget need not hold under another."
    )


def tell_likelihood(page: Page, comparison: Comparison) -> None:
    test = comparison.entries[0].test
    page.heading("Likelihood")
    uniform = uniform_row(comparison.data.domain)
    rows = [(*uniform, "0", uniform[1], "–"), *map(likelihood_row, comparison.entries)]
    caption = (
        f"NLL of {test.n} test data, D = {test.sites}. “Uniform” gives all values the same probability. {PARAMETERS}"
    )
    page.table(LIKELIHOOD, rows, caption)
    pairs = [difference_row(*pair) for pair in pairwise(comparison.entries)]
    page.table(("difference", "nats"), pairs, DIFFERENCES)


def likelihood_row(entry: Entry) -> tuple[str, ...]:
    valid = f"{entry.history.best_row.valid_nats:.2f}"
    epoch = "–" if entry.yardstick else kept(entry.history)
    return entry.name, nats(entry.test), bits(entry.test), f"{entry.parameters:,}", valid, epoch


def tell_training(page: Page, comparison: Comparison) -> None:
    page.heading("Training")
    terms = comparison.terms
    how = f"Each was given {terms.budget}."
    if terms.updates is None:
        how = (
            f"The budget is {terms.budget} a model. A few updates of each were timed beforehand; the number of updates "
            "that fills the budget was fixed from that, and the table tells the minutes that they really took."
        )
    page.paragraph(f"{how} Minutes are those of training and validation, without what writing takes.")
    page.table(TRAINING, [training_row(entry) for entry in comparison.compared])


def training_row(entry: Entry) -> tuple[str, ...]:
    minutes, epoch = entry.seconds / 60, entry.seconds / entry.epochs
    return entry.name, f"{entry.updates:,}", f"{entry.epochs:.1f}", f"{minutes:.2f}", f"{epoch:.2f}"


def tell_structure(page: Page, comparison: Comparison) -> None:
    """The models beside each other: what they see, and what waits for what."""
    page.heading("Structure")
    page.paragraph(
        "Steps that wait for each other, whatever a machine can do at once. In training, MADE and PixelCNN see a whole "
        "image in one parallel pass; each LSTM layer goes through it, row after row (Row LSTM: H steps a layer) or "
        "diagonal after diagonal (Diagonal BiLSTM: H + W − 1 a layer, both directions at once). Sampling is sequential "
        "in all of them: every pixel has to be known before the next."
    )
    entries, count = comparison.compared, comparison.plan.samples
    rows = [
        ("layers", *(STRUCTURE[entry.job.family] for entry in entries)),
        ("share of the past that is seen", *("not known" if e.seen is None else percent(e.past) for e in entries)),
        ("training, steps a pass", *(training_steps(entry.training_steps) for entry in entries)),
        ("sampling, steps", *(f"{entry.sampling_steps:,}" for entry in entries)),
        (f"sampling, seconds for {count}", *(f"{entry.found.sampling:.2f}" for entry in entries)),
    ]
    caption = (
        "The share of the past: of all pairs of a site and one before it, those where the first one's distribution can "
        f"depend on the second, by kernels and masks. Sampling: {count} data at once; in each step go all sites that "
        "do not wait for each other. i-s: input to state, s-s: state to state."
    )
    page.table(("", *(entry.name for entry in entries)), rows, caption)
    if any(entry.job.family == "diagonal-bilstm" and entry.past < 1 for entry in entries):
        page.paragraph(
            "Of the last pixel of the row above, other than from nearby, the paper's Diagonal BiLSTM sees "
            f"{_still_seen(comparison.data.domain)}; with `--diagonal-bilstm.full-context true` it sees all of the "
            "past."
        )


def _still_seen(domain: Domain) -> str:
    """What a Diagonal BiLSTM without full context sees of the last pixel of the row above."""
    last = domain.shape[0] - 1
    return f"all but the last of its channels, {channel_name(last, last + 1)}" if last else "nothing"


def training_steps(steps: int) -> str:
    return "1 (parallel)" if steps == 1 else f"{steps:,} (sequential)"


def tell_ablation(page: Page, ablation: Sequence[Entry]) -> None:
    page.heading("Residual and skip connections")
    first = ablation[0]
    page.paragraph(
        f"{first.job.title.split(',')[0]}, {first.model.arguments['layers']} layers of h = "
        f"{first.model.arguments['features']}, {counted(first.updates, 'update')} each; all else is as above."
    )
    rows = [ablation_row(*each) for each in zip(VARIANTS, ablation, strict=True)]
    if first.job.family not in PAPER:
        page.table(ABLATION, rows)
        return
    caption = (
        "The paper's figures are as later texts quote them, where that of neither was not found: they show the "
        "direction to expect, not values that these could reach."
    )
    page.table((*ABLATION, QUOTED), rows, caption)


def ablation_row(name: str, entry: Entry) -> tuple[str, ...]:
    """A variant, with what the paper found of it, if it did."""
    yes, paper = VARIANTS[name], PAPER.get(entry.job.family)
    return *("yes" if each else "no" for each in yes), *likelihood_row(entry)[1:], *([paper[name]] if paper else [])


def tell_settings(page: Page, comparison: Comparison) -> None:
    page.heading("Settings")
    page.paragraph(
        f"Seed {comparison.terms.seed}. chainrule {__version__}, torch {torch.__version__}, threads: "
        f"{torch.get_num_threads()}. Each run is in a folder beside this report, as `chainrule train` makes "
        "them. `position_bias`, a learned bias for each feature and position, is beyond the paper's table 1; `direct`, "
        "weights straight from inputs to outputs, is an option of MADE's paper."
    )
    columns = [settings_of(entry) for entry in comparison.compared]
    keys = list(dict.fromkeys(chain.from_iterable(columns)))
    keys = sorted(keys, key=lambda key: all(key in column for column in columns))  # the models' own first
    rows = [(key, *(column.get(key, "–") for column in columns)) for key in keys]
    page.table(["", *(entry.name for entry in comparison.compared)], rows)
