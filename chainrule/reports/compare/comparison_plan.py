"""The plan of a comparison: every model with its size, settings and number of updates, fixed before training begins."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from chainrule.checkpoint import read_json, write_json
from chainrule.data import Data
from chainrule.domains import Domain, Grid
from chainrule.errors import ChainruleError
from chainrule.files import refuse_existing, remove_partial_writes
from chainrule.formatting import counted, duration, rough
from chainrule.models.base import AutoregressiveModel
from chainrule.progress import ProgressBar
from chainrule.reports.compare.families import FAMILIES, INDEPENDENT, RECURRENT, SETTLED, names_for, settings_for
from chainrule.reports.compare.timing import Pace, measure
from chainrule.training import as_settings

FORMAT = 1
PLAN = "plan.json"
SAMPLES = 16
"""Drawn from each model unless another number is asked for."""
MINUTES = 2.0
"""The budget of each model, where none is given."""
VARIANTS = {"neither": (False, False), "skip": (False, True), "residual": (True, False), "both": (True, True)}
"""Of an ablation: whether there are residual connections, and skip connections."""


@dataclass(frozen=True)
class Terms:
    """What is asked of a comparison.

    Attributes:
        models: names of families; None for all that take such data.
        minutes: of training and validation, for each model; MINUTES if neither they nor updates are given.
        updates: for each model, instead of minutes.
        arguments: of models, by the name of the family, in place of their defaults.
        settings: of training, for all, in place of the defaults; none of `SETTLED`.
        samples: how many each model draws; None for SAMPLES.
        ablation: a recurrent family that is also trained with and without residual and skip connections.
        seed: of weights, of the order of the data, and of the samples.
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
        """Raises ChainruleError for terms that cannot be met by families of these names."""
        if self.minutes is not None and self.updates is not None:
            raise ChainruleError("minutes and updates are both given; give one of them as the budget")
        if self.minutes is not None and not 0 < self.minutes < math.inf:
            raise ChainruleError(f"minutes must be above 0, not {self.minutes:g}")
        if self.updates is not None and self.updates < 1:
            raise ChainruleError(f"updates must be at least 1, not {self.updates}")
        if settled := [name for name in SETTLED if name in self.settings]:
            raise ChainruleError(
                f"settings of training name {' and '.join(settled)}, which the terms settle; give seed, and minutes or "
                "updates, as terms of their own"
            )
        if self.samples is not None and self.samples < 1:
            raise ChainruleError(f"samples must be at least 1, not {self.samples}")
        if self.ablation is not None and self.ablation not in RECURRENT:
            raise ChainruleError(f"ablation takes {' or '.join(RECURRENT)}, not {self.ablation!r}")
        used = {*names, *([self.ablation] if self.ablation else [])}
        for name in self.arguments:
            if self.arguments[name] and name not in used:
                raise ChainruleError(f"options are given for {name}, which is not compared; it is {', '.join(names)}")

    @property
    def chosen_minutes(self) -> float | None:
        """The budget in minutes, if it is not one in updates."""
        return self.minutes or (MINUTES if self.updates is None else None)

    @property
    def budget(self) -> str:
        """In words."""
        if self.updates is not None:
            return counted(self.updates, "update")
        return counted(self.minutes or MINUTES, "minute")


@dataclass(frozen=True)
class Job:
    """One run.

    Attributes:
        family: the name of its family.
        title: its name in reports.
        folder: of the run, within that of the comparison.
        arguments: of the model.
        settings: of training; they name the updates.
        seconds: that training is expected to take.
        sampling: that drawing the samples is.
    """

    family: str
    title: str
    folder: str
    arguments: dict[str, Any]
    settings: dict[str, Any]
    seconds: float = 0.0
    sampling: float = 0.0

    def model(self, domain: Domain, seed: int) -> AutoregressiveModel:
        """Its model, as it begins."""
        return FAMILIES[self.family].make(domain, self.arguments, seed)


@dataclass(frozen=True)
class Plan:
    """All runs of a comparison.

    Attributes:
        samples: how many each model draws.
        jobs: one a model; the first is the yardstick.
        ablation: one for each of `VARIANTS`, in their order, or none; one of them may be among `jobs` too.
    """

    samples: int
    jobs: tuple[Job, ...]
    ablation: tuple[Job, ...] = ()

    @property
    def runs(self) -> list[Job]:
        """Each once."""
        return list({job.folder: job for job in (*self.jobs, *self.ablation)}.values())


def open_plan(terms: Terms, data: Data, out: Path, resume: bool, shown: ProgressBar) -> Plan:
    """The plan in `out`, where one is resumed; or a new one, written there.

    Raises:
        ChainruleError: `out` is in use, was made on other terms, or is damaged; or terms that cannot be met.
    """
    names = names_for(data.domain, terms.models)
    terms.check(names)
    asked = _asked(terms, data)
    if resume and _begun(out):
        return _read(out / PLAN, asked)
    refuse_existing(out)
    plan = _make(terms, names, data, shown)
    write_json(out / PLAN, {"format": FORMAT, "asked": asked, **asdict(plan)})
    return plan


def _begun(out: Path) -> bool:
    """Is there a plan? What a killed process left half written goes."""
    try:
        remove_partial_writes(out)
        return (out / PLAN).exists()
    except (OSError, ValueError):  # no name for a folder
        return False


