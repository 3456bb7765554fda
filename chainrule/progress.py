"""Progress bars on standard error, with the time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

ProgressCallback = Callable[[int], None]
"""Takes the number of data that were finished since the last call, such as a `Bar`."""


class Bar:
    """One bar: told how much more is done, and what to say beside it."""

    def __init__(self, progress: Progress, total: int, title: str) -> None:
        self._progress, self._task = progress, progress.add_task(title, total=total, note="")

    def __call__(self, done: int = 1) -> None:
        """So much more is done."""
        self._progress.advance(self._task, done)

    def note(self, text: str) -> None:
        """What to say to the right of the bar."""
        self._progress.update(self._task, note=text)

    def print(self, text: str) -> None:
        """A line that stays, above the bar; shown where there is no terminal too."""
        self._progress.console.print(text, highlight=False, markup=False, emoji=False, soft_wrap=True)


@contextmanager
def bar(title: str, total: int, show: bool = True) -> Iterator[Bar]:
    """A bar for `total` things; where standard error is no terminal, only its printed lines appear."""
    console = Console(stderr=True, quiet=not show)
    columns = (
        TextColumn("{task.description}"), BarColumn(bar_width=12), TaskProgressColumn(),
        TextColumn("{task.fields[note]}"), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, disable=not (show and console.is_terminal), transient=True) as progress:
        yield Bar(progress, total, title)
