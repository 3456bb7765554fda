"""chainrule train MODEL --data F --out RUN"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from itertools import pairwise
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from chainrule.commands.common import add_keywords, nested
from chainrule.data import load_data
from chainrule.domain import Domain
from chainrule.errors import ChainruleError
from chainrule.files import refuse_existing
from chainrule.models import BY_NAME, AutoregressiveModel
from chainrule.training import Settings, fit, is_first


def options(parser: ArgumentParser, argv: Sequence[str]) -> None:
    chosen, models = model_named(argv), ", ".join(BY_NAME)
    parser.add_argument(
        "name",
        metavar="MODEL",
        choices=(chosen,) if chosen else tuple(BY_NAME),  # a --config may not name another
        help=f"{models}; after it, --help tells its options too",
    )
    parser.add_argument("--config", action="config", help="a YAML file with any of these options")
    parser.add_argument(
        "--data", type=str, required=True, help="digits, a file .npz, .npy or idx, or a folder of images"
    )
    parser.add_argument("--out", type=str, required=True, help="a new folder, for the run")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out, if there is one")
    add_keywords(parser, load_data, skip=("seed", "domain"))
    parser.add_argument(
        "--data-seed", type=int, default=0, help="of the split, where the data has none, and of a binarization"
    )
    add_keywords(parser, Settings, skip=("seed",))
    parser.add_argument("--seed", type=int, default=0, help="of the model's weights and of the order of the data")
    if chosen is not None:
        named = BY_NAME[chosen]
        add_keywords(parser, named.make, prefix="model.", skip=("seed", "order", *named.fixed))


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
    data = load_data(args.data, binarize=args.binarize, levels=args.levels, seed=args.data_seed)
    if data.train is None:
        raise ChainruleError(f"{data.source} has no training split; give one named train")
    model = build(args, data.domain)
    parameters = sum(each.numel() for each in model.parameters())
    say(*(f"{data.source}: {note}" for note in data.notes))
    say(f"{model.in_words()}, {parameters} parameters, on {len(data.train)} data")
    history = fit(model, data, out=args.out, resume=args.resume, **asdict(settings))
    say(f"kept epoch {history.best}{f' ({history.stopped})' if history.stopped else ''}: {args.out}")
    return 0


def build(args: Namespace, domain: Domain) -> AutoregressiveModel:
    """The model that was asked for.

    Raises:
        ChainruleError: options that it does not take.
    """
    return BY_NAME[args.name](domain, seed=args.seed, **nested(args, "model"))


def say(*lines: str) -> None:
    """Prints lines, once where several processes train together."""
    if is_first():
        print(*lines, sep="\n", flush=True)
