"""The options of `chainrule compare`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jsonargparse import SUPPRESS, ArgumentParser

from chainrule.commands.options.constructor import constructor_options
from chainrule.commands.options.declare import add_all, without
from chainrule.commands.options.groups import (
    DATA_SEED,
    PREPARATION,
    TRAINING,
    add_config,
    add_data,
    add_json,
    add_resume,
    add_seed,
)
from chainrule.models import BY_NAME
from chainrule.reports.compare import (
    ABLATION_FAMILIES,
    COMPARED,
    DEFAULT_MINUTES,
    DEFAULT_SAMPLES,
    DEFAULT_SETTINGS,
    FAMILIES,
    RESERVED_SETTINGS,
)

if TYPE_CHECKING:
    from jsonargparse._core import ArgumentGroup

USAGE = "--data FILE --out FOLDER [options]"
EXAMPLES = (
    "chainrule compare --data digits --binarize threshold --out compared",
    "chainrule compare --data digits --levels 4 --models made,pixelcnn --out two",
)


def add_options(parser: ArgumentParser, _argv: Sequence[str]) -> None:
    """Add the options, in groups. Options of the comparison, of training and of models are absent unless given."""
    files = parser.add_argument_group("input and output")
    add_data(files)
    words = "New folder for the report and the runs."
    files.add_argument("--out", type=str, required=True, metavar="FOLDER", help=words)
    add_resume(files, "comparison")
    add_json(files)
    add_config(parser)
    add_comparison(parser.add_argument_group("comparison"))
    preparation = parser.add_argument_group("preparation of the data")
    add_all(preparation, PREPARATION, defaults={})
    add_all(preparation, [DATA_SEED])
    training = without(TRAINING, RESERVED_SETTINGS)
    add_all(parser.add_argument_group("training"), training, defaults=DEFAULT_SETTINGS)
    for name in COMPARED:
        model, defaults = BY_NAME[name], FAMILIES[name].described_arguments
        options = constructor_options(model.model_class, ("seed", "order", *model.fixed))
        add_all(parser.add_argument_group(f"options of {name}"), options, prefix=f"{name}.", defaults=defaults)


def add_comparison(group: ArgumentGroup) -> None:
    """Add the options that say what is compared, and under which budget."""
    recurrent = " or ".join(ABLATION_FAMILIES)
    for name, kind, metavar, words in (
        ("models", list[str] | str, "NAME,...", f"Models, some of {', '.join(COMPARED)}. Default: all that take such "
         "data."),
        ("minutes", float, "FLOAT", f"Minutes of training for each model. Default: {DEFAULT_MINUTES:g}, unless "
         "--updates are given."),
        ("updates", int, "INT", "Updates for each model, instead of minutes."),
        ("samples", int, "INT", f"Samples from each model. Default: {DEFAULT_SAMPLES}."),
        ("ablation", str, "NAME", f"{recurrent}: train it also with and without residual and skip connections."),
    ):  # fmt: skip
        group.add_argument(f"--{name}", type=kind, default=SUPPRESS, metavar=metavar, help=words)
    add_seed(group, "Seed of the weights, of the order of the data, and of the samples.")
