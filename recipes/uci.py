"""Train MADE on the binary UCI sets of its paper, and print the rows of one set: `python recipes/uci.py adult.npz`.

Three densities are compared: a MADE with one mask; a family over orders and connectivities, trained through K masks in
turn, and scored as the ensemble of these K members; and an ensemble of several such families, each with masks and
weights of its own. On DNA there is a fourth: there every three bits are one of four bases, in all training rows, and
the last density is trained on these bases as categories. Its NLL is that of the same data, but it knows which bits
exclude each other.

Every choice is made by validation NLL: sizes, masks, optimiser and the length of training. Each row is scored on the
test set once, at the end.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

import torch
from torch import Tensor

import chainrule as cr


class UpdateRule(TypedDict, total=False):
    """The arguments of `cr.fit` that say how an update changes the weights."""

    optimiser: Literal["adamw", "sgd"]
    lr: float
    weight_decay: float
    clip: float


@dataclass(frozen=True)
class Candidate:
    """The arguments of a model and of its training.

    Attributes:
        hidden: the widths of the hidden layers.
        updates: the length of training.
        rule: the rule of the updates.
        num_masks: the number of masks that training takes in turn; None for a model with one mask.
        direct_connections: whether weights lead straight from inputs to outputs.
    """

    hidden: tuple[int, ...]
    updates: int
    rule: UpdateRule
    num_masks: int | None = None
    direct_connections: bool = True


FAMILIES = 8
"""The number of families that the largest ensemble averages."""
ADAMW: UpdateRule = {"optimiser": "adamw", "lr": 4e-3, "weight_decay": 0.1}
SGD: UpdateRule = {"optimiser": "sgd", "lr": 0.1, "clip": 100.0}
SLOW_SGD: UpdateRule = {**SGD, "lr": 0.02}
ONE_MASK = tuple(Candidate(hidden, 4000, rule) for hidden in ((), (100,), (500,)) for rule in (ADAMW, SGD))
WIDE = Candidate((500,), 4000, {**SGD, "weight_decay": 3e-3}, 16)
SEVERAL_MASKS: dict[str, tuple[Candidate, ...]] = {
    "adult": (Candidate((500,), 24000, ADAMW, 8), Candidate((100,), 24000, ADAMW, 8), WIDE),
    "mushrooms": (Candidate((500,), 16000, ADAMW, 8), Candidate((100,), 24000, ADAMW, 8), WIDE),
    "dna": (
        Candidate((30,), 24000, ADAMW, 16),
        Candidate((100,), 4000, SGD, 16),
        Candidate((500,), 2000, {**SGD, "weight_decay": 3e-2}, 16),
        WIDE,
    ),
    "nips": (
        Candidate((50,), 1000, {**SGD, "weight_decay": 1e-2}, 32, direct_connections=False),
        Candidate((100,), 400, SLOW_SGD, 32),
        Candidate((500,), 400, SLOW_SGD, 32),
    ),
}
"""The candidates for each set, from shorter trials of more candidates on the same validation data; others: `WIDE`."""
BITS_PER_CATEGORY = {"dna": 3}
"""The number of bits that stand for one category, in the sets where they do: a single 1, or all 0."""
PAPER = {"adult": (13.12, 13.13), "dna": (83.63, 79.66), "mushrooms": (9.68, 9.69), "nips": (280.25, 277.28)}
"""MADE's test NLL in its paper, with one mask and with several; quoted from memory."""


@dataclass(frozen=True)
class Splits:
    """The three splits of a data set, as rows of one domain."""

    domain: cr.Binary | cr.Table
    train: Tensor
    valid: Tensor
    test: Tensor


@dataclass(frozen=True)
class Row:
    """A trained density, the data and the candidate that it was made from, and its validation NLL in nats."""

    name: str
    splits: Splits
    candidate: Candidate
    density: cr.Density
    valid_nats: float


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", help="a file .npz with arrays train, valid and test of 0 and 1")
    parser.add_argument("--out", help="a new JSON file for the results")
    args = parser.parse_args()
    torch.set_num_threads(1)  # faster for layers of these sizes
    name = Path(args.data).stem
    candidates = SEVERAL_MASKS.get(name, (WIDE,))
    densities = train_densities(load_splits(args.data), candidates, BITS_PER_CATEGORY.get(name))
    rows = [score_on_test(row) for row in densities]
    print_rows(name, rows)
    if args.out:
        Path(args.out).write_text(json.dumps({"data": name, "rows": rows}, indent=2) + "\n", encoding="utf-8")


