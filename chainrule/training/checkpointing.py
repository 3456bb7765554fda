"""Saving a run while it trains: its best weights, its metrics, and the state to resume from."""

from __future__ import annotations

import time

from chainrule.training.run_folder import RunFolder
from chainrule.training.tensorboard import TensorBoardLogger
from chainrule.training.trainer import Trainer

SAVE_SECONDS = 60.0
"""Within an epoch, a run is saved this often."""
EPOCH_SECONDS = 1.0
"""At the end of an epoch, a run is saved unless it was saved this short a time ago: some epochs are short."""


class Checkpointer:
    """Writes the folder of a run while it trains, and logs its metrics to TensorBoard.

    Args:
        folder: None to write nothing.
    """

    def __init__(self, trainer: Trainer, folder: RunFolder | None) -> None:
        self._trainer, self._folder = trainer, folder
        self._logger = None if folder is None else TensorBoardLogger(folder.path, trainer.history)
        self._saved_at = time.monotonic()
        self._has_new_best = False  # better weights are written together with the state that has counted them

    def save(self) -> None:
        """Write the best weights if they are new, then the metrics, then the state."""
        self._save_weights()
        if self._folder is not None:
            self._folder.write_metrics(self._trainer.history)
            self._folder.write_state(self._trainer.counters(), self._trainer.tensors())
        self._saved_at = time.monotonic()

    def _save_weights(self) -> None:
        if self._folder is not None and self._has_new_best:
            self._folder.write_weights(self._trainer.best_model())
        self._has_new_best = False

    def after_update(self) -> None:
        """Save if the last save is long ago."""
        if time.monotonic() - self._saved_at > SAVE_SECONDS:
            self.save()

    def after_epoch(self, better: bool) -> None:
        """Log the metrics of the epoch, and save unless a save was very recent; `better`: its weights are the best."""
        self._has_new_best = self._has_new_best or better
        if self._logger is not None:
            self._logger.log(self._trainer.history.rows[-1])
        if self._trainer.finished or time.monotonic() - self._saved_at > EPOCH_SECONDS:
            self.save()

    def after_stop(self) -> None:
        """Write what is left to write when training was stopped, so that the folder holds a model."""
        self._save_weights()
        if self._folder is not None:
            self._folder.write_metrics(self._trainer.history)
            if not self._trainer.history.rows:
                self._folder.write_weights(self._trainer.averaged_model)

    def close(self) -> None:
        """Close the files of TensorBoard."""
        if self._logger is not None:
            self._logger.close()
