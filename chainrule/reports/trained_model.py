"""A trained model with its results, and how they are told: rows of tables, alike in every report."""

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
from chainrule.inference.evaluate import Evaluation
from chainrule.models.base import AutoregressiveModel
from chainrule.reports import Picture, Section
from chainrule.training import History, Settings


@dataclass(frozen=True, eq=False, kw_only=True)
class Trained:
    """A trained model and how it did.

    Attributes:
        name: of the model.
        folder: where the run is.
        test: its test NLL.
        test_nats: the NLL in nats of each test datum, float64 [n].
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
        """How many weights there are, those under masks among them."""
        return sum(weight.numel() for weight in self.model.parameters())

    @property
    def seconds(self) -> float:
        """Training and validation."""
        return self.history.rows[-1].seconds


def values(split: Split | None) -> Tensor:
    """The data of a split that is known to be there: uint8 [n, *shape]."""
    assert split is not None, "there are all splits"
    return split.values()


def nats(test: Evaluation) -> str:
    """The NLL with its standard error."""
    return with_error(test.nats, test.stderr, 2)


def bits(test: Evaluation) -> str:
    """The same in bits/dim."""
    return with_error(test.bits_per_dim, test.stderr / (test.sites * math.log(2)), 4)


def uniform_row(domain: Domain) -> tuple[str, str, str]:
    """What every value being equally probable would give: a name, NLL and bits/dim."""
    return "Uniform", f"{domain.sites * math.log(domain.levels):.2f}", f"{math.log2(domain.levels):.4f}"


def difference_row(one: Trained, other: Trained) -> tuple[str, str]:
    """The mean of the NLL of one less that of the other, datum by datum."""
    less = one.test_nats - other.test_nats
    error = less.std().item() / math.sqrt(len(less)) if len(less) > 1 else math.nan
    return f"{one.name} − {other.name}", with_error(less.mean().item(), error, 2)


DIFFERENCES = (
    "How much lower the second one's NLL is (where negative: how much higher), taken image by image. The models "
    "find the same images difficult, and in the difference that cancels: this ± tells which is better, rather "
    "than those above."
)
"""What is said of a table of such rows."""

PARAMETERS = "Parameters are all weights that are stored; those that a mask closes count too, and have no effect."
"""What is said of a table with a column of them."""


def likelihoods(runs: Sequence[Trained], name: str) -> Section:
    """The test NLL of each model; it stands beside the table and needs no heading of its own."""
    picture = Picture(
        name,
        to_png(likelihoods_figure({run.name: run.test for run in runs})),
        "Test NLL of each model; the bars reach two standard errors to either side.",
        "Test NLL of each model with error bars",
    )
    return Section("", "", [picture])


def terminal_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table for the terminal, of models and their numbers, none of which is broken over two lines."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="left" if column == "model" else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def settings_of(run: Trained) -> dict[str, str]:
    """What the model was made with, how it was trained, and which epoch was kept."""
    told = {**run.model.arguments, **asdict(run.settings)}
    told["epoch kept"] = kept(run.history)
    budget = "updates" if run.settings.epochs is None else "epochs"
    passed_over = {"domain", "order", "seed", "device", "epochs", "updates"} - {budget}
    return {key: _word(value) for key, value in told.items() if key not in passed_over}


def kept(history: History) -> str:
    """Which epoch was kept."""
    return f"{history.best} of {len(history.rows)}"


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " × ".join(map(str, value))
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
