"""chainrule train MODEL --data F --out RUN"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from chainrule.commands.common import SOURCES_IN_WORDS, add_keywords, nested
from chainrule.data import Data, load_data
from chainrule.domains.orders import Side
from chainrule.errors import ChainruleError
from chainrule.files import refuse_existing
from chainrule.models import BY_NAME, MADE, AutoregressiveModel, Named
from chainrule.models.base import observed_mask
from chainrule.models.image import ImageModel
from chainrule.training import Settings, fit, is_first

READING = ("binarize", "levels", "kinds", "drop", "missing")
"""What `load_data` is told on how to read."""


def options(parser: ArgumentParser, argv: Sequence[str]) -> None:
    chosen, models = model_named(argv), ", ".join(BY_NAME)
    parser.add_argument(
        "name",
        metavar="MODEL",
        choices=(chosen,) if chosen else tuple(BY_NAME),  # a --config may not name another
        help=f"{models}; after it, --help tells its options too",
    )
    parser.add_argument("--config", action="config", help="a YAML file with any of these options")
    parser.add_argument("--data", type=str, required=True, help=SOURCES_IN_WORDS)
    parser.add_argument("--out", type=str, required=True, help="a new folder, for the run")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out, if there is one")
    add_keywords(parser, load_data, skip=("seed", "domain"))
    parser.add_argument(
        "--data-seed", type=int, default=0, help="of the split, where the data has none, and of a binarization"
    )
    add_keywords(parser, Settings, skip=("seed",))
    parser.add_argument("--seed", type=int, default=0, help="of the model's weights and of the order of the data")
    if chosen is not None:
        add_model(parser, BY_NAME[chosen])


def add_model(parser: ArgumentParser, named: Named) -> None:
    """The model's own options; of all orders, those of images that begin with a side can be said in a word."""
    add_keywords(parser, named.make, prefix="model.", skip=("seed", "order", *named.fixed))
    if issubclass(named.make, ImageModel):
        words = "the side that the order of pixels begins with; what will be given to complete images should come first"
        parser.add_argument("--model.order", type=Side, default="top", help=words)


def model_named(argv: Sequence[str]) -> str | None:
    """The MODEL among the words of the command line; `--out made` names none."""
    for before, word in pairwise(["", *argv]):
        if word in BY_NAME and (before in ("--resume", "--help") or not before.startswith("--")):
            return word
    return None


def run(args: Namespace) -> int:
    settings = Settings(**{field.name: args[field.name] for field in fields(Settings)})
    if not args.resume:
        refuse_existing(Path(args.out))
    data = load_data(args.data, seed=args.data_seed, **{name: args[name] for name in READING})
    if data.train is None:
        raise ChainruleError(f"{data.source} has no training split; give one named train")
    model = build(args, data)
    parameters = sum(each.numel() for each in model.parameters())
    say(*(f"{data.source}: {note}" for note in data.notes))
    if isinstance(model, MADE) and model.any_order and holes(data):
        say(f"{data.source}: values are missing; each update draws an order in which they come last (agnostic)")
    say(f"{model.in_words()}, {parameters} parameters, on {len(data.train)} data")
    history = fit(model, data, out=args.out, resume=args.resume, **length(args, asdict(settings)))
    say(f"kept epoch {history.best}{f' ({history.stopped})' if history.stopped else ''}: {args.out}")
    return 0


def build(args: Namespace, data: Data) -> AutoregressiveModel:
    """The model that was asked for; a MADE of data with missing values is a family of orders, unless it is said how.

    Raises:
        ChainruleError: options that it does not take.
    """
    options = nested(args, "model")
    if args.name == "made" and options["agnostic"] is None and holes(data):
        options["agnostic"] = "order"
    return BY_NAME[args.name](data.domain, seed=args.seed, **options)


def length(args: Namespace, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings, without how long to train where that was not said: `fit` knows better."""
    unsaid = ("epochs", "updates") if args.epochs is None and args.updates is None else ()
    return {name: value for name, value in settings.items() if name not in unsaid}


def holes(data: Data) -> bool:
    """Are values missing, of those that training looks at?"""
    return any(not bool(observed_mask(split.values()).all()) for split in (data.train, data.valid) if split is not None)


def say(*lines: str) -> None:
    """Prints lines, once where several processes train together."""
    if is_first():
        print(*lines, sep="\n", flush=True)
