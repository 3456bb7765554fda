"""Compare MADEs trained over orders, over connectivities, and over both: `python recipes/agnostic.py nips.npz`.

Four MADEs of one size are trained alike: with one mask, with a new order in each update, with a new connectivity, and
with both; or, with --masks 16, through 16 masks in turn. Each is scored as a single member and as ensembles of more and
more members. The length of training is chosen for each, by the validation NLL of its largest ensemble.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import matplotlib.pyplot as plt
import torch

import chainrule as cr

Agnostic = Literal["order", "connectivity", "both"]
KINDS: dict[str, Agnostic | None] = {"one mask": None, **{kind: kind for kind in get_args(Agnostic)}}
LABELS = {"one mask": "one mask", "order": "orders", "connectivity": "connectivities", "both": "both"}
MEMBERS = (1, 2, 4, 8, 16, 32, 64)
UPDATES = (50, 200, 1000, 5000)
OPTIMISERS = {
    "sgd": partial(cr.fit, optimiser="sgd", lr=0.1, clip=100.0),
    "adamw": partial(cr.fit, optimiser="adamw", lr=2e-3, weight_decay=0.1),
}
"""With plain gradients small sets overfit later; large sets need AdamW, which is faster."""


def main() -> None:
    args = parse_arguments()
    torch.set_num_threads(1)
    data, name = cr.load_data(args.data), Path(args.data).stem
    results = {kind: choose_length(data, agnostic, args) for kind, agnostic in KINDS.items()}
    print_results(results, name)
    if args.out:
        Path(args.out).write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    if args.figure:
        save_figure(results, name, Path(args.figure))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", help="a file .npz with arrays train, valid and test")
    parser.add_argument("--hidden", type=int, nargs="+", default=[100], help="the widths of the hidden layers")
    parser.add_argument("--masks", type=int, help="train this number of members in turn, and not a new one each update")
    parser.add_argument(
        "--updates", type=int, nargs="+", default=UPDATES, help="the lengths of training to choose from"
    )
    parser.add_argument("--optimiser", choices=OPTIMISERS, default="sgd")
    parser.add_argument("--out", help="a new JSON file for the results")
    parser.add_argument("--figure", help="a new picture of the ensembles, .png")
    return parser.parse_args()


def choose_length(data: cr.Data, agnostic: Agnostic | None, args: argparse.Namespace) -> dict[str, Any]:
    """Return the length of training with the least validation NLL, and the test NLL of its ensembles."""
    models = [train(data, agnostic, args, updates) for updates in args.updates]
    counts = [count for count in MEMBERS if count <= (args.masks or count)] if agnostic else [1]
    scores = [score_ensemble(model, data.valid, counts[-1])[0] for model in models]
    for updates, score in zip(args.updates, scores, strict=True):
        print(f"{agnostic or 'one mask'}: {updates} updates: validation {score:.3f}", flush=True)
    best = scores.index(min(scores))
    test = {count: score_ensemble(models[best], data.test, count) for count in counts}
    return {"updates": args.updates[best], "valid": scores[best], "test": test}


def train(data: cr.Data, agnostic: Agnostic | None, args: argparse.Namespace, updates: int) -> cr.MADE:
    """Return a trained model."""
    assert data.train is not None, "the file needs a training split"
    model = cr.MADE(
        data.domain, args.hidden, direct_connections=True,
        agnostic=agnostic, num_masks=args.masks if agnostic else None,
    )  # fmt: skip
    OPTIMISERS[args.optimiser](model, data.train, updates=updates, precision="float32", progress=False)
    return model


def score_ensemble(model: cr.MADE, split: cr.Split | None, members: int) -> tuple[float, float]:
    """Return the NLL of the ensemble of a number of members, in nats, and its standard error."""
    assert split is not None, "the file needs a validation and a test split"
    evaluation = cr.evaluate(cr.Ensemble(model.members(members)), split)
    return evaluation.nats, evaluation.stderr


def print_results(results: Mapping[str, Any], name: str) -> None:
    """Print the test NLL of every ensemble."""
    print(f"\n{name}: test NLL in nats of a member and of ensembles, length chosen by validation NLL")
    print("members            " + "".join(f"{count:>16}" for count in MEMBERS))
    for kind, row in results.items():
        cells = "".join(f"{nats:>9.2f} ± {error:.2f}" for nats, error in row["test"].values())
        print(f"{kind:14} {cells}   ({row['updates']} updates)")


def save_figure(results: Mapping[str, Any], name: str, path: Path) -> None:
    """Draw the test NLL over the number of members."""
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    ticks: list[int] = []
    for kind, row in results.items():
        counts, nats = zip(*((int(count), nats) for count, (nats, _) in row["test"].items()), strict=True)
        if len(counts) == 1:
            axes.axhline(nats[0], color="0.5", ls="--", label=LABELS[kind])
        else:
            axes.plot(counts, nats, marker="o", label=LABELS[kind])
            ticks = list(counts)
    axes.set_xscale("log", base=2)
    axes.set_xlim(ticks[0] * 0.9, ticks[-1] * 1.1)
    axes.set_xticks(ticks, [str(count) for count in ticks])
    axes.set_xlabel("number of members")
    axes.set_ylabel("test NLL (nats)")
    axes.set_title(f"MADE on {name}, trained over", loc="left")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
