"""The cases of `speed.py`: what is timed, with which model, against which baseline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import chainrule as cr

Model = cr.PixelCNN | cr.PixelRNN | cr.MADE
Baseline = Literal["naive loop", "one pass", "training step"]


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        name: the name for the option `--only`.
        work: a description of the work.
        make: makes the model, the same one in each call.
        n: the number of images at once.
        baseline: what plain PyTorch is timed at. The ratio is plain / chainrule, and for one pass chainrule / plain.
        target: the least ratio that we want, and for one pass the greatest; None for a row without a target.
        stretch_target: the ratio that we hope for.
        precision: that of chainrule's training steps; the plain training steps are in float32.
    """

    name: str
    work: str
    make: Callable[[], Model]
    n: int
    baseline: Baseline
    target: float | None = None
    stretch_target: float | None = None
    precision: Literal["auto", "float32"] = "auto"

    @property
    def is_upper_bound(self) -> bool:
        """Whether the ratio may be at most the target."""
        return self.baseline == "one pass"


def make_pixelcnn(side: int) -> cr.PixelCNN:
    """Return the PixelCNN for binary images of this side: 7 blocks, h = 32."""
    return cr.PixelCNN(cr.Binary((1, side, side)), blocks=7, features=32)


DIGITS = cr.Binary((1, 28, 28))
PIXELCNN = partial(make_pixelcnn, 28)
COLOUR = partial(cr.PixelCNN, cr.Levels((3, 32, 32), 256), blocks=7, features=48)
MADE = partial(cr.MADE, DIGITS, hidden=(500, 500))
WIDE_MADE = partial(cr.MADE, DIGITS, hidden=(8000,))
AGNOSTIC_MADE = partial(cr.MADE, DIGITS, hidden=(8000,), agnostic="both")  # each training step draws new masks
ROW_LSTM = partial(cr.PixelRNN, DIGITS, "row", layers=7, features=16)
DIAGONAL_BILSTM = partial(cr.PixelRNN, DIGITS, "diagonal", layers=7, features=16)

CASES = (
    Case("pixelcnn-16", "PixelCNN, 16 images", PIXELCNN, 16, "naive loop", 100, 200),
    Case("pixelcnn-1", "PixelCNN, 1 image", PIXELCNN, 1, "naive loop", 40, 100),
    Case("pixelcnn-64", "PixelCNN, 64 images", PIXELCNN, 64, "one pass", 3, 1.5),
    Case("made-16", "MADE 500-500, 16 images", MADE, 16, "naive loop", 60, 200),
    Case("made-64", "MADE 500-500, 64 images", MADE, 64, "naive loop", 60, 200),
    Case("made-8000", "MADE 8000, 64 images", WIDE_MADE, 64, "naive loop", 200),
    Case("row-lstm", "Row LSTM, 16 images", ROW_LSTM, 16, "naive loop", 100),
    Case("diagonal-bilstm", "Diagonal BiLSTM, 16 images", DIAGONAL_BILSTM, 16, "naive loop", 100),
    Case("colour", "PixelCNN in colour, 4 images", COLOUR, 4, "naive loop", 300, 500),
    Case("pixelcnn-step", "PixelCNN, batch 64", PIXELCNN, 64, "training step", 2, 3),
    Case("made-step", "MADE 8000, batch 100, new masks", AGNOSTIC_MADE, 100, "training step", 2),
    Case("pixelcnn-step32", "the same PixelCNN, in float32", PIXELCNN, 64, "training step", precision="float32"),
    Case("made-step32", "the same MADE, in float32", AGNOSTIC_MADE, 100, "training step", precision="float32"),
)
MODELS = (
    "PixelCNN: 7 blocks, h = 32; in colour h = 48, 32×32, 256 levels. LSTMs: 7 layers, h = 16. "
    "All but the colour images are 28×28 and binary."
)
"""A description of the models, for below the table."""
GROWTH = tuple(
    Case(f"growth-{side}", f"{side}×{side}", partial(make_pixelcnn, side), 16, "naive loop")
    for side in (14, 28, 56, 112)
)
"""The same PixelCNN on images of several sizes."""
