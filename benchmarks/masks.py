"""What drawing masks anew costs MADE: `python benchmarks/masks.py` times it against a whole training step.

One family over orders and connectivities, D = 784, two hidden layers; each step trains another member.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from itertools import count

import torch
from plain import step
from turns import Work, take_turns

import chainrule as cr

ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--width", type=int, default=8000, help="of both hidden layers")
    parser.add_argument("--batch", type=int, default=100)
    args = parser.parse_args()
    turns = take_turns({each.__name__: partial(each, args) for each in (drawing, training)}, ROUNDS)
    masks, steps = (turns[each.__name__].median for each in (drawing, training))
    layers, threads = f"hidden [{args.width}, {args.width}]", torch.get_num_threads()
    print(f"{layers}, batch {args.batch}, {threads} threads, medians of {ROUNDS}:")
    print(f"drawing a member's masks {masks:.3f} s, a training step {steps:.3f} s: {masks / steps:.1%}")


def drawing(args: argparse.Namespace) -> Work:
    """Draws a member's masks."""
    model = family(args)

    def draw(update: int) -> None:
        model._masks(*model._turn(update))

    return numbered(draw)


def training(args: argparse.Namespace) -> Work:
    """A training step of a member."""
    model = family(args)
    x = torch.randint(0, 2, (args.batch, 1, 28, 28))
    optimiser = torch.optim.AdamW(model.parameters())
    return numbered(lambda update: step(optimiser, lambda: -model(x, update)))


def family(args: argparse.Namespace) -> cr.MADE:
    return cr.MADE(cr.Binary((1, 28, 28)), hidden=(args.width, args.width), agnostic="both")


def numbered(work: Callable[[int], None]) -> Work:
    """The work, told the number of the update; the first is done here, and not timed."""
    updates = count(1)
    work(next(updates))
    return lambda: work(next(updates))


if __name__ == "__main__":
    main()
