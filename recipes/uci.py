"""MADE on the binary UCI sets of its paper: `python recipes/uci.py adult.npz` trains, and prints that set's rows.

Three densities: a MADE with one mask; a family over orders and connectivities, trained through K of them in turn, and
scored as the ensemble of these K; and an ensemble of several such families, each with masks and weights of its own.
Of DNA a fourth: there every three bits are one of four bases, in all training rows, and the last density is trained on
these as categories. It is one of the same data (NLL is that of the bits), but it knows what bits cannot be together.

Every choice is made by validation NLL: sizes, masks, optimiser and the length of training. The test set is scored once
for each row, at the end.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import chainrule as cr

Chosen = dict[str, Any]
FAMILIES = 8
"""How many families an ensemble of them averages over."""
ADAM: Chosen = {"optimiser": "adamw", "lr": 4e-3, "weight_decay": 0.1}
SGD: Chosen = {"optimiser": "sgd", "lr": 0.1, "clip": 100.0}
ONE: tuple[Chosen, ...] = tuple(
    {"hidden": hidden, "direct": True, "updates": 4000, **rule}
    for hidden in ((), (100,), (500,))
    for rule in (ADAM, SGD)
)
WIDE: Chosen = {"hidden": (500,), "direct": True, "masks": 16, "updates": 4000, **SGD, "weight_decay": 3e-3}
SEVERAL: dict[str, tuple[Chosen, ...]] = {
    "adult": (
        {"hidden": (500,), "direct": True, "masks": 8, "updates": 24000, **ADAM},
        {"hidden": (100,), "direct": True, "masks": 8, "updates": 24000, **ADAM},
        WIDE,
    ),
    "mushrooms": (
        {"hidden": (500,), "direct": True, "masks": 8, "updates": 16000, **ADAM},
        {"hidden": (100,), "direct": True, "masks": 8, "updates": 24000, **ADAM},
        WIDE,
    ),
    "dna": (
        {"hidden": (30,), "direct": True, "masks": 16, "updates": 24000, **ADAM},
        {"hidden": (100,), "direct": True, "masks": 16, "updates": 4000, **SGD},
        {"hidden": (500,), "direct": True, "masks": 16, "updates": 2000, **SGD, "weight_decay": 3e-2},
        WIDE,
    ),
    "nips": (
        {"hidden": (50,), "direct": False, "masks": 32, "updates": 1000, **SGD, "weight_decay": 1e-2},
        {"hidden": (100,), "direct": True, "masks": 32, "updates": 400, **SGD, "lr": 0.02},
        {"hidden": (500,), "direct": True, "masks": 32, "updates": 400, **SGD, "lr": 0.02},
    ),
}
"""What is tried of each set, after shorter trials of more on the same validation data; of another set `WIDE` alone."""
MODEL = ("hidden", "direct", "masks")
"""What is said of the model; all else is of its training."""
BITS = {"dna": 3}
"""So many bits of a set stand for one category, each 1 for one and all 0 for another."""
PAPER = {"adult": (13.12, 13.13), "dna": (83.63, 79.66), "mushrooms": (9.68, 9.69), "nips": (280.25, 277.28)}
"""MADE's test NLL in its paper, with one mask and with several; quoted from memory."""


@dataclass(frozen=True)
class Parts:
    """The three splits as rows of one domain."""

    domain: cr.Binary | cr.Table
    train: Tensor
    valid: Tensor
    test: Tensor


@dataclass(frozen=True)
class Row:
    """A density of these parts, how it was made, and its NLL on the validation set."""

    name: str
    parts: Parts
    chosen: Chosen
    density: cr.Density
    valid: float


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", help="a file .npz with arrays train, valid and test of 0 and 1")
    parser.add_argument("--out", help="a new JSON file for the figures")
    args = parser.parse_args()
    torch.set_num_threads(1)  # such small layers are faster so
    name = Path(args.data).stem
    tried = SEVERAL.get(name, (WIDE,))
    rows = [scored(row) for row in densities(parts_of(args.data), tried, BITS.get(name))]
    print(f"\n{name}: test NLL in nats, n = {rows[0]['n']}; all chosen by validation NLL")
    for row in rows:
        print(f"{row['name']:28} {row['nats']:7.2f} ± {row['stderr']:.2f}  valid {row['valid']:7.2f}  {row['chosen']}")
    if name in PAPER:
        print("the paper's, with one mask and with several: {} and {}".format(*PAPER[name]))
    if args.out:
        Path(args.out).write_text(json.dumps({"data": name, "rows": rows}, indent=2) + "\n", encoding="utf-8")


