"""The loop itself: updates, validation, and the state that makes a stopped run go on bit for bit.

Nothing random is kept between updates: the order of the data is a function of (seed, epoch), and so is a dynamic
binarization. A run that was killed and resumed takes the very updates that it would have taken.
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
from chainrule.inference.evaluate import log_prob_all
from chainrule.models.base import AutoregressiveModel, observed_mask
from chainrule.progress import Bar
from chainrule.seeding import generator
from chainrule.training.history import History, Row
from chainrule.training.processes import Processes
from chainrule.training.settings import Settings

LINES = 50
"""So many epochs are told of in lines of their own, evenly spread where there are more."""
OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adamw": partial(torch.optim.AdamW, fused=True),
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
}


@dataclass
class Position:
    """How far a run is: epochs done, updates done in this epoch, and the epoch's sums so far."""

    epoch: int = 0
    step: int = 0
    nats: float = 0.0
    count: float = 0.0
    epoch_seconds: float = 0.0
    seconds: float = 0.0


class Trainer:
    """Trains `model` on `train`, validating an average of its weights on `valid` after each epoch.

    Attributes:
        steps: the updates of a whole epoch.
        updates: those of the whole run; they may end in the middle of an epoch, which then counts as the last one.
        averaged: a copy of the model with the averaged weights.
        best: the state of `averaged` after the best epoch so far; until there is one, as it began.
        history: one row an epoch.
    """

    def __init__(
        self, model: AutoregressiveModel, settings: Settings, train: Split, valid: Split | None, team: Processes
    ) -> None:
        self.settings, self.train, self.valid, self.team = settings.settled(model), train, valid, team
        self.model = model.train()
        self.net = team.wrap(model)
        self.averaged = copy.deepcopy(model).eval().requires_grad_(False)
        self.best = _copy(self.averaged)
        self.history, self.position = History([]), Position()
        self.optimiser = OPTIMISERS[settings.optimiser](
            model.parameters(), settings.lr, weight_decay=settings.weight_decay
        )
        self.steps = math.ceil(len(train) / settings.batch_size)
        self.updates = settings.updates_in_all(self.steps)
        self.epochs = math.ceil(self.updates / self.steps)

    @cached_property
    def has_bits(self) -> bool:
        """Do bits/dim of the validation set mean something? Not where a column is real or values are missing."""
        complete = self.valid is None or bool(observed_mask(self.valid.values()).all())
        return self.model.domain.discrete and complete

    @property
    def finished(self) -> bool:
        """Is nothing left to train?"""
        return self.position.epoch == self.epochs or bool(self.history.stopped)

    @property
    def done(self) -> int:
        """Updates so far."""
        return min(self.position.epoch * self.steps + self.position.step, self.updates)

    def steps_of(self, epoch: int) -> int:
        """The updates of an epoch (from 0): fewer in the last one, where the run ends within it."""
        return min(self.steps, self.updates - epoch * self.steps)

    def images(self, updates: int) -> int:
        """How many training data the first updates of the run go through."""
        epochs, steps = divmod(updates, self.steps)
        return epochs * len(self.train) + steps * self.settings.batch_size

    def run(self, bar: Bar, after_update: Callable[[], None], after_epoch: Callable[[bool], None]) -> None:
        """All updates that are left.

        Args:
            after_update: called after each update, once `state` is that of the update.
            after_epoch: called after each epoch, and told whether its weights are the best so far.

        Raises:
            TrainingStopped: the loss, its gradient or the weights are no longer numbers.
        """
        while not self.finished:
            for rows in self.batches():
                self.update(rows, bar)
                after_update()
            better = self.end_epoch()
            if self.position.epoch % math.ceil(self.epochs / LINES) == 0 or self.position.epoch in (1, self.epochs):
                bar.print(self.describe_epoch(better))
            after_epoch(better)

    def batches(self) -> Iterator[Tensor]:
        """The batches of this epoch that are left: [batch, *shape]."""
        epoch, x = self.position.epoch, self.train.values(self.position.epoch)
        size = min(self.settings.batch_size, len(x))
        order = torch.randperm(len(x), generator=generator(self.settings.seed, epoch))
        for rows in torch.split(order, size)[self.position.step : self.steps_of(epoch)]:
            yield x[rows]

    def update(self, x: Tensor, bar: Bar) -> None:
        """One step of the optimiser, on this process's share of the batch."""
        began, at, settings = time.perf_counter(), self.position, self.settings
        done = self.done
        for group in self.optimiser.param_groups:
            group["lr"] = settings.lr_at(done, self.updates)
        nats = self.descend(x)
        torch._foreach_lerp_(
            list(self.averaged.parameters()), [p.detach() for p in self.model.parameters()], 1 - settings.ema_at(done)
        )
        elapsed = time.perf_counter() - began
        at.step, at.nats, at.count = at.step + 1, at.nats + nats, at.count + len(x)
        at.epoch_seconds, at.seconds = at.epoch_seconds + elapsed, at.seconds + elapsed
        bar(len(x))
        bar.note(f"epoch {at.epoch + 1}  {at.nats / at.count:.2f} nats  {at.count / at.epoch_seconds:.0f}/s")

    def descend(self, x: Tensor) -> float:
        """A step against the clipped gradient of the batch's mean NLL; returns its summed NLL in nats."""
        share = self.team.share(x).to(self.model.device)
        device = share.device.type
        with self.noise(), torch.autocast(device, torch.bfloat16, enabled=self.settings.precision == "bfloat16"):
            nats = -self.net(share, self.done).sum()
        self.optimiser.zero_grad(set_to_none=True)
        (nats * (self.team.size / len(x))).backward()  # the processes' gradients are averaged
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip)
        (total,) = self.team.total(nats.item())
        if not math.isfinite(total) or not math.isfinite(norm.item()):
            raise self.breakdown(f"the loss is {total / len(x):g} nats and its gradient's norm {norm.item():g}")
        self.optimiser.step()
        return total

    @contextmanager
    def noise(self) -> Iterator[None]:
        """Within the block, what layers such as dropout draw from torch's global state is a function of the update."""
        at, device = self.position, self.model.device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            seed = generator(self.settings.seed, at.epoch, at.step, self.team.rank).initial_seed()
            torch.manual_seed(seed)
            yield

    def end_epoch(self) -> bool:
        """Validates, writes the epoch down, and says whether its weights are the ones to keep."""
        began, at = time.perf_counter(), self.position
        for mine, theirs in zip(self.averaged.buffers(), self.model.buffers(), strict=True):
            mine.copy_(theirs)
        valid = self.validate()
        at.seconds += time.perf_counter() - began
        at.epoch += 1
        updates = min(at.epoch * self.steps, self.updates)
        bits = valid / (self.model.domain.sites * math.log(2)) if self.has_bits else math.nan
        lr, speed = self.settings.lr_at(updates - 1, self.updates), at.count / at.epoch_seconds
        better = self.history.add(Row(at.epoch, updates, at.nats / at.count, valid, bits, lr, speed, at.seconds))
        at.step, at.nats, at.count, at.epoch_seconds = 0, 0.0, 0.0, 0.0
        if better:
            self.best = _copy(self.averaged)
        patience = self.settings.patience
        if patience is not None and at.epoch - self.history.best >= patience and at.epoch < self.epochs:
            self.history.stopped = f"no better validation NLL for {counted(patience, 'epoch')}"
        return better

    def validate(self) -> float:
        """The NLL in nats of the validation set under the averaged weights, over all processes; nan without one.

        Raises:
            TrainingStopped: it is no number, or the weights are none.
        """
        if not all(bool(weight.isfinite().all()) for weight in self.averaged.parameters()):
            raise self.breakdown("the weights are no longer finite")
        if self.valid is None:
            return math.nan
        share = self.team.share(self.valid.values())
        (nats,) = self.team.total(-log_prob_all(self.averaged, share).sum().item())
        if not math.isfinite(nats):
            raise self.breakdown(f"the validation NLL is {nats:g} nats")
        return nats / len(self.valid)

    def breakdown(self, what: str) -> TrainingStopped:
        """The exception to raise where arithmetic broke down; the weights to end with are then the last good ones."""
        at, settings, steps = self.position, self.settings, self.steps_of(self.position.epoch)
        kept = f"the weights of epoch {self.history.best} are kept"
        if not self.history.rows:
            self.averaged.load_state_dict(self.best)
            kept = "no epoch was finished, so the weights are those that it began with"
        return TrainingStopped(
            f"{what} in epoch {at.epoch + 1}, update {min(at.step + 1, steps)} of {steps}; "
            f"lower lr (now {settings.lr:g}) or clip (now {settings.clip:g}); {kept}",
            interrupted=False,
        )

    def kept(self) -> dict[str, Tensor]:
        """The weights to end with: those of the best epoch, or the average so far where none was finished."""
        return self.best if self.history.rows else self.averaged.state_dict()

    def best_model(self) -> AutoregressiveModel:
        """A model with the weights of the best epoch so far."""
        model = copy.deepcopy(self.averaged)
        model.load_state_dict(self.best)
        return model

    def describe_epoch(self, better: bool) -> str:
        row = self.history.rows[-1]
        steps = self.steps_of(row.epoch - 1)
        part = "" if steps == self.steps else f" ({steps} of {self.steps} updates)"
        valid = "" if self.valid is None else f"  valid {row.valid_nats:.3f}{' (best)' if better else ''}"
        return (
            f"epoch {row.epoch}/{self.epochs}{part}  train {row.train_nats:.3f}{valid} nats"
            f"  {row.images_per_second:.0f}/s  {row.seconds:.0f} s"
        )

    # The state: all that later updates depend on.

    def tensors(self) -> dict[str, Tensor]:
        """Weights, averaged weights, and the optimiser's own."""
        named = {f"weights.{name}": tensor for name, tensor in self.model.state_dict().items()}
        named |= {f"averaged.{name}": tensor for name, tensor in self.averaged.state_dict().items()}
        for number, parameter in enumerate(self.model.parameters()):
            for key, value in self.optimiser.state.get(parameter, {}).items():
                named[f"optimiser.{number}.{key}"] = value
        return named

    def progress(self) -> dict[str, Any]:
        """What is not a tensor, as JSON values."""
        return {"position": asdict(self.position), "history": self.history.to_dict()}

    def restore(self, progress: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        """Takes up a state that `tensors` and `progress` gave."""
        self.position, self.history = Position(**progress["position"]), History.from_dict(progress["history"])
        _load(self.model, tensors, "weights.")
        _load(self.averaged, tensors, "averaged.")
        for number, parameter in enumerate(self.model.parameters()):
            prefix = f"optimiser.{number}."
            values = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
            for key, value in values.items():
                # As the optimiser had it: laid out like its parameter; a fused one has the count of steps there too.
                counts = value.to(parameter.device) if self.optimiser.defaults.get("fused") else value
                like = torch.empty_like(parameter, dtype=value.dtype) if value.shape == parameter.shape else counts
                self.optimiser.state[parameter][key] = like.copy_(value)


def _copy(model: AutoregressiveModel) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def _load(model: AutoregressiveModel, tensors: dict[str, Tensor], prefix: str) -> None:
    model.load_state_dict(
        {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    )
