"""Likelihood and imputation on a table of numbers and categories: `python benchmarks/tables.py census_income.csv.gz`.

Rows are split by a seed: 80 % to train, 10 % to choose by (validation), 10 % to test. Likelihoods are of one domain for
all models, the table with its numbers cut into bins. Imputers fill holes in the test rows, 20 % of the entries, made
completely at random; they see the numbers themselves. An entry such as "?" is a category like any other.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import made
import numpy as np
import pandas as pd
from baselines import ChowLiu, Codes, Floats, Independent, Mixture, discretised
from imputers import NEIGHBOURS, Estimate, Holed, holes, iterative, nearest, numbers, score, simple

BINS = 16
"""The most bins that numbers are cut into."""
SHARE = 0.2
"""The share of the test rows' entries that are taken away."""


class Task(NamedTuple):
    """What a density is given: codes [n, D], and how many levels each column has."""

    train: Codes
    valid: Codes
    test: Codes
    levels: list[int]


def baseline(kind: Callable[[list[int]], Any]) -> Callable[[Task], Floats]:
    """Fits on the training and validation rows, and gives log p of the test rows, [n] nats."""
    return lambda task: kind(task.levels).fit(task.train, task.valid).log_prob(task.test)


DENSITIES: list[tuple[str, Callable[[Task], Floats]]] = [
    ("independent columns", baseline(Independent)),
    ("Chow-Liu tree", baseline(ChowLiu)),
    ("mixture of products", baseline(Mixture)),
    ("MADE", lambda task: made.one_order(*task)),
    (f"{made.MODELS} MADEs", lambda task: made.several_orders(*task)),
]
"""A name, and what gives log p of each test row, [n] nats."""

IMPUTERS: list[tuple[str, Callable[[Holed], pd.DataFrame]]] = [
    ("mean / most frequent", simple),
    (f"{NEIGHBOURS} nearest rows", nearest),
    ("iterative, ridge", iterative),
    ("MADE", made.imputer),
]
"""A name, and what gives the rows to fill, filled."""


def main() -> None:
    args = arguments()
    frame = read(args.table)
    train, valid, test = split(len(frame), args.seed)
    print(f"{len(frame)} rows: {len(train)} to train, {len(valid)} to choose by, {len(test)} to test")
    result = {
        "seed": args.seed,
        "rows": [len(train), len(valid), len(test)],
        "likelihood": likelihood(frame, train, valid, test),
        "imputation": imputation(frame.iloc[train], frame.iloc[valid], frame.iloc[test], args.seed),
    }
    if args.out:
        Path(args.out).write_text(json.dumps(result, indent=2) + "\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("table", help="a CSV file with a header, which may be compressed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", help="a JSON file; figures as [value, standard error]")
    return parser.parse_args()


def read(path: str) -> pd.DataFrame:
    """The table, its numbers as floats."""
    frame = pd.read_csv(path)
    return frame.astype(dict.fromkeys(numbers(frame), float))


def split(n: int, seed: int) -> tuple[Codes, Codes, Codes]:
    """Which rows are to train, to choose by, and to test."""
    train, valid, test = np.split(np.random.default_rng(seed).permutation(n), [n * 8 // 10, n * 9 // 10])
    return train, valid, test


def likelihood(frame: pd.DataFrame, train: Codes, valid: Codes, test: Codes) -> dict[str, Any]:
    """Prints and gives each density's mean −log p of the test rows, and how far it is behind the best, row by row."""
    codes, levels, _ = discretised(frame, BINS, train)
    task = Task(codes[train], codes[valid], codes[test], levels)
    seconds, nats = {}, {}
    for name, log_prob in DENSITIES:
        seconds[name], found = timed(log_prob, task)
        nats[name] = -found
    best = min(nats, key=lambda name: float(nats[name].mean()))
    result: dict[str, dict[str, Any]] = {
        name: {"nats": mean(each), "behind": mean(each - nats[best]), "seconds": seconds[name]}
        for name, each in nats.items()
    }
    print(f"\n−log p of a test row, nats, of at most {BINS} bins a number ({sum(levels)} levels in all)")
    show(
        [[name, each["nats"], each["behind"], f"{each['seconds']:.1f}"] for name, each in result.items()],
        ["", "nats", "behind the best", "seconds"],
    )
    return {"levels": levels, "best": best, "densities": result}


def imputation(train: pd.DataFrame, valid: pd.DataFrame, truth: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Prints and gives each imputer's scores, as means over columns and by column."""
    missing = holes(truth, SHARE, seed)
    holed = Holed(train, valid, truth.mask(missing))
    seconds, scores = {}, {}
    for name, fill in IMPUTERS:
        seconds[name], filled = timed(fill, holed)
        scores[name] = score(truth, filled, missing, train)
    print(f"\nImputation of {missing.sum()} entries; RMSE and MAE in standard deviations; means over columns")
    measures = list(scores[name])
    show(
        [
            [name, *(each[measure]["mean"] for measure in measures), f"{seconds[name]:.1f}"]
            for name, each in scores.items()
        ],
        ["", *measures, "seconds"],
    )
    for measure in measures:
        print(f"\n{measure} by column")
        show(
            [[column, *(each[measure][column] for each in scores.values())] for column in scores[name][measure]],
            ["", *scores],
        )
    return {name: {"scores": each, "seconds": seconds[name]} for name, each in scores.items()}


def timed(function: Callable[[Any], Any], given: Any) -> tuple[float, Any]:
    start = time.perf_counter()
    result = function(given)
    return time.perf_counter() - start, result


def mean(values: Floats) -> Estimate:
    return Estimate(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))


def show(rows: list[list[str | Estimate]], header: list[str]) -> None:
    """A table with aligned columns."""
    table = [
        header,
        *([f"{c.value:.3f} ± {c.error:.3f}" if isinstance(c, Estimate) else c for c in row] for row in rows),
    ]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        first, *others = (
            f"{cell:{'<' if not i else '>'}{width}}" for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join([first, *others]))


if __name__ == "__main__":
    main()
