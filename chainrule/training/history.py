"""The record of a training run: the metrics of each epoch, and which epoch was the best."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from chainrule.files import atomic_write


@dataclass(frozen=True)
class EpochMetrics:
    """The metrics of one epoch. The last epoch of a run may be shorter; `updates` tells where it ended.

    Attributes:
        epoch: the number of the epoch, from 1.
        updates: the number of updates since the run began.
        train_nats: mean NLL of the training batches, in nats per datum, each with the weights of its update.
        valid_nats: NLL of the validation set under the averaged weights, in nats per datum; nan without a set.
        valid_bits_per_dim: the same in bits/dim; nan where bits/dim are not defined, as for real columns.
        lr: the learning rate of the last update.
        images_per_second: training data per second, without the time of validation.
        seconds: the time of training and validation since the run began.
    """

    epoch: int
    updates: int
    train_nats: float
    valid_nats: float
    valid_bits_per_dim: float
    lr: float
    images_per_second: float
    seconds: float


@dataclass
class History:
    """The metrics of all epochs of a run.

    Attributes:
        rows: the metrics, one row per epoch.
        best: the number of the epoch whose weights the model has: the best on the validation set, or the last one
            without a set.
        stopped: why the run ended before its last epoch; empty if it did not.
    """

    rows: list[EpochMetrics]
    best: int = 0
    stopped: str = ""

    def add(self, row: EpochMetrics) -> bool:
        """Add an epoch, and return whether it is the best so far."""
        better = math.isnan(row.valid_nats) or not self.rows or row.valid_nats < self.best_row.valid_nats
        self.rows.append(row)
        if better:
            self.best = row.epoch
        return better

    @property
    def best_row(self) -> EpochMetrics:
        """The metrics of the best epoch."""
        return self.rows[self.best - 1]

    def write_csv(self, path: Path) -> None:
        """Write all rows as CSV; the file replaces an older one."""
        text = io.StringIO()
        writer = csv.DictWriter(text, [field.name for field in fields(EpochMetrics)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in self.rows)
        with atomic_write(path) as part:
            part.write_text(text.getvalue(), encoding="utf-8")

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, from which `from_dict` makes the same history."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> History:
        """Make the history that `to_dict` described."""
        return cls([EpochMetrics(**row) for row in values["rows"]], values["best"], values["stopped"])
