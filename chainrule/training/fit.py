"""`fit`: train a model, in memory or as a run on disk that can be stopped and resumed."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor, nn

from chainrule.checkpoint import check_unwrapped
from chainrule.data import Data, Split
from chainrule.domains import Table
from chainrule.errors import ChainruleError
from chainrule.formatting import counted
from chainrule.hardware import keep_freed_memory
from chainrule.models import AutoregressiveModel
from chainrule.progress import ProgressBar, ProgressCallback, progress_bar
from chainrule.training.history import History
from chainrule.training.process_group import ProcessGroup, join_process_group
from chainrule.training.run import Run
from chainrule.training.run_folder import RunFolder
from chainrule.training.settings import EPOCHS, LRSchedule, Optimiser, Precision, Settings
from chainrule.training.stop_request import StopRequest
from chainrule.training.trainer import Trainer
from chainrule.training.training_data import TrainingData, as_training_data

if TYPE_CHECKING:
    import pandas as pd

TABLE_UPDATES = 2000
"""The minimum of updates on a table, where neither epochs nor updates are given."""


def fit(
    model: AutoregressiveModel,
    train: Tensor | np.ndarray | pd.DataFrame | Split | Data,
    valid: Tensor | np.ndarray | pd.DataFrame | Split | None = None,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    epochs: int | None = None,
    batch_size: int = 100,
    updates: int | None = None,
    optimiser: Optimiser = "adamw",
    lr: float = 1e-3,
    schedule: LRSchedule = "cosine",
    warmup: int = 100,
    weight_decay: float = 0.0,
    clip: float = 1.0,
    ema: float = 0.999,
    patience: int | None = None,
    precision: Precision = "auto",
    device: str = "auto",
    seed: int = 0,
    progress: bool | ProgressCallback = True,
) -> History:
    """Train `model` by maximum likelihood; it ends with the best weights on `valid`, or the last ones without `valid`.

    The weights that are validated, and that the model ends with, are an exponential moving average.

    Args:
        model: the model itself, not wrapped (`torch.compile`, `DataParallel`); torchrun trains in several processes.
        train: data [n, *shape], of a table also as a frame; or a whole data set, with its own validation split. In rows
            with missing values, the observed ones are learned, in orders that put the missing ones last.
        valid: the data on which the best epoch is chosen.
        out: a folder for the run: its configuration, best weights, `metrics.csv` and the state to resume from.
        resume: resume the run in `out`, if there is one. The resumed run ends with the same weights, bit for bit, as a
            run that was never stopped (same machine, same number of threads).
        epochs: passes over the training data. Unless epochs or updates are given: 20, or on a table as many as make
            2000 updates, if that is more.
        batch_size: data in one update, over all processes together.
        updates: the number of updates, in place of epochs; the run may end within an epoch.
        optimiser: the rule of the update.
        lr: the learning rate at its highest.
        schedule: the learning rate over the updates: falling to zero along half a cosine, or constant.
        warmup: updates over which the learning rate first rises from zero; at most half of all updates.
        weight_decay: AdamW's decoupled decay; an L2 penalty with the other optimisers.
        clip: the largest norm of the gradient; longer gradients are scaled down to it.
        ema: the decay of the exponential moving average of the weights that is validated and kept; 0 for no average.
        patience: stop after this number of epochs without a better validation NLL; None to train all epochs.
        precision: float32, or bfloat16 for the layers in training (autocast; evaluation stays in float32). auto takes
            bfloat16 for a PixelCNN, or a MADE of levels, where the device has instructions for it; a resumed run keeps
            the precision that it began with.
        device: auto, cpu, cuda, cuda:1 or mps.
        seed: of the order of the data, and of dropout where a model has it; models and data have seeds of their own.
        progress: True shows a progress bar and a line per epoch on standard error; a callable is called with the number
            of training data of each update, and first with that of all updates before a resumed run; in several
            processes, in the first.

    Returns:
        the metrics of each epoch, NLL in nats per datum.

    Raises:
        ChainruleError: a model that cannot be trained, data that do not fit the model, settings out of range, `out` in
            use, or another run to resume.
        TrainingStopped: interrupted, or the loss is not finite; the model then has the last good weights.

    Example:
        >>> import torch
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.made import MADE
        >>> x = torch.tensor([[0, 0], [1, 1]]).repeat(50, 1)
        >>> history = fit(MADE(Binary((2,)), hidden=(8,)), x, epochs=100, lr=0.05, progress=False)
        >>> round(history.rows[-1].train_nats, 1)  # ln 2: the two sites agree
        0.7
    """
    _check_model(model)
    data = as_training_data(model, train, valid)
    settings = Settings(
        epochs=epochs, batch_size=batch_size, updates=updates, optimiser=optimiser, lr=lr, schedule=schedule,
        warmup=warmup, weight_decay=weight_decay, clip=clip, ema=ema, patience=patience, precision=precision,
        device=device, seed=seed,
    )  # fmt: skip
    if epochs is None and updates is None:
        settings = replace(settings, epochs=_default_epochs(model, len(data.train), settings.batch_size))
    data.check(model)
    if patience is not None and data.valid is None:
        raise ChainruleError("patience waits for a better validation NLL, and there are no validation data; give some")
    if not any(weight.requires_grad for weight in model.parameters()):
        raise ChainruleError(f"{type(model).__name__} has no weights to train")
    if resume and out is None:
        raise ChainruleError("resume goes on with the run in a folder; give that folder as out")
    return _fit(model, data, settings, None if out is None else RunFolder(Path(out)), resume, progress)


def _default_epochs(model: AutoregressiveModel, n: int, batch_size: int) -> int:
    """Return the number of epochs where none is given: a small table needs more epochs than a large one.

    Args:
        n: the number of training data.
    """
    if not isinstance(model.domain, Table):
        return EPOCHS
    return max(EPOCHS, math.ceil(TABLE_UPDATES / max(1, math.ceil(n / batch_size))))


def _check_model(model: nn.Module) -> None:
    """Raise ChainruleError unless `model` is an autoregressive model itself, not a wrapper around one."""
    check_unwrapped(model, "fit")
    if not isinstance(model, AutoregressiveModel):
        raise ChainruleError(
            f"fit trains one autoregressive model, not an {type(model).__name__}; give one of its models"
        )


def _fit(
    model: AutoregressiveModel,
    data: TrainingData,
    settings: Settings,
    folder: RunFolder | None,
    resume: bool,
    progress: bool | ProgressCallback,
) -> History:
    """Train the model after all arguments were checked."""
    keep_freed_memory()
    group = join_process_group()
    model.to(group.device(settings.device))
    resolved = _resolve_precision(settings, model, folder if resume else None, group)
    trainer = Trainer(model, resolved, data.train, data.valid, group)
    with _training_bar(trainer, progress) as bar, StopRequest() as stop:
        run = Run(trainer, data, folder, bar)
        run.open(resume)
        if resolved != settings and resolved.precision == "bfloat16" and trainer.updates_done == 0:
            bar.print("layers train in bfloat16, which is faster here (precision auto); validation is in float32")
        _warn_of_short_warmup(trainer, bar)
        try:
            run.train(stop)
        finally:
            model.load_state_dict(trainer.final_weights())
            model.eval()
    return trainer.history


def _resolve_precision(
    settings: Settings, model: AutoregressiveModel, resumed: RunFolder | None, group: ProcessGroup
) -> Settings:
    """Return the settings with a precision that all processes share; a resumed run keeps the recorded one."""

    def is_bfloat16() -> bool:
        recorded = None if resumed is None else resumed.recorded_setting("precision")
        return (recorded or settings.with_resolved_precision(model).precision) == "bfloat16"

    if settings.precision != "auto":
        return settings
    return replace(settings, precision="bfloat16" if group.run_on_first(is_bfloat16) else "float32")


def _training_bar(trainer: Trainer, progress: bool | ProgressCallback) -> AbstractContextManager[ProgressBar]:
    """Return the progress bar of the first process, or a hidden one that calls the callback; others show nothing."""
    title, total = f"training {trainer.model.display_name}", trainer.data_in(trainer.total_updates)
    if trainer.process_group.rank > 0:
        return progress_bar(title, total, show=False)
    if callable(progress):
        return progress_bar(title, total, show=False, callback=progress)
    return progress_bar(title, total, show=progress)


def _warn_of_short_warmup(trainer: Trainer, bar: ProgressBar) -> None:
    """Print a warning where the learning rate rises over fewer updates than the user chose."""
    warmup, most = trainer.settings.warmup, trainer.total_updates // 2
    if warmup > most and warmup != Settings.warmup:
        bar.print(
            f"warning: a warmup of {warmup} updates is more than half of the "
            f"{counted(trainer.total_updates, 'update')} of this run; it takes {most}"
        )
