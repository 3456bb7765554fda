"""MADE on the binary UCI sets of its paper: `python recipes/uci.py adult.npz` trains and prints that set's row.

Every choice is made by validation NLL: the size and settings of each kind of training, and the epoch. The test set is
scored once for each kind, at the end.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import chainrule as cr

MEMBERS = 32
KINDS: dict[str, dict[str, Any]] = {
    "one mask": {},
    "several masks": {"agnostic": "both", "masks": MEMBERS},
    "masks never repeated": {"agnostic": "both"},
}
SIZES: tuple[dict[str, Any], ...] = ({"hidden": (500,)}, {"hidden": (500, 500)}, {"hidden": (100,)})
SETTINGS = {"lr": (1e-3, 4e-3), "weight_decay": (0.01, 1.0)}
UPDATES = {"one mask": 2000, "several masks": 6000, "masks never repeated": 6000}
PAPER = {"adult": (13.12, 13.13), "dna": (83.63, 79.66), "mushrooms": (9.68, 9.69), "nips": (280.25, 277.28)}
"""MADE's test NLL in its paper, with one mask and with mask sampling; quoted from memory."""


@dataclass(frozen=True)
class Trial:
    """One training, and the validation NLL of what it gives: the model, or the ensemble of its members."""

    kind: str
    chosen: dict[str, Any]
    density: cr.Density
    valid: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", help="a file .npz with arrays train, valid and test of 0 and 1")
    parser.add_argument("--out", help="a JSON file for the figures")
    args = parser.parse_args()
    data, name = cr.load_data(args.data), Path(args.data).stem
    rows = [score(min(trials(kind, data), key=lambda trial: trial.valid), data) for kind in KINDS]
    print(f"\n{name}: test NLL in nats, n = {rows[0]['n']}")
    for row in rows:
        print(
            f"{row['kind']:24} {row['nats']:8.2f} ± {row['stderr']:.2f}   validation {row['valid']:.2f}   "
            f"{row['chosen']}"
        )
    if name in PAPER:
        print("the paper's, with one mask and with mask sampling: {} and {}".format(*PAPER[name]))
    if args.out:
        Path(args.out).write_text(json.dumps({"data": name, "rows": rows}, indent=2) + "\n")


def trials(kind: str, data: cr.Data) -> Iterator[Trial]:
    """Every size and setting, each trained with the epoch chosen by validation NLL."""
    for size, values in product(SIZES, product(*SETTINGS.values())):
        settings = dict(zip(SETTINGS, values, strict=True))
        model = cr.MADE(data.domain, direct=True, **size, **KINDS[kind])
        cr.fit(model, data, updates=UPDATES[kind], progress=False, **settings)
        density = cr.Ensemble(model.members(MEMBERS)) if model.agnostic else model
        valid = cr.evaluate(density, data.valid).nats
        print(f"{kind}: {size} {settings}: validation {valid:.3f}", flush=True)
        yield Trial(kind, {**size, **settings}, density, valid)


def score(trial: Trial, data: cr.Data) -> dict[str, Any]:
    """The test NLL of the trial that validation chose."""
    about = {"kind": trial.kind, "chosen": trial.chosen, "valid": trial.valid}
    return {**about, **asdict(cr.evaluate(trial.density, data.test))}


if __name__ == "__main__":
    main()
