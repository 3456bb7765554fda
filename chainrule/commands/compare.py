"""chainrule compare --data F --out DIR"""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from rich.console import Console

from chainrule.commands.options.declare import options_below
from chainrule.data import load_data
from chainrule.errors import TrainingStopped
from chainrule.files import refuse_existing
from chainrule.reports.compare import (
    COMPARED,
    HTML,
    MARKDOWN,
    SETTLED,
    Comparison,
    Terms,
    compare,
)
from chainrule.reports.compare.text import LIKELIHOOD, TRAINING, likelihood_row, training_row
from chainrule.reports.trained_model import terminal_table
from chainrule.training import Settings

WIDE = 4
"""Columns of likelihoods that fit into a terminal."""
AGAIN = "give the same command again with --resume"


def run(args: Namespace) -> int:
    out = Path(args.out)
    if not args.resume:
        refuse_existing(out)
    data = load_data(args.data, seed=args.data_seed, **given(args, "binarize", "levels"))
    try:
        comparison = compare(data, out, terms(args), resume=args.resume)
    except KeyboardInterrupt:
        raise TrainingStopped(f"interrupted; to go on, {AGAIN}", interrupted=True) from None
    except TrainingStopped as stop:
        raise TrainingStopped(f"{stop}: {AGAIN}" if stop.interrupted else str(stop), stop.interrupted) from None
    if args.json:
        print(json.dumps(comparison.to_dict()))
    else:
        print_tables(comparison)
    return 0


def terms(args: Namespace) -> Terms:
    """What is asked of the comparison."""
    settings = [field.name for field in fields(Settings) if field.name not in SETTLED]
    return Terms(
        models=names(args.get("models")),
        arguments={name: options_below(args, name.replace("-", "_")) for name in COMPARED},
        settings=given(args, *settings),
        seed=args.seed,
        **given(args, "minutes", "updates", "samples", "ablation"),
    )


def given(args: Namespace, *options: str) -> dict[str, Any]:
    """Those of the options that were given."""
    return {name: args[name] for name in options if name in args}


def names(models: str | list[str] | None) -> tuple[str, ...] | None:
    """The names of models, given as a list, or in one word with commas between them.

    Example:
        >>> names("made,row-lstm"), names(["made"]), names(None)
        (('made', 'row-lstm'), ('made',), None)
    """
    words = models.split(",") if isinstance(models, str) else models
    return None if words is None else tuple(word.strip() for word in words if word.strip())


def print_tables(comparison: Comparison) -> None:
    """The likelihoods and what they cost, and where the rest is, on standard output."""
    console, test = Console(highlight=False), comparison.entries[0].test
    likelihoods = [likelihood_row(entry)[:WIDE] for entry in comparison.entries]
    console.print(terminal_table(f"{test.n} test data, D = {test.sites}", LIKELIHOOD[:WIDE], likelihoods))
    training = [training_row(entry) for entry in comparison.compared]
    console.print(terminal_table(f"budget: {comparison.terms.budget} a model", TRAINING, training))
    console.print(f"Report: {comparison.out / HTML}, {comparison.out / MARKDOWN}", soft_wrap=True)
