"""The plan of a comparison: the arguments, settings and number of updates of each run, fixed before training begins."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from chainrule.checkpoint import read_json, write_json
from chainrule.data import Data
from chainrule.domains import Domain, Grid
from chainrule.errors import ChainruleError
from chainrule.files import refuse_existing, remove_partial_writes
from chainrule.formatting import counted, duration, rough
from chainrule.models import AutoregressiveModel
from chainrule.progress import ProgressBar
from chainrule.reports.compare.model_families import (
    ABLATION_FAMILIES,
    BASELINE,
    FAMILIES,
    RESERVED_SETTINGS,
    names_for,
    settings_for,
)
from chainrule.reports.compare.update_timing import UpdateTiming, measure_timing
from chainrule.training import as_settings

FORMAT = 1
PLAN = "plan.json"
DEFAULT_SAMPLES = 16
"""The default number of samples from each model."""
DEFAULT_MINUTES = 2.0
"""The default budget of each model."""
ABLATION_VARIANTS = {"neither": (False, False), "skip": (False, True), "residual": (True, False), "both": (True, True)}
"""The variants of an ablation: whether there are residual connections, and whether there are skip connections."""


@dataclass(frozen=True)
class CompareOptions:
    """The models of a comparison, and their budget.

    Attributes:
        models: the names of families; None for all families that take such data.
        minutes: the minutes of training and validation for each model; 2 if neither minutes nor updates are given.
        updates: the number of updates for each model, instead of minutes.
        arguments: arguments of models by the name of the family, which replace the defaults.
        settings: settings of training for all models, which replace the defaults; none of `RESERVED_SETTINGS`.
        samples: the number of samples from each model; None for 16.
        ablation: a recurrent family that is also trained with and without residual and skip connections.
        seed: draws the weights, the order of the training data, and the samples.

    Example:
        >>> CompareOptions(models=("made",), updates=5000).budget
        '5,000 updates'
    """

    models: tuple[str, ...] | None = None
    minutes: float | None = None
    updates: int | None = None
    arguments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    samples: int | None = None
    ablation: str | None = None
    seed: int = 0

    def check(self, names: tuple[str, ...]) -> None:
        """Check that the options can be met by the families of these names.

        Raises:
            ChainruleError: options that contradict each other, or values that they do not take.
        """
        if self.minutes is not None and self.updates is not None:
            raise ChainruleError("minutes and updates are both given; give one of them as the budget")
        if self.minutes is not None and not 0 < self.minutes < math.inf:
            raise ChainruleError(f"minutes must be above 0, not {self.minutes:g}")
        if self.updates is not None and self.updates < 1:
            raise ChainruleError(f"updates must be at least 1, not {self.updates}")
        if reserved := [name for name in RESERVED_SETTINGS if name in self.settings]:
            raise ChainruleError(
                f"settings of training name {' and '.join(reserved)}, which follow from the options of the comparison; "
                "give seed, and minutes or updates, as options of their own"
            )
        if self.samples is not None and self.samples < 1:
            raise ChainruleError(f"samples must be at least 1, not {self.samples}")
        if self.ablation is not None and self.ablation not in ABLATION_FAMILIES:
            raise ChainruleError(f"ablation takes {' or '.join(ABLATION_FAMILIES)}, not {self.ablation!r}")
        used = {*names, *([self.ablation] if self.ablation else [])}
        for name in self.arguments:
            if self.arguments[name] and name not in used:
                raise ChainruleError(f"options are given for {name}, which is not compared; it is {', '.join(names)}")

    @property
    def budget_minutes(self) -> float | None:
        """The budget in minutes; None if it is a number of updates."""
        return self.minutes or (DEFAULT_MINUTES if self.updates is None else None)

    @property
    def budget(self) -> str:
        """The budget in words."""
        if self.updates is not None:
            return counted(self.updates, "update")
        return counted(self.minutes or DEFAULT_MINUTES, "minute")

    def count_updates(self, timing: UpdateTiming) -> int:
        """Return the number of updates that the budget allows a model of that timing."""
        return self.updates or timing.count_updates(self.minutes or DEFAULT_MINUTES)


@dataclass(frozen=True)
class Job:
    """One run of a comparison.

    Attributes:
        family: the name of the family.
        title: the name of the model in reports.
        folder: the folder of the run within the folder of the comparison.
        arguments: the arguments of the model.
        settings: the settings of training, which include the number of updates.
        training_seconds: the expected duration of training.
        sampling_seconds: the expected duration of sampling.
    """

    family: str
    title: str
    folder: str
    arguments: dict[str, Any]
    settings: dict[str, Any]
    training_seconds: float = 0.0
    sampling_seconds: float = 0.0

    @property
    def is_baseline(self) -> bool:
        """Whether this is the run of the baseline, which is not trained."""
        return self.family == BASELINE

    def make_model(self, domain: Domain, seed: int) -> AutoregressiveModel:
        """Return the model before training."""
        return FAMILIES[self.family].make(domain, self.arguments, seed)


@dataclass(frozen=True)
class ComparisonPlan:
    """All runs of a comparison.

    Attributes:
        samples: the number of samples from each model.
        jobs: one job for each model; the first is the baseline.
        ablation: one job for each of `ABLATION_VARIANTS`, in their order, or none; one of them may be in `jobs` too.
    """

    samples: int
    jobs: tuple[Job, ...]
    ablation: tuple[Job, ...] = ()

    @property
    def runs(self) -> list[Job]:
        """All jobs, each once."""
        return list({job.folder: job for job in (*self.jobs, *self.ablation)}.values())


def open_plan(options: CompareOptions, data: Data, out: Path, *, resume: bool, bar: ProgressBar) -> ComparisonPlan:
    """Return the plan in `out` if it is resumed, else make a plan and write it there.

    Raises:
        ChainruleError: `out` is in use, has a plan of other options, or is damaged; or options that cannot be met.
    """
    names = names_for(data.domain, options.models)
    options.check(names)
    requested = _as_json(options, data)
    if resume and _has_plan(out):
        return _read_plan(out / PLAN, requested)
    refuse_existing(out)
    plan = _make_plan(options, names, data, bar)
    write_json(out / PLAN, {"format": FORMAT, "options": requested, **asdict(plan)})
    return plan


def _has_plan(out: Path) -> bool:
    """Return whether there is a plan; remove what a killed process has left half written."""
    try:
        remove_partial_writes(out)
        return (out / PLAN).exists()
    except (OSError, ValueError):  # no valid name of a folder
        return False


def _as_json(options: CompareOptions, data: Data) -> dict[str, Any]:
    """Return the options and the fingerprints of the data as plain JSON values."""
    digests = {name: split.digest for name in ("train", "valid", "test") if (split := getattr(data, name))}
    plain = {**asdict(options), "preprocessing": data.preprocessing.to_dict(), "data": digests}
    return dict(json.loads(json.dumps(plain)))


def _read_plan(path: Path, requested: Mapping[str, Any]) -> ComparisonPlan:
    """Read a plan that was made with the requested options.

    Raises:
        ChainruleError: the plan is damaged, or was made with other options.
    """
    contents = read_json(path)
    written = contents.get("options")
    if contents.get("format") != FORMAT or not isinstance(written, dict):
        raise ChainruleError(f"{path} is damaged, or of another version; start a new comparison")
    for name in requested:
        if written.get(name) != requested[name]:
            raise ChainruleError(
                f"{path.parent} was made with {name} = {written.get(name)}, and this is {requested[name]}; "
                "resume with the same, or start a new comparison"
            )
    try:
        jobs, ablation = (tuple(Job(**job) for job in contents[key]) for key in ("jobs", "ablation"))
        return ComparisonPlan(int(contents["samples"]), jobs, ablation)
    except (KeyError, TypeError, ValueError) as error:
        raise ChainruleError(f"{path} is damaged ({error}); start a new comparison") from None


def _make_plan(options: CompareOptions, names: tuple[str, ...], data: Data, bar: ProgressBar) -> ComparisonPlan:
    """Make a plan, from the measured duration of updates."""
    if not isinstance(data.domain, Grid):
        raise ChainruleError(
            f"{data.source} is a table, and compare takes images or rows of levels; train and evaluate models of it"
        )
    jobs = [_new_job(name, options, data.domain) for name in (BASELINE, *names)]
    for job in jobs:  # all models are known to be valid before the first one is timed
        as_settings(job.settings)
        job.make_model(data.domain, options.seed)
    variants = _ablation_jobs(options, data.domain)
    samples = options.samples or DEFAULT_SAMPLES
    jobs = [_with_budget(job, options, _time_job(job, options, data, samples, bar)) for job in jobs]
    return ComparisonPlan(samples, tuple(jobs), _plan_ablation(options, jobs, variants, data, bar))


def _new_job(name: str, options: CompareOptions, domain: Domain) -> Job:
    """Return the job of a family without a budget."""
    family = FAMILIES[name]
    arguments = family.arguments(domain, options.arguments.get(name, {}))
    return Job(name, family.title, name, arguments, {**settings_for(name, options.settings), "seed": options.seed})


def _time_job(job: Job, options: CompareOptions, data: Data, samples: int, bar: ProgressBar) -> UpdateTiming:
    """Time a job, and print the result, except for the baseline, which is not trained."""
    bar.note(f"timing {job.title}")
    model = job.make_model(data.domain, options.seed)
    timing = measure_timing(model, job.settings, data, samples=samples)
    if not job.is_baseline:
        updates, seconds = options.count_updates(timing), timing.seconds_per_update
        bar.print(
            f"timed {job.title}: {rough(seconds)} s an update, with its share of validation; "
            f"{counted(updates, 'update')} in about {duration(updates * seconds)}"
        )
    return timing


def _with_budget(job: Job, options: CompareOptions, timing: UpdateTiming, same_as: Job | None = None) -> Job:
    """Return the job with the updates of the budget, or of another job; the baseline keeps its one update."""
    if job.is_baseline:
        training = timing.update + timing.validation
        return replace(job, training_seconds=training, sampling_seconds=timing.sampling)
    updates = options.count_updates(timing) if same_as is None else int(same_as.settings["updates"])
    return replace(
        job,
        settings={**job.settings, "updates": updates},
        training_seconds=updates * timing.seconds_per_update,
        sampling_seconds=timing.sampling,
    )


def _ablation_jobs(options: CompareOptions, domain: Domain) -> list[Job]:
    """Return the jobs of the ablation without a budget.

    Raises:
        ChainruleError: a variant that cannot be made.
    """
    if options.ablation is None:
        return []
    base = _new_job(options.ablation, options, domain)
    jobs = []
    for name, (residual, skip) in ABLATION_VARIANTS.items():
        arguments = {**base.arguments, "residual": residual, "skip": skip}
        folder = f"ablation/{base.family}-{name}"
        job = replace(base, title=f"{base.title}, {name}", folder=folder, arguments=arguments)
        job.make_model(domain, options.seed)
        jobs.append(job)
    return jobs


def _plan_ablation(
    options: CompareOptions, jobs: Sequence[Job], variants: Sequence[Job], data: Data, bar: ProgressBar
) -> tuple[Job, ...]:
    """Return the variants with the budget of the family's own run, which replaces the variant that equals it.

    Without such a run all variants have the updates of the slowest one.
    """
    own = next((job for job in jobs if job.family == options.ablation), None)
    if not variants or own is None:
        timings = [_time_job(job, options, data, 1, bar) for job in variants]
        slowest = max(timings, key=lambda timing: timing.seconds_per_update, default=None)
        return tuple(_with_budget(job, options, slowest) for job in variants if slowest)
    timing = UpdateTiming(own.training_seconds / own.settings["updates"], 0.0, 1)
    own_arguments = own.make_model(data.domain, options.seed).arguments
    return tuple(
        own
        if job.make_model(data.domain, options.seed).arguments == own_arguments
        else _with_budget(job, options, timing, own)
        for job in variants
    )
