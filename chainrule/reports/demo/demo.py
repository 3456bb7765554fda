"""`run_demo`: train the models, check and draw them, and write the report."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from chainrule.checks import NUM_CHECKS, CheckReport, check_model
from chainrule.files import atomic_write, refuse_existing
from chainrule.progress import progress_bar
from chainrule.reports.demo.demo_pictures import dataset_sections, mask_sections
from chainrule.reports.demo.demo_report import COLUMNS, DatasetResults, DemoReport, result_row, write_report
from chainrule.reports.demo.demo_training import DemoRun, train
from chainrule.reports.demo.training_plans import DATASETS, DemoDataset
from chainrule.reports.multi_stage_progress import PERCENT, MultiStageProgress
from chainrule.reports.sections import Section
from chainrule.reports.trained_model import terminal_table

PICTURES_SECONDS, MASKS_SECONDS, CHECK_SECONDS = 3.0, 1.0, 0.3
"""The expected durations of the pictures of a data set, of the pictures of masks, and of the check of a model."""


@dataclass(frozen=True)
class DemoResult:
    """The files and models that the demo made.

    Attributes:
        report: the HTML file.
        pictures: the PNG files.
        runs: the trained models with their results and folders.
        checks: the report of `check_model` on each model of the first data set, by the model's name.
    """

    report: Path
    pictures: tuple[Path, ...]
    runs: tuple[DemoRun, ...]
    checks: Mapping[str, CheckReport]


def run_demo(
    out: Path = Path("demo"),
    *,
    seed: int = 0,
    datasets: Sequence[DemoDataset] = DATASETS,
    progress: bool = True,
) -> DemoResult:
    """Train the models, print their test results, and write a report with pictures, and a folder for each run.

    Args:
        out: a new folder for `report.html`, the pictures, and the folders of the runs.
        seed: draws weights, orders and samples; the split of the images is always the same.
        datasets: the data sets, and the training plans of the models of each.
        progress: whether to show a progress bar.

    Raises:
        ChainruleError: `out` is in use, or cannot be written.
        TrainingStopped: training was interrupted or broke down.
    """
    refuse_existing(out)
    began = time.monotonic()
    with progress_bar("demo", PERCENT, show=progress) as bar:
        stages = MultiStageProgress(bar, expected_seconds(datasets))
        results, masks, checks = run_stages(datasets, out, seed, stages)
    report = DemoReport(results, masks, checks, seed, time.monotonic() - began)
    write_report(report, out / "report.html")
    pictures = tuple(out / picture.file for picture in report.pictures)
    for path, picture in zip(pictures, report.pictures, strict=True):
        with atomic_write(path) as part:
            part.write_bytes(picture.png)
    print_results(report, out)
    runs = tuple(run for dataset in results for run in dataset.runs)
    return DemoResult(out / "report.html", pictures, runs, checks)


def run_stages(
    datasets: Sequence[DemoDataset], out: Path, seed: int, progress: MultiStageProgress
) -> tuple[list[DatasetResults], list[Section], dict[str, CheckReport]]:
    """Train, draw and check the models.

    Returns:
        the results of each data set, the pictures of masks, and the reports of the checks by the model's name.
    """
    data = {dataset.name: dataset.load() for dataset in datasets}
    jobs = [(dataset, name) for dataset in datasets for name in dataset.plans]
    runs = [
        train(dataset, name, data[dataset.name], out, seed=seed, progress=progress, number=f"{number}/{len(jobs)}")
        for number, (dataset, name) in enumerate(jobs, 1)
    ]
    results = []
    for dataset in datasets:
        own = [run for run in runs if run.dataset == dataset.name]
        makers = dataset_sections(own, data[dataset.name], seed)
        sections = draw_sections(makers, progress, PICTURES_SECONDS, f"pictures, {dataset.name}")
        results.append(DatasetResults(dataset.title, data[dataset.name], own, sections))
    first = results[0].runs
    masks = draw_sections(mask_sections(first, seed), progress, MASKS_SECONDS, "pictures, masks")
    return results, masks, {run.name: check(run, seed, progress) for run in first}


def expected_seconds(datasets: Sequence[DemoDataset]) -> float:
    """Return the expected duration of all stages."""
    training = sum(plan.seconds * plan.epochs for dataset in datasets for plan in dataset.plans.values())
    return training + PICTURES_SECONDS * len(datasets) + MASKS_SECONDS + CHECK_SECONDS * len(datasets[0].plans)


def draw_sections(
    makers: Sequence[Callable[[], Section]], progress: MultiStageProgress, seconds: float, note: str
) -> list[Section]:
    """Draw one section after the other, as one stage of the progress bar."""
    with progress.stage(seconds, note) as report:
        sections = []
        for make in makers:
            sections.append(make())
            report(len(sections) / len(makers))
    return sections


def check(run: DemoRun, seed: int, progress: MultiStageProgress) -> CheckReport:
    """Check the laws on a trained model, as one stage of the progress bar."""
    done = 0
    with progress.stage(CHECK_SECONDS, f"laws, {run.name}") as report:

        def count(checks: int) -> None:
            nonlocal done
            done += checks
            report(done / NUM_CHECKS)

        return check_model(run.model, seed=seed, progress=count)


def print_results(report: DemoReport, out: Path) -> None:
    """Print the tables of results, and the next commands, on standard output."""
    console = Console(highlight=False)
    for dataset in report.datasets:
        test = dataset.runs[0].test
        title = f"{dataset.title}: {test.n} test images, D = {test.sites}"
        console.print(terminal_table(title, COLUMNS, list(map(result_row, dataset.runs))))
    console.print(f"± is the standard error over the test images. {describe_checks(report)}")
    console.print(f"Report: {out / 'report.html'}", soft_wrap=True)
    console.print(f"Go on:  chainrule sample {report.best.folder} -n 64 --out {out / 'more.png'}", soft_wrap=True)


def describe_checks(report: DemoReport) -> str:
    """Return a sentence about the models that break a law."""
    broken = [name for name, checks in report.checks.items() if not checks.passed]
    return f"Laws broken by {', '.join(broken)}: see the report." if broken else "No law was found broken."
