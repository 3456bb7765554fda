"""Training steps of PixelRNN against the plain loop: `python benchmarks/recurrence.py`.

Each side runs in a process of its own, and they take turns. The plain loop is timed with the C library's allocator as
it comes, and, apart, with freed memory kept, as `fit` keeps it; so the table shows what each of the two changes gives.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from plain import step, stirred
from plain_rnn import plain_log_prob
from turns import Work, take_turns

import chainrule as cr
from chainrule.hardware import keep_freed_memory

Cell = Literal["row", "diagonal"]
CELLS: tuple[Cell, ...] = ("row", "diagonal")

SIDES = {
    "plain loop": (plain_log_prob, False),
    "plain loop, memory kept": (plain_log_prob, True),
    "chainrule": (cr.PixelRNN.log_prob, True),
}
"""How each side computes log p, and whether its process keeps freed memory."""


def main() -> None:
    args = arguments()
    table = [compare(cell, args) for cell in CELLS]
    print(f"\n{args.layers} layers, h = {args.features}, {args.size}×{args.size} binary, batch {args.batch}; images/s")
    for row in table:
        speeds = ", ".join(f"{side} {speed:.1f}" for side, speed in row["images per second"].items())
        print(f"{row['cell']:9} {speeds}")
        print(
            f"{'':9} {row['ratio']:.1f} times the plain loop, {row['ratio, memory kept']:.1f} times it with memory kept"
        )
    if args.out:
        Path(args.out).write_text(json.dumps({"threads": torch.get_num_threads(), "table": table}, indent=2) + "\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name, value in {"layers": 7, "features": 16, "size": 28, "batch": 16, "rounds": 7}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--out", help="a JSON file")
    return parser.parse_args()


def compare(cell: Cell, args: argparse.Namespace) -> dict[str, Any]:
    """The medians over rounds in which each side takes its turn."""
    check(cell, args)
    turns = take_turns({side: partial(steps, side, cell, args) for side in SIDES}, args.rounds)
    seconds = {side: taken.seconds for side, taken in turns.items()}
    speeds = {side: args.batch / taken.median for side, taken in turns.items()}
    ratio, kept = (speeds["chainrule"] / speeds[side] for side in ("plain loop", "plain loop, memory kept"))
    return {"cell": cell, "images per second": speeds, "ratio": ratio, "ratio, memory kept": kept, "seconds": seconds}


def check(cell: Cell, args: argparse.Namespace) -> None:
    """The two sides are one function, with one gradient."""
    model, x = make(cell, args)
    stirred(model)
    model = model.double()
    ours = torch.autograd.grad(model.log_prob(x[:2]).sum(), list(model.parameters()))
    plain = torch.autograd.grad(plain_log_prob(model, x[:2]).sum(), list(model.parameters()))
    torch.testing.assert_close(ours, plain)


def make(cell: Cell, args: argparse.Namespace) -> tuple[cr.PixelRNN, torch.Tensor]:
    shape = (1, args.size, args.size)
    model = cr.PixelRNN(cr.Binary(shape), cell, args.layers, args.features)
    return model, torch.randint(2, (args.batch, *shape), generator=torch.Generator().manual_seed(0))


def steps(side: str, cell: Cell, args: argparse.Namespace) -> Work:
    """Training steps as this side takes them."""
    log_prob, keep = SIDES[side]
    if keep:
        keep_freed_memory()
    model, x = make(cell, args)
    optimiser = torch.optim.AdamW(model.parameters())
    work = partial(step, optimiser, lambda: -log_prob(model, x))
    work()
    return work


if __name__ == "__main__":
    main()
