"""A trained model with its results, and their format in the tables of all reports."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table
from torch import Tensor

from chainrule.data import Split
from chainrule.domains import Domain
from chainrule.figures import likelihoods_figure, to_png
from chainrule.formatting import with_error
from chainrule.inference import Evaluation
from chainrule.models import AutoregressiveModel
from chainrule.reports.sections import Picture, Section
from chainrule.training import History, Settings

DIFFERENCES_CAPTION = (
    "How much lower the second one's NLL is (where negative: how much higher), taken image by image. The models "
    "find the same images difficult, and in the difference that cancels: this ± says which model is better, and the ± "
    "of the table above does not."
)
"""The caption of a table of `difference_row`s."""
PARAMETERS_NOTE = "Parameters are all weights that are stored; those that a mask closes count too, and have no effect."
"""The note on a column of numbers of parameters."""


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainedModel:
    """A trained model and its results.

    Attributes:
        name: the name of the model in reports.
        folder: the folder of the run.
        model: the model.
        settings: the settings of training.
        history: the metrics of each epoch.
        test: the NLL of the test data.
        test_nats: the NLL of each test datum in nats, float64 [n].
    """

    name: str
    folder: Path
    model: AutoregressiveModel
    settings: Settings
    history: History
    test: Evaluation
    test_nats: Tensor

    @property
    def parameters(self) -> int:
        """The number of weights, including those under masks."""
        return sum(weight.numel() for weight in self.model.parameters())

    @property
    def seconds(self) -> float:
        """The time of training and validation."""
        return self.history.rows[-1].seconds


def split_values(split: Split | None) -> Tensor:
    """Return the data of a split that is known to exist: uint8 [n, *shape]."""
    assert split is not None, "the data have all splits"
    return split.values()


def format_nats(test: Evaluation) -> str:
    """Return the NLL in nats with its standard error.

    Example:
        >>> format_nats(Evaluation(17.323, 0.294, n=250, sites=64))
        '17.32 ± 0.29'
    """
    return with_error(test.nats, test.stderr, 2)


def format_bits(test: Evaluation) -> str:
    """Return the NLL in bits/dim with its standard error.

    Example:
        >>> format_bits(Evaluation(17.323, 0.294, n=250, sites=64))
        '0.3905 ± 0.0066'
    """
    return with_error(test.bits_per_dim, test.stderr / (test.sites * math.log(2)), 4)


def uniform_row(domain: Domain) -> tuple[str, str, str]:
    """Return the name, NLL and bits/dim of the uniform distribution.

    Example:
        >>> from chainrule.domains import Binary
        >>> uniform_row(Binary((64,)))
        ('Uniform', '44.36', '1.0000')
    """
    return "Uniform", f"{domain.sites * math.log(domain.levels):.2f}", f"{math.log2(domain.levels):.4f}"


def difference_row(first: TrainedModel, second: TrainedModel) -> tuple[str, str]:
    """Return the names of two models, and the mean difference of their NLLs over test data with its standard error."""
    difference = first.test_nats - second.test_nats
    error = difference.std().item() / math.sqrt(len(difference)) if len(difference) > 1 else math.nan
    return f"{first.name} − {second.name}", with_error(difference.mean().item(), error, 2)


def likelihoods_section(models: Sequence[TrainedModel], name: str) -> Section:
    """Return the figure of the test NLLs; it stands below their table and needs no heading.

    Args:
        models: the trained models.
        name: the name of the picture's file, without the ending.
    """
    picture = Picture(
        name,
        to_png(likelihoods_figure({model.name: model.test for model in models})),
        "Test NLL of each model; the bars reach two standard errors to either side.",
        "Test NLL of each model with error bars",
    )
    return Section("", "", [picture])


def terminal_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return a table of models and numbers for the terminal, with each cell in one line."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="left" if column == "model" else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def describe_settings(model: TrainedModel) -> dict[str, str]:
    """Return the arguments of the model, the settings of training and the best epoch as text, by name."""
    values = {**model.model.arguments, **asdict(model.settings)}
    values["epoch kept"] = format_best_epoch(model.history)
    budget = "updates" if model.settings.epochs is None else "epochs"
    left_out = {"domain", "order", "seed", "device", "epochs", "updates"} - {budget}
    return {name: _format_value(value) for name, value in values.items() if name not in left_out}


def format_best_epoch(history: History) -> str:
    """Return the epoch whose weights were kept, and the number of epochs."""
    return f"{history.best} of {len(history.rows)}"


def _format_value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " × ".join(map(str, value))
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
