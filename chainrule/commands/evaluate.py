"""`chainrule evaluate`: print the mean negative log-likelihood of data under a trained model."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import torch
from jsonargparse import Namespace

from chainrule.commands.runs import check_members, load_model, load_split, warn_of_seen_data
from chainrule.inference import Evaluation, evaluate
from chainrule.progress import progress_bar


def run(args: Namespace) -> int:
    """Run the command, and return the exit status."""
    model = load_model(args)
    check_members(args, model)
    split = load_split(args, model)
    warn_of_seen_data(args, split, torch.arange(len(split)))
    with progress_bar("evaluating", len(split), show=not args.json) as shown:
        result = evaluate(model, split, progress=shown, members=args.members or 1)
    print(as_json(result, args.split) if args.json else f"{args.split} NLL: {result}")
    return 0


def as_json(result: Evaluation, split: str) -> str:
    """Return the result as a JSON object; null where a number has no meaning, since JSON has no nan."""
    numbers = {**asdict(result), "bits_per_dim": result.bits_per_dim if result.has_bits else math.nan}
    plain = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
    return json.dumps({**plain, "split": split})
