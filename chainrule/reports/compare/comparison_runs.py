"""The runs of a comparison: each model is trained as an ordinary run, scored, and its sampling is timed."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from chainrule.checkpoint import read_tensors, write_tensors
from chainrule.data import Data
from chainrule.errors import ChainruleError, TrainingStopped
from chainrule.formatting import counted, duration
from chainrule.inference import Evaluation, compute_log_probs, evaluate, sample
from chainrule.layers.scan_plan import ScanPlan
from chainrule.models import AutoregressiveModel
from chainrule.reports.compare.comparison_plan import Job
from chainrule.reports.multi_stage_progress import MultiStageProgress, StageProgress, track_training
from chainrule.reports.trained_model import TrainedModel, split_values
from chainrule.training import History, Settings, as_settings, fit

MEASUREMENTS = "measured"
"""The folder of the measurements, one file for each model."""


@dataclass(frozen=True, eq=False)
class Measurements:
    """The results of a trained model. They are stored: sampling may take long, and its duration is measured once.

    Attributes:
        test: the NLL of the test data.
        test_nats: the NLL of each test datum in nats, float64 [n].
        samples: the samples, uint8 [n, *shape].
        sampling_seconds: the duration of drawing all samples at once.
    """

    test: Evaluation
    test_nats: Tensor
    samples: Tensor
    sampling_seconds: float

    @classmethod
    def measure(
        cls, model: AutoregressiveModel, data: Data, *, samples: int, seed: int, progress: StageProgress
    ) -> Measurements:
        """Score the test data, and draw and time the samples."""
        test = split_values(data.test)
        began = time.perf_counter()
        drawn = draw_samples(model, samples, seed=seed, progress=progress)
        seconds = time.perf_counter() - began
        return cls(evaluate(model, test), -compute_log_probs(model, test), drawn.byte(), seconds)

    def write(self, path: Path) -> None:
        """Write the measurements to a file."""
        metadata = {"test": json.dumps(asdict(self.test)), "sampling_seconds": repr(self.sampling_seconds)}
        write_tensors(path, {"test_nats": self.test_nats, "samples": self.samples}, metadata)

    @classmethod
    def read(cls, path: Path) -> Measurements:
        """Read the measurements that `write` wrote.

        Raises:
            ChainruleError: a damaged file.
        """
        tensors, metadata = read_tensors(path)
        try:
            test, seconds = Evaluation(**json.loads(metadata["test"])), float(metadata["sampling_seconds"])
            return cls(test, tensors["test_nats"], tensors["samples"], seconds)
        except (KeyError, TypeError, ValueError) as error:
            raise ChainruleError(f"{path} is damaged ({error}); remove it, and it is made again") from None


def draw_samples(model: AutoregressiveModel, n: int, *, seed: int, progress: StageProgress) -> Tensor:
    """Return n samples of `sample`, [n, *shape], and report the number of finished samples on the way."""
    if n == 0:
        return torch.empty(0, *model.domain.shape, dtype=model.domain.dtype)
    finished = 0

    def report(samples: int) -> None:
        nonlocal finished
        finished += samples
        progress(finished / n, f" {finished} of {n}")

    return sample(model, n, seed=seed, progress=report)


@dataclass(frozen=True, eq=False, kw_only=True)
class ComparisonEntry(TrainedModel):
    """A model of a comparison.

    Attributes:
        job: the job of its run.
        images: the number of training data.
        measurements: its test NLL and its samples.
        receptive_field: bool [D, D], computed once, since it may take long; None where the model does not know it.
    """

    job: Job
    images: int
    measurements: Measurements
    receptive_field: Tensor | None

    @property
    def is_baseline(self) -> bool:
        """Whether this is the baseline, which is not trained."""
        return self.job.is_baseline

    @cached_property
    def past_seen(self) -> float:
        """The fraction of the past that the conditionals can depend on; nan where that is not known."""
        return math.nan if self.receptive_field is None else self.model.order.past_coverage(self.receptive_field)

    @property
    def updates(self) -> int:
        """The number of updates of the run."""
        return self.history.rows[-1].updates

    @property
    def epochs(self) -> float:
        """The number of passes over the training data; the last pass may be a part of one."""
        return self.updates / math.ceil(self.images / self.settings.batch_size)

    @property
    def training_steps(self) -> int:
        """The number of steps of a training pass that cannot run in parallel."""
        return count_sequential_steps(self.model)

    @cached_property
    def sampling_steps(self) -> int:
        """The number of steps of sampling, which cannot run in parallel."""
        return len(self.model.sampler().schedule)


def count_sequential_steps(model: AutoregressiveModel) -> int:
    """Return the number of steps of all recurrent layers, which run one after the other; 1 without such layers.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.pixelrnn import PixelRNN
        >>> count_sequential_steps(PixelRNN(Binary((1, 4, 6)), "row", layers=2, features=2))
        8
        >>> count_sequential_steps(PixelRNN(Binary((1, 4, 6)), "diagonal", layers=2, features=2))
        18
    """
    plans = (getattr(layer, "plan", None) for layer in model.modules())
    return sum(len(plan.steps) for plan in plans if isinstance(plan, ScanPlan)) or 1


def run_job(
    job: Job, data: Data, out: Path, *, seed: int, samples: int, progress: MultiStageProgress, prefix: str
) -> ComparisonEntry:
    """Train, score and sample a model, or continue its run and read the measurements that exist.

    Args:
        job: the job.
        data: the data of the comparison.
        out: the folder of the comparison.
        seed: draws the weights and the samples.
        samples: the number of samples; 0 for a model whose sampling is not measured.
        progress: the progress bar of the comparison.
        prefix: the text before the messages about this job.
    """
    model, settings, train = job.make_model(data.domain, seed), as_settings(job.settings), split_values(data.train)
    model.init_from_data(train)
    history = _train(model, job, settings, data, out, progress, prefix)
    progress.print(f"{prefix}: {_describe_training(job, history)}")
    file = out / MEASUREMENTS / f"{job.folder.replace('/', '-')}.safetensors"
    with progress.stage(job.sampling_seconds if samples else 0.0, f"{prefix}, sampling") as report:
        if file.exists():
            found = Measurements.read(file)
        else:
            found = Measurements.measure(model, data, samples=samples, seed=seed, progress=report)
            found.write(file)
    return ComparisonEntry(
        name=job.title, folder=out / job.folder, model=model, settings=settings, history=history, test=found.test,
        test_nats=found.test_nats, job=job, images=len(train), measurements=found,
        receptive_field=model.receptive_field(),
    )  # fmt: skip


def _train(
    model: AutoregressiveModel,
    job: Job,
    settings: Settings,
    data: Data,
    out: Path,
    progress: MultiStageProgress,
    prefix: str,
) -> History:
    """Train the model of a job in the job's folder, or continue its run.

    Raises:
        TrainingStopped: training was interrupted or broke down; the message names the folder of the comparison.
    """
    images, folder = len(split_values(data.train)), out / job.folder
    epochs = settings.total_updates(1) / math.ceil(images / settings.batch_size)
    with progress.stage(job.training_seconds, prefix) as report:
        hook = track_training(model, images, epochs, report)
        try:
            return fit(model, data, out=folder, resume=True, progress=False, **job.settings)
        except TrainingStopped as stop:
            message = str(stop).replace(str(folder), str(out))  # the comparison is resumed, not the run
            raise TrainingStopped(f"{job.title}: {message}", interrupted=stop.interrupted) from None
        finally:
            hook.remove()


def _describe_training(job: Job, history: History) -> str:
    """Return the result of training in one line."""
    best, last = history.best_row, history.rows[-1]
    if job.is_baseline:
        return f"validation {best.valid_nats:.2f} nats, from the frequencies of the training data"
    return (
        f"validation {best.valid_nats:.2f} nats at epoch {best.epoch} of {len(history.rows)}, "
        f"{counted(last.updates, 'update')} in {duration(last.seconds)}"
    )
