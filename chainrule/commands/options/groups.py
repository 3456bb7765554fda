"""Options that several commands have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from jsonargparse import ArgumentParser

from chainrule.commands.options.declare import Option, add_all

if TYPE_CHECKING:
    from jsonargparse._core import ArgumentGroup

Split = Literal["train", "valid", "test"]

SOURCES = (
    "A file (.npz, .npy, idx), a table (.csv, .tsv, .parquet), a folder of images, hf:OWNER/NAME, or digits (8×8 "
    "images that come with scikit-learn)."
)

DATA_SEED = Option("data_seed", int, 0, "Seed of the split, where the source has none, and of the draws of --binarize.")
"""The seed of `load_data`, which is not that of the model."""

PREPARATION = (
    Option(
        "binarize",
        Literal["threshold", "draw", "dynamic"] | None,
        None,
        "Make gray values 0 or 1: by rounding (threshold), by one draw of each pixel (draw), or by a new draw in each "
        "epoch (dynamic).",
    ),
    Option("levels", int | None, None, "Round gray values, or those of each colour, to this number of levels."),
)
"""The options of `load_data` for images, with its names and defaults."""

COLUMNS = (
    Option(
        "kinds",
        str | dict[str, str] | None,
        None,
        "Kinds of columns, in place of those that are inferred: binary, categorical, count, integer or real.",
        "NAME=KIND,...",
    ),
    Option("drop", str | list[str] | None, None, "Columns to leave out, such as identifiers.", "NAME,..."),
    Option(
        "missing",
        str | list[str] | None,
        None,
        "Words that stand for a missing value, such as ?. Empty fields, NA and the like are known.",
        "WORD,...",
    ),
)
"""The options of `load_data` for tables, with its names and defaults."""

TRAINING = (
    Option(
        "epochs",
        int | None,
        None,
        "Passes over the training data. Default: 20; of a table, as many as take 2000 updates.",
    ),
    Option("updates", int | None, None, "Number of updates, instead of --epochs."),
    Option("batch_size", int, 100, "Data in one update, over all processes together."),
    Option(
        "optimiser", Literal["adamw", "sgd", "rmsprop", "adagrad", "adadelta"], "adamw", "Rule that updates weights."
    ),
    Option("lr", float, 1e-3, "Highest learning rate."),
    Option(
        "schedule",
        Literal["cosine", "constant"],
        "cosine",
        "Learning rate over time: it falls to zero along half a cosine, or is constant.",
    ),
    Option("warmup", int, 100, "Updates in which the learning rate rises from zero; at most half of all updates."),
    Option("weight_decay", float, 0.0, "AdamW's decoupled weight decay; an L2 penalty with other optimisers."),
    Option("clip", float, 1.0, "Largest norm of the gradient; a longer gradient is shortened to it."),
    Option(
        "ema",
        float,
        0.999,
        "Decay of the exponential moving average of the weights, which is what is validated and saved; 0 for none.",
    ),
    Option(
        "patience",
        int | None,
        None,
        "Stop after this number of epochs without a better validation NLL. Default: run all epochs.",
    ),
    Option(
        "precision",
        Literal["auto", "float32", "bfloat16"],
        "auto",
        "Arithmetic of the layers in training. auto takes bfloat16 where it is as good and the device computes in it. "
        "Evaluation is in float32.",
    ),
    Option("device", str, "auto", "auto, cpu, cuda, cuda:1 or mps.", "NAME"),
)
"""The fields of `chainrule.training.Settings` but `seed`, with their names and defaults."""


def add_run(group: ArgumentGroup) -> None:
    """Add RUN, which is required."""
    group.add_argument("run", metavar="RUN", type=str, help="Folder of a trained model.")


def add_data(group: ArgumentGroup) -> None:
    """Add --data, which is required."""
    group.add_argument("--data", type=str, metavar="FILE", required=True, help=SOURCES)


def add_split(group: ArgumentGroup, help: str = "Part of the data.") -> None:
    """Add --split."""
    add_all(group, [Option("split", Split, "test", help)])


def add_json(group: ArgumentGroup) -> None:
    """Add --json."""
    group.add_argument("--json", action="store_true", help="Print JSON, for programs.")


def add_seed(group: ArgumentGroup, help: str) -> None:
    """Add --seed."""
    add_all(group, [Option("seed", int, 0, help)])


def add_members(group: ArgumentGroup) -> None:
    """Add --members."""
    words = "Average over this number of members of a MADE trained with --model.agnostic. Default: the model alone."
    add_all(group, [Option("members", int | None, None, words)])


def add_temperature(group: ArgumentGroup) -> None:
    """Add --temperature."""
    words = "1 draws from the model itself; below 1, likely values are preferred."
    add_all(group, [Option("temperature", float, 1.0, words)])


def add_particles(group: ArgumentGroup) -> None:
    """Add --particles."""
    words = "Weighted completions of each datum to choose from, where no order of the model begins with what is known."
    add_all(group, [Option("particles", int, 1024, words)])


def add_loading(group: ArgumentGroup) -> None:
    """Add the options that say how a run is loaded: --import and --device."""
    add_import(group)
    group.add_argument("--device", type=str, default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps.")


def add_import(group: ArgumentGroup) -> None:
    """Add --import."""
    words = "Import a module of your own first, which defines the model's class."
    group.add_argument("--import", type=str, metavar="MODULE", help=words)


def add_resume(group: ArgumentGroup, what: str) -> None:
    """Add --resume, of a run or a comparison."""
    group.add_argument("--resume", action="store_true", help=f"Continue the {what} in --out, if there is one.")


def add_config(parser: ArgumentParser) -> None:
    """Add --config, and with it --print-config, to a parser and not to a group of it."""
    parser.add_argument("--config", action="config", metavar="FILE", help="Read options from a YAML file.")
