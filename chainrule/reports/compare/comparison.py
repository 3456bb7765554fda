"""`compare`: plan the runs of a comparison, train and measure the models, and write the report."""

from __future__ import annotations

from pathlib import Path

from chainrule.data import Data
from chainrule.errors import ChainruleError
from chainrule.figures import is_drawable
from chainrule.files import atomic_write
from chainrule.progress import ProgressBar, progress_bar
from chainrule.reports.compare.comparison_pictures import (
    receptive_field_section,
    samples_section,
    training_time_section,
)
from chainrule.reports.compare.comparison_plan import CompareOptions, ComparisonPlan, open_plan
from chainrule.reports.compare.comparison_report import Comparison, write_report
from chainrule.reports.compare.comparison_runs import ComparisonEntry, run_job
from chainrule.reports.multi_stage_progress import PERCENT, MultiStageProgress
from chainrule.reports.sections import Section
from chainrule.reports.trained_model import likelihoods_section, split_values
from chainrule.training import join_process_group


def compare(
    data: Data,
    out: str | Path,
    *,
    options: CompareOptions | None = None,
    resume: bool = False,
    progress: bool = True,
) -> Comparison:
    """Train models of several families under one budget, and write a report of their results and costs.

    Args:
        data: data with all three splits.
        out: a new folder for `report.html`, `report.md` and its pictures, `plan.json`, and a folder for each run.
        options: the models and the budget; by default all models that take such data, and 2 minutes each.
        resume: continue the comparison in `out`, if there is one, with its plan and from where its runs stopped.
        progress: whether to show a progress bar.

    Raises:
        ChainruleError: data without a split, `out` in use, or options that cannot be met.
        TrainingStopped: training was interrupted or broke down.
    """
    out, options = Path(out), options or CompareOptions()
    _check(data)
    with progress_bar("comparing", PERCENT, show=progress) as bar:
        plan = open_plan(options, data, out, resume=resume, bar=bar)
        entries = _run_jobs(plan, data, out, options.seed, bar)
    models, ablation = ([entries[job.folder] for job in jobs] for jobs in (plan.jobs, plan.ablation))
    comparison = Comparison(options, plan, data, models, ablation, out)
    sections = _draw_sections(comparison)
    for picture in (picture for section in sections.values() for picture in section.pictures):
        with atomic_write(out / picture.file) as part:
            part.write_bytes(picture.png)
    write_report(comparison, sections)
    return comparison


def _check(data: Data) -> None:
    """Check that the data have all splits, and that there is one process.

    Raises:
        ChainruleError: a missing or empty split, or several processes.
    """
    needs = {"train": "trains the models", "valid": "chooses the epoch", "test": "is scored"}
    for name, use in needs.items():
        split = getattr(data, name)
        if split is None or len(split) == 0:
            raise ChainruleError(f"{data.source} has no {name} split, which {use}; give all of {', '.join(needs)}")
    if join_process_group().size > 1:
        raise ChainruleError("a comparison runs in one process; leave out torchrun")


def _run_jobs(plan: ComparisonPlan, data: Data, out: Path, seed: int, bar: ProgressBar) -> dict[str, ComparisonEntry]:
    """Run all jobs, and return their results by folder."""
    progress = MultiStageProgress(bar, sum(job.training_seconds + job.sampling_seconds for job in plan.runs))
    compared = {job.folder for job in plan.jobs}
    entries = {}
    for number, job in enumerate(plan.runs, 1):
        samples = plan.samples if job.folder in compared else 0
        prefix = f"{number}/{len(plan.runs)} {job.title}"
        entries[job.folder] = run_job(job, data, out, seed=seed, samples=samples, progress=progress, prefix=prefix)
    return entries


def _draw_sections(comparison: Comparison) -> dict[str, Section]:
    """Return the pictures by chapter; images have more of them than other data."""
    entries, compared, domain = comparison.entries, comparison.compared, comparison.data.domain
    sections = {
        "likelihoods": likelihoods_section(entries, "likelihoods"),
        "minutes": training_time_section(compared, [entry.name for entry in entries]),
    }
    if is_drawable(domain):
        drawn = {entry.name: entry.measurements.samples for entry in entries}
        sections["samples"] = samples_section(drawn, split_values(comparison.data.test), domain)
        fields = {entry.name: entry.receptive_field for entry in compared}
        section = receptive_field_section(fields, compared[0].model.order, domain)
        if section is not None:
            sections["fields"] = section
    return sections