def _asked(terms: Terms, data: Data) -> dict[str, Any]:
    """The terms and the data, as plain JSON values."""
    digests = {name: split.digest for name in ("train", "valid", "test") if (split := getattr(data, name))}
    plain = {**asdict(terms), "preprocessing": data.preprocessing.to_dict(), "data": digests}
    return dict(json.loads(json.dumps(plain)))


def _read(path: Path, asked: dict[str, Any]) -> Plan:
    """The plan that was written.

    Raises:
        ChainruleError: it is damaged, or was made on other terms.
    """
    contents = read_json(path)
    before = contents.get("asked")
    if contents.get("format") != FORMAT or not isinstance(before, dict):
        raise ChainruleError(f"{path} is damaged, or of another version; start a new comparison")
    for name in asked:
        if before.get(name) != asked[name]:
            raise ChainruleError(
                f"{path.parent} was made with {name} = {before.get(name)}, and this is {asked[name]}; "
                "resume with the same, or start a new comparison"
            )
    try:
        jobs, ablation = (tuple(Job(**job) for job in contents[key]) for key in ("jobs", "ablation"))
        return Plan(int(contents["samples"]), jobs, ablation)
    except (KeyError, TypeError, ValueError) as error:
        raise ChainruleError(f"{path} is damaged ({error}); start a new comparison") from None


def _make(terms: Terms, names: tuple[str, ...], data: Data, shown: ProgressBar) -> Plan:
    """A new plan, from how long updates take here."""
    domain, seed = data.domain, terms.seed
    if not isinstance(domain, Grid):
        raise ChainruleError(
            f"{data.source} is a table, and compare takes images or rows of levels; train and evaluate models of it"
        )
    jobs = []
    for name in (INDEPENDENT, *names):
        family = FAMILIES[name]
        chosen = family.arguments(domain, terms.arguments.get(name, {}))
        jobs.append(Job(name, family.title, name, chosen, {**settings_for(name, terms.settings), "seed": seed}))
    for job in jobs:  # before the first is timed, it is known that all can be made
        as_settings(job.settings)
        job.model(domain, seed)
    ablation = _variants(terms, domain)
    samples = terms.samples or SAMPLES
    jobs = [_budgeted(job, terms, _timed(job, terms, data, samples, shown)) for job in jobs]
    return Plan(samples, tuple(jobs), _ablation(terms, jobs, ablation, data, shown))


def _timed(job: Job, terms: Terms, data: Data, samples: int, shown: ProgressBar) -> Pace:
    """How long its updates take, in a line of its own; nothing is said of the yardstick, which takes none."""
    shown.note(f"timing {job.title}")
    pace = measure(job.model(data.domain, terms.seed), job.settings, data, samples)
    if job.family != INDEPENDENT:
        updates = _updates(terms, pace)
        shown.print(
            f"timed {job.title}: {rough(pace.mean)} s an update, with its share of validation; "
            f"{counted(updates, 'update')} in about {duration(updates * pace.mean)}"
        )
    return pace


def _updates(terms: Terms, pace: Pace) -> int:
    """As many as are asked for, or as the minutes have time for."""
    return terms.updates or pace.updates(terms.minutes or MINUTES)


def _budgeted(job: Job, terms: Terms, pace: Pace, like: Job | None = None) -> Job:
    """The job with as many updates as the budget allows, or as another has; the yardstick stays as it is."""
    if job.family == INDEPENDENT:
        return replace(job, seconds=pace.update + pace.validation, sampling=pace.sampling)
    updates = _updates(terms, pace) if like is None else int(like.settings["updates"])
    settings = {**job.settings, "updates": updates}
    return replace(job, settings=settings, seconds=updates * pace.mean, sampling=pace.sampling)


def _variants(terms: Terms, domain: Domain) -> list[Job]:
    """The jobs of the ablation, before their budget; models that cannot be made are found here."""
    if terms.ablation is None:
        return []
    family, settings = FAMILIES[terms.ablation], settings_for(terms.ablation, terms.settings)
    chosen = family.arguments(domain, terms.arguments.get(terms.ablation, {}))
    made = []
    for name, (residual, skip) in VARIANTS.items():
        arguments = {**chosen, "residual": residual, "skip": skip}
        folder = f"ablation/{terms.ablation}-{name}"
        job = Job(terms.ablation, f"{family.title}, {name}", folder, arguments, {**settings, "seed": terms.seed})
        job.model(domain, terms.seed)
        made.append(job)
    return made


def _ablation(terms: Terms, jobs: list[Job], variants: list[Job], data: Data, shown: ProgressBar) -> tuple[Job, ...]:
    """The variants with their budget: that of the family's own run, which stands for the variant that it equals."""
    own = next((job for job in jobs if job.family == terms.ablation), None)
    if not variants or own is None:
        paces = {job.folder: _timed(job, terms, data, 1, shown) for job in variants}
        slowest = max(paces.values(), key=lambda pace: pace.mean, default=None)
        return tuple(_budgeted(job, terms, slowest) for job in variants if slowest)
    alike = own.model(data.domain, terms.seed).arguments
    told = []
    for job in variants:
        if job.model(data.domain, terms.seed).arguments == alike:
            told.append(own)
        else:
            told.append(_budgeted(job, terms, Pace(own.seconds / own.settings["updates"], 0.0, 1), own))
    return tuple(told)
