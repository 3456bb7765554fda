"""chainrule check RUN"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from jsonargparse import ArgumentParser, Namespace

from chainrule.commands.common import add_run, load_run
from chainrule.laws import CHECKS, check_model
from chainrule.progress import bar


def options(parser: ArgumentParser, _argv: Sequence[str]) -> None:
    add_run(parser)
    parser.add_argument("--seed", type=int, default=0, help="of the data that the laws are tried on")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def run(args: Namespace) -> int:
    with bar("checking", CHECKS, show=not args.json) as shown:
        report = check_model(load_run(args), seed=args.seed, tick=shown)
    if args.json:
        print(json.dumps({"passed": report.passed, "findings": [asdict(finding) for finding in report.findings]}))
    else:
        print(report)
        counts = Counter(finding.status for finding in report.findings)
        print(", ".join(f"{counts[status]} {status}" for status in ("passed", "failed", "not run") if counts[status]))
    return 0 if report.passed else 1
