"""The models of the demo, and how they are trained: five models of two data sets of handwritten digits.

Sizes and settings were chosen by validation NLL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from chainrule.data import Binarization, Data, load_data
from chainrule.models import MADE, AutoregressiveModel, Independent, PixelCNN, PixelRNN

SPLIT_SEED = 0
"""The seed of the split, whatever the seed of the demo: the settings were chosen on these validation images."""


@dataclass(frozen=True)
class TrainingPlan:
    """A model, and the settings of its training.

    Attributes:
        make: makes the model from `domain` and `seed`.
        settings: the settings of `fit`, which include the number of epochs.
        seconds: the expected duration of an epoch for the progress bar; only the proportions between plans matter.
    """

    make: Callable[..., AutoregressiveModel]
    settings: Mapping[str, Any]
    seconds: float = 1.0

    @property
    def epochs(self) -> int:
        """The number of epochs."""
        return int(self.settings["epochs"])


@dataclass(frozen=True)
class DemoDataset:
    """A data set, and the training plans of its models.

    Attributes:
        name: the beginning of the names of its files and folders.
        title: the heading in the report.
        binarize: as for `load_data`; None keeps the 17 gray levels.
        plans: the training plans, by the name of the model.
    """

    name: str
    title: str
    binarize: Binarization | None
    plans: Mapping[str, TrainingPlan]

    def load(self) -> Data:
        """Load scikit-learn's handwritten digits, 8×8."""
        return load_data("digits", binarize=self.binarize, seed=SPLIT_SEED)


INDEPENDENT = {"batch_size": 50, "lr": 0.05, "warmup": 0, "ema": 0.99}
DIRECT_MADE = partial(MADE, direct_connections=True)
PIXELCNN = partial(PixelCNN, position_bias=True)
ROW_LSTM, DIAGONAL_BILSTM = (partial(PixelRNN, cell=cell, layers=1, position_bias=True) for cell in ("row", "diagonal"))
"""Most pixels of an 8×8 image are near a border, and a convolution alone does not know its position."""
RECURRENT = {"warmup": 50, "ema": 0.998, "patience": 8}
RECURRENT_BINARY = {**RECURRENT, "epochs": 24, "batch_size": 32, "lr": 0.015, "weight_decay": 0.5}
RECURRENT_GRAY = {**RECURRENT, "epochs": 14, "batch_size": 20, "lr": 0.01, "weight_decay": 0.7}

BINARY = {
    "Independent": TrainingPlan(Independent, {**INDEPENDENT, "epochs": 60}, 0.025),
    "MADE": TrainingPlan(
        partial(DIRECT_MADE, hidden=(1000,)),
        {"epochs": 40, "batch_size": 20, "lr": 0.01, "warmup": 50, "weight_decay": 0.4, "ema": 0.997, "patience": 10},
        0.15,
    ),
    "PixelCNN": TrainingPlan(
        partial(PIXELCNN, blocks=3, features=48),
        {"epochs": 30, "batch_size": 32, "lr": 0.015, "warmup": 50, "weight_decay": 0.5, "ema": 0.998, "patience": 8},
        0.6,
    ),
    "Row LSTM": TrainingPlan(partial(ROW_LSTM, features=48), RECURRENT_BINARY, 1.0),
    "Diagonal BiLSTM": TrainingPlan(partial(DIAGONAL_BILSTM, features=48), RECURRENT_BINARY, 1.2),
}
GRAY = {
    "Independent": TrainingPlan(Independent, {**INDEPENDENT, "epochs": 40}, 0.03),
    "MADE": TrainingPlan(
        partial(DIRECT_MADE, hidden=(200,)),
        {"epochs": 40, "batch_size": 20, "lr": 0.005, "warmup": 50, "weight_decay": 0.3, "ema": 0.995, "patience": 10},
        0.25,
    ),
    "PixelCNN": TrainingPlan(
        partial(PIXELCNN, blocks=3, features=96),
        {"epochs": 16, "batch_size": 20, "lr": 0.01, "warmup": 50, "weight_decay": 0.7, "ema": 0.998, "patience": 8},
        1.5,
    ),
    "Row LSTM": TrainingPlan(partial(ROW_LSTM, features=64), RECURRENT_GRAY, 1.6),
    "Diagonal BiLSTM": TrainingPlan(partial(DIAGONAL_BILSTM, features=64), RECURRENT_GRAY, 2.0),
}
DATASETS = (
    DemoDataset("binary", "binary digits", "threshold", BINARY),
    DemoDataset("gray", "digits of 17 gray levels", None, GRAY),
)
