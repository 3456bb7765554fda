"""One progress bar over many stages of work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from torch import Tensor
from torch.utils.hooks import RemovableHandle

from chainrule.models.base import AutoregressiveModel
from chainrule.progress import Bar

PERCENT = 100


class Tell(Protocol):
    """Takes which share of a stage is done, and what to add to its note."""

    def __call__(self, share: float, more: str = "") -> None: ...


class Work:
    """Moves a bar of 100 percent through stages of unequal length.

    Args:
        total: the expected seconds of all stages together, on some machine: proportions are what matters.
    """

    def __init__(self, shown: Bar, total: float) -> None:
        self._shown, self._total, self._done, self._percent = shown, total, 0.0, 0

    @contextmanager
    def stage(self, seconds: float, note: str) -> Iterator[Tell]:
        """A stage expected to take so long; it is told which share of it is done."""
        began = self._done

        def tell(share: float, more: str = "") -> None:
            self._done = max(self._done, began + seconds * min(1.0, share))
            percent = int(PERCENT * self._done / self._total + 1e-6)
            self._shown(percent - self._percent)
            self._percent = percent
            self._shown.note(note + more)

        tell(0.0)
        yield tell
        tell(1.0)

    def print(self, text: str) -> None:
        """A line that stays."""
        self._shown.print(text)


def watch(model: AutoregressiveModel, images: int, epochs: float, tell: Tell) -> RemovableHandle:
    """Tells how far training is, by counting the images that go through the model while it trains."""
    seen = 0

    def after(module: Any, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        nonlocal seen
        if module.training:
            seen += len(inputs[0])
            tell(seen / (images * epochs), f", epoch {(seen - 1) // images + 1}")

    return model.register_forward_hook(after)
