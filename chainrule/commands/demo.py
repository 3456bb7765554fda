"""chainrule demo"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from chainrule.reports.demo import run_demo


def options(parser: ArgumentParser, _argv: Sequence[str]) -> None:
    parser.add_argument("--out", type=str, default="demo", help="a new folder, for the report, pictures and models")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn")


def run(args: Namespace) -> int:
    run_demo(Path(args.out), seed=args.seed)
    return 0
