"""Time sampling and training against plain PyTorch: `python benchmarks/speed.py [--only NAME ...]`.

Each program runs in a process of its own, and each round calls all of them; times are medians. Before a case is timed,
both programs must give the same log p. Afterwards, the plain model must draw chainrule's images from the same noise.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from speed_cases import CASES, GROWTH, Case
from speed_checks import check_log_prob, count_flipped_sites
from speed_figure import speed_figure
from speed_results import Growth, Rate, Results, Row
from speed_runs import (
    PASSES,
    PROGRAMS,
    STEPS,
    chainrule_sampling,
    matrix_product,
    peak_memory_of_sampling,
    plain_sampling_in_part,
)
from speed_tables import print_results
from timing import describe_machine, time_in_rounds

import chainrule as cr
from chainrule.figures import save_figure
from chainrule.files import new_directory, refuse_existing
from chainrule.layers.convolution import MaskedConv2d

MATRIX_SIZE = 4096
"""The size of the matrices whose product shows the arithmetic speed of the machine."""


def main() -> None:
    args = parse_arguments()
    results = measure([case for case in CASES if case.name in args.only], "growth" in args.only, args.rounds)
    print_results(results)
    if args.out:
        with new_directory(args.out) as folder:
            (folder / "speed.json").write_text(json.dumps(results.to_json(), indent=2) + "\n")
            save_figure(speed_figure(results), folder / "speed.png")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    names = [*(case.name for case in CASES), "growth"]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--rounds", type=int, help="unless given, 7, or 3 for calls of more than 5 s")
    parser.add_argument("--out", type=Path, help="a new folder for speed.json and speed.png")
    args = parser.parse_args()
    if args.out:
        refuse_existing(args.out)  # before minutes of timing
    return args


def measure(cases: Sequence[Case], growth: bool, rounds: int | None) -> Results:
    """Time these cases, the arithmetic speed that they show, and the growth with the size of the image."""
    rows = [measure_case(case, rounds) for case in cases]
    rates = [rate for row in rows for rate in compute_rates(row)]
    if rates:
        product = time_in_rounds({"product": partial(matrix_product, MATRIX_SIZE)}, rounds)["product"]
        work = f"torch.mm of {MATRIX_SIZE}×{MATRIX_SIZE}, float32"
        rates.append(Rate(work, MATRIX_SIZE**3 / product.median / 1e9))
    return Results(describe_machine(), rows, rates, [measure_growth(case, rounds) for case in GROWTH if growth])


def measure_case(case: Case, rounds: int | None) -> Row:
    """Check that both programs agree, time them, and compare their samples."""
    print(f"{case.name} …", file=sys.stderr)
    check_log_prob(case)
    plain, fast = PROGRAMS[case.baseline]
    timings = time_in_rounds({"plain": partial(plain, case), "chainrule": partial(fast, case)}, rounds)
    steps = STEPS if case.baseline == "training step" else 1
    seconds = {name: [each / steps for each in timing.seconds] for name, timing in timings.items()}
    result, naive = timings["chainrule"].result, timings["plain"].result
    if case.baseline == "training step":
        return Row(case, seconds, precision=result)
    differing = None if naive is None else int((result != naive).reshape(case.n, -1).any(1).sum())
    return Row(case, seconds, count_flipped_sites(case, result), differing)


def compute_rates(row: Row) -> list[Rate]:
    """Return the arithmetic speed of both programs, where the PixelCNN makes one pass or training steps."""
    case = row.case
    if case.baseline == "naive loop" or not isinstance(model := case.make(), cr.PixelCNN):
        return []
    is_training = case.baseline == "training step"
    amount = case.n * count_multiply_adds(model, is_training) / 1e9
    work = "training step" if is_training else "sampling"
    return [
        Rate(f"{case.work}: {case.baseline}, plain", amount / row.plain),
        Rate(f"{case.work}: {work}, chainrule", amount / row.chainrule),
    ]


def count_multiply_adds(model: cr.PixelCNN, is_training: bool) -> int:
    """Return the number of multiply-adds for one image, of the weights that are not masked.

    Training takes three products in place of one: two more for the gradients, of which the image itself needs none.
    """
    height, width = model.domain.shape[1:]
    layers = [layer for layer in model.modules() if isinstance(layer, MaskedConv2d)]
    once, first = sum(int(layer.mask.sum()) for layer in layers), int(model.first.mask.sum())
    return height * width * (3 * once - first if is_training else once)


def measure_growth(case: Case, rounds: int | None) -> Growth:
    """Time the sampling of images of one size, and measure its memory."""
    print(f"{case.name} …", file=sys.stderr)
    programs = {"naive": partial(plain_sampling_in_part, case), "chainrule": partial(chainrule_sampling, case)}
    timings = time_in_rounds(programs, rounds)
    sites = case.make().domain.sites
    memory = time_in_rounds({"peak": partial(peak_memory_of_sampling, case)}, 1)["peak"].result
    return Growth(case.work, sites, timings["chainrule"].median, memory, timings["naive"].median / PASSES * sites)


if __name__ == "__main__":
    main()
