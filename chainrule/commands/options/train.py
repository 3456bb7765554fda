"""The options of `chainrule train`, with those of the model that is named."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from jsonargparse import ArgumentParser

from chainrule.commands.options.declare import add_all
from chainrule.commands.options.groups import (
    COLUMNS,
    DATA_SEED,
    PREPARATION,
    TRAINING,
    add_config,
    add_data,
    add_import,
    add_resume,
    add_seed,
)

USAGE = "MODEL --data FILE --out RUN [options]"
EXAMPLES = (
    "chainrule train made --data digits --binarize threshold --out runs/made",
    "chainrule train pixelcnn --data images --levels 4 --epochs 10 --out runs/gray",
    "chainrule train made --help",
)
MODELS = ("independent", "made", "pixelcnn", "row-lstm", "diagonal-bilstm")
FLAGS = ("--resume", "--print-config", "--help", "-h")
"""Options without a value."""


def add_options(parser: ArgumentParser, argv: Sequence[str]) -> None:
    """Add the options, in groups, and those of the model that `argv` names.

    Raises:
        ChainruleError: `argv` names a model that is not known, or a module that cannot be imported.
    """
    name, module = first_word(argv), value_of("--import", argv)
    group = parser.add_argument_group("model")
    words = (
        f"{', '.join(MODELS)}; or MODULE:CLASS, a class of your own. The options of a model: chainrule train MODEL "
        "--help."
    )
    choices: dict[str, Any] = {} if name is None else {"choices": (name,)}  # a --config may not name another
    group.add_argument("name", metavar="MODEL", help=words, **choices)
    add_import(group)
    add_seed(group, "Seed of the weights, and of the order of the data.")
    files = parser.add_argument_group("input and output")
    add_data(files)
    files.add_argument("--out", type=str, required=True, metavar="RUN", help="New folder for the trained model: a run.")
    add_resume(files, "run")
    add_config(parser)
    add_all(parser.add_argument_group("preparation of images"), (*PREPARATION, DATA_SEED))
    add_all(parser.add_argument_group("preparation of tables"), COLUMNS)
    add_all(parser.add_argument_group("training"), TRAINING)
    if name is not None:
        add_model(parser, name, module)


def add_model(parser: ArgumentParser, name: str, module: str | None) -> None:
    """Add the options of a model's constructor."""
    from chainrule.commands.options.constructor import constructor_options
    from chainrule.commands.own_models import find_model  # imports torch

    model = find_model(name, module)
    options = constructor_options(model.model_class, ("seed", *model.fixed))
    add_all(parser.add_argument_group(f"options of {name}"), options, prefix="model.")
    parser.prog = f"chainrule train {name}"  # whose help has these options


def first_word(argv: Sequence[str]) -> str | None:
    """Return the first word that is neither an option nor the value of one.

    Example:
        >>> first_word(["--out", "made", "--resume", "pixelcnn", "--data=x"])
        'pixelcnn'
    """
    for before, word in pairwise(["", *argv]):
        is_value = before.startswith("-") and before not in FLAGS and "=" not in before
        if not is_value and not word.startswith("-"):
            return word
    return None


def value_of(option: str, argv: Sequence[str]) -> str | None:
    """Return the value of an option before the command line is parsed; None where it is not given.

    Example:
        >>> value_of("--import", ["made", "--import", "mine"]), value_of("--import", ["--import=mine"])
        ('mine', 'mine')
    """
    for word, after in pairwise([*argv, ""]):
        if word == option:
            return after or None
        if word.startswith(f"{option}="):
            return word.partition("=")[2] or None
    return None
