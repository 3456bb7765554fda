"""The time of an update, measured on a copy of the model, and the number of updates that fill a budget of minutes."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from torch import Tensor

from chainrule.data import Data
from chainrule.hardware import keep_freed_memory
from chainrule.inference import compute_log_probs, sample
from chainrule.models import AutoregressiveModel
from chainrule.reports.trained_model import split_values
from chainrule.training import LoopState, Trainer, as_settings, join_process_group

TIMED_SECONDS = 4.0
"""The time for which updates are timed, about."""
WARM_UP_UPDATES, MIN_TIMED_UPDATES = 2, 2
"""The number of updates before the first timed one, and the least number of timed updates."""
TIMED_VALIDATION = 100
"""The number of validation data whose scoring is timed, at most."""
ENDLESS = 10**9
"""A number of updates that timing does not reach."""


@dataclass(frozen=True)
class UpdateTiming:
    """The durations of the parts of a run, in seconds.

    Attributes:
        update: the duration of an update.
        validation: the duration of a validation on the whole validation set.
        updates_per_epoch: the number of updates between two validations.
        sampling: the duration of drawing the samples.
    """

    update: float
    validation: float
    updates_per_epoch: int
    sampling: float = 0.0

    @property
    def seconds_per_update(self) -> float:
        """The duration of an update with its share of the validation at the end of the epoch."""
        return self.update + self.validation / self.updates_per_epoch

    def count_updates(self, minutes: float) -> int:
        """Return the number of updates that fit in a number of minutes; at least one.

        Example:
            >>> UpdateTiming(update=0.5, validation=1.0, updates_per_epoch=10).count_updates(minutes=1)
            100
        """
        return max(1, int(60 * minutes / self.seconds_per_update))


def measure_timing(
    model: AutoregressiveModel, settings: Mapping[str, Any], data: Data, *, samples: int
) -> UpdateTiming:
    """Time some updates, a part of the validation, and the sampling, on a copy of the model.

    Args:
        model: the model, which is not changed.
        settings: the settings of training.
        data: the training and validation data.
        samples: the number of samples to draw.
    """
    keep_freed_memory()
    assert data.train is not None, "compare has checked the splits"
    chosen, group = as_settings({**settings, "updates": ENDLESS}), join_process_group()
    trainer = Trainer(copy.deepcopy(model).to(group.device(chosen.device)), chosen, data.train, data.valid, group)
    update = _time_updates(trainer)
    valid = split_values(data.valid)
    part = min(TIMED_VALIDATION, len(valid))
    validation = _time_scoring(trainer, valid[:part]) * len(valid) / part
    sampling = _time(lambda: sample(trainer.averaged_model, samples))
    return UpdateTiming(update, validation, trainer.updates_per_epoch, sampling)


def _time_updates(trainer: Trainer) -> float:
    """Return the median duration of an update."""
    batches = _endless_batches(trainer)
    for _ in range(WARM_UP_UPDATES):
        trainer.update(next(batches))
    durations: list[float] = []
    end = time.perf_counter() + TIMED_SECONDS
    while len(durations) < MIN_TIMED_UPDATES or time.perf_counter() < end:
        durations.append(_time(lambda: trainer.update(next(batches))))
    return median(durations)


def _time_scoring(trainer: Trainer, x: Tensor) -> float:
    """Return the shorter of two durations of scoring the data."""
    return min(_time(lambda: compute_log_probs(trainer.averaged_model, x)) for _ in range(2))


def _time(run: Callable[[], object]) -> float:
    """Return the duration of a call in seconds."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _endless_batches(trainer: Trainer) -> Iterator[Tensor]:
    """Yield the batches of one epoch after the other."""
    while True:
        yield from trainer.batches()
        trainer.loop_state = LoopState()
