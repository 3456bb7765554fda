"""What several commands share: options, messages, and reading a run with data prepared as it recorded."""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from docstring_parser import parse
from jsonargparse import SUPPRESS, ArgumentParser, Namespace
from torch import Tensor

from chainrule.checkpoint import CONFIG, load, read_config, read_tensors
from chainrule.data import Data, Preprocessing, Split, load_data
from chainrule.domains import Domain, Table
from chainrule.errors import ChainruleError
from chainrule.files import refuse_existing, replacing
from chainrule.hardware import as_device, keep_freed_memory
from chainrule.models import MADE, AutoregressiveModel, Density, Ensemble
from chainrule.training import SEEN

SPLITS = ("train", "valid", "test")
TABLES = (".csv", ".parquet")
"""What tables are written as."""
SOURCES_IN_WORDS = "digits, a file .npz, .npy or idx, a table .csv, .tsv or .parquet, or a folder of images"
MOST = 10**9


def add_keywords(
    parser: ArgumentParser,
    function: typing.Callable[..., Any],
    prefix: str = "",
    skip: tuple[str, ...] = (),
    told: Mapping[str, Any] | None = None,
) -> None:
    """An option for each keyword of the function, with its type, default and words from the docstring.

    Args:
        told: the help tells these defaults in place of the function's, and what is not given is absent when parsed.
    """
    hints, words = (
        typing.get_type_hints(function),
        {each.arg_name: each.description for each in parse(inspect.getdoc(function) or "").params},
    )
    if inspect.isclass(function):
        hints |= typing.get_type_hints(function.__init__)
    for name, parameter in inspect.signature(function).parameters.items():
        if name not in skip and parameter.default is not inspect.Parameter.empty:
            option, help_ = f"--{prefix}{name.replace('_', '-')}", (words.get(name) or "").replace("\n", " ")
            default = parameter.default
            if told is not None:
                shown = told.get(name, default)
                help_ += " (type: %(type)s)" if shown is None else f" (type: %(type)s, default: {shown})"
                default = SUPPRESS
            parser.add_argument(option, type=hints[name], default=default, help=help_)


def nested(args: Namespace, name: str) -> dict[str, Any]:
    """The options below a name, such as --made.hidden below made.

    Raises:
        ChainruleError: a --config that has something else there.
    """
    below = args.get(name)
    if below is not None and not isinstance(below, Namespace):
        raise ChainruleError(f"{name} in the --config must hold the model's own options, and is {below!r}")
    return {} if below is None else dict(vars(below))


