"""`fit`: one call that trains a model, in memory or as a run that can be stopped and resumed."""

from __future__ import annotations

import math
import signal
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from chainrule.checkpoint import FORMAT, describe, read_config
from chainrule.data import Data, Split, as_split
from chainrule.domains import Table
from chainrule.errors import ChainruleError, TrainingStopped
from chainrule.formatting import counted
from chainrule.hardware import keep_freed_memory
from chainrule.models.base import AutoregressiveModel, not_first, observed_mask
from chainrule.progress import Bar, bar
from chainrule.training.history import History
from chainrule.training.processes import Processes, processes
from chainrule.training.settings import EPOCHS, Settings, as_settings
from chainrule.training.state import RunFolder
from chainrule.training.tensorboard import Board
from chainrule.training.trainer import Trainer
from chainrule.version import __version__

if TYPE_CHECKING:
    import pandas as pd

UPDATES = 2000
"""A table is trained on for about as many at least, unless it is said how long."""
SAVE_SECONDS, EPOCH_SECONDS = 60.0, 1.0
"""The state is saved this often within an epoch, and at the end of one unless it was just saved: some are short."""


def fit(
    model: AutoregressiveModel,
    train: Tensor | np.ndarray | pd.DataFrame | Split | Data,
    valid: Tensor | np.ndarray | pd.DataFrame | Split | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    **settings: Any,
) -> History:
    """Trains `model` by maximum likelihood; it ends with the best weights on `valid` (the last ones without).

    The weights that are validated and kept are an exponential moving average. The NLL of each epoch is in nats a datum.

    Args:
        train: data [n, *shape], of a table also as a frame; or a whole data set, whose own validation split is used.
            Of rows with missing values the others are learned, in orders that put the missing ones last.
        valid: chooses the epoch that is kept.
        out: a folder for the run: its configuration, kept weights, `metrics.csv` and the state to resume from.
        resume: go on with the run in `out`, if one is there. It ends with the weights, bit for bit, of a run that was
            never stopped (same machine, same number of threads).
        progress: show a progress bar.
        **settings: see `Settings`: epochs or updates, batch_size, lr, ... Unless it is said how long, a table is
            trained on for 20 epochs, or as many as some 2000 updates take.

    Raises:
        ChainruleError: data that do not fit the model, unknown settings, `out` in use, or another run to resume.
        TrainingStopped: interrupted, or a loss that is no longer a number; the last good weights are kept.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.made import MADE
        >>> x = torch.tensor([[0, 0], [1, 1]]).repeat(50, 1)
        >>> history = fit(MADE(Binary((2,)), hidden=(8,)), x, epochs=100, lr=0.05, progress=False)
        >>> round(history.rows[-1].train_nats, 1)  # ln 2: the two sites agree
        0.7
    """
    data = _sets(model, train, valid)
    chosen = as_settings({**_length(model, data, settings), **settings})
    _check(model, chosen, data)
    if resume and out is None:
        raise ChainruleError("resume goes on with the run in a folder; give that folder as out")
    folder = None if out is None else RunFolder(Path(out))
    keep_freed_memory()
    team = processes()
    model.to(team.device(chosen.device))
    settled = _settled(chosen, model, folder if resume else None, team)
    trainer = Trainer(model, settled, data.train, data.valid, team)
    title, show = f"training {model.in_words()}", progress and team.rank == 0
    with bar(title, trainer.images(trainer.updates), show) as shown, _Interrupt() as interrupt:
        if folder is not None:
            _open(folder, _config(model, settled, data, team), data, resume, trainer, shown)
        if settled != chosen and settled.precision == "bfloat16" and trainer.done == 0:
            shown.print("layers train in bfloat16, which is faster here (precision auto); validation is in float32")
        _warn_of_warmup(trainer, shown)
        try:
            _run(trainer, folder, shown, interrupt)
        finally:
            model.load_state_dict(trainer.kept())
            model.eval()
    return trainer.history


