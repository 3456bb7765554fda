"""Data-parallel training: one process a device under torchrun, or this process alone."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from chainrule.errors import TrainingStopped
from chainrule.models.base import AutoregressiveModel


@dataclass(frozen=True)
class Processes:
    """This process among `size` that train together."""

    rank: int = 0
    size: int = 1

    def share(self, rows: Tensor) -> Tensor:
        """This process's part of the rows."""
        return rows[self.rank :: self.size]

    def total(self, *numbers: float) -> list[float]:
        """The sums over all processes, in float64."""
        if self.size == 1:
            return list(numbers)
        sums = torch.tensor(numbers, dtype=torch.float64)
        dist.all_reduce(sums)
        return [float(value) for value in sums]

    def lead(self, action: Callable[[], bool]) -> bool:
        """What `action` says, which the first process alone carries out.

        Raises:
            TrainingStopped: in the other processes, where it failed in the first.
        """
        answer, failure = 0.0, None
        if self.rank == 0:
            try:
                answer = float(action())
            except Exception as error:
                answer, failure = math.nan, error
        (answer,) = self.total(answer)
        if failure is not None:
            raise failure
        if math.isnan(answer):
            raise TrainingStopped("the first process could not begin", interrupted=True)
        return bool(answer)

    def wrap(self, model: AutoregressiveModel) -> nn.Module:
        """The model, its gradients averaged over all processes."""
        return model if self.size == 1 else nn.parallel.DistributedDataParallel(model)


@contextmanager
def processes() -> Iterator[Processes]:
    """The processes that torchrun started, or this one alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Processes()
        return
    dist.init_process_group("gloo")
    try:
        yield Processes(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()