def parts_of(source: str) -> Parts:
    data = cr.load_data(source)
    splits = [each.values() for each in (data.train, data.valid, data.test) if each is not None]
    if len(splits) != 3 or not isinstance(data.domain, cr.Binary):
        raise cr.ChainruleError(f"{source} needs arrays train, valid and test of 0 and 1")
    return Parts(data.domain, *splits)


def densities(parts: Parts, tried: Sequence[Chosen], bits: int | None) -> Iterator[Row]:
    """The best with one mask, the best with several, and families like that one; of categories again, if there are."""
    yield best(one_mask(parts, chosen) for chosen in ONE)
    several = best(several_masks(parts, chosen) for chosen in tried)
    yield several
    yield families(several)
    if bits:
        best_of_categories = best(several_masks(as_categories(parts, bits), chosen) for chosen in tried)
        yield families(best_of_categories, f", {bits} bits as one")


def one_mask(parts: Parts, chosen: Chosen) -> Row:
    """A trained MADE, the epoch chosen by validation NLL."""
    about, training = halves(chosen)
    model = cr.MADE(parts.domain, **about)
    cr.fit(model, parts.train, parts.valid, progress=False, precision="float32", **training)
    return told(Row("one mask", parts, chosen, model, cr.evaluate(model, parts.valid).nats))


def several_masks(parts: Parts, chosen: Chosen, seed: int = 0) -> Row:
    """The ensemble of a family's members after the last update.

    No epoch is chosen: the NLL of a single member, which training would look at, is least long before the ensemble's.
    """
    about, training = halves(chosen)
    model = cr.MADE(parts.domain, agnostic="both", seed=seed, **about)
    cr.fit(model, parts.train, seed=seed, progress=False, precision="float32", **training)
    ensemble = cr.Ensemble(model.members(chosen["masks"]))
    return told(Row("several masks", parts, chosen, ensemble, cr.evaluate(ensemble, parts.valid).nats))


def families(row: Row, words: str = "") -> Row:
    """The ensemble of several families like that of this row, which is the first of them."""
    others = [several_masks(row.parts, row.chosen, seed).density for seed in range(1, FAMILIES)]
    ensemble = cr.Ensemble([row.density, *others])
    valid = cr.evaluate(ensemble, row.parts.valid).nats
    return told(Row(f"{FAMILIES} such families{words}", row.parts, row.chosen, ensemble, valid))


def halves(chosen: Chosen) -> tuple[Chosen, Chosen]:
    """What is chosen of the model, and of its training."""
    about = {name: value for name, value in chosen.items() if name in MODEL}
    return about, {name: value for name, value in chosen.items() if name not in MODEL}


def best(rows: Iterable[Row]) -> Row:
    """The one with the least validation NLL."""
    return min(rows, key=lambda row: row.valid)


def as_categories(parts: Parts, bits: int) -> Parts:
    """The same rows, so many bits as one category: 0 where none is 1, else the number of the one that is."""
    columns = [
        cr.Column(f"x{number}", "categorical", tuple(range(bits + 1))) for number in range(parts.domain.sites // bits)
    ]
    numbers = torch.arange(1, bits + 1)

    def grouped(x: Tensor) -> Tensor:
        groups = x.view(len(x), -1, bits)
        assert int(groups.sum(2).max()) <= 1, "there are rows with two of a category's bits"
        return (groups * numbers).sum(2).double()

    return Parts(cr.Table(columns), *(grouped(x) for x in (parts.train, parts.valid, parts.test)))


def told(row: Row) -> Row:
    print(f"{row.name}: {row.chosen}: validation {row.valid:.3f}", flush=True)
    return row


def scored(row: Row) -> dict[str, Any]:
    """The row's test NLL, beside how it was chosen."""
    about = {"name": row.name, "chosen": row.chosen, "valid": row.valid}
    return {**about, **asdict(cr.evaluate(row.density, row.parts.test))}


if __name__ == "__main__":
    main()
