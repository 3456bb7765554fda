"""The learning curves for TensorBoard, where it is installed."""

from __future__ import annotations

import math
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from chainrule.training.history import History, Row


class Board:
    """Writes each epoch's numbers to the run's `tensorboard` folder, where TensorBoard is installed."""

    def __init__(self, path: Path, history: History) -> None:
        self._writer = None
        if find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            # A resumed run writes again what a crash left behind the last saved epoch.
            self._writer = SummaryWriter(path / "tensorboard", purge_step=len(history.rows) + 1)

    def add(self, row: Row) -> None:
        if self._writer is None:
            return
        for name, value in asdict(row).items():
            if name != "epoch" and not math.isnan(value):
                self._writer.add_scalar(name, value, row.epoch)
        self._writer.flush()
