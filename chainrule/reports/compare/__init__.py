"""`chainrule compare`: families of models under one budget, on anyone's data, with what was measured in one report."""

from __future__ import annotations

from pathlib import Path

from chainrule.data import Data
from chainrule.errors import ChainruleError
from chainrule.figures import is_picture
from chainrule.files import replacing
from chainrule.progress import Bar, bar
from chainrule.reports import Section
from chainrule.reports.compare.families import COMPARED, FAMILIES, RECURRENT, SETTLED
from chainrule.reports.compare.pictures import by_minutes, fields, samples
from chainrule.reports.compare.plan import MINUTES, Plan, Terms, open_plan
from chainrule.reports.compare.runs import Entry, carry_out
from chainrule.reports.compare.text import HTML, MARKDOWN, Comparison, write_report
from chainrule.reports.multi_stage_progress import PERCENT, Work
from chainrule.reports.trained_model import likelihoods, values
from chainrule.training.processes import processes

__all__ = [
    "COMPARED",
    "FAMILIES",
    "HTML",
    "MARKDOWN",
    "MINUTES",
    "RECURRENT",
    "SETTLED",
    "Comparison",
    "Terms",
    "compare",
]


def compare(
    data: Data, out: str | Path, terms: Terms | None = None, resume: bool = False, progress: bool = True
) -> Comparison:
    """Trains models of several families under one budget, and writes what they reach and what they cost.

    Args:
        data: with all three splits.
        out: a new folder: `report.html`, `report.md` and its pictures, `plan.json`, and a folder for each run.
        terms: which models, under which budget; all that take such data, and minutes, unless given.
        resume: go on with the comparison in `out`, if one is there: with its plan, and from where its runs stopped.
        progress: show a progress bar.

    Raises:
        ChainruleError: data without a split, `out` in use, or terms that cannot be met.
        TrainingStopped: interrupted, or a model whose training broke down.
    """
    out, terms = Path(out), terms or Terms()
    _check(data)
    with bar("comparing", PERCENT, progress) as shown:
        plan = open_plan(terms, data, out, resume, shown)
        entries = _carry_out(plan, data, out, terms.seed, shown)
    jobs, ablation = ([entries[job.folder] for job in part] for part in (plan.jobs, plan.ablation))
    comparison = Comparison(terms, plan, data, jobs, ablation, out)
    sections = _sections(comparison)
    for picture in (picture for section in sections.values() for picture in section.pictures):
        with replacing(out / picture.file) as part:
            part.write_bytes(picture.png)
    write_report(comparison, sections)
    return comparison


def _check(data: Data) -> None:
    """Raises ChainruleError for data without the splits that a comparison needs, or for several processes."""
    needs = {"train": "trains the models", "valid": "chooses the epoch", "test": "is scored"}
    for name, use in needs.items():
        split = getattr(data, name)
        if split is None or len(split) == 0:
            raise ChainruleError(f"{data.source} has no {name} split, which {use}; give all of {', '.join(needs)}")
    if processes().size > 1:
        raise ChainruleError("a comparison runs in one process; leave out torchrun")


def _carry_out(plan: Plan, data: Data, out: Path, seed: int, shown: Bar) -> dict[str, Entry]:
    """All runs, by their folders."""
    work = Work(shown, sum(job.seconds + job.sampling for job in plan.runs))
    compared = {job.folder for job in plan.jobs}
    entries = {}
    for number, job in enumerate(plan.runs, 1):
        samples = plan.samples if job.folder in compared else 0
        entries[job.folder] = carry_out(job, data, out, seed, samples, work, f"{number}/{len(plan.runs)}")
    return entries


def _sections(comparison: Comparison) -> dict[str, Section]:
    """The pictures, by their chapter; those that the data allow."""
    entries, compared, domain = comparison.entries, comparison.compared, comparison.data.domain
    minutes = by_minutes(compared, [entry.name for entry in entries])
    sections = {"likelihoods": likelihoods(entries, "likelihoods"), "minutes": minutes}
    if is_picture(domain):
        drawn = {entry.name: entry.found.drawn for entry in entries}
        sections["samples"] = samples(drawn, values(comparison.data.test), domain)
        if (
            seen := fields({entry.name: entry.seen for entry in compared}, compared[0].model.order, domain)
        ) is not None:
            sections["fields"] = seen
    return sections
