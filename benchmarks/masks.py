"""Time the drawing of new masks for MADE against a whole training step: `python benchmarks/masks.py`.

The model is a family over orders and connectivities, D = 784, with two hidden layers; each step trains another member.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from itertools import count

import torch
from plain_pytorch import train_step
from timing import Work, time_in_rounds

import chainrule as cr

ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--width", type=int, default=8000, help="the width of both hidden layers")
    parser.add_argument("--batch", type=int, default=100, help="the number of images in a batch")
    args = parser.parse_args()
    timings = time_in_rounds({"masks": partial(draw_masks, args), "step": partial(train, args)}, ROUNDS)
    masks, step = timings["masks"].median, timings["step"].median
    layers, threads = f"hidden [{args.width}, {args.width}]", torch.get_num_threads()
    print(f"{layers}, batch {args.batch}, {threads} threads, medians of {ROUNDS}:")
    print(f"drawing a member's masks {masks:.3f} s, a training step {step:.3f} s: {masks / step:.1%}")


def draw_masks(args: argparse.Namespace) -> Work:
    """Return the work of drawing the masks of a member."""
    model = make_family(args)

    def draw(update: int) -> None:
        model._masks(*model._member_at(update))

    return for_each_update(draw)


def train(args: argparse.Namespace) -> Work:
    """Return the work of training a member for one step."""
    model = make_family(args)
    x = torch.randint(0, 2, (args.batch, 1, 28, 28))
    optimiser = torch.optim.AdamW(model.parameters())
    return for_each_update(lambda update: train_step(optimiser, lambda: -model(x, update)))


def make_family(args: argparse.Namespace) -> cr.MADE:
    """Return the model, untrained."""
    return cr.MADE(cr.Binary((1, 28, 28)), hidden=(args.width, args.width), agnostic="both")


def for_each_update(work: Callable[[int], None]) -> Work:
    """Return a function that calls `work` with the next update; update 1 is done here, and so it is not timed."""
    updates = count(1)
    work(next(updates))
    return lambda: work(next(updates))


if __name__ == "__main__":
    main()