@dataclass(frozen=True)
class _Sets:
    """The splits of a run, and what its configuration says of where they come from."""

    train: Split
    valid: Split | None
    test: Split | None

    def describe(self) -> dict[str, Any]:
        """How the data were prepared, if `load_data` did it, and a digest of each split."""
        splits = {"train": self.train, "valid": self.valid, "test": self.test}
        digests = {name: split.digest for name, split in splits.items() if split is not None}
        recipe = self.train.recipe
        return {"preprocessing": None if recipe is None else recipe.to_dict(), "digests": digests}

    def fingerprints(self) -> dict[str, Tensor]:
        """A number for each datum that training looks at, by which it is known again."""
        splits = {"train": self.train, "valid": self.valid}
        return {name: split.fingerprints() for name, split in splits.items() if split is not None}


def _sets(
    model: AutoregressiveModel,
    train: Tensor | np.ndarray | pd.DataFrame | Split | Data,
    valid: Tensor | np.ndarray | pd.DataFrame | Split | None,
) -> _Sets:
    if not isinstance(train, Data):
        domain = model.domain
        return _Sets(as_split(train, domain), None if valid is None else as_split(valid, domain), None)
    if valid is not None:
        raise ChainruleError("a data set has its own validation split; to use another, give data.train and that one")
    if train.train is None:
        raise ChainruleError(f"{train.source} has no training split")
    if train.domain != model.domain:
        raise ChainruleError(
            f"the data are of {train.domain}, and the model is of {model.domain}; make one for the data"
        )
    return _Sets(train.train, train.valid, train.test)


def _length(model: AutoregressiveModel, data: _Sets, settings: dict[str, Any]) -> dict[str, int]:
    """How long to train on a table where nothing is said of it: small ones need more epochs than large ones."""
    if not isinstance(model.domain, Table) or {"epochs", "updates"} & settings.keys():
        return {}
    batch = as_settings({"batch_size": settings.get("batch_size", Settings.batch_size)}).batch_size
    return {"epochs": max(EPOCHS, math.ceil(UPDATES / max(1, math.ceil(len(data.train) / batch))))}


def _check(model: AutoregressiveModel, settings: Settings, data: _Sets) -> None:
    """Raises ChainruleError for data that the model or the settings cannot be used with."""
    for name, split in {"training": data.train, "validation": data.valid}.items():
        if split is None:
            continue
        try:
            _check_values(model, split.values())
        except ChainruleError as error:
            raise ChainruleError(f"the {name} data do not fit the model: {error}") from None
        if len(split) == 0:
            raise ChainruleError(f"there are no {name} data; give at least one datum")
    if settings.patience is not None and data.valid is None:
        raise ChainruleError("patience waits for a better validation NLL, and there are no validation data; give some")
    if not any(weight.requires_grad for weight in model.parameters()):
        raise ChainruleError(f"{type(model).__name__} has no weights to train")


def _check_values(model: AutoregressiveModel, x: Tensor) -> None:
    """Raises ChainruleError for values outside the domain, or for missing ones that the model does not take."""
    known = observed_mask(x)
    model.domain.check(torch.where(known.view(x.shape), x, torch.zeros_like(x)))
    patterns = torch.unique(known[~known.all(1)], dim=0)
    if not all(model.learns_from(pattern) for pattern in patterns):
        raise ChainruleError(not_first(model))


def _settled(settings: Settings, model: AutoregressiveModel, begun: RunFolder | None, team: Processes) -> Settings:
    """The settings with a precision that all processes share: that of the run to go on with, if there is one."""

    def bfloat16() -> bool:
        recorded = None if begun is None else begun.setting("precision")
        return (recorded or settings.settled(model).precision) == "bfloat16"

    if settings.precision != "auto":
        return settings
    return replace(settings, precision="bfloat16" if team.lead(bfloat16) else "float32")


def _config(model: AutoregressiveModel, settings: Settings, data: _Sets, team: Processes) -> dict[str, Any]:
    """What `config.json` says: enough to load the model, to repeat the preprocessing, and to resume no other run."""
    machine = {
        "torch": torch.__version__,
        "processes": team.size,
        "threads": torch.get_num_threads(),
        "device": str(model.device),
    }
    return {
        "format": FORMAT,
        "chainrule": __version__,
        "model": describe(model),
        "data": data.describe(),
        "training": asdict(settings),
        "machine": machine,
    }


