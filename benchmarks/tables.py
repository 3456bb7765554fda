"""Compare likelihoods and imputations on a mixed table: `python benchmarks/tables.py census_income.csv.gz`.

Rows are split by a seed: 80 % to train, 10 % to choose by (validation), 10 % to test. All likelihoods are of one
domain: the table with its numbers cut into bins. Imputers fill 20 % of the entries of the test rows, which are removed
completely at random; imputers see the numbers themselves. An entry such as "?" is a category like any other.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import made_on_tables
import numpy as np
import pandas as pd
from imputation_scores import Estimate, Scores, draw_missing, score
from sklearn_imputers import (
    NEIGHBOURS,
    ImputationTask,
    impute_from_neighbours,
    impute_iteratively,
    impute_mean,
    numeric,
)
from table_bins import discretise
from table_densities import ChowLiu, Codes, Floats, Independent, Mixture

BINS = 16
"""The largest number of bins that numbers are cut into."""
MISSING_SHARE = 0.2
"""The share of the test rows' entries that are removed."""

T = TypeVar("T")
R = TypeVar("R")


class DensityTask(NamedTuple):
    """The data of a density: codes [n, D], and the number of levels of each column."""

    train: Codes
    valid: Codes
    test: Codes
    levels: list[int]


class BaselineDensity(Protocol):
    """A density that is fitted to codes."""

    def fit(self, train: Codes, valid: Codes) -> BaselineDensity: ...
    def log_prob(self, x: Codes) -> Floats: ...


def fit_and_score(make: Callable[[list[int]], BaselineDensity]) -> Callable[[DensityTask], Floats]:
    """Return a function that fits the density, and returns log p of the test rows, [n] nats."""
    return lambda task: make(task.levels).fit(task.train, task.valid).log_prob(task.test)


DENSITIES: list[tuple[str, Callable[[DensityTask], Floats]]] = [
    ("independent columns", fit_and_score(Independent)),
    ("Chow-Liu tree", fit_and_score(ChowLiu)),
    ("mixture of products", fit_and_score(Mixture)),
    ("MADE", lambda task: made_on_tables.score_one_order(*task)),
    (f"{made_on_tables.MODELS} MADEs", lambda task: made_on_tables.score_several_orders(*task)),
]
"""Names, and functions that return log p of each test row, [n] nats."""

IMPUTERS: list[tuple[str, Callable[[ImputationTask], pd.DataFrame]]] = [
    ("mean / most frequent", impute_mean),
    (f"{NEIGHBOURS} nearest rows", impute_from_neighbours),
    ("iterative, ridge", impute_iteratively),
    ("MADE", made_on_tables.impute_mean_of_draws),
]
"""Names, and functions that return the incomplete rows, filled."""


def main() -> None:
    args = parse_arguments()
    frame = read_table(args.table)
    train, valid, test = split_rows(len(frame), args.seed)
    print(f"{len(frame)} rows: {len(train)} to train, {len(valid)} to choose by, {len(test)} to test")
    result = {
        "seed": args.seed,
        "rows": [len(train), len(valid), len(test)],
        "likelihood": compare_densities(frame, train, valid, test),
        "imputation": compare_imputers(frame.iloc[train], frame.iloc[valid], frame.iloc[test], args.seed),
    }
    if args.out:
        Path(args.out).write_text(json.dumps(result, indent=2) + "\n")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("table", help="a CSV file with a header, which may be compressed")
    parser.add_argument("--seed", type=int, default=0, help="draws the split of the rows and the missing entries")
    parser.add_argument("--out", help="a JSON file for the results, each as [value, standard error]")
    return parser.parse_args()


def read_table(path: str) -> pd.DataFrame:
    """Return the table, with its numbers as floats."""
    frame = pd.read_csv(path)
    return frame.astype(dict.fromkeys(numeric(frame), float))


def split_rows(n: int, seed: int) -> tuple[Codes, Codes, Codes]:
    """Return the indices of the rows to train on, to choose by, and to test on."""
    train, valid, test = np.split(np.random.default_rng(seed).permutation(n), [n * 8 // 10, n * 9 // 10])
    return train, valid, test


def compare_densities(frame: pd.DataFrame, train: Codes, valid: Codes, test: Codes) -> dict[str, Any]:
    """Print and return each density's mean NLL of the test rows, and its difference from the best, row by row."""
    codes, levels, _ = discretise(frame, BINS, train)
    task = DensityTask(codes[train], codes[valid], codes[test], levels)
    seconds, nats = {}, {}
    for name, compute_log_probs in DENSITIES:
        seconds[name], log_probs = call_timed(compute_log_probs, task)
        nats[name] = -log_probs
    best = min(nats, key=lambda name: float(nats[name].mean()))
    result: dict[str, dict[str, Any]] = {
        name: {
            "nats": estimate_mean(nats[name]),
            "behind": estimate_mean(nats[name] - nats[best]),
            "seconds": seconds[name],
        }
        for name in nats
    }
    print(f"\n−log p of a test row, nats, of at most {BINS} bins a number ({sum(levels)} levels in all)")
    rows = [[name, each["nats"], each["behind"], f"{each['seconds']:.1f}"] for name, each in result.items()]
    print_table(["", "nats", "behind the best", "seconds"], rows)
    return {"levels": levels, "best": best, "densities": result}


def compare_imputers(train: pd.DataFrame, valid: pd.DataFrame, truth: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Print and return the scores of each imputer, as means over columns and by column."""
    missing = draw_missing(truth, MISSING_SHARE, seed)
    task = ImputationTask(train, valid, truth.mask(missing))
    seconds, scores = {}, {}
    for name, impute in IMPUTERS:
        seconds[name], filled = call_timed(impute, task)
        scores[name] = score(truth, filled, missing, train)
    print(f"\nImputation of {missing.sum()} entries; RMSE and MAE in standard deviations; means over columns")
    print_scores(scores, seconds)
    return {name: {"scores": scores[name], "seconds": seconds[name]} for name in scores}


def print_scores(scores: dict[str, Scores], seconds: dict[str, float]) -> None:
    """Print a table of the means over columns, and one table by column for each measure."""
    measures: dict[str, list[str]] = {
        measure: list(columns) for each in scores.values() for measure, columns in each.items()
    }
    means: list[list[str | Estimate]] = [
        [name, *(each[measure]["mean"] for measure in measures), f"{seconds[name]:.1f}"]
        for name, each in scores.items()
    ]
    print_table(["", *measures, "seconds"], means)
    for measure, columns in measures.items():
        print(f"\n{measure} by column")
        rows: list[list[str | Estimate]] = [
            [column, *(each[measure][column] for each in scores.values())] for column in columns
        ]
        print_table(["", *scores], rows)


def call_timed(function: Callable[[T], R], argument: T) -> tuple[float, R]:
    """Return the seconds that a call takes, and its result."""
    start = time.perf_counter()
    result = function(argument)
    return time.perf_counter() - start, result


def estimate_mean(values: Floats) -> Estimate:
    """Return the mean of values, with its standard error."""
    return Estimate(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))


def print_table(header: list[str], rows: Sequence[Sequence[str | Estimate]]) -> None:
    """Print a table with aligned columns."""
    table = [header, *([format_cell(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for first, *others in table:
        cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        print("  ".join([first.ljust(widths[0]), *cells]))


def format_cell(cell: str | Estimate) -> str:
    """Return an estimate with its error, and other cells as they are."""
    return f"{cell.value:.3f} ± {cell.error:.3f}" if isinstance(cell, Estimate) else cell


if __name__ == "__main__":
    main()
