"""The record of a training run: one row an epoch, and which epoch was kept."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from chainrule.files import replacing


@dataclass(frozen=True)
class Row:
    """One epoch, or what a run had time for of its last one: then `updates` tells how much.

    Attributes:
        epoch: from 1.
        updates: updates so far.
        train_nats: mean NLL of the training batches as they were met, with the weights of the moment.
        valid_nats: NLL of the validation set under the averaged weights; nan without one.
        valid_bits_per_dim: the same in bits/dim; nan where they mean nothing, as of real columns.
        lr: the learning rate of the last update.
        images_per_second: training data a second, validation not counted.
        seconds: training and validation of all epochs so far.
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
    """What happened in each epoch.

    Attributes:
        rows: one an epoch.
        best: the epoch whose weights were kept: the best on the validation set, the last one without.
        stopped: why the run ended before its last epoch, if it did.
    """

    rows: list[Row]
    best: int = 0
    stopped: str = ""

    def add(self, row: Row) -> bool:
        """Adds an epoch; says whether it is the one to keep."""
        better = math.isnan(row.valid_nats) or not self.rows or row.valid_nats < self.best_row.valid_nats
        self.rows.append(row)
        if better:
            self.best = row.epoch
        return better

    @property
    def best_row(self) -> Row:
        return self.rows[self.best - 1]

    def write_csv(self, path: Path) -> None:
        """All rows, as CSV, in place of what was there."""
        text = io.StringIO()
        writer = csv.DictWriter(text, [field.name for field in fields(Row)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in self.rows)
        with replacing(path) as part:
            part.write_text(text.getvalue(), encoding="utf-8")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, fields_: dict[str, Any]) -> History:
        return cls([Row(**row) for row in fields_["rows"]], fields_["best"], fields_["stopped"])
