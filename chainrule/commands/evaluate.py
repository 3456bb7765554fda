"""chainrule evaluate RUN --data F"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict

import torch
from jsonargparse import ArgumentParser, Namespace

from chainrule.commands.common import (
    add_members,
    add_run,
    add_split,
    check_members,
    load_model,
    load_split,
    warn_of_known,
)
from chainrule.inference.evaluate import evaluate
from chainrule.progress import bar


def options(parser: ArgumentParser, _argv: Sequence[str]) -> None:
    add_run(parser)
    add_members(parser)
    add_split(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def run(args: Namespace) -> int:
    model = load_model(args)
    check_members(args, model)
    split = load_split(args, model)
    warn_of_known(args, split, torch.arange(len(split)))
    with bar("evaluating", len(split), show=not args.json) as shown:
        result = evaluate(model, split, progress=shown, members=args.members or 1)
    if args.json:
        numbers = {**asdict(result), "bits_per_dim": result.bits_per_dim if result.has_bits else math.nan}
        # JSON has no nan, which is the standard error of a single datum, and bits/dim where they mean nothing.
        plain = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
        print(json.dumps({**plain, "split": args.split}))
    else:
        print(f"{args.split} NLL: {result}")
    return 0