def add_run(parser: ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", type=str, help="the folder of a trained model")
    parser.add_argument("--device", type=str, default="auto", help="auto, cpu, cuda, cuda:1, mps")


def add_data(parser: ArgumentParser, otherwise: str = "") -> None:
    """--data, which has to be given, unless it is said what is done otherwise."""
    words = filter(None, [SOURCES_IN_WORDS, otherwise])
    parser.add_argument("--data", type=str, required=not otherwise, help="; ".join(words))


def add_split(parser: ArgumentParser, otherwise: str = "") -> None:
    """--data, as for `add_data`, and --split."""
    add_data(parser, otherwise)
    parser.add_argument("--split", choices=SPLITS, default="test", help="the part of the data")


def add_draw(parser: ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0, help="of the draws")
    parser.add_argument(
        "--temperature", type=float, default=1.0, help="1 draws from the model itself; less prefers likelier values"
    )


def add_members(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--members", type=int | None, help="average so many members of a MADE that was trained with --model.agnostic"
    )


def load_model(args: Namespace) -> Density:
    """The run's model as it is, on the device asked for."""
    keep_freed_memory()
    return load(args.run).to(as_device(args.device))


def load_density(args: Namespace) -> Density:
    """The run's model, or an ensemble of its members where these are asked for, on the device asked for.

    Raises:
        ChainruleError: members of a model that has none.
    """
    model = load_model(args)
    if args.get("members") is None:
        return model
    if not isinstance(model, MADE):
        raise no_family(args)
    return Ensemble(model.members(args.members))


def check_members(args: Namespace, model: Density) -> None:
    """Raises ChainruleError for a number of members that is none, or members of a model that has none."""
    if args.members is None:
        return
    check_count("--members", args.members)
    families = [each for each in model.modules() if isinstance(each, MADE) and each.agnostic is not None]
    if not families:
        raise no_family(args)
    for family in families:
        family.check_members(args.members)


def no_family(args: Namespace) -> ChainruleError:
    """The error to raise where members are asked of a model that has none."""
    return ChainruleError(f"--members: of a MADE trained with --model.agnostic, and {args.run} holds another model")


def load_run(args: Namespace) -> AutoregressiveModel:
    """The run's model, which has an order, on the device asked for.

    Raises:
        ChainruleError: an ensemble, which has none.
    """
    model = load_density(args)
    if not isinstance(model, AutoregressiveModel):
        raise ChainruleError(f"{args.run} holds an ensemble, which has no order of its own; give a model of one order")
    return model


def load_split(args: Namespace, model: Density) -> Split:
    """The split asked for, prepared as the run recorded."""
    recipe, _ = recorded_data(Path(args.run))
    data = prepared(args.data, recipe or Preprocessing(), model.domain)
    if recipe is None and data.parted:
        raise ChainruleError(
            f"{args.run} was trained on arrays, so how {args.data} is to be split is not known, and a split of its own "
            "would mix training data into the test; give a file with arrays train, valid and test"
        )
    split = pick(data, args.split)
    for note in data.notes:
        print(f"{data.source}: {note}", file=sys.stderr)
    return split


def warn_of_known(args: Namespace, split: Split, rows: Tensor) -> None:
    """Warns where the model was trained on, or chosen by, some of those rows of the split that are used."""
    _, digests = recorded_data(Path(args.run))
    for name, meaning in {"train": "trained on", "valid": "chosen by"}.items():
        same = digests.get(name) == split.digest
        known = len(rows) if same else count_seen(Path(args.run), name, split, rows)
        if known:
            used = "the datum" if len(rows) == 1 else f"{known} of {len(rows)} data"
            warn(
                f"{used} in the {args.split} split of {args.data} {'is' if known == 1 else 'are'} equal to data that "
                f"the model was {meaning}: unless by chance, results on such data say nothing of new data"
            )
        if known == len(rows):
            break


def count_seen(run: Path, name: str, split: Split, rows: Tensor) -> int:
    """How many of those rows of the split the run looked at, in its own split of that name."""
    if not (run / SEEN).exists():
        return 0
    seen = read_tensors(run / SEEN)[0].get(name, torch.empty(0, dtype=torch.int64))
    return int(torch.isin(split.fingerprints()[rows], seen).sum())


def recorded_data(run: Path) -> tuple[Preprocessing | None, dict[str, str]]:
    """How a run prepared its data, if that is known, and the digests of its splits.

    Raises:
        ChainruleError: the record is damaged.
    """
    recorded = read_config(run).get("data") or {}
    try:
        words = recorded.get("preprocessing")
        return None if words is None else Preprocessing.from_dict(words), dict(recorded.get("digests") or {})
    except (AttributeError, TypeError, ValueError) as error:
        raise ChainruleError(f"{run / CONFIG} is damaged: its record of the data is none ({error})") from None


def prepared(source: str, recipe: Preprocessing, domain: Domain) -> Data:
    """The data after the recipe; data that are binary already need no binarization."""
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


def pick(data: Data, name: str) -> Split:
    """The split of that name.

    Raises:
        ChainruleError: there is none.
    """
    split: Split | None = getattr(data, name)
    if split is None:
        there = ", ".join(each for each in SPLITS if getattr(data, each) is not None)
        raise ChainruleError(f"{data.source} has no {name} split; choose --split among {there}")
    return split


def warn(message: str) -> None:
    """One line on standard error."""
    print(f"chainrule: warning: {message}", file=sys.stderr)


def check_count(option: str, count: int, most: int = MOST) -> None:
    """Raises ChainruleError unless it is the number of something."""
    if not 1 <= count <= most:
        raise ChainruleError(f"{option} must be from 1 to {most}, not {count}")


def check_out(out: Path, domain: Domain, endings: tuple[str, ...]) -> None:
    """Raises ChainruleError, before any work, for a file that exists or that these data cannot be written as."""
    check_new(out, TABLES if isinstance(domain, Table) else endings)
    if out.suffix == ".png" and not (domain.is_image and domain.shape[0] in (1, 3)):
        raise ChainruleError(
            f"{out}: data of shape {list(domain.shape)} are no images of 1 or 3 channels; write {endings[-1]}"
        )


def check_new(out: Path, endings: tuple[str, ...]) -> None:
    """Raises ChainruleError for a file that exists, or one whose name has another ending."""
    refuse_existing(out)
    if out.is_dir():
        raise ChainruleError(f"{out} is a folder; give the name of a file in it")
    if out.suffix not in endings:
        raise ChainruleError(f"{out}: the ending says what is written, and must be {' or '.join(endings)}")


def write_data(out: Path, x: Tensor, domain: Domain) -> None:
    """Data as a picture or as an array of bytes."""
    if out.suffix == ".png":
        from chainrule.figures import grid, save_image  # imports matplotlib, which takes long and is seldom needed

        save_image(grid(x, domain), out)
    elif out.suffix == ".npy":
        with replacing(out) as part, part.open("wb") as file:
            np.save(file, x.to(torch.uint8).numpy())
    else:
        write_arrays(out, samples=x)


def write_arrays(out: Path, **arrays: Tensor) -> None:
    """Named arrays of bytes (every level fits) in an .npz file."""
    contents: dict[str, Any] = {name: x.to(torch.uint8).numpy() for name, x in arrays.items()}
    with replacing(out) as part, part.open("wb") as file:
        np.savez_compressed(file, **contents)
