"""chainrule explain TOPIC"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace
from rich import box
from rich.console import Console
from rich.table import Table

from chainrule.errors import ChainruleError
from chainrule.files import new_directory, refuse_existing
from chainrule.learn import TOPICS, lesson
from chainrule.progress import bar
from chainrule.reports import Page
from chainrule.reports.markup import as_text

PAGE = "index.html"


def options(parser: ArgumentParser, _argv: Sequence[str]) -> None:
    parser.add_argument("topic", metavar="TOPIC", nargs="?", type=str, help=f"what to explain: {', '.join(TOPICS)}")
    parser.add_argument("--out", type=str, help="a new folder, for the pictures and a page with all of it")


def run(args: Namespace) -> int:
    console = Console(highlight=False)
    if args.topic is None:
        list_topics(args, console)
        return 0
    if args.out is not None:
        refuse_existing(Path(args.out))
    page = computed(args.topic)
    if args.out is not None:
        save(page, Path(args.out))  # before it is told: who reads may stop before the end
    page.show(console)
    console.print()
    if args.out is not None:
        console.print(f"All of it: {Path(args.out) / PAGE}", soft_wrap=True)
    elif page.pictures:
        console.print(f"--out FOLDER saves the pictures, and a page with all of it: {', '.join(page.pictures)}")
    return 0


def list_topics(args: Namespace, console: Console) -> None:
    """Raises ChainruleError where there is a folder to write to, and nothing to write."""
    if args.out is not None:
        raise ChainruleError("--out is for the pictures of a topic; name one before it")
    table = Table("topic", "what it shows", box=box.SIMPLE_HEAD)
    for topic in TOPICS.values():
        table.add_row(topic.name, as_text(topic.summary))
    console.print(table)
    console.print("chainrule explain TOPIC computes and tells one; --out FOLDER saves its pictures.")


def computed(name: str) -> Page:
    """The lesson, with a progress bar while it is computed."""
    from chainrule.reports.multi_stage_progress import Work  # and with it torch, which the list of topics does without

    with bar(name, 100) as shown:
        work = Work(shown, total=1.0)
        with work.stage(1.0, "") as tell:
            return lesson(name, tell)


def save(page: Page, out: Path) -> None:
    """The pictures, and a page with all of it, in a new folder."""
    with new_directory(out) as folder:
        for name, picture in page.pictures.items():
            (folder / name).write_bytes(picture)
        page.write(folder / PAGE)
