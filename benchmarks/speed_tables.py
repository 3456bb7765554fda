"""The tables that `speed.py` prints."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.table import Table
from speed_cases import MODELS, Case
from speed_results import Growth, Rate, Results, Row
from speed_runs import PASSES

WIDTH = 110
"""The number of columns where the output is not a terminal."""
MET = {True: "yes", False: "no", None: ""}


def print_results(results: Results) -> None:
    """Print the machine, and a table of each kind of result that there is."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    machine = results.machine
    counts = f"{machine['cores']} cores, {machine['threads']} threads"
    console.print(f"{machine['processor']}, {counts}, torch {machine['torch']}")
    if results.rows:
        console.print(times_table(results.rows), *notes(results.rows), sep="\n")
    if results.rates:
        console.print(rates_table(results.rates))
    if results.growth:
        console.print(growth_table(results.growth), growth_note(results.growth), sep="\n")


def times_table(rows: Sequence[Row]) -> Table:
    """Return the table of times and ratios."""
    table = new_table("work", "baseline", "plain", "chainrule", "ratio", "target (stretch)", "met")
    for row in rows:
        times = format_seconds(row.plain), format_seconds(row.chainrule), f"{format_digits(row.ratio)}×"
        table.add_row(row.case.work, row.case.baseline, *times, format_target(row.case), MET[row.met])
    return table


def format_target(case: Case) -> str:
    """Return the targets of a case, as a cell of the table."""
    stretch = "" if case.stretch_target is None else f" ({case.stretch_target:g})"
    return "" if case.target is None else f"{'≤' if case.is_upper_bound else '≥'} {case.target:g}{stretch}"


def notes(rows: Sequence[Row]) -> list[str]:
    """Return the lines below the table of times."""
    lines = [MODELS]
    training = [f"{row.case.name} {row.precision}" for row in rows if row.precision]
    if training:
        lines.append(f"Precision of chainrule's training steps: {', '.join(training)}; plain: float32.")
    compared = [row for row in rows if row.differing is not None]
    if compared:
        images, differing = sum(row.case.n for row in compared), sum(row.differing or 0 for row in compared)
        lines.append(f"From the same noise, {images - differing} of {images} images are equal to the naive loops'.")
    return lines


def rates_table(rates: Sequence[Rate]) -> Table:
    """Return the table of multiply-adds per second."""
    table = new_table("arithmetic, masked weights not counted", "multiply-adds/s")
    for rate in rates:
        table.add_row(rate.work, f"{format_digits(rate.rate)} billion")
    return table


def growth_table(sizes: Sequence[Growth]) -> Table:
    """Return the table of times by the size of the images."""
    table = new_table("PixelCNN, 16 images of", "chainrule", "peak memory", "naive loop (estimate)", "ratio")
    for size in sizes:
        memory, ratio = f"{size.memory / 1e6:.0f} MB", f"{format_digits(size.naive / size.chainrule)}×"
        table.add_row(size.work, format_seconds(size.chainrule), memory, format_seconds(size.naive), ratio)
    return table


def growth_note(sizes: Sequence[Growth]) -> str:
    """Return the line below the table of sizes."""
    fast, naive = (fit_exponent(sizes, name) for name in ("chainrule", "naive"))
    return (
        f"Time grows with the number of pixels to the power {fast:.2f}, the naive loop's to {naive:.2f}. "
        f"The naive loop's time is that of {PASSES} passes, times pixels / {PASSES}."
    )


def fit_exponent(sizes: Sequence[Growth], name: str) -> float:
    """Return the slope of log seconds over log pixels, of the program of this name."""
    seconds = [getattr(size, name) for size in sizes]
    return float(np.polyfit(np.log([size.pixels for size in sizes]), np.log(seconds), 1)[0])


def new_table(first: str, *others: str) -> Table:
    """Return an empty table; all columns but the first are aligned to the right."""
    table = Table(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def format_seconds(seconds: float) -> str:
    """Return a time with three digits, in ms below one second."""
    return f"{format_digits(1000 * seconds)} ms" if seconds < 1 else f"{format_digits(seconds)} s"


def format_digits(number: float) -> str:
    """Return a number with three significant digits, or all digits before the point."""
    return f"{number:.{max(0, 2 - int(np.floor(np.log10(number))))}f}"
