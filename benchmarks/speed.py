"""How fast chainrule draws and trains, against plain PyTorch: `python benchmarks/speed.py [--only NAME ...]`.

Each side runs in a process of its own, and they take turns; times are medians. Before a row is timed, both sides must
give the same log p; after it, our images must be those that the plain model draws from the same noise.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from speed_picture import picture
from speed_results import Rate, Results, Row, Size
from speed_sides import (
    PASSES,
    SIDES,
    STEPS,
    Case,
    check,
    check_draws,
    multiply_adds,
    naive_part,
    peak_of_sampling,
    sampling,
    square_product,
)
from turns import machine, take_turns

import chainrule as cr
from chainrule.figures import save_figure
from chainrule.files import new_directory, refuse_existing

DIGITS = cr.Binary((1, 28, 28))


def pixelcnn(side: int) -> partial[cr.PixelCNN]:
    """Of 7 blocks with h = 32, for binary images."""
    return partial(cr.PixelCNN, cr.Binary((1, side, side)), blocks=7, features=32)


CNN = pixelcnn(28)
COLOUR = partial(cr.PixelCNN, cr.Levels((3, 32, 32), 256), blocks=7, features=48)
MADE = partial(cr.MADE, DIGITS, hidden=(500, 500))
WIDE = partial(cr.MADE, DIGITS, hidden=(8000,))
AGNOSTIC = partial(cr.MADE, DIGITS, hidden=(8000,), agnostic="both")  # its masks are drawn anew in each step
ROW = partial(cr.PixelRNN, DIGITS, "row", layers=7, features=16)
DIAGONAL = partial(cr.PixelRNN, DIGITS, "diagonal", layers=7, features=16)

CASES = (
    Case("pixelcnn-16", "PixelCNN, 16 images", CNN, 16, "naive loop", 100, 200),
    Case("pixelcnn-1", "PixelCNN, 1 image", CNN, 1, "naive loop", 40, 100),
    Case("pixelcnn-64", "PixelCNN, 64 images", CNN, 64, "one pass", 3, 1.5),
    Case("made-16", "MADE 500-500, 16 images", MADE, 16, "naive loop", 60, 200),
    Case("made-64", "MADE 500-500, 64 images", MADE, 64, "naive loop", 60, 200),
    Case("made-8000", "MADE 8000, 64 images", WIDE, 64, "naive loop", 200),
    Case("row-lstm", "Row LSTM, 16 images", ROW, 16, "naive loop", 100),
    Case("diagonal-bilstm", "Diagonal BiLSTM, 16 images", DIAGONAL, 16, "naive loop", 100),
    Case("colour", "PixelCNN in colour, 4 images", COLOUR, 4, "naive loop", 300, 500),
    Case("pixelcnn-step", "PixelCNN, batch 64", CNN, 64, "training step", 2, 3),
    Case("made-step", "MADE 8000, batch 100, new masks", AGNOSTIC, 100, "training step", 2),
    Case("pixelcnn-step32", "the same PixelCNN, in float32", CNN, 64, "training step", precision="float32"),
    Case("made-step32", "the same MADE, in float32", AGNOSTIC, 100, "training step", precision="float32"),
)
MODELS = (
    "PixelCNN: 7 blocks, h = 32; in colour h = 48, 32×32, 256 levels. LSTMs: 7 layers, h = 16. "
    "All but the colour images are 28×28 and binary."
)
GROWTH = tuple(Case(f"growth-{side}", f"{side}×{side}", pixelcnn(side), 16, "naive loop") for side in (14, 28, 56, 112))
"""The same PixelCNN on images of other sizes."""

SQUARE = 4096
"""The side of the matrices whose product shows what the machine can do."""

WIDTH = 110
"""Columns of the tables, where there is no terminal that has some."""


def main() -> None:
    args = arguments()
    results = measured([case for case in CASES if case.name in args.only], "growth" in args.only, args.rounds)
    show(results)
    if args.out:
        with new_directory(args.out) as folder:
            (folder / "speed.json").write_text(json.dumps(results.facts(), indent=2) + "\n")
            save_figure(picture(results), folder / "speed.png")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    names = [*(case.name for case in CASES), "growth"]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--rounds", type=int, help="unless given, 7, or 3 of what takes over 5 s")
    parser.add_argument("--out", type=Path, help="a new folder for speed.json and speed.png")
    args = parser.parse_args()
    if args.out:
        refuse_existing(args.out)  # sooner than after some minutes
    return args


def measured(cases: Sequence[Case], growth: bool, rounds: int | None) -> Results:
    """Everything, in the order of the table."""
    rows = [row_of(case, rounds) for case in cases]
    rates = [rate for row in rows for rate in rates_of(row)]
    if rates:
        product = take_turns({"product": partial(square_product, SQUARE)}, rounds)["product"]
        rates.append(Rate(f"torch.mm of {SQUARE}×{SQUARE}, float32", SQUARE**3 / product.median / 1e9))
    return Results(machine(), rows, rates, [size_of(case, rounds) for case in GROWTH if growth])


def row_of(case: Case, rounds: int | None) -> Row:
    """Both sides checked, timed, and their draws compared."""
    print(f"{case.name} …", file=sys.stderr)
    check(case)
    plain_side, our_side = SIDES[case.against]
    turns = take_turns({"plain": partial(plain_side, case), "chainrule": partial(our_side, case)}, rounds)
    steps = STEPS if case.against == "training step" else 1
    seconds = {side: [each / steps for each in taken.seconds] for side, taken in turns.items()}
    ours, naive = turns["chainrule"].last, turns["plain"].last
    if case.against == "training step":
        return Row(case, seconds, precision=ours)
    differ = None if naive is None else int((ours != naive).reshape(case.n, -1).any(1).sum())
    return Row(case, seconds, check_draws(case, ours), differ)


def rates_of(row: Row) -> list[Rate]:
    """Of the rows whose arithmetic is to be shown: a pass of the PixelCNN, sampling beside it, and training steps."""
    case = row.case
    if case.against == "naive loop" or not isinstance(model := case.make(), cr.PixelCNN):
        return []
    training = case.against == "training step"
    amount = case.n * multiply_adds(model, training) / 1e9
    ours = "training step" if training else "sampling"
    return [
        Rate(f"{case.work}: {case.against}, plain", amount / row.plain),
        Rate(f"{case.work}: {ours}, chainrule", amount / row.ours),
    ]


def size_of(case: Case, rounds: int | None) -> Size:
    print(f"{case.name} …", file=sys.stderr)
    turns = take_turns({"naive": partial(naive_part, case), "chainrule": partial(sampling, case)}, rounds)
    sites = case.make().domain.sites
    memory = take_turns({"peak": partial(peak_of_sampling, case)}, 1)["peak"].last
    return Size(case.work, sites, turns["chainrule"].median, memory, turns["naive"].median / PASSES * sites)


# Tables.


def show(results: Results) -> None:
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    facts = results.machine
    console.print(f"{facts['processor']}, {facts['cores']} cores, {facts['threads']} threads, torch {facts['torch']}")
    if results.rows:
        console.print(main_table(results.rows), *words_on(results.rows), sep="\n")
    if results.rates:
        console.print(rates_table(results.rates))
    if results.growth:
        console.print(growth_table(results.growth), growth_words(results.growth), sep="\n")


def main_table(rows: Sequence[Row]) -> Table:
    table = new_table("work", "against the plain", "plain", "chainrule", "ratio", "bar (stretch)", "met")
    for row in rows:
        case, times = row.case, (in_seconds(row.plain), in_seconds(row.ours), f"{digits(row.ratio)}×")
        table.add_row(case.work, case.against, *times, bar_of(case), MET[row.met])
    return table


MET = {True: "yes", False: "no", None: ""}


def bar_of(case: Case) -> str:
    """What we set ourselves, in a cell of the table."""
    stretch = "" if case.stretch is None else f" ({case.stretch:g})"
    return "" if case.bar is None else f"{'≤' if case.at_most else '≥'} {case.bar:g}{stretch}"


def words_on(rows: Sequence[Row]) -> list[str]:
    """What the table has no room for."""
    words = [MODELS]
    training = [f"{row.case.name} {row.precision}" for row in rows if row.precision]
    if training:
        words.append(f"Our training steps were in: {', '.join(training)}; the plain ones in float32.")
    both = [row for row in rows if row.differ is not None]
    if both:
        images, differ = sum(row.case.n for row in both), sum(row.differ or 0 for row in both)
        words.append(f"From the same noise, {images - differ} of {images} images came out as the naive loops'.")
    return words


def rates_table(rates: Sequence[Rate]) -> Table:
    table = new_table("arithmetic, masked weights not counted", "multiply-adds/s")
    for rate in rates:
        table.add_row(rate.work, f"{digits(rate.rate)} billion")
    return table


def growth_table(sizes: Sequence[Size]) -> Table:
    table = new_table("PixelCNN, 16 images of", "chainrule", "peak memory", "naive loop (estimate)", "ratio")
    for size in sizes:
        memory, ratio = f"{size.memory / 1e6:.0f} MB", f"{digits(size.naive / size.ours)}×"
        table.add_row(size.work, in_seconds(size.ours), memory, in_seconds(size.naive), ratio)
    return table


def growth_words(sizes: Sequence[Size]) -> str:
    ours, naive = (exponent(sizes, side) for side in ("ours", "naive"))
    return (
        f"Time grows with the number of pixels to the power {ours:.2f}, the naive loop's to {naive:.2f}. "
        f"The naive loop's time is that of {PASSES} passes, times pixels / {PASSES}."
    )


def exponent(sizes: Sequence[Size], side: str) -> float:
    """The slope of log seconds over log pixels."""
    seconds = [getattr(size, side) for size in sizes]
    return float(np.polyfit(np.log([size.pixels for size in sizes]), np.log(seconds), 1)[0])


def new_table(first: str, *others: str) -> Table:
    table = Table(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def in_seconds(seconds: float) -> str:
    return f"{digits(1000 * seconds)} ms" if seconds < 1 else f"{digits(seconds)} s"


def digits(number: float) -> str:
    """Three of them, or all before the point."""
    return f"{number:.{max(0, 2 - int(np.floor(np.log10(number))))}f}"


if __name__ == "__main__":
    main()
