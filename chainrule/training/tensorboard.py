"""Learning curves for TensorBoard, where it is installed."""

from __future__ import annotations

import math
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.training.history import EpochMetrics, History

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class TensorBoardLogger:
    """Writes the metrics of each epoch to the run's `tensorboard` folder, where TensorBoard is installed."""

    def __init__(self, path: Path, history: History) -> None:
        self._path, self._first_epoch = path / "tensorboard", len(history.rows) + 1
        self._writer: SummaryWriter | None = None

    def log(self, metrics: EpochMetrics) -> None:
        """Write the metrics of an epoch."""
        if self._writer is None:
            if not find_spec("tensorboard"):
                return
            from torch.utils.tensorboard import SummaryWriter

            # A resumed run writes again what a crash left behind the last saved epoch.
            self._writer = SummaryWriter(self._path, purge_step=self._first_epoch)
        for name, value in asdict(metrics).items():
            if name != "epoch" and not math.isnan(value):
                self._writer.add_scalar(name, value, metrics.epoch)
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
