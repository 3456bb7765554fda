"""What training over orders and over connectivities does, alone and together: `python recipes/agnostic.py nips.npz`.

Four MADEs of one size are trained alike: with one mask, with the order drawn anew in each update, with the connectivity
drawn anew, and with both; or, with --masks 16, through 16 of them in turn. Each is scored as a single member and as
ensembles of more and more members. The length of training is chosen for each, by the validation NLL of its largest
ensemble.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import matplotlib.pyplot as plt
import torch

import chainrule as cr

Agnostic = Literal["order", "connectivity", "both"]
KINDS: dict[str, Agnostic | None] = {"one mask": None, **{kind: kind for kind in get_args(Agnostic)}}
MEMBERS = (1, 2, 4, 8, 16, 32, 64)
UPDATES = (50, 200, 1000, 5000)
RULES: dict[str, dict[str, Any]] = {
    "sgd": {"optimiser": "sgd", "lr": 0.1, "clip": 100.0},
    "adamw": {"optimiser": "adamw", "lr": 2e-3, "weight_decay": 0.1},
}
"""Plain gradients overfit small sets later; large ones need the faster rule."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", help="a file .npz with arrays train, valid and test")
    parser.add_argument("--hidden", type=int, nargs="+", default=[100])
    parser.add_argument("--masks", type=int, help="train so many members in turn, in place of a new one in each update")
    parser.add_argument("--updates", type=int, nargs="+", default=UPDATES, help="lengths to choose from")
    parser.add_argument("--optimiser", choices=RULES, default="sgd")
    parser.add_argument("--out", help="a new JSON file for the figures")
    parser.add_argument("--figure", help="a new picture of the ensembles, .png")
    args = parser.parse_args()
    torch.set_num_threads(1)
    data = cr.load_data(args.data)
    found = {name: best(data, kind, args) for name, kind in KINDS.items()}
    print(f"\n{Path(args.data).stem}: test NLL in nats of a member and of ensembles, length chosen by validation NLL")
    print("members            " + "".join(f"{count:>16}" for count in MEMBERS))
    for name, row in found.items():
        cells = "".join(f"{nats:>9.2f} ± {error:.2f}" for nats, error in row["test"].values())
        print(f"{name:14} {cells}   ({row['updates']} updates)")
    if args.out:
        Path(args.out).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if args.figure:
        draw(found, Path(args.data).stem, Path(args.figure))


def best(data: cr.Data, kind: Agnostic | None, args: argparse.Namespace) -> dict[str, Any]:
    """The length of training with the best validation NLL, and the test NLL of its ensembles."""
    trained = [(train(data, kind, args, updates), updates) for updates in args.updates]
    counts = [count for count in MEMBERS if count <= (args.masks or count)] if kind else [1]
    scores = [nll(model, data.valid, counts[-1])[0] for model, _ in trained]
    for (_, updates), score in zip(trained, scores, strict=True):
        print(f"{kind or 'one mask'}: {updates} updates: validation {score:.3f}", flush=True)
    model, updates = trained[scores.index(min(scores))]
    test = {count: nll(model, data.test, count) for count in counts}
    return {"updates": updates, "valid": min(scores), "test": test}


def train(data: cr.Data, kind: Agnostic | None, args: argparse.Namespace, updates: int) -> cr.MADE:
    assert data.train is not None, "the file has a training split"
    model = cr.MADE(
        data.domain, hidden=args.hidden, direct_connections=True, agnostic=kind, num_masks=args.masks if kind else None
    )
    cr.fit(model, data.train, updates=updates, progress=False, precision="float32", **RULES[args.optimiser])
    return model


def nll(model: cr.MADE, split: Any, members: int) -> tuple[float, float]:
    """In nats, with its standard error."""
    found = cr.evaluate(cr.Ensemble(model.members(members)), split)
    return found.nats, found.stderr


LABELS = {"one mask": "one mask", "order": "orders", "connectivity": "connectivities", "both": "both"}


def draw(found: Mapping[str, Any], name: str, out: Path) -> None:
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    most: list[int] = []
    for kind, row in found.items():
        counts, nats = zip(*((int(count), nats) for count, (nats, _) in row["test"].items()), strict=True)
        if len(counts) == 1:
            axes.axhline(nats[0], color="0.5", ls="--", label=LABELS[kind])
        else:
            axes.plot(counts, nats, marker="o", label=LABELS[kind])
            most = list(counts)
    axes.set_xscale("log", base=2)
    axes.set_xlim(most[0] * 0.9, most[-1] * 1.1)
    axes.set_xticks(most, [str(count) for count in most])
    axes.set_xlabel("members that are averaged")
    axes.set_ylabel("test NLL (nats)")
    axes.set_title(f"MADE on {name}, trained over", loc="left")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(out, dpi=150)


if __name__ == "__main__":
    main()
