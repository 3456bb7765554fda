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
from chainrule.models import AutoregressiveModel


@dataclass(frozen=True)
class ProcessGroup:
    """The processes that train one model together, seen from one of them.

    Attributes:
        rank: the index of this process.
        size: the number of processes.
    """

    rank: int = 0
    size: int = 1

    def device(self, name: str) -> torch.device:
        """Return the device of that name; where several processes use CUDA, each takes a device of its own.

        Raises:
            ChainruleError: the device is not available.
        """
        device = as_device(name)
        if self.size > 1 and device == torch.device("cuda"):
            return as_device(f"cuda:{os.environ.get('LOCAL_RANK', self.rank)}")
        return device

    def shard(self, batch: Tensor) -> Tensor:
        """Return the rows of the batch that this process computes."""
        return batch[self.rank :: self.size]

    def all_reduce(self, *values: float) -> list[float]:
        """Return the sum of each value over all processes, in float64."""
        if self.size == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(sums)
        return [float(value) for value in sums]

    def barrier(self) -> None:
        """Wait until all processes are here, and so until the first one has written its files."""
        self.all_reduce(0.0)

    def run_on_first(self, action: Callable[[], bool]) -> bool:
        """Run `action` in the first process alone, and return its result in all of them.

        Raises:
            TrainingStopped: in the other processes, where `action` raised an error in the first.
        """
        result, failure = 0.0, None
        if self.rank == 0:
            try:
                result = float(action())
            except Exception as error:
                result, failure = math.nan, error
        (result,) = self.all_reduce(result)
        if failure is not None:
            raise failure
        if math.isnan(result):
            raise TrainingStopped("the first process could not begin", interrupted=True)
        return bool(result)

    def parallelize(self, model: AutoregressiveModel) -> nn.Module:
        """Return the model, wrapped so that its gradients are averaged over all processes."""
        # A static graph may leave weights unused.
        return model if self.size == 1 else nn.parallel.DistributedDataParallel(model, static_graph=True)


def is_first_process() -> bool:
    """Tell whether this is the first of the processes that torchrun started, or the only process."""
    return os.environ.get("RANK", "0") == "0"


def join_process_group() -> ProcessGroup:
    """Return the group of the processes that torchrun started, or a group of this process alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return ProcessGroup()
    if not dist.is_initialized():  # once: the same processes cannot form a second group
        dist.init_process_group("gloo")
        atexit.register(_leave)
    return ProcessGroup(dist.get_rank(), dist.get_world_size())


def _leave() -> None:
    """End the group before the interpreter does."""
    gc.collect()  # what still refers to the group goes first, or its threads would outlive it
    dist.destroy_process_group()
