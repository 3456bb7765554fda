"""chainrule train MODEL --data F --out RUN"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from jsonargparse import ArgumentParser, Namespace

from chainrule.commands.common import add_keywords
from chainrule.data import load_data
from chainrule.errors import ChainruleError
from chainrule.models import BY_NAME
from chainrule.training import Settings, fit


def options(parser: ArgumentParser, argv: Sequence[str]) -> None:
    models = ", ".join(BY_NAME)
    parser.add_argument(
        "name", metavar="MODEL", choices=tuple(BY_NAME), help=f"{models}; after it, --help tells its options too"
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
    add_keywords(parser, Settings)
    chosen = next((word for word in argv if word in BY_NAME), None)
    if chosen is not None:
        add_keywords(parser, BY_NAME[chosen], prefix="model.", skip=("seed", "order"))


def run(args: Namespace) -> int:
    data = load_data(args.data, binarize=args.binarize, levels=args.levels, seed=args.data_seed)
    if data.train is None:
        raise ChainruleError(f"{data.source} has no training split; give one named train")
    for note in data.notes:
        print(f"{data.source}: {note}")
    model = BY_NAME[args.name](data.domain, seed=args.seed, **dict(args.get("model") or {}))
    parameters = sum(each.numel() for each in model.parameters())
    print(f"{type(model).__name__}, {parameters} parameters, on {len(data.train)} data")
    settings = {field.name: args[field.name] for field in fields(Settings)}
    history = fit(model, data, out=args.out, resume=args.resume, **settings)
    best = history.best_row
    print(f"kept epoch {best.epoch}{f' ({history.stopped})' if history.stopped else ''}: {args.out}")
    return 0
