"""What several commands share: options, messages, and reading a run with data prepared as it recorded."""

from __future__ import annotations

import inspect
import sys
import typing
from pathlib import Path
from typing import Any

import numpy as np
import torch
from docstring_parser import parse
from jsonargparse import ArgumentParser, Namespace
from torch import Tensor

from chainrule.checkpoint import load, read_config
from chainrule.data import Data, Preprocessing, Split, load_data
from chainrule.domain import Domain
from chainrule.errors import ChainruleError
from chainrule.figures import grid, save_image
from chainrule.files import refuse_existing, replacing
from chainrule.hardware import as_device, keep_freed_memory
from chainrule.models import AutoregressiveModel

SPLITS = ("train", "valid", "test")


def add_keywords(
    parser: ArgumentParser, function: typing.Callable[..., Any], prefix: str = "", skip: tuple[str, ...] = ()
) -> None:
    """An option for each keyword of the function, with its type, default and words from the docstring."""
    hints, words = (
        typing.get_type_hints(function),
        {each.arg_name: each.description for each in parse(inspect.getdoc(function) or "").params},
    )
    if inspect.isclass(function):
        hints |= typing.get_type_hints(function.__init__)
    for name, parameter in inspect.signature(function).parameters.items():
        if name not in skip and parameter.default is not inspect.Parameter.empty:
            option = f"--{prefix}{name.replace('_', '-')}"
            parser.add_argument(
                option, type=hints[name], default=parameter.default, help=(words.get(name) or "").replace("\n", " ")
            )


def add_run(parser: ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", type=str, help="the folder of a trained model")
    parser.add_argument("--device", type=str, default="auto", help="auto, cpu, cuda, cuda:1, mps")


def add_split(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=str, required=True, help="digits, a file .npz, .npy or idx, or a folder of images"
    )
    parser.add_argument("--split", choices=SPLITS, default="test", help="the part of the data")


def add_draw(parser: ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0, help="of the draws")
    parser.add_argument(
        "--temperature", type=float, default=1.0, help="1 draws from the model itself; less prefers likelier values"
    )


def load_run(args: Namespace) -> AutoregressiveModel:
    """The run's model, on the device asked for."""
    keep_freed_memory()
    return load(args.run).to(as_device(args.device))


def load_split(args: Namespace, model: AutoregressiveModel) -> Split:
    """The split asked for, prepared as the run recorded, with a warning where the model was trained on it."""
    recorded = read_config(Path(args.run)).get("data") or {}
    recipe = Preprocessing.from_dict(recorded.get("preprocessing") or {})
    split = pick(load_data(args.data, **recipe.to_dict(), domain=model.domain), args.split)
    for name, meaning in {
        "train": "is the data that the model was trained on",
        "valid": "chose the epoch of this model",
    }.items():
        if (recorded.get("digests") or {}).get(name) == split.digest:
            warn(f"the {args.split} split of {args.data} {meaning}: its likelihood says nothing of new data")
    return split


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


def check_out(out: Path, domain: Domain) -> None:
    """Raises ChainruleError, before any work, for a file that exists or that these data cannot be written as."""
    refuse_existing(out)
    if out.suffix not in (".png", ".npy", ".npz"):
        raise ChainruleError(f"{out}: the ending says what is written, and must be .png, .npy or .npz")
    if out.suffix == ".png" and not domain.is_image:
        raise ChainruleError(f"{out}: data of shape {domain.shape} are no images; write .npy or .npz")


def write_data(out: Path, x: Tensor, domain: Domain) -> None:
    """Data as a picture or as an array of bytes."""
    if out.suffix == ".png":
        save_image(grid(x, domain), out)
    elif out.suffix == ".npy":
        with replacing(out) as part, part.open("wb") as file:
            np.save(file, x.to(torch.uint8).numpy())
    else:
        write_arrays(out, samples=x)


def write_arrays(out: Path, **arrays: Tensor) -> None:
    """Named arrays of bytes (every level fits) in an .npz file."""
    with replacing(out) as part, part.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **{name: x.to(torch.uint8).numpy() for name, x in arrays.items()})
