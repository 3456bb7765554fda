"""Data-parallel training: one process a device under torchrun, or this process alone."""

from __future__ import annotations

import atexit
import gc
import math
import os
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from chainrule.errors import TrainingStopped
from chainrule.hardware import as_device
from chainrule.models.base import AutoregressiveModel


@dataclass(frozen=True)
class Processes:
    """This process among `size` that train together."""

    rank: int = 0
    size: int = 1

    def device(self, name: str) -> torch.device:
        """The device of that name; where several processes of a machine use CUDA, each takes a device of its own.

        Raises:
            ChainruleError: a device that is not there.
        """
        device = as_device(name)
        if self.size > 1 and device == torch.device("cuda"):
            return as_device(f"cuda:{os.environ.get('LOCAL_RANK', self.rank)}")
        return device

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

    def wait(self) -> None:
        """Returns once all processes are here, and the first has written what it had to."""
        self.total(0.0)

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
        """The model, its gradients averaged over all processes; a static graph may leave weights unused."""
        return model if self.size == 1 else nn.parallel.DistributedDataParallel(model, static_graph=True)


def is_first() -> bool:
    """Is this the first of the processes that torchrun started, or the only one?"""
    return os.environ.get("RANK", "0") == "0"


def processes() -> Processes:
    """The processes that torchrun started, or this one alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Processes()
    if not dist.is_initialized():  # once: a second group of the same processes would not find its way
        dist.init_process_group("gloo")
        atexit.register(_leave)
    return Processes(dist.get_rank(), dist.get_world_size())


def _leave() -> None:
    """Ends the group before the interpreter does: first what still holds it, or its threads would outlive it."""
    gc.collect()
    dist.destroy_process_group()
