"""The training of one model of the demo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chainrule.data import Data
from chainrule.inference import compute_log_probs, evaluate
from chainrule.reports.demo.training_plans import DemoDataset
from chainrule.reports.multi_stage_progress import MultiStageProgress, track_training
from chainrule.reports.trained_model import TrainedModel, split_values
from chainrule.training import Settings, fit


@dataclass(frozen=True, eq=False, kw_only=True)
class DemoRun(TrainedModel):
    """A trained model of the demo.

    Attributes:
        dataset: the name of its data set.
    """

    dataset: str


def train(
    dataset: DemoDataset,
    name: str,
    data: Data,
    out: Path,
    *,
    seed: int,
    progress: MultiStageProgress,
    number: str,
) -> DemoRun:
    """Train a model by its plan, with the best epoch chosen by validation, and score the test images.

    Args:
        dataset: the data set with its plans.
        name: the name of the model.
        data: the loaded data set.
        out: the folder of the demo.
        seed: draws the weights and the order of the training images.
        progress: the progress bar of the demo.
        number: the number of the run, for the messages.
    """
    plan, folder = dataset.plans[name], out / f"{dataset.name}-{name.lower().replace(' ', '-')}"
    model = plan.make(data.domain, seed=seed)
    with progress.stage(plan.seconds * plan.epochs, f"{number} {name}, {dataset.name}") as report:
        hook = track_training(model, len(split_values(data.train)), plan.epochs, report)
        try:
            history = fit(model, data, out=folder, progress=False, seed=seed, **plan.settings)
        finally:
            hook.remove()
    best = history.best_row
    progress.print(
        f"{number} {name}, {dataset.name}: validation {best.valid_nats:.2f} nats at epoch {best.epoch} of "
        f"{len(history.rows)}, {history.rows[-1].seconds:.0f} s"
    )
    test = split_values(data.test)
    return DemoRun(
        dataset=dataset.name, name=name, folder=folder, model=model, settings=Settings(**plan.settings),
        history=history, test=evaluate(model, test), test_nats=-compute_log_probs(model, test),
    )  # fmt: skip
