"""chainrule compare --data F --out DIR"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace
from rich.console import Console
from rich.table import Table

from chainrule.commands.common import add_data, add_keywords
from chainrule.compare import COMPARED, HTML, MARKDOWN, MINUTES, RECURRENT, SETTLED, Comparison, Terms, compare
from chainrule.compare.story import LIKELIHOOD, TRAINING, likelihood_row, training_row
from chainrule.data import load_data
from chainrule.files import refuse_existing
from chainrule.models import BY_NAME
from chainrule.training import Settings

WIDE = 4
"""Columns of likelihoods that fit into a terminal."""


def options(parser: ArgumentParser, _argv: Sequence[str]) -> None:
    parser.add_argument("--config", action="config", help="a YAML file with any of these options")
    add_data(parser)
    parser.add_argument("--out", type=str, required=True, help="a new folder, for the report and the runs")
    parser.add_argument("--resume", action="store_true", help="go on with the comparison in --out, if there is one")
    parser.add_argument("--minutes", type=float | None, help=f"of training for each model; {MINUTES:g} unless given")
    parser.add_argument("--updates", type=int | None, help="for each model, instead of minutes")
    parser.add_argument("--models", type=list[str] | None, help=f"some of {', '.join(COMPARED)}, as [made,pixelcnn]")
    parser.add_argument("--samples", type=int | None, help="how many each model draws; 16, of large data 4")
    parser.add_argument(
        "--ablation", type=str | None, help=f"{' or '.join(RECURRENT)}: also with and without residual and skip"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    add_keywords(parser, load_data, skip=("seed", "domain"))
    parser.add_argument(
        "--data-seed", type=int, default=0, help="of the split, where the data has none, and of a binarization"
    )
    parser.add_argument("--seed", type=int, default=0, help="of weights, of the order of the data, and of samples")
    add_overrides(parser)


def add_overrides(parser: ArgumentParser) -> None:
    """The settings of training, and each family's own options; what is not given has the default of the family."""
    before = set(parser.get_defaults().keys())
    add_keywords(parser, Settings, skip=SETTLED)
    for name in COMPARED:
        add_keywords(parser, BY_NAME[name].make, f"{name}.", skip=("seed", "order", *BY_NAME[name].fixed))
    parser.set_defaults(dict.fromkeys(set(parser.get_defaults().keys()) - before))


def run(args: Namespace) -> int:
    out = Path(args.out)
    if not args.resume:
        refuse_existing(out)
    data = load_data(args.data, binarize=args.binarize, levels=args.levels, seed=args.data_seed)
    settings = {field.name: args[field.name] for field in fields(Settings) if field.name not in SETTLED}
    arguments = {name: given(dict(vars(args.get(name.replace("-", "_"), {})))) for name in COMPARED}
    terms = Terms(
        models=None if args.models is None else tuple(args.models), minutes=args.minutes, updates=args.updates,
        arguments=arguments, settings=given(settings), samples=args.samples, ablation=args.ablation, seed=args.seed,
    )  # fmt: skip
    comparison = compare(data, out, terms, resume=args.resume, progress=not args.json)
    if args.json:
        print(json.dumps(comparison.to_dict()))
    else:
        print_tables(comparison)
    return 0


def given(options: dict[str, object]) -> dict[str, object]:
    """Those that were given."""
    return {name: value for name, value in options.items() if value is not None}


def print_tables(comparison: Comparison) -> None:
    """The likelihoods and what they cost, and where the rest is, on standard output."""
    console, test = Console(highlight=False), comparison.entries[0].test
    for title, columns, row, entries in (
        (f"{test.n} test data, D = {test.sites}", LIKELIHOOD[:WIDE], likelihood_row, comparison.entries),
        (f"budget: {comparison.terms.budget} a model", TRAINING, training_row, comparison.compared),
    ):
        table = Table(title=title, title_justify="left")
        for column in columns:
            table.add_column(column, justify="left" if column == "model" else "right")
        for entry in entries:
            table.add_row(*row(entry)[: len(columns)])
        console.print(table)
    console.print(f"Report: {comparison.out / HTML}, {comparison.out / MARKDOWN}", soft_wrap=True)
