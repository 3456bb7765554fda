"""`chainrule compare`: train models of several families under one budget, and write a report."""

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
    RESERVED_SETTINGS,
    CompareOptions,
    Comparison,
    compare,
    summary_tables,
)
from chainrule.training import Settings

RESUME_HINT = "give the same command again with --resume"


def run(args: Namespace) -> int:
    """Run the command, and return the exit status."""
    out = Path(args.out)
    if not args.resume:
        refuse_existing(out)
    data = load_data(args.data, seed=args.data_seed, **given_options(args, "binarize", "levels"))
    try:
        comparison = compare(data, out, options=read_options(args), resume=args.resume)
    except KeyboardInterrupt:
        raise TrainingStopped(f"interrupted; to go on, {RESUME_HINT}", interrupted=True) from None
    except TrainingStopped as stop:
        message = f"{stop}: {RESUME_HINT}" if stop.interrupted else str(stop)
        raise TrainingStopped(message, stop.interrupted) from None
    if args.json:
        print(json.dumps(comparison.to_dict()))
    else:
        print_tables(comparison)
    return 0


def read_options(args: Namespace) -> CompareOptions:
    """Return the options of the comparison."""
    settings = [field.name for field in fields(Settings) if field.name not in RESERVED_SETTINGS]
    return CompareOptions(
        models=split_names(args.get("models")),
        arguments={name: options_below(args, name.replace("-", "_")) for name in COMPARED},
        settings=given_options(args, *settings),
        seed=args.seed,
        **given_options(args, "minutes", "updates", "samples", "ablation"),
    )


def given_options(args: Namespace, *names: str) -> dict[str, Any]:
    """Return the options of these names that were given, by name."""
    return {name: args[name] for name in names if name in args}


def split_names(models: str | list[str] | None) -> tuple[str, ...] | None:
    """Return the names of models, which are given as a list or as one text with commas.

    Example:
        >>> split_names("made,row-lstm"), split_names(["made"]), split_names(None)
        (('made', 'row-lstm'), ('made',), None)
    """
    names = models.split(",") if isinstance(models, str) else models
    return None if names is None else tuple(name.strip() for name in names if name.strip())


def print_tables(comparison: Comparison) -> None:
    """Print the tables of likelihoods and of training, and the paths of the report, on standard output."""
    console = Console(highlight=False)
    for table in summary_tables(comparison):
        console.print(table)
    console.print(f"Report: {comparison.out / HTML}, {comparison.out / MARKDOWN}", soft_wrap=True)
