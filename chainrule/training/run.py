"""A training run: its folder is opened or resumed, and it is saved while it trains."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch

from chainrule.checkpoint import FORMAT, describe, read_config
from chainrule.errors import ChainruleError, TrainingStopped
from chainrule.progress import ProgressBar
from chainrule.training.checkpointing import Checkpointer
from chainrule.training.run_folder import RunFolder
from chainrule.training.stop_request import StopRequest
from chainrule.training.trainer import Trainer
from chainrule.training.training_data import TrainingData
from chainrule.version import __version__


@dataclass(frozen=True)
class Run:
    """A training run.

    Attributes:
        folder: None for a run in memory.
        bar: shows the progress, and prints messages.
    """

    trainer: Trainer
    data: TrainingData
    folder: RunFolder | None
    bar: ProgressBar

    def open(self, resume: bool) -> None:
        """Make the folder with a first state, or resume from the state in it. The first process writes; all read.

        Raises:
            ChainruleError: the folder is in use, or it holds another run or a damaged one.
        """
        if self.folder is None:
            return
        trainer, folder, config = self.trainer, self.folder, self._config()
        if trainer.process_group.run_on_first(lambda: folder.open(config, resume)):
            _restore(trainer, folder)
            self.bar(trainer.data_in(trainer.updates_done))
            self.bar.print(_describe_resumed(trainer))
            self._warn_of_another_machine(read_config(folder.path).get("machine"), config["machine"])
        elif trainer.process_group.rank == 0:
            folder.write_fingerprints(self.data.fingerprints())
            folder.write_state(trainer.counters(), trainer.tensors())

    def _config(self) -> dict[str, Any]:
        """Return the contents of `config.json`: they suffice to load the model and to repeat the preprocessing."""
        trainer = self.trainer
        machine = {
            "torch": torch.__version__,
            "processes": trainer.process_group.size,
            "threads": torch.get_num_threads(),
            "device": str(trainer.model.device),
        }
        return {
            "format": FORMAT,
            "chainrule": __version__,
            "model": describe(trainer.model),
            "data": self.data.describe(),
            "training": asdict(trainer.settings),
            "machine": machine,
        }

    def _warn_of_another_machine(self, recorded: Any, current: dict[str, Any]) -> None:
        for name, value in current.items():
            if isinstance(recorded, dict) and recorded.get(name, value) != value:
                self.bar.print(
                    f"warning: the run began with {name} {recorded[name]}, and now it is {value}: "
                    "the weights may differ in their last digits from those of an unbroken run"
                )

    def train(self, stop: StopRequest) -> None:
        """Train the epochs that are left, and save them.

        Raises:
            TrainingStopped: `stop` was requested, or training diverged.
            ChainruleError: the folder cannot be written.
        """
        group = self.trainer.process_group
        checkpointer = Checkpointer(self.trainer, self.folder if group.rank == 0 else None)

        def after_update() -> None:
            if group.all_reduce(stop.requested)[0]:
                checkpointer.save()
                raise TrainingStopped(self._describe_stop(), interrupted=True)
            checkpointer.after_update()

        try:
            self.trainer.run(self.bar, after_update, checkpointer.after_epoch)
        except TrainingStopped:
            checkpointer.after_stop()
            group.barrier()
            raise
        finally:
            checkpointer.close()
        group.barrier()

    def _describe_stop(self) -> str:
        loop, folder = self.trainer.loop_state, self.folder
        where = (
            "nothing was saved, since no folder was given" if folder is None else f"resume to go on from {folder.path}"
        )
        updates = self.trainer.updates_in(loop.epoch)
        return f"stopped in epoch {loop.epoch + 1} after update {loop.step} of {updates}; {where}"


def _restore(trainer: Trainer, folder: RunFolder) -> None:
    """Load the state in the folder.

    Raises:
        ChainruleError: it is damaged, or of another version of the model's class or of this library.
    """
    state = folder.read_state()
    try:
        trainer.restore(*state)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ChainruleError(
            f"the state in {folder.path} does not fit {type(trainer.model).__name__} ({reason}); start a new run"
        ) from None
    if trainer.history.rows:
        trainer.best_weights = folder.read_weights()


def _describe_resumed(trainer: Trainer) -> str:
    loop = trainer.loop_state
    if trainer.finished:
        return f"this run is finished: it ended after epoch {loop.epoch}, and nothing is left to train"
    return f"resumed after epoch {loop.epoch}, update {loop.step} of the next"
