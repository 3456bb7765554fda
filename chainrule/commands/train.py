"""`chainrule train`: train a model on data, and write it to a new folder."""

from __future__ import annotations

from dataclasses import fields
from inspect import signature
from pathlib import Path

from jsonargparse import Namespace

from chainrule.commands.options.declare import options_below
from chainrule.commands.options.groups import COLUMNS, PREPARATION
from chainrule.commands.own_models import find_model, make_model
from chainrule.data import Data, load_data
from chainrule.errors import ChainruleError
from chainrule.files import refuse_existing
from chainrule.models import AutoregressiveModel, observed_mask
from chainrule.training import Settings, fit, is_first_process

READING = tuple(option.name for option in (*PREPARATION, *COLUMNS))
"""The options that `load_data` takes."""


def run(args: Namespace) -> int:
    """Run the command, and return the exit status."""
    settings = {field.name: args[field.name] for field in fields(Settings)}
    Settings(**settings)  # refuses bad settings before the data are read
    if not args.resume:
        refuse_existing(Path(args.out))
    data = load_data(args.data, seed=args.data_seed, **{name: args[name] for name in READING})
    if data.train is None:
        raise ChainruleError(f"{data.source} has no training split; give one named train")
    model = build_model(args, data)
    parameters = sum(each.numel() for each in model.parameters())
    print_once(*(f"{data.source}: {note}" for note in data.messages))
    if model.can_choose_order and has_missing_values(data):
        print_once(f"{data.source}: values are missing; each update draws an order in which they come last (agnostic)")
    print_once(f"{model.display_name}, {parameters} parameters, on {len(data.train)} data")
    history = fit(model, data, out=args.out, resume=args.resume, **settings)
    print_once(f"kept epoch {history.best}{f' ({history.stopped})' if history.stopped else ''}: {args.out}")
    return 0


def build_model(args: Namespace, data: Data) -> AutoregressiveModel:
    """Return the model that was asked for, with arguments that missing values need unless others are given.

    Raises:
        ChainruleError: options that the model does not take.
    """
    named, options = find_model(args.name, args["import"]), options_below(args, "model")
    if has_missing_values(data):
        needed = named.model_class.arguments_for_missing_values
        options |= {name: value for name, value in needed.items() if options.get(name) is None}
    if "seed" in signature(named.model_class).parameters:
        options["seed"] = args.seed
    return make_model(named, data.domain, options)


def has_missing_values(data: Data) -> bool:
    """Return whether values are missing in the data that training uses."""
    splits = [split for split in (data.train, data.valid) if split is not None]
    return any(not bool(observed_mask(split.values()).all()) for split in splits)


def print_once(*lines: str) -> None:
    """Print lines, in the first of several processes that train together."""
    if is_first_process():
        print(*lines, sep="\n", flush=True)
