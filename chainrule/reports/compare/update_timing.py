"""How long an update takes, timed on a copy that is thrown away; and so how many updates fill a budget of minutes."""

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
from chainrule.inference.evaluate import BATCH, log_prob_all
from chainrule.inference.sample import sample
from chainrule.models.base import AutoregressiveModel
from chainrule.reports.trained_model import values
from chainrule.training import LoopState, Trainer, as_settings, join_process_group

SECONDS = 4.0
"""Updates are timed for about so long."""
WARM, FEWEST = 2, 2
"""Updates before that, and the least that are timed."""


@dataclass(frozen=True)
class Pace:
    """Seconds.

    Attributes:
        update: of one.
        validation: of the whole validation set.
        steps: updates in an epoch.
        sampling: of drawing the samples.
    """

    update: float
    validation: float
    steps: int
    sampling: float = 0.0

    @property
    def mean(self) -> float:
        """Seconds an update, with its share of the validation at the end of each epoch."""
        return self.update + self.validation / self.steps

    def updates(self, minutes: float) -> int:
        """How many fit in so many minutes; at least one.

        Example:
            >>> Pace(update=0.5, validation=1.0, steps=10).updates(minutes=1)
            100
        """
        return max(1, int(60 * minutes / self.mean))


def measure(model: AutoregressiveModel, settings: Mapping[str, Any], data: Data, samples: int) -> Pace:
    """Times a few updates and a part of the validation on a copy of the model; the model stays as it was."""
    keep_freed_memory()
    assert data.train is not None, "it was looked at before"
    chosen, group = as_settings({**settings, "updates": 10**9}), join_process_group()
    trainer = Trainer(copy.deepcopy(model).to(group.device(chosen.device)), chosen, data.train, data.valid, group)
    batches = _batches(trainer)
    took: list[float] = []
    for _ in range(WARM):
        trainer.update(next(batches))
    end = time.perf_counter() + SECONDS
    while len(took) < FEWEST or time.perf_counter() < end:
        took.append(_seconds(lambda: trainer.update(next(batches))))
    valid = values(data.valid)
    some = min(BATCH, len(valid))
    validation = _scoring(trainer, valid[:some]) * len(valid) / some
    sampling = _seconds(lambda: sample(trainer.averaged_model, samples))
    return Pace(median(took), validation, trainer.updates_per_epoch, sampling)


def _scoring(trainer: Trainer, x: Tensor) -> float:
    return min(_seconds(lambda: log_prob_all(trainer.averaged_model, x)) for _ in range(2))


def _seconds(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def _batches(trainer: Trainer) -> Iterator[Tensor]:
    """Batches without end."""
    while True:
        yield from trainer.batches()
        trainer.loop_state = LoopState()
