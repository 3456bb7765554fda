"""The command `chainrule explain`: show a lesson in the terminal, and save its page and pictures."""

from __future__ import annotations

import sys
from pathlib import Path

from jsonargparse import Namespace
from rich import box
from rich.console import Console
from rich.table import Table

from chainrule.errors import ChainruleError
from chainrule.files import new_directory, refuse_existing
from chainrule.learn import TOPICS, compute_lesson
from chainrule.learn.topic_search import find_topic
from chainrule.progress import progress_bar
from chainrule.reports import PERCENT, MultiStageProgress, Page, as_text

PAGE = "index.html"


def run(args: Namespace) -> int:
    """Show the lesson of a topic, or list all topics; return the exit status 0."""
    console = Console(highlight=False)
    if args.topic is None:
        list_topics(args, console)
        return 0
    topic = find_topic(args.topic, {name: topic.keywords for name, topic in TOPICS.items()})
    if args.out is not None:
        refuse_existing(Path(args.out))
    if topic != args.topic:
        print(f"showing {topic!r}", file=sys.stderr)
    page = compute_with_progress(topic)
    if args.out is not None:
        save(page, Path(args.out))  # first, because the reader may close the output early
    page.show(console)
    console.print()
    if args.out is not None:
        console.print(f"The page with its pictures: {Path(args.out) / PAGE}", soft_wrap=True)
    elif page.pictures:
        console.print(f"--out FOLDER saves the page with its pictures: {', '.join(page.pictures)}")
    return 0


def list_topics(args: Namespace, console: Console) -> None:
    """Print all topics with their summaries.

    Raises:
        ChainruleError: there is a folder, but no topic whose page to save.
    """
    if args.out is not None:
        raise ChainruleError("--out saves the page of a topic; name a topic before it")
    table = Table("topic", "content", box=box.SIMPLE_HEAD)
    for topic in TOPICS.values():
        table.add_row(topic.name, as_text(topic.summary))
    console.print(table)
    console.print("chainrule explain TOPIC shows a lesson; --out FOLDER saves the page with its pictures.")


def compute_with_progress(name: str) -> Page:
    """Compute a lesson, and show a progress bar meanwhile."""
    with (
        progress_bar(name, PERCENT) as shown,
        MultiStageProgress(shown, total_seconds=1.0).stage(1.0, "") as progress,
    ):
        return compute_lesson(name, progress=progress)


def save(page: Page, out: Path) -> None:
    """Write the page and its pictures into a new folder."""
    with new_directory(out) as folder:
        for name, picture in page.pictures.items():
            (folder / name).write_bytes(picture)
        page.write(folder / PAGE)
