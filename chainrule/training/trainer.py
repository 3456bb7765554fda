"""The training loop: updates, validation, and the state from which a stopped run resumes bit for bit.

No random state is carried from update to update: the order of the data is a function of (seed, epoch), and so is a
dynamic binarization. A run that was killed and resumed takes the same updates as one that was not.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from chainrule.data import Split
from chainrule.errors import TrainingStopped
from chainrule.formatting import counted
from chainrule.inference import compute_log_probs
from chainrule.models import AutoregressiveModel, observed_mask
from chainrule.progress import ProgressBar
from chainrule.seeding import generator
from chainrule.training.history import EpochMetrics, History
from chainrule.training.process_group import ProcessGroup
from chainrule.training.settings import Settings

PRINTED_EPOCHS = 50
"""About this number of epochs print a line, evenly spread where there are more epochs."""
OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adamw": partial(torch.optim.AdamW, fused=True),
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
}


@dataclass
class LoopState:
    """The counters of the training loop.

    Attributes:
        epoch: finished epochs.
        step: updates of the current epoch.
        nats: the summed NLL of the data of the current epoch.
        count: the number of data of the current epoch.
        epoch_seconds: the time of the updates of the current epoch.
        seconds: the time of all updates and validations.
    """

    epoch: int = 0
    step: int = 0
    nats: float = 0.0
    count: float = 0.0
    epoch_seconds: float = 0.0
    seconds: float = 0.0


class Trainer:
    """Trains `model` on `train`, and validates an average of its weights on `valid` after each epoch.

    Attributes:
        updates_per_epoch: the updates of a whole epoch.
        total_updates: the updates of the whole run; the last epoch may be shorter than the others.
        averaged_model: a copy of the model with the averaged weights.
        best_weights: the state of `averaged_model` after the best epoch so far; before the first epoch, as it began.
        history: the metrics of the finished epochs.
        loop_state: the counters of the loop.
    """

    def __init__(
        self,
        model: AutoregressiveModel,
        settings: Settings,
        train: Split,
        valid: Split | None,
        process_group: ProcessGroup,
    ) -> None:
        self.settings, self.process_group = settings.with_resolved_precision(model), process_group
        self.train, self.valid = train, valid
        self.model = model.train()
        self.parallel_model = process_group.parallelize(model)
        self.averaged_model = copy.deepcopy(model).eval().requires_grad_(False)
        self.best_weights = _copy_weights(self.averaged_model)
        self.history, self.loop_state = History([]), LoopState()
        self.optimiser = OPTIMISERS[settings.optimiser](
            model.parameters(), settings.lr, weight_decay=settings.weight_decay
        )
        self.updates_per_epoch = math.ceil(len(train) / settings.batch_size)
        self.total_updates = settings.total_updates(self.updates_per_epoch)
        self.epochs = math.ceil(self.total_updates / self.updates_per_epoch)

    @cached_property
    def has_bits_per_dim(self) -> bool:
        """Whether bits/dim of the validation set are defined: no column is real, and no value is missing."""
        complete = self.valid is None or bool(observed_mask(self.valid.values()).all())
        return self.model.domain.is_discrete and complete

    @property
    def finished(self) -> bool:
        """Whether all epochs are trained, or patience ended the run."""
        return self.loop_state.epoch == self.epochs or bool(self.history.stopped)

    @property
    def updates_done(self) -> int:
        """The number of updates since the run began."""
        return min(self.loop_state.epoch * self.updates_per_epoch + self.loop_state.step, self.total_updates)

    def updates_in(self, epoch: int) -> int:
        """Return the number of updates of an epoch (from 0); the last epoch may have fewer than the others."""
        return min(self.updates_per_epoch, self.total_updates - epoch * self.updates_per_epoch)

    def data_in(self, updates: int) -> int:
        """Return the number of training data in the first `updates` updates of the run."""
        epochs, steps = divmod(updates, self.updates_per_epoch)
        return epochs * len(self.train) + steps * self.settings.batch_size

    def run(self, progress: ProgressBar, after_update: Callable[[], None], after_epoch: Callable[[bool], None]) -> None:
        """Carry out the updates that are left.

        Args:
            progress: is advanced by the number of data of each update.
            after_update: is called after each update, when the state is that of the update.
            after_epoch: is called after each epoch, with True if its weights are the best so far.

        Raises:
            TrainingStopped: the loss, its gradient or the weights are not finite.
        """
        while not self.finished:
            for batch in self.batches():
                self.update(batch)
                progress(len(batch))
                progress.note(self.describe_loop())
                after_update()
            better = self.end_epoch()
            epoch = self.loop_state.epoch
            if epoch % math.ceil(self.epochs / PRINTED_EPOCHS) == 0 or epoch in (1, self.epochs):
                progress.print(self.describe_epoch(better))
            after_epoch(better)

    def batches(self) -> Iterator[Tensor]:
        """Yield the batches of the current epoch that are left: [batch, *shape]."""
        epoch, step = self.loop_state.epoch, self.loop_state.step
        x = self.train.values(epoch)
        size = min(self.settings.batch_size, len(x))
        order = torch.randperm(len(x), generator=generator(self.settings.seed, epoch))
        for rows in torch.split(order, size)[step : self.updates_in(epoch)]:
            yield x[rows]

    def update(self, x: Tensor) -> None:
        """Carry out an update on a batch [batch, *shape]: an optimiser step and a step of the weights' average."""
        began, loop, settings = time.perf_counter(), self.loop_state, self.settings
        update = self.updates_done
        for group in self.optimiser.param_groups:
            group["lr"] = settings.lr_at(update, self.total_updates)
        nats = self.optimiser_step(x)
        torch._foreach_lerp_(
            list(self.averaged_model.parameters()),
            [weight.detach() for weight in self.model.parameters()],
            1 - settings.ema_at(update),
        )
        elapsed = time.perf_counter() - began
        loop.step, loop.nats, loop.count = loop.step + 1, loop.nats + nats, loop.count + len(x)
        loop.epoch_seconds, loop.seconds = loop.epoch_seconds + elapsed, loop.seconds + elapsed

    def optimiser_step(self, x: Tensor) -> float:
        """Step against the clipped gradient of the mean NLL of a batch [batch, *shape].

        Returns:
            the summed NLL of the batch before the step, in nats.

        Raises:
            TrainingStopped: the NLL or its gradient is not finite.
        """
        shard = self.process_group.shard(x).to(self.model.device)
        bfloat16 = torch.autocast(shard.device.type, torch.bfloat16, enabled=self.settings.precision == "bfloat16")
        with self.seeded(), bfloat16:
            nats = -self.parallel_model(shard, self.updates_done).sum()
        self.optimiser.zero_grad(set_to_none=True)
        (nats * (self.process_group.size / len(x))).backward()  # gradients are averaged over the processes
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip)
        (total,) = self.process_group.all_reduce(nats.item())
        if not math.isfinite(total) or not math.isfinite(norm.item()):
            raise self.divergence(f"the loss is {total / len(x):g} nats and its gradient's norm {norm.item():g}")
        self.optimiser.step()
        return total

    @contextmanager
    def seeded(self) -> Iterator[None]:
        """Seed torch's global generator by (seed, epoch, update, process) within the block, for layers like dropout."""
        loop, device = self.loop_state, self.model.device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            key = (loop.epoch, loop.step, self.process_group.rank)
            torch.manual_seed(generator(self.settings.seed, *key).initial_seed())
            yield

    def end_epoch(self) -> bool:
        """Validate, record the metrics of the epoch, and return whether its weights are the best so far."""
        began, loop = time.perf_counter(), self.loop_state
        for averaged, current in zip(self.averaged_model.buffers(), self.model.buffers(), strict=True):
            averaged.copy_(current)
        valid = self.validate()
        loop.seconds += time.perf_counter() - began
        loop.epoch += 1
        better = self.history.add(self._epoch_metrics(valid))
        loop.step, loop.nats, loop.count, loop.epoch_seconds = 0, 0.0, 0.0, 0.0
        if better:
            self.best_weights = _copy_weights(self.averaged_model)
        patience = self.settings.patience
        if patience is not None and loop.epoch - self.history.best >= patience and loop.epoch < self.epochs:
            self.history.stopped = f"no better validation NLL for {counted(patience, 'epoch')}"
        return better

    def _epoch_metrics(self, valid: float) -> EpochMetrics:
        """Return the metrics of the epoch that has just ended; `valid` is its validation NLL in nats."""
        loop = self.loop_state
        updates = min(loop.epoch * self.updates_per_epoch, self.total_updates)
        return EpochMetrics(
            epoch=loop.epoch,
            updates=updates,
            train_nats=loop.nats / loop.count,
            valid_nats=valid,
            valid_bits_per_dim=valid / (self.model.domain.sites * math.log(2)) if self.has_bits_per_dim else math.nan,
            lr=self.settings.lr_at(updates - 1, self.total_updates),
            images_per_second=loop.count / loop.epoch_seconds,
            seconds=loop.seconds,
        )

    def validate(self) -> float:
        """Return the NLL of the validation set under the averaged weights, in nats per datum; nan without a set.

        Raises:
            TrainingStopped: the NLL or the weights are not finite.
        """
        if not all(bool(weight.isfinite().all()) for weight in self.averaged_model.parameters()):
            raise self.divergence("the weights are no longer finite")
        if self.valid is None:
            return math.nan
        shard = self.process_group.shard(self.valid.values())
        (nats,) = self.process_group.all_reduce(-compute_log_probs(self.averaged_model, shard).sum().item())
        if not math.isfinite(nats):
            raise self.divergence(f"the validation NLL is {nats:g} nats")
        return nats / len(self.valid)

    def divergence(self, reason: str) -> TrainingStopped:
        """Return the error to raise where training diverged; `final_weights` are then the last good ones."""
        loop, settings, steps = self.loop_state, self.settings, self.updates_in(self.loop_state.epoch)
        weights = f"the weights of epoch {self.history.best} are kept"
        if not self.history.rows:
            self.averaged_model.load_state_dict(self.best_weights)
            weights = "no epoch was finished, so the weights are those that it began with"
        return TrainingStopped(
            f"{reason} in epoch {loop.epoch + 1}, update {min(loop.step + 1, steps)} of {steps}; "
            f"lower lr (now {settings.lr:g}) or clip (now {settings.clip:g}); {weights}",
            interrupted=False,
        )

    def final_weights(self) -> dict[str, Tensor]:
        """Return the weights of the best epoch, or the averaged weights where no epoch was finished."""
        return self.best_weights if self.history.rows else self.averaged_model.state_dict()

    def best_model(self) -> AutoregressiveModel:
        """Return a model with the weights of the best epoch so far."""
        model = copy.deepcopy(self.averaged_model)
        model.load_state_dict(self.best_weights)
        return model

    def describe_loop(self) -> str:
        """Return the epoch, its mean NLL so far and its speed, for the progress bar."""
        loop = self.loop_state
        return f"epoch {loop.epoch + 1}  {loop.nats / loop.count:.2f} nats  {loop.count / loop.epoch_seconds:.0f}/s"

    def describe_epoch(self, better: bool) -> str:
        """Return a line with the metrics of the last epoch; `better` tells whether it is the best so far."""
        row = self.history.rows[-1]
        steps = self.updates_in(row.epoch - 1)
        part = "" if steps == self.updates_per_epoch else f" ({steps} of {self.updates_per_epoch} updates)"
        valid = "" if self.valid is None else f"  valid {row.valid_nats:.3f}{' (best)' if better else ''}"
        return (
            f"epoch {row.epoch}/{self.epochs}{part}  train {row.train_nats:.3f}{valid} nats"
            f"  {row.images_per_second:.0f}/s  {row.seconds:.0f} s"
        )

    # The state: all that later updates depend on.

    def tensors(self) -> dict[str, Tensor]:
        """Return the weights, the averaged weights and the tensors of the optimiser, by name."""
        named = {f"weights.{name}": tensor for name, tensor in self.model.state_dict().items()}
        named |= {f"averaged.{name}": tensor for name, tensor in self.averaged_model.state_dict().items()}
        for index, parameter in enumerate(self.model.parameters()):
            for key, value in self.optimiser.state.get(parameter, {}).items():
                named[f"optimiser.{index}.{key}"] = value
        return named

    def counters(self) -> dict[str, Any]:
        """Return the rest of the state, which is no tensor, as JSON values."""
        return {"position": asdict(self.loop_state), "history": self.history.to_dict()}

    def restore(self, counters: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        """Load a state that `counters` and `tensors` returned."""
        self.loop_state, self.history = LoopState(**counters["position"]), History.from_dict(counters["history"])
        _load_weights(self.model, tensors, "weights.")
        _load_weights(self.averaged_model, tensors, "averaged.")
        for index, parameter in enumerate(self.model.parameters()):
            for key, value in _strip_prefix(tensors, f"optimiser.{index}.").items():
                # As the optimiser had it: laid out like its parameter; a fused one has the count of steps there too.
                counts = value.to(parameter.device) if self.optimiser.defaults.get("fused") else value
                like = torch.empty_like(parameter, dtype=value.dtype) if value.shape == parameter.shape else counts
                self.optimiser.state[parameter][key] = like.copy_(value)


def _copy_weights(model: AutoregressiveModel) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def _load_weights(model: AutoregressiveModel, tensors: dict[str, Tensor], prefix: str) -> None:
    model.load_state_dict(_strip_prefix(tensors, prefix))


def _strip_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with the prefix, by the rest of their names."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
