"""A trained run for a command: its model, and data prepared as the run recorded."""

from __future__ import annotations

from pathlib import Path

import torch
from jsonargparse import Namespace
from torch import Tensor

from chainrule.checkpoint import CONFIG, load, read_config, read_tensors
from chainrule.commands.messages import print_notes, warn
from chainrule.commands.numbers import check_count
from chainrule.commands.own_modules import import_own
from chainrule.data import Data, Preprocessing, Split, load_data
from chainrule.domains import Domain
from chainrule.errors import ChainruleError
from chainrule.hardware import as_device, keep_freed_memory
from chainrule.models import AutoregressiveModel, Density
from chainrule.training import FINGERPRINTS

SPLITS = ("train", "valid", "test")


def load_model(args: Namespace) -> Density:
    """Return the model of the run, on the device that was asked for; `--import` is imported first.

    Raises:
        ChainruleError: no such run, a module or device that is not there, or a model class that no module defined.
    """
    if args["import"] is not None:
        import_own(args["import"])
    check_class(Path(args.run))
    keep_freed_memory()
    return load(args.run).to(as_device(args.device))


def check_class(run: Path) -> None:
    """Raise ChainruleError where the model of a run is of a class of the user's own that was not imported."""
    description = read_config(run).get("model")
    name = description.get("class") if isinstance(description, dict) else None
    if isinstance(name, str) and name not in Density.classes:
        raise ChainruleError(f"{run} holds a model of class {name}; import the module that defines it: --import MODULE")


def load_average(args: Namespace) -> Density:
    """Return the model of the run, or the average of its members where `--members` asks for it.

    Raises:
        ChainruleError: as for `load_model`, or the model does not have these members.
    """
    model = load_model(args)
    check_members(args, model)
    if args.members is None:
        return model
    nothing = torch.zeros(model.domain.sites, dtype=torch.bool)
    average = model.condition(nothing, members=args.members)
    assert average is not None, "where nothing is known, every model has a density"
    return average


def load_autoregressive(args: Namespace) -> AutoregressiveModel:
    """Return the model of the run, which has an order.

    Raises:
        ChainruleError: as for `load_model`, or the model is an ensemble.
    """
    model = load_model(args)
    if not isinstance(model, AutoregressiveModel):
        raise ChainruleError(f"{args.run} holds an ensemble, which has no order of its own; give a model of one order")
    return model


def check_members(args: Namespace, model: Density) -> None:
    """Raise ChainruleError unless the model has the members that `--members` asks for."""
    if args.members is None:
        return
    check_count("--members", args.members)
    if not model.has_members:
        raise ChainruleError(f"--members: of a MADE trained with --model.agnostic, and {args.run} holds another model")
    model.check_members(args.members)


def load_split(args: Namespace, model: Density) -> Split:
    """Return the split of `--data` that `--split` names, prepared as the run recorded; notes are printed.

    Raises:
        ChainruleError: data of another kind than the model's, or without such a split.
    """
    recipe, _ = read_data_record(Path(args.run))
    data = prepare_data(args.data, recipe or Preprocessing(), model.domain)
    if recipe is None and data.randomly_split:
        raise ChainruleError(
            f"{args.run} was trained on arrays, so how {args.data} is to be split is not known, and a split of its own "
            "would mix training data into the test; give a file with arrays train, valid and test"
        )
    split = choose_split(data, args.split)
    print_notes(data.source, data.messages)
    return split


def choose_split(data: Data, name: str) -> Split:
    """Return the split of that name.

    Raises:
        ChainruleError: there is none.
    """
    split: Split | None = getattr(data, name)
    if split is None:
        names = ", ".join(each for each in SPLITS if getattr(data, each) is not None)
        raise ChainruleError(f"{data.source} has no {name} split; choose --split among {names}")
    return split


def prepare_data(source: str, recipe: Preprocessing, domain: Domain) -> Data:
    """Return the data after the recipe; data that are binary already need no binarization."""
    try:
        return load_data(source, **recipe.to_dict(), domain=domain)
    except ChainruleError:
        if recipe.binarize is None:
            raise
        try:
            return load_data(source, seed=recipe.seed, domain=domain)
        except ChainruleError:
            pass
        raise


def read_data_record(run: Path) -> tuple[Preprocessing | None, dict[str, str]]:
    """Return how a run prepared its data, None where that is not known, and the digests of its splits.

    Raises:
        ChainruleError: the record is damaged.
    """
    record = read_config(run).get("data") or {}
    try:
        recipe = record.get("preprocessing")
        return None if recipe is None else Preprocessing.from_dict(recipe), dict(record.get("digests") or {})
    except (AttributeError, TypeError, ValueError) as error:
        raise ChainruleError(f"{run / CONFIG} is damaged: its record of the data is none ({error})") from None


def warn_of_seen_data(args: Namespace, split: Split, rows: Tensor) -> None:
    """Warn where the model was trained on, or chosen by, some of the data that are used: these rows of the split."""
    _, digests = read_data_record(Path(args.run))
    for name, meaning in {"train": "trained on", "valid": "chosen by"}.items():
        is_same_split = digests.get(name) == split.digest
        seen = len(rows) if is_same_split else count_seen(Path(args.run), name, split, rows)
        if seen:
            used = "the datum" if len(rows) == 1 else f"{seen} of {len(rows)} data"
            warn(
                f"{used} in the {args.split} split of {args.data} {'is' if seen == 1 else 'are'} equal to data that "
                f"the model was {meaning}: unless by chance, results on such data say nothing of new data"
            )
        if seen == len(rows):
            break


def count_seen(run: Path, name: str, split: Split, rows: Tensor) -> int:
    """Return how many of these rows of a split the run had in its own split of that name."""
    if not (run / FINGERPRINTS).exists():
        return 0
    seen = read_tensors(run / FINGERPRINTS)[0].get(name, torch.empty(0, dtype=torch.int64))
    return int(torch.isin(split.fingerprints()[rows], seen).sum())
