"""What can be chosen about a training run."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
import torch

from chainrule.domains import Grid
from chainrule.errors import ChainruleError
from chainrule.hardware import has_bfloat16
from chainrule.models import MADE, PixelCNN
from chainrule.models.base import AutoregressiveModel


@dataclass(frozen=True)
class Settings:
    """How a model is trained.

    Args:
        epochs: passes over the training data; 20 unless `updates` are given, of a table as many as take 2000 updates.
        batch_size: data in one update, over all processes together.
        updates: instead of epochs, exactly so many updates: a part of an epoch, or several and a part.
        optimiser: the rule of the update.
        lr: the learning rate at its highest.
        schedule: the learning rate over the updates: falling to zero along half a cosine, or constant.
        warmup: updates over which the learning rate first rises from zero; at most half of them all.
        weight_decay: AdamW's decoupled decay; an L2 penalty with the other optimisers.
        clip: the largest norm of the gradient; longer ones are shortened to it.
        ema: the weights that are validated and kept are an exponential moving average with this decay; 0 for none.
        patience: stop after so many epochs without a better validation NLL; none to run them all.
        precision: float32, or bfloat16 for the arithmetic of the layers in training (autocast; evaluation stays
            float32). auto takes bfloat16 for a PixelCNN, or a MADE of levels, where the device computes in it; a
            resumed run keeps what it began with.
        device: auto, cpu, cuda, cuda:1, mps.
        seed: of the order of the data, and of dropout where a model has it; models and data have seeds of their own.
    """

    epochs: int | None = None
    batch_size: int = 100
    updates: int | None = None
    optimiser: Literal["adamw", "sgd", "rmsprop", "adagrad", "adadelta"] = "adamw"
    lr: float = 1e-3
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: int = 100
    weight_decay: float = 0.0
    clip: float = 1.0
    ema: float = 0.999
    patience: int | None = None
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        # What numpy gave becomes plain, so that a run can write it down.
        if self.epochs is not None and self.updates is not None:
            raise ChainruleError(
                f"epochs ({self.epochs}) and updates ({self.updates}) both say how long to train; give one of them"
            )
        if self.epochs is None and self.updates is None:
            object.__setattr__(self, "epochs", EPOCHS)
        for name, least in WHOLE.items():
            if name not in OPTIONAL or getattr(self, name) is not None:
                object.__setattr__(self, name, _whole(name, getattr(self, name), least))
        for name, (positive, below) in REAL.items():
            object.__setattr__(self, name, _real(name, getattr(self, name), positive, below))
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ChainruleError(f"{name} must be one of {', '.join(choices)}, not {getattr(self, name)!r}")
        if not isinstance(self.device, str):
            raise ChainruleError(f"device must be a name such as 'cpu', not {self.device!r}")

    def settled(self, model: AutoregressiveModel) -> Settings:
        """These settings, with the precision that `auto` means for this model on the device that it is on."""
        if self.precision != "auto":
            return self
        # Measured to be as good on binary data. Numbers of a table lose digits, and PixelRNN's scan is float32 anyway.
        suits = isinstance(model, PixelCNN | MADE) and isinstance(model.domain, Grid)
        single = all(weight.dtype == torch.float32 for weight in model.parameters())  # others autocast lets be
        return replace(self, precision="bfloat16" if suits and single and has_bfloat16(model.device) else "float32")

    def updates_in_all(self, steps: int) -> int:
        """How many updates the run takes where an epoch has `steps`."""
        if self.updates is not None:
            return self.updates
        assert self.epochs is not None, "one of the two is always there"
        return steps * self.epochs

    def lr_at(self, update: int, updates: int) -> float:
        """The learning rate of update `update` (from 0) of `updates`."""
        rise = min(1.0, (update + 1) / (min(self.warmup, updates // 2) + 1))
        fall = 0.5 * (1 + math.cos(math.pi * update / updates)) if self.schedule == "cosine" else 1.0
        return self.lr * rise * fall

    def ema_at(self, update: int) -> float:
        """The decay of the averaged weights: shorter averages at first, which forget the initial weights sooner."""
        return min(self.ema, (1 + update) / (10 + update))


EPOCHS = 20
"""Where neither epochs nor updates are given."""

LARGEST = 1e30
"""Larger numbers would lead the optimisers out of the range of float32."""

WHOLE = {"epochs": 1, "updates": 1, "batch_size": 1, "warmup": 0, "patience": 1, "seed": None}
"""The least that each whole number can be."""

OPTIONAL = ("epochs", "updates", "patience")
"""Whole numbers that may be None."""

REAL = {"lr": (True, LARGEST), "clip": (True, LARGEST), "weight_decay": (False, LARGEST), "ema": (False, 1.0)}
"""Whether each number must be above 0, or may be 0 too; and what it must be below."""

CHOICES = {
    "optimiser": ("adamw", "sgd", "rmsprop", "adagrad", "adadelta"),
    "schedule": ("cosine", "constant"),
    "precision": ("auto", "float32", "bfloat16"),
}


def _whole(name: str, value: Any, least: int | None) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or (least is not None and value < least):
        raise ChainruleError(
            f"{name} must be a whole number{'' if least is None else f' of at least {least}'}, not {value!r}"
        )
    return int(value)


def _real(name: str, value: Any, positive: bool, below: float) -> float:
    if (
        not isinstance(value, int | float | np.integer | np.floating)
        or not (value > 0 if positive else value >= 0)
        or not value < below
    ):
        least = "above 0" if positive else "of at least 0"
        raise ChainruleError(f"{name} must be a number {least} and below {below:g}, not {value!r}")
    return float(value)


def as_settings(chosen: dict[str, Any]) -> Settings:
    """The settings with these values and defaults for the rest.

    Raises:
        ChainruleError: an unknown name, or a value out of range.
    """
    known = [field.name for field in fields(Settings)]
    for name in chosen:
        if name not in known:
            raise ChainruleError(f"there is no training setting {name!r}; there are {', '.join(known)}")
    if "epochs" in chosen and chosen["epochs"] is None and chosen.get("updates") is None:
        raise ChainruleError("epochs must be a whole number of at least 1, not None, unless updates are given")
    return Settings(**chosen)
