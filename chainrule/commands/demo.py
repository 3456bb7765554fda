"""`chainrule demo`: train five models on handwritten digits, and write a report."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import Namespace

from chainrule.reports.demo import run_demo


def run(args: Namespace) -> int:
    """Run the command, and return the exit status."""
    run_demo(Path(args.out), seed=args.seed)
    return 0
