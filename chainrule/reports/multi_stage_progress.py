"""One progress bar over several stages of unequal length."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # torch is slow to import, and lessons are listed without it
    from torch import Tensor
    from torch.utils.hooks import RemovableHandle

    from chainrule.models import AutoregressiveModel
    from chainrule.progress import ProgressBar

PERCENT = 100
"""The number of steps of the bar."""


class StageProgress(Protocol):
    """A callback that takes the fraction of a stage that is done, and a text to append to the stage's note."""

    def __call__(self, fraction: float, suffix: str = "", /) -> None: ...


class MultiStageProgress:
    """Moves a bar of 100 percent through stages of unequal length.

    Args:
        bar: the bar, of `PERCENT` steps.
        total_seconds: the expected duration of all stages together, on any machine: only proportions matter.
    """

    def __init__(self, bar: ProgressBar, total_seconds: float) -> None:
        self._bar, self._total, self._done, self._percent = bar, total_seconds, 0.0, 0

    @contextmanager
    def stage(self, seconds: float, note: str) -> Iterator[StageProgress]:
        """Yield the callback of a stage.

        Args:
            seconds: the expected duration of the stage.
            note: the text to the right of the bar during the stage.
        """
        start = self._done

        def progress(fraction: float, suffix: str = "", /) -> None:
            self._done = max(self._done, start + seconds * min(1.0, fraction))
            percent = int(PERCENT * self._done / self._total + 1e-6)
            self._bar(percent - self._percent)
            self._percent = percent
            self._bar.note(note + suffix)

        progress(0.0)
        yield progress
        progress(1.0)

    def print(self, text: str) -> None:
        """Print a line above the bar; the line stays."""
        self._bar.print(text)


def track_training(model: AutoregressiveModel, images: int, epochs: float, progress: StageProgress) -> RemovableHandle:
    """Report the progress of training, by counting the data that go through the model in training mode.

    Args:
        model: the model that is to be trained.
        images: the number of training data.
        epochs: the number of epochs that training takes.
        progress: called after each batch.

    Returns:
        The handle of the forward hook that counts; remove it after training.
    """
    seen = 0

    def count_batch(module: Any, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        nonlocal seen
        if module.training:
            seen += len(inputs[0])
            progress(seen / (images * epochs), f", epoch {(seen - 1) // images + 1}")

    return model.register_forward_hook(count_batch)
