"""Progress bars on standard error, with the time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

ProgressCallback = Callable[[int], None]
"""A function that takes the number of steps (data, checks) finished since its last call, such as a `ProgressBar`."""


class ProgressBar:
    """Shows one task of a `rich` display: call it with the number of steps that were finished since the last call."""

    def __init__(self, display: Progress, total: int, title: str, callback: ProgressCallback | None = None) -> None:
        self._display, self._task, self._callback = display, display.add_task(title, total=total, note=""), callback

    def __call__(self, steps: int = 1) -> None:
        """Advance the bar by `steps`, and call the callback with them."""
        self._display.advance(self._task, steps)
        if self._callback is not None:
            self._callback(steps)

    def note(self, text: str) -> None:
        """Show `text` to the right of the bar."""
        self._display.update(self._task, note=text)

    def print(self, text: str) -> None:
        """Print a line above the bar; the line stays, and is printed without a terminal too."""
        self._display.console.print(text, highlight=False, markup=False, emoji=False, soft_wrap=True)


@contextmanager
def progress_bar(
    title: str, total: int, *, show: bool = True, callback: ProgressCallback | None = None
) -> Iterator[ProgressBar]:
    """Show a bar of `total` steps on standard error within the block.

    Where standard error is no terminal, only printed lines appear; with `show=False` nothing does.

    Args:
        callback: is called with the same numbers of steps as the bar.
    """
    console = Console(stderr=True, quiet=not show)
    columns = (
        TextColumn("{task.description}"), BarColumn(bar_width=12), TaskProgressColumn(),
        TextColumn("{task.fields[note]}"), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    hidden = not (show and console.is_terminal)
    with Progress(*columns, console=console, disable=hidden, transient=True) as display:
        yield ProgressBar(display, total, title, callback)


@contextmanager
def report_progress(progress: bool | ProgressCallback, title: str, total: int) -> Iterator[ProgressCallback]:
    """Yield the callback that a `progress` argument of a public function asks for.

    Args:
        progress: True shows a bar on standard error, False shows nothing, and a callable is called itself.
        title: the text to the left of the bar.
        total: the number of steps.

    Example:
        >>> finished = []
        >>> with report_progress(finished.append, "sampling", total=3) as callback:
        ...     callback(2)
        ...     callback(1)
        >>> finished
        [2, 1]
    """
    if callable(progress):
        yield progress
    elif progress:
        with progress_bar(title, total) as shown:
            yield shown
    else:
        yield _ignore


def _ignore(_steps: int) -> None:
    """Report nothing."""
