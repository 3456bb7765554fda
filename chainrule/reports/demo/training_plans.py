"""What the demo trains: five models on two sets of digits; sizes and settings were chosen by validation NLL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from chainrule.data import Binarization, Data, load_data
from chainrule.models.base import AutoregressiveModel
from chainrule.models.independent import Independent
from chainrule.models.made import MADE
from chainrule.models.pixelcnn import PixelCNN
from chainrule.models.pixelrnn import PixelRNN

SPLIT_SEED = 0
"""Whatever the demo's own seed is: settings were chosen on these validation images, and never saw these test images."""


@dataclass(frozen=True)
class Plan:
    """One model and how it is trained.

    Attributes:
        make: the model, from `domain` and `seed`.
        settings: of `fit`; they name the number of epochs.
        seconds: about how long an epoch takes, for the progress bar; only the proportions between plans matter.
    """

    make: Callable[..., AutoregressiveModel]
    settings: Mapping[str, Any]
    seconds: float = 1.0

    @property
    def epochs(self) -> int:
        return int(self.settings["epochs"])


@dataclass(frozen=True)
class Part:
    """One data set and the plans for it.

    Attributes:
        name: begins the names of its files and folders.
        title: in words.
        binarize: as for `load_data`; None keeps the 17 gray levels.
        plans: by the model's name.
    """

    name: str
    title: str
    binarize: Binarization | None
    plans: Mapping[str, Plan]

    def data(self) -> Data:
        """scikit-learn's handwritten digits, 8×8."""
        return load_data("digits", binarize=self.binarize, seed=SPLIT_SEED)


INDEPENDENT = {"batch_size": 50, "lr": 0.05, "warmup": 0, "ema": 0.99}
MADE_DIRECT = partial(MADE, direct_connections=True)
PIXELCNN_PLACED = partial(PixelCNN, position_bias=True)
ROW_PLACED, DIAGONAL_PLACED = (
    partial(PixelRNN, cell=cell, layers=1, position_bias=True) for cell in ("row", "diagonal")
)
"""On images of 8×8 nearly everything is border, and a convolution by itself cannot tell where it is."""
RECURRENT = {"warmup": 50, "ema": 0.998, "patience": 8}
RECURRENT_BINARY = {**RECURRENT, "epochs": 24, "batch_size": 32, "lr": 0.015, "weight_decay": 0.5}
RECURRENT_GRAY = {**RECURRENT, "epochs": 14, "batch_size": 20, "lr": 0.01, "weight_decay": 0.7}

BINARY = {
    "Independent": Plan(Independent, {**INDEPENDENT, "epochs": 60}, 0.025),
    "MADE": Plan(
        partial(MADE_DIRECT, hidden=(1000,)),
        {"epochs": 40, "batch_size": 20, "lr": 0.01, "warmup": 50, "weight_decay": 0.4, "ema": 0.997, "patience": 10},
        0.15,
    ),
    "PixelCNN": Plan(
        partial(PIXELCNN_PLACED, blocks=3, features=48),
        {"epochs": 30, "batch_size": 32, "lr": 0.015, "warmup": 50, "weight_decay": 0.5, "ema": 0.998, "patience": 8},
        0.6,
    ),
    "Row LSTM": Plan(partial(ROW_PLACED, features=48), RECURRENT_BINARY, 1.0),
    "Diagonal BiLSTM": Plan(partial(DIAGONAL_PLACED, features=48), RECURRENT_BINARY, 1.2),
}
GRAY = {
    "Independent": Plan(Independent, {**INDEPENDENT, "epochs": 40}, 0.03),
    "MADE": Plan(
        partial(MADE_DIRECT, hidden=(200,)),
        {"epochs": 40, "batch_size": 20, "lr": 0.005, "warmup": 50, "weight_decay": 0.3, "ema": 0.995, "patience": 10},
        0.25,
    ),
    "PixelCNN": Plan(
        partial(PIXELCNN_PLACED, blocks=3, features=96),
        {"epochs": 16, "batch_size": 20, "lr": 0.01, "warmup": 50, "weight_decay": 0.7, "ema": 0.998, "patience": 8},
        1.5,
    ),
    "Row LSTM": Plan(partial(ROW_PLACED, features=64), RECURRENT_GRAY, 1.6),
    "Diagonal BiLSTM": Plan(partial(DIAGONAL_PLACED, features=64), RECURRENT_GRAY, 2.0),
}
PARTS = (Part("binary", "binary digits", "threshold", BINARY), Part("gray", "digits of 17 gray levels", None, GRAY))
