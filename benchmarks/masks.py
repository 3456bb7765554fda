"""What drawing masks anew costs MADE: `python benchmarks/masks.py` times it against a whole training step.

One family over orders and connectivities, D = 784, two hidden layers; each step trains another member.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

import chainrule as cr

ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--width", type=int, default=8000, help="of both hidden layers")
    parser.add_argument("--batch", type=int, default=100)
    args = parser.parse_args()
    model = cr.MADE(cr.Binary((1, 28, 28)), hidden=(args.width, args.width), agnostic="both")
    x = torch.randint(0, 2, (args.batch, 1, 28, 28))
    optimiser = torch.optim.AdamW(model.parameters())

    def draw(update: int) -> None:
        model._masks(*model._turn(update))

    def step(update: int) -> None:
        optimiser.zero_grad(set_to_none=True)
        (-model(x, update).mean()).backward()
        optimiser.step()

    masks, steps = alternately(draw, step)
    layers, threads = f"hidden [{args.width}, {args.width}]", torch.get_num_threads()
    print(f"{layers}, batch {args.batch}, {threads} threads, medians of {ROUNDS}:")
    print(f"drawing a member's masks {masks:.3f} s, a training step {steps:.3f} s: {masks / steps:.1%}")


def alternately(*works: Callable[[int], None]) -> list[float]:
    """The median time of each, in seconds, one after the other in each round; the first round is not counted."""
    times: list[list[float]] = [[] for _ in works]
    for update in range(ROUNDS + 1):
        for work, taken in zip(works, times, strict=True):
            began = time.perf_counter()
            work(update + 1)
            taken.append(time.perf_counter() - began)
    return [statistics.median(taken[1:]) for taken in times]


if __name__ == "__main__":
    main()
