"""The demo's work: training by plan, and one progress bar over all of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor
from torch.utils.hooks import RemovableHandle

from chainrule.data import Data, Split
from chainrule.demo.plans import Part, Plan
from chainrule.models.base import AutoregressiveModel
from chainrule.progress import Bar
from chainrule.tasks.evaluate import Evaluation, evaluate, log_prob_all
from chainrule.training import History, fit

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


@dataclass(frozen=True, eq=False)
class Run:
    """A trained model and how it did.

    Attributes:
        part: the name of its data set.
        name: of the model.
        folder: where the run is.
        test: its test NLL.
        test_nats: the NLL in nats of each test image, float64 [n].
    """

    part: str
    name: str
    folder: Path
    plan: Plan
    model: AutoregressiveModel
    history: History
    test: Evaluation
    test_nats: Tensor

    @property
    def parameters(self) -> int:
        """How many weights were trained. Masked ones count, since they are stored too."""
        return sum(weight.numel() for weight in self.model.parameters())

    @property
    def seconds(self) -> float:
        """Training and validation."""
        return self.history.rows[-1].seconds


def values(split: Split | None) -> Tensor:
    """The images of a split that is there: uint8 [n, *shape]."""
    assert split is not None, "the digits come with all splits"
    return split.values()


def train(part: Part, name: str, data: Data, out: Path, seed: int, work: Work, number: str) -> Run:
    """Trains the plan of that name; validation chooses the epoch, and then the test images are scored."""
    plan, folder = part.plans[name], out / f"{part.name}-{name.lower()}"
    model = plan.make(data.domain, seed=seed)
    with work.stage(plan.seconds * plan.epochs, f"{number} {name}, {part.name}") as tell:
        hook = watch(model, len(values(data.train)), plan.epochs, tell)
        try:
            history = fit(model, data, out=folder, progress=False, seed=seed, **plan.settings)
        finally:
            hook.remove()
    best = history.best_row
    work.print(
        f"{number} {name}, {part.name}: validation {best.valid_nats:.2f} nats at epoch {best.epoch} of "
        f"{len(history.rows)}, {history.rows[-1].seconds:.0f} s"
    )
    test = values(data.test)
    return Run(part.name, name, folder, plan, model, history, evaluate(model, test), -log_prob_all(model, test))


def watch(model: AutoregressiveModel, images: int, epochs: int, tell: Tell) -> RemovableHandle:
    """Tells how far training is, by counting the images that go through the model while it trains."""
    seen = 0

    def after(module: Any, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        nonlocal seen
        if module.training:
            seen += len(inputs[0])
            tell(seen / (images * epochs), f", epoch {(seen - 1) // images + 1}")

    return model.register_forward_hook(after)
