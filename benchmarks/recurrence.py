"""Time training steps of PixelRNN against a plain loop over a skewed map: `python benchmarks/recurrence.py`.

The plain loop is timed with the C library's default allocator, and again with freed memory kept, as `fit` keeps it. So
the table shows the gain of each of the two changes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from plain_pixelrnn import plain_log_prob
from plain_pytorch import perturb_weights, train_step
from timing import Work, time_in_rounds
from torch import Tensor

import chainrule as cr
from chainrule.hardware import keep_freed_memory

Cell = Literal["row", "diagonal"]
CELLS: tuple[Cell, ...] = ("row", "diagonal")

PROGRAMS: dict[str, tuple[Callable[[cr.PixelRNN, Tensor], Tensor], bool]] = {
    "plain loop": (plain_log_prob, False),
    "plain loop, memory kept": (plain_log_prob, True),
    "chainrule": (cr.PixelRNN.log_prob, True),
}
"""The function that computes log p, and whether the process keeps freed memory, by the program's name."""


def main() -> None:
    args = parse_arguments()
    rows = [compare(cell, args) for cell in CELLS]
    print(f"\n{args.layers} layers, h = {args.features}, {args.size}×{args.size} binary, batch {args.batch}; images/s")
    for row in rows:
        print_row(row)
    if args.out:
        Path(args.out).write_text(json.dumps({"threads": torch.get_num_threads(), "table": rows}, indent=2) + "\n")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    for name, value in {"layers": 7, "features": 16, "size": 28, "batch": 16, "rounds": 7}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--out", help="a JSON file for the results")
    return parser.parse_args()


def compare(cell: Cell, args: argparse.Namespace) -> dict[str, Any]:
    """Check that the programs agree, time them, and return the images that each trains on per second."""
    check_agreement(cell, args)
    timings = time_in_rounds({name: partial(train, name, cell, args) for name in PROGRAMS}, args.rounds)
    seconds = {name: timing.seconds for name, timing in timings.items()}
    speeds = {name: args.batch / timing.median for name, timing in timings.items()}
    ratio, ratio_kept = (speeds["chainrule"] / speeds[name] for name in ("plain loop", "plain loop, memory kept"))
    return {
        "cell": cell, "images per second": speeds, "ratio": ratio, "ratio, memory kept": ratio_kept, "seconds": seconds,
    }  # fmt: skip


def check_agreement(cell: Cell, args: argparse.Namespace) -> None:
    """Check that the gradients of both functions agree, in float64."""
    model, x = make_model_and_images(cell, args)
    perturb_weights(model)
    model = model.double()
    fast = torch.autograd.grad(model.log_prob(x[:2]).sum(), list(model.parameters()))
    plain = torch.autograd.grad(plain_log_prob(model, x[:2]).sum(), list(model.parameters()))
    torch.testing.assert_close(fast, plain)


def make_model_and_images(cell: Cell, args: argparse.Namespace) -> tuple[cr.PixelRNN, Tensor]:
    """Return an untrained model, and a batch of random images."""
    shape = (1, args.size, args.size)
    model = cr.PixelRNN(cr.Binary(shape), cell, args.layers, args.features)
    return model, torch.randint(2, (args.batch, *shape), generator=torch.Generator().manual_seed(0))


def train(name: str, cell: Cell, args: argparse.Namespace) -> Work:
    """Return the work of one training step of this program."""
    log_prob, keeps_memory = PROGRAMS[name]
    if keeps_memory:
        keep_freed_memory()
    model, x = make_model_and_images(cell, args)
    optimiser = torch.optim.AdamW(model.parameters())
    work = partial(train_step, optimiser, lambda: -log_prob(model, x))
    work()
    return work


def print_row(row: dict[str, Any]) -> None:
    """Print the speeds of one cell."""
    speeds = ", ".join(f"{name} {speed:.1f}" for name, speed in row["images per second"].items())
    print(f"{row['cell']:9} {speeds}")
    print(f"{'':9} {row['ratio']:.1f} times the plain loop, {row['ratio, memory kept']:.1f} times it with memory kept")


if __name__ == "__main__":
    main()