def load_splits(source: str) -> Splits:
    """Return the splits of a file.

    Raises:
        ChainruleError: a split is missing, or the values are not binary.
    """
    data = cr.load_data(source)
    splits = [split.values() for split in (data.train, data.valid, data.test) if split is not None]
    if len(splits) != 3 or not isinstance(data.domain, cr.Binary):
        raise cr.ChainruleError(f"{source} needs arrays train, valid and test of 0 and 1")
    return Splits(data.domain, *splits)


def train_densities(splits: Splits, candidates: Sequence[Candidate], bits: int | None) -> Iterator[Row]:
    """Yield the best model with one mask, the best with several, and ensembles of such families.

    Args:
        splits: the data.
        candidates: the models with several masks to choose from.
        bits: the number of bits of a category, where bits stand for categories.
    """
    yield choose_best(train_one_mask(splits, candidate) for candidate in ONE_MASK)
    several = choose_best(train_several_masks(splits, candidate) for candidate in candidates)
    yield several
    yield train_families(several)
    if bits:
        categories = group_bits(splits, bits)
        best = choose_best(train_several_masks(categories, candidate) for candidate in candidates)
        yield train_families(best, f", {bits} bits as one")


def train_one_mask(splits: Splits, candidate: Candidate) -> Row:
    """Train a MADE with one mask; validation NLL chooses the epoch."""
    model = cr.MADE(splits.domain, candidate.hidden, candidate.direct_connections)
    train(model, splits.train, splits.valid, candidate)
    return validate("one mask", splits, candidate, model)


def train_several_masks(splits: Splits, candidate: Candidate, seed: int = 0) -> Row:
    """Train a family, and make the ensemble of its members after the last update.

    No epoch is chosen: training would validate a single member, whose NLL is least long before that of the ensemble.
    """
    assert candidate.num_masks is not None
    model = cr.MADE(
        splits.domain, candidate.hidden, candidate.direct_connections,
        agnostic="both", num_masks=candidate.num_masks, seed=seed,
    )  # fmt: skip
    train(model, splits.train, None, candidate, seed)
    return validate("several masks", splits, candidate, cr.Ensemble(model.members(candidate.num_masks)))


def train_families(row: Row, name_suffix: str = "") -> Row:
    """Train more families like that of a row, and make the ensemble of all of them."""
    others = [train_several_masks(row.splits, row.candidate, seed).density for seed in range(1, FAMILIES)]
    name = f"{FAMILIES} such families{name_suffix}"
    return validate(name, row.splits, row.candidate, cr.Ensemble([row.density, *others]))


def train(model: cr.MADE, rows: Tensor, valid: Tensor | None, candidate: Candidate, seed: int = 0) -> None:
    """Train a model as its candidate says."""
    cr.fit(
        model, rows, valid, updates=candidate.updates, precision="float32", seed=seed, progress=False, **candidate.rule
    )


def validate(name: str, splits: Splits, candidate: Candidate, density: cr.Density) -> Row:
    """Return the row of a trained density, with its validation NLL, and print it."""
    row = Row(name, splits, candidate, density, cr.evaluate(density, splits.valid).nats)
    print(f"{name}: {candidate}: validation {row.valid_nats:.3f}", flush=True)
    return row


def choose_best(rows: Iterable[Row]) -> Row:
    """Return the row with the least validation NLL."""
    return min(rows, key=lambda row: row.valid_nats)


def group_bits(splits: Splits, bits: int) -> Splits:
    """Return the same rows with each group of bits as one category: 0 without a 1, else the index of the 1, from 1."""
    columns = [
        cr.Column(f"x{index}", "categorical", tuple(range(bits + 1))) for index in range(splits.domain.sites // bits)
    ]
    indices = torch.arange(1, bits + 1)

    def group(x: Tensor) -> Tensor:
        groups = x.view(len(x), -1, bits)
        assert int(groups.sum(2).max()) <= 1, "a row has two bits of one category"
        return (groups * indices).sum(2).double()

    return Splits(cr.Table(columns), *(group(x) for x in (splits.train, splits.valid, splits.test)))


def score_on_test(row: Row) -> dict[str, Any]:
    """Return the test NLL of a row, and how the density was chosen."""
    about = {"name": row.name, "candidate": asdict(row.candidate), "valid": row.valid_nats}
    return about | asdict(cr.evaluate(row.density, row.splits.test))


def print_rows(name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Print the test NLL of all rows, beside the paper's."""
    print(f"\n{name}: test NLL in nats, n = {rows[0]['n']}; all chosen by validation NLL")
    for row in rows:
        nats = f"{row['nats']:7.2f} ± {row['stderr']:.2f}"
        print(f"{row['name']:28} {nats}  valid {row['valid']:7.2f}  {row['candidate']}")
    if name in PAPER:
        print("the paper's, with one mask and with several: {} and {}".format(*PAPER[name]))


if __name__ == "__main__":
    main()
