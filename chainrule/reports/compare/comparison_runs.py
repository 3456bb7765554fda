"""Carrying out a plan: each model is trained as an ordinary run, scored, and has its sampling timed."""

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
from chainrule.inference.evaluate import Evaluation, evaluate, log_prob_all
from chainrule.inference.sample import sample
from chainrule.layers.scan_plan import ScanPlan
from chainrule.models.base import AutoregressiveModel
from chainrule.models.independent import Independent
from chainrule.reports.compare.baseline import settle
from chainrule.reports.compare.families import INDEPENDENT
from chainrule.reports.compare.plan import Job
from chainrule.reports.multi_stage_progress import Tell, Work, watch
from chainrule.reports.trained_model import Trained, values
from chainrule.training import History, as_settings, fit

MEASURED = "measured"
"""The folder of what was found out about the trained models, a file each."""


@dataclass(frozen=True, eq=False)
class Found:
    """What was found out about a trained model: kept, since samples may take long, and their time is not found again.

    Attributes:
        test: its test NLL.
        test_nats: that of each test datum, float64 [n].
        drawn: its samples, uint8 [n, *shape].
        sampling: seconds that they took, all at once.
    """

    test: Evaluation
    test_nats: Tensor
    drawn: Tensor
    sampling: float

    @classmethod
    def make(cls, model: AutoregressiveModel, data: Data, samples: int, seed: int, tell: Tell) -> Found:
        test = values(data.test)
        began = time.perf_counter()
        drawn = draw(model, samples, seed, tell)
        sampling = time.perf_counter() - began
        return cls(evaluate(model, test), -log_prob_all(model, test), drawn.byte(), sampling)

    def write(self, path: Path) -> None:
        about = {"test": json.dumps(asdict(self.test)), "sampling": repr(self.sampling)}
        write_tensors(path, {"test_nats": self.test_nats, "drawn": self.drawn}, about)

    @classmethod
    def read(cls, path: Path) -> Found:
        """What `write` wrote.

        Raises:
            ChainruleError: it is damaged.
        """
        tensors, about = read_tensors(path)
        try:
            test, sampling = Evaluation(**json.loads(about["test"])), float(about["sampling"])
            return cls(test, tensors["test_nats"], tensors["drawn"], sampling)
        except (KeyError, TypeError, ValueError) as error:
            raise ChainruleError(f"{path} is damaged ({error}); remove it, and it is made again") from None


def draw(model: AutoregressiveModel, n: int, seed: int, tell: Tell) -> Tensor:
    """What `sample` draws, [n, *shape]; it tells on the way how many data that comes to."""
    if n == 0:
        return torch.empty(0, *model.domain.shape, dtype=model.domain.dtype)
    done = 0

    def told(more: int) -> None:
        nonlocal done
        done += more
        tell(done / n, f" {done} of {n}")

    return sample(model, n, seed, progress=told)


@dataclass(frozen=True, eq=False, kw_only=True)
class Entry(Trained):
    """A model of a comparison.

    Attributes:
        job: the plan of its run.
        images: how many there are to train on.
        found: its test NLL and samples.
        seen: its receptive field, bool [D, D]; None where it does not say. Large ones take long, and it is asked once.
    """

    job: Job
    images: int
    found: Found
    seen: Tensor | None

    @property
    def yardstick(self) -> bool:
        """Is it `Independent`, which is counted and not trained?"""
        return self.job.family == INDEPENDENT

    @cached_property
    def past(self) -> float:
        """The share of the past that the conditionals can depend on; nan where that is not known."""
        return math.nan if self.seen is None else self.model.order.past_coverage(self.seen)

    @property
    def updates(self) -> int:
        """Those that were taken."""
        return self.history.rows[-1].updates

    @property
    def epochs(self) -> float:
        """Passes over the training data; the last may be a part of one."""
        return self.updates / math.ceil(self.images / self.settings.batch_size)

    @property
    def training_steps(self) -> int:
        """Steps that a pass over all sites takes one after the other, whatever the machine can do at once."""
        return sequential_steps(self.model)

    @property
    def sampling_steps(self) -> int:
        """Steps of a walk, each of them after the one before."""
        return len(self.model.schedule)


def sequential_steps(model: AutoregressiveModel) -> int:
    """The steps of all recurrent layers, which wait for each other; without any, the one pass.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.pixelrnn import PixelRNN
        >>> sequential_steps(PixelRNN(Binary((1, 4, 6)), "row", layers=2, features=2))
        8
        >>> sequential_steps(PixelRNN(Binary((1, 4, 6)), "diagonal", layers=2, features=2))
        18
    """
    sweeps = (getattr(layer, "sweep", None) for layer in model.modules())
    return sum(len(sweep.steps) for sweep in sweeps if isinstance(sweep, ScanPlan)) or 1


def carry_out(job: Job, data: Data, out: Path, seed: int, samples: int, work: Work, number: str) -> Entry:
    """Trains, scores and samples, or takes up what there is of that; the yardstick begins with what is counted.

    Args:
        samples: how many to draw; 0 for a model whose sampling is not looked at.
    """
    model, settings, images = job.model(data.domain, seed), as_settings(job.settings), len(values(data.train))
    if isinstance(model, Independent):
        settle(model, values(data.train))
    epochs = settings.total_updates(1) / math.ceil(images / settings.batch_size)
    with work.stage(job.seconds, f"{number} {job.title}") as tell:
        hook = watch(model, images, epochs, tell)
        try:
            history = fit(model, data, out=out / job.folder, resume=True, progress=False, **job.settings)
        except TrainingStopped as stop:
            where = str(stop).replace(str(out / job.folder), str(out))  # it is the comparison that is resumed
            raise TrainingStopped(f"{job.title}: {where}", interrupted=stop.interrupted) from None
        finally:
            hook.remove()
    work.print(f"{number} {job.title}: {_told(job, history)}")
    file = out / MEASURED / f"{job.folder.replace('/', '-')}.safetensors"
    with work.stage(job.sampling if samples else 0.0, f"{number} {job.title}, sampling") as tell:
        found = Found.read(file) if file.exists() else Found.make(model, data, samples, seed, tell)
    if not file.exists():
        found.write(file)
    return Entry(
        name=job.title, folder=out / job.folder, model=model, settings=settings, history=history, test=found.test,
        test_nats=found.test_nats, job=job, images=images, found=found,
        seen=model.receptive_field(),
    )  # fmt: skip


def _told(job: Job, history: History) -> str:
    """What came out of training, in a line."""
    best, last = history.best_row, history.rows[-1]
    if job.family == INDEPENDENT:
        return f"validation {best.valid_nats:.2f} nats, from the frequencies of the training data"
    return (
        f"validation {best.valid_nats:.2f} nats at epoch {best.epoch} of {len(history.rows)}, "
        f"{counted(last.updates, 'update')} in {duration(last.seconds)}"
    )