def _open(folder: RunFolder, config: dict[str, Any], data: _Sets, resume: bool, trainer: Trainer, shown: Bar) -> None:
    """Makes the folder with a first state, or takes up the state that is there; one process does, all read."""
    found = trainer.team.lead(lambda: folder.open(config, resume))
    if found:
        _restore(trainer, folder)
        shown(trainer.images(trainer.done))
        shown.print(_taken_up(trainer))
        _warn_of_another_machine(read_config(folder.path).get("machine"), config["machine"], shown)
    elif trainer.team.rank == 0:
        folder.remember(data.fingerprints())
        folder.save(trainer.progress(), trainer.tensors())


def _taken_up(trainer: Trainer) -> str:
    """Where a run goes on, or that there is nothing left of it."""
    at = trainer.position
    if trainer.finished:
        return f"this run is finished: it ended after epoch {at.epoch}, and nothing is left to train"
    return f"resumed after epoch {at.epoch}, update {at.step} of the next"


def _warn_of_warmup(trainer: Trainer, shown: Bar) -> None:
    """Says where the learning rate rises over fewer updates than were chosen."""
    warmup, most = trainer.settings.warmup, trainer.updates // 2
    if warmup > most and warmup != Settings.warmup:
        shown.print(
            f"warning: a warmup of {warmup} updates is more than half of the {counted(trainer.updates, 'update')} of "
            f"this run; it takes {most}"
        )


def _restore(trainer: Trainer, folder: RunFolder) -> None:
    """Takes up the state that is there.

    Raises:
        ChainruleError: it is damaged, or of another version of the model's class or of this library.
    """
    state = folder.read()
    try:
        trainer.restore(*state)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ChainruleError(
            f"the state in {folder.path} does not fit {type(trainer.model).__name__} ({reason}); start a new run"
        ) from None
    if trainer.history.rows:
        trainer.best = folder.kept()


def _warn_of_another_machine(before: Any, now: dict[str, Any], shown: Bar) -> None:
    for name, value in now.items():
        if isinstance(before, dict) and before.get(name, value) != value:
            shown.print(
                f"warning: the run began with {name} {before[name]}, and now it is {value}: "
                "the weights may differ in their last digits from those of an unbroken run"
            )


def _run(trainer: Trainer, folder: RunFolder | None, shown: Bar, interrupt: _Interrupt) -> None:
    """The loop, saving as it goes; only the first of several processes writes."""
    writer = folder if trainer.team.rank == 0 else None
    board = None if writer is None else Board(writer.path, trainer.history)
    saved, pending = time.monotonic(), False  # better weights are written with the state that tells of them

    def keep() -> None:
        nonlocal pending
        if writer is not None and pending:
            writer.keep(trainer.best_model())
        pending = False

    def save() -> None:
        nonlocal saved
        keep()
        if writer is not None:
            writer.write_metrics(trainer.history)
            writer.save(trainer.progress(), trainer.tensors())
        saved = time.monotonic()

    def after_update() -> None:
        if trainer.team.total(interrupt.asked)[0]:
            save()
            raise TrainingStopped(_stopped(trainer, folder), interrupted=True)
        if time.monotonic() - saved > SAVE_SECONDS:
            save()

    def after_epoch(better: bool) -> None:
        nonlocal pending
        pending = pending or better
        if board is not None:
            board.add(trainer.history.rows[-1])
        if trainer.finished or time.monotonic() - saved > EPOCH_SECONDS:
            save()

    try:
        trainer.run(shown, after_update, after_epoch)
    except TrainingStopped:
        keep()
        if writer is not None:
            writer.write_metrics(trainer.history)
            if not trainer.history.rows:
                writer.keep(trainer.averaged)  # so that the folder holds a model
        trainer.team.wait()
        raise
    finally:
        if board is not None:
            board.close()
    trainer.team.wait()


def _stopped(trainer: Trainer, folder: RunFolder | None) -> str:
    at = trainer.position
    where = "nothing was saved, since no folder was given" if folder is None else f"resume to go on from {folder.path}"
    return f"stopped in epoch {at.epoch + 1} after update {at.step} of {trainer.steps_of(at.epoch)}; {where}"


class _Interrupt:
    """Within the block, Ctrl-C and SIGTERM ask for a stop after the update under way; a second one stops at once."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> _Interrupt:
        if threading.current_thread() is threading.main_thread():  # only there can Python handle signals
            self._before = {sign: signal.signal(sign, self._ask) for sign in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for sign, handler in self._before.items():
            signal.signal(sign, handler)

    def _ask(self, _sign: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
