"""The demo's work: training by plan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chainrule.data import Data
from chainrule.inference.evaluate import evaluate, log_prob_all
from chainrule.reports.demo.plans import Part
from chainrule.reports.multi_stage_progress import Work, watch
from chainrule.reports.trained_model import Trained, values
from chainrule.training import Settings, fit


@dataclass(frozen=True, eq=False, kw_only=True)
class Run(Trained):
    """A trained model of the demo.

    Attributes:
        part: the name of its data set.
    """

    part: str


def train(part: Part, name: str, data: Data, out: Path, seed: int, work: Work, number: str) -> Run:
    """Trains the plan of that name; validation chooses the epoch, and then the test images are scored."""
    plan, folder = part.plans[name], out / f"{part.name}-{name.lower().replace(' ', '-')}"
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
    return Run(
        part=part.name, name=name, folder=folder, model=model, settings=Settings(**plan.settings), history=history,
        test=evaluate(model, test), test_nats=-log_prob_all(model, test),
    )  # fmt: skip
