"""`chainrule demo`: five models of handwritten digits, trained, compared and shown, in minutes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from chainrule.checks import NUM_CHECKS, CheckReport, check_model
from chainrule.files import atomic_write, refuse_existing
from chainrule.progress import progress_bar
from chainrule.reports import Section
from chainrule.reports.demo.pictures import mask_sections, part_sections
from chainrule.reports.demo.plans import PARTS, Part
from chainrule.reports.demo.text import COLUMNS, Chapter, Story, result_row, write_report
from chainrule.reports.demo.work import Run, train
from chainrule.reports.multi_stage_progress import PERCENT, Work
from chainrule.reports.trained_model import terminal_table

PICTURES, MASKS, LAWS = 3.0, 1.0, 0.3
"""About how long, in seconds: the pictures of a data set, those of masks, and the check of a model."""


@dataclass(frozen=True)
class DemoResult:
    """What the demo made.

    Attributes:
        report: the HTML file.
        pictures: the PNG files.
        runs: the trained models, each with its results and its folder.
        laws: what the check of each model of the first data set found, by the model's name.
    """

    report: Path
    pictures: tuple[Path, ...]
    runs: tuple[Run, ...]
    laws: Mapping[str, CheckReport]


def run_demo(
    out: Path = Path("demo"), seed: int = 0, parts: Sequence[Part] = PARTS, progress: bool = True
) -> DemoResult:
    """Trains the models, prints what they reach on test images, and writes a report with pictures, and the runs.

    Args:
        out: a new folder: `report.html`, the pictures, and a folder for each run.
        seed: of weights, orders and draws; the split of the images is always the same.
        parts: data sets, and the plans for the models of each.
        progress: show a progress bar.

    Raises:
        ChainruleError: `out` is in use, or cannot be written.
        TrainingStopped: interrupted.
    """
    refuse_existing(out)
    began = time.monotonic()
    with progress_bar("demo", PERCENT, show=progress) as shown:
        work = Work(shown, expected_seconds(parts))
        chapters, masks, laws = carry_out(parts, out, seed, work)
    story = Story(chapters, masks, laws, seed, time.monotonic() - began)
    write_report(story, out / "report.html")
    pictures = tuple(out / f"{picture.name}.png" for picture in story.pictures)
    for path, picture in zip(pictures, story.pictures, strict=True):
        with atomic_write(path) as part:
            part.write_bytes(picture.png)
    print_results(story, out)
    return DemoResult(out / "report.html", pictures, tuple(run for chapter in chapters for run in chapter.runs), laws)


def carry_out(
    parts: Sequence[Part], out: Path, seed: int, work: Work
) -> tuple[list[Chapter], list[Section], dict[str, CheckReport]]:
    """All of the work: the results and pictures of each data set, the pictures of masks, and the findings on laws."""
    data = [part.data() for part in parts]
    jobs = [(part, name) for part in parts for name in part.plans]
    runs = []
    for number, (part, name) in enumerate(jobs, 1):
        runs.append(train(part, name, data[parts.index(part)], out, seed, work, f"{number}/{len(jobs)}"))
    chapters = []
    for part, each in zip(parts, data, strict=True):
        of_part = [run for run in runs if run.part == part.name]
        makers = part_sections(of_part, each, seed)
        chapters.append(Chapter(part.title, each, of_part, make(makers, work, PICTURES, f"pictures, {part.name}")))
    first = chapters[0].runs
    masks = make(mask_sections(first, seed), work, MASKS, "pictures, masks")
    return chapters, masks, {run.name: check(run, seed, work) for run in first}


def expected_seconds(parts: Sequence[Part]) -> float:
    training = sum(plan.seconds * plan.epochs for part in parts for plan in part.plans.values())
    return training + PICTURES * len(parts) + MASKS + LAWS * len(parts[0].plans)


def make(makers: Sequence[Callable[[], Section]], work: Work, seconds: float, note: str) -> list[Section]:
    """Makes one section after the other, as a stage of the work."""
    with work.stage(seconds, note) as tell:
        sections = []
        for maker in makers:
            sections.append(maker())
            tell(len(sections) / len(makers))
    return sections


def check(run: Run, seed: int, work: Work) -> CheckReport:
    """Checks the laws on a trained model, as a stage of the work."""
    done = 0
    with work.stage(LAWS, f"laws, {run.name}") as tell:

        def progress(checks: int) -> None:
            nonlocal done
            done += checks
            tell(done / NUM_CHECKS)

        return check_model(run.model, seed=seed, progress=progress)


def print_results(story: Story, out: Path) -> None:
    """The numbers as tables, and where the rest is, on standard output."""
    console = Console(highlight=False)
    for chapter in story.chapters:
        test = chapter.runs[0].test
        title = f"{chapter.title}: {test.n} test images, D = {test.sites}"
        console.print(terminal_table(title, COLUMNS, list(map(result_row, chapter.runs))))
    console.print(f"± is the standard error over the test images. {laws_in_words(story)}")
    console.print(f"Report: {out / 'report.html'}", soft_wrap=True)
    console.print(f"Go on:  chainrule sample {story.best.folder} -n 64 --out {out / 'more.png'}", soft_wrap=True)


def laws_in_words(story: Story) -> str:
    broken = [name for name, report in story.laws.items() if not report.passed]
    return f"Laws broken by {', '.join(broken)}: see the report." if broken else "No law was found broken."
