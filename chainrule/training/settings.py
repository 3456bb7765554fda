"""The settings of a training run, and the schedules that follow from them."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

import numpy as np
import torch

from chainrule.errors import ChainruleError
from chainrule.hardware import has_bfloat16
from chainrule.models import AutoregressiveModel

Optimiser = Literal["adamw", "sgd", "rmsprop", "adagrad", "adadelta"]
LRSchedule = Literal["cosine", "constant"]
Precision = Literal["auto", "float32", "bfloat16"]

EPOCHS = 20
"""The number of epochs where neither epochs nor updates are given."""


@dataclass(frozen=True)
class Settings:
    """The record of how a model is trained; `fit` takes the same arguments.

    Args:
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

    Raises:
        ChainruleError: a value of another type or out of range, or both epochs and updates.

    Example:
        >>> Settings(lr=0.01).lr_at(0, 10), Settings(updates=100).epochs
        (0.0016666666666666666, None)
    """

    epochs: int | None = None
    batch_size: int = 100
    updates: int | None = None
    optimiser: Optimiser = "adamw"
    lr: float = 1e-3
    schedule: LRSchedule = "cosine"
    warmup: int = 100
    weight_decay: float = 0.0
    clip: float = 1.0
    ema: float = 0.999
    patience: int | None = None
    precision: Precision = "auto"
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs is not None and self.updates is not None:
            raise ChainruleError(
                f"epochs ({self.epochs}) and updates ({self.updates}) both say how long to train; give one of them"
            )
        if self.epochs is None and self.updates is None:
            object.__setattr__(self, "epochs", EPOCHS)
        # Numbers of numpy become plain ones, so that the run's configuration can hold them.
        for name, minimum in INTEGERS.items():
            if name not in OPTIONAL or getattr(self, name) is not None:
                object.__setattr__(self, name, _check_integer(name, getattr(self, name), minimum))
        for name, (positive, below) in REALS.items():
            object.__setattr__(self, name, _check_real(name, getattr(self, name), positive, below))
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ChainruleError(f"{name} must be one of {', '.join(choices)}, not {getattr(self, name)!r}")
        if not isinstance(self.device, str):
            raise ChainruleError(f"device must be a name such as 'cpu', not {self.device!r}")

    def with_resolved_precision(self, model: AutoregressiveModel) -> Settings:
        """Return these settings with the precision that `auto` stands for, for this model on its device."""
        if self.precision != "auto":
            return self
        # Measured to be as good on binary data, and taken for all data of levels. Real columns would lose digits.
        suitable = model.trains_in_bfloat16 and not model.domain.dtype.is_floating_point
        single = all(weight.dtype == torch.float32 for weight in model.parameters())  # autocast changes no other type
        bfloat16 = suitable and single and has_bfloat16(model.device)
        return replace(self, precision="bfloat16" if bfloat16 else "float32")

    def total_updates(self, updates_per_epoch: int) -> int:
        """Return the number of updates of the run."""
        if self.updates is not None:
            return self.updates
        assert self.epochs is not None, "__post_init__ sets one of the two"
        return updates_per_epoch * self.epochs

    def lr_at(self, update: int, total_updates: int) -> float:
        """Return the learning rate of update number `update`, from 0."""
        rise = min(1.0, (update + 1) / (min(self.warmup, total_updates // 2) + 1))
        fall = 0.5 * (1 + math.cos(math.pi * update / total_updates)) if self.schedule == "cosine" else 1.0
        return self.lr * rise * fall

    def ema_at(self, update: int) -> float:
        """Return the decay of the average in update number `update`: lower at first, to forget the initial weights."""
        return min(self.ema, (1 + update) / (10 + update))


MAX_REAL = 1e30
"""Larger settings would lead the optimisers out of the range of float32."""

INTEGERS = {"epochs": 1, "updates": 1, "batch_size": 1, "warmup": 0, "patience": 1, "seed": None}
"""The minimum of each integer setting."""

OPTIONAL = ("epochs", "updates", "patience")
"""Integer settings that may be None."""

REALS = {"lr": (True, MAX_REAL), "clip": (True, MAX_REAL), "weight_decay": (False, MAX_REAL), "ema": (False, 1.0)}
"""Whether each real setting must be positive (else it may be 0), and the number that it must be below."""

CHOICES = {"optimiser": get_args(Optimiser), "schedule": get_args(LRSchedule), "precision": get_args(Precision)}


def _check_integer(name: str, value: Any, minimum: int | None) -> int:
    is_integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_integer or (minimum is not None and value < minimum):
        least = "" if minimum is None else f" of at least {minimum}"
        raise ChainruleError(f"{name} must be a whole number{least}, not {value!r}")
    return int(value)


def _check_real(name: str, value: Any, positive: bool, below: float) -> float:
    is_real = isinstance(value, int | float | np.integer | np.floating)
    if not is_real or not (value > 0 if positive else value >= 0) or not value < below:
        least = "above 0" if positive else "of at least 0"
        raise ChainruleError(f"{name} must be a number {least} and below {below:g}, not {value!r}")
    return float(value)


def as_settings(values: dict[str, Any]) -> Settings:
    """Return the settings with these values, and the defaults for the rest.

    Raises:
        ChainruleError: an unknown name, or a value out of range.
    """
    known = [field.name for field in fields(Settings)]
    for name in values:
        if name not in known:
            raise ChainruleError(f"there is no training setting {name!r}; there are {', '.join(known)}")
    return Settings(**values)
