"""chainrule check RUN, and chainrule check MODULE:FUNCTION for any PyTorch module or function"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import asdict, replace
from pathlib import Path

from jsonargparse import Namespace
from torch import Tensor

from chainrule.checks import CheckReport, check_leak, check_model
from chainrule.commands.own_modules import current_folder_on_path, find_attribute
from chainrule.commands.runs import load_autoregressive
from chainrule.errors import ChainruleError, locate_error
from chainrule.figures import FIGURE_FORMATS, leak_figure, save_figure
from chainrule.files import refuse_existing

REQUIRED, OPTIONAL = ("shape", "levels", "layout"), ("outputs_per_site", "scale", "order", "out")
"""The options of MODULE:FUNCTION."""


def run(args: Namespace) -> int:
    """Check a trained model or a function, and return the exit status: 1 if a law does not hold."""
    if ":" in args.run and not Path(args.run).exists():
        return check_function(args)
    if not is_folder(args.run):
        remedy = "give the folder of a run, or MODULE:FUNCTION, such as model:net for net in model.py of this folder"
        raise ChainruleError(f"there is no folder {args.run!r}; {remedy}")
    options = [option_name(name) for name in REQUIRED + OPTIONAL if getattr(args, name) is not None]
    if options:
        raise ChainruleError(f"{', '.join(options)}: only for MODULE:FUNCTION, but {args.run} is the folder of a run")
    return check_run(args)


def is_folder(name: str) -> bool:
    """Return whether a name is that of a folder; False for a name that cannot be one."""
    try:
        return Path(name).is_dir()
    except (OSError, ValueError):  # longer than any file's name, or with a null byte
        return False


def option_name(name: str) -> str:
    """Return an option as it is typed.

    Example:
        >>> option_name("outputs_per_site")
        '--outputs-per-site'
    """
    return f"--{name.replace('_', '-')}"


def check_run(args: Namespace) -> int:
    """Check the laws on a trained model, print the findings, and return the exit status."""
    args.device = args.device or "auto"
    report = check_model(load_autoregressive(args), seed=args.seed, progress=not args.json)
    print(findings_to_json(report) if args.json else f"{report}\n{count_statuses(report)}")
    return 0 if report.passed else 1


def findings_to_json(report: CheckReport) -> str:
    """Return a report as JSON."""
    return json.dumps({"passed": report.passed, "findings": [asdict(finding) for finding in report.findings]})


def count_statuses(report: CheckReport) -> str:
    """Return the number of findings of each status as text."""
    counts = Counter(finding.status for finding in report.findings)
    return ", ".join(f"{counts[status]} {status}" for status in ("passed", "failed", "not run") if counts[status])


def check_function(args: Namespace) -> int:
    """Check a user's function for leaks, print the report, and return the exit status."""
    missing = [option_name(name) for name in REQUIRED if getattr(args, name) is None]
    if missing:
        raise ChainruleError(f"{args.run} needs {', '.join(missing)}; chainrule check --help explains them")
    if args["import"] is not None:
        raise ChainruleError(f"--import is only for a RUN; {args.run} names its module itself")
    if args.device is not None:
        raise ChainruleError(f"--device is only for a RUN; {args.run} is checked on the device of its weights")
    check_figure_path(args.out)
    shape, order = parse_integers(args.shape, "--shape"), args.order or "raster"
    # What the user's code prints must not be part of the JSON.
    with redirect_stdout(sys.stderr) if args.json else nullcontext(), current_folder_on_path(), as_bad_input(args.run):
        report = check_leak(
            find_function(args.run),
            shape,
            levels=args.levels,
            layout=args.layout,
            order=parse_integers(order, "--order") if "," in order else order,
            outputs_per_site=args.outputs_per_site,
            scale=args.scale or "unit",
            seed=args.seed,
            progress=not args.json,
        )
    report = replace(report, name=args.run)
    if args.out:
        save_figure(leak_figure(report), args.out)
    print(json.dumps(report.to_dict()) if args.json else report)
    return 0 if report.passed else 1


@contextmanager
def as_bad_input(name: str) -> Iterator[None]:
    """Turn any other error of a user's module into a ChainruleError, since exit status 1 means a leak.

    Raises:
        ChainruleError: an error was raised within the block.
    """
    try:
        yield
    except ChainruleError:
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {error}{locate_error(error)}"
        remedy = "give an nn.Module in plain PyTorch, in which this works"
        raise ChainruleError(f"{name} cannot be checked: {what}; {remedy}") from error


def check_figure_path(out: str | None) -> None:
    """Raise ChainruleError, before any work, if a figure cannot be written."""
    if out is None:
        return
    refuse_existing(Path(out))
    if Path(out).suffix.lower() not in FIGURE_FORMATS:
        raise ChainruleError(
            f"--out {out} has no known figure format; give a name that ends in {', '.join(FIGURE_FORMATS)}"
        )


def parse_integers(text: str, option: str) -> tuple[int, ...]:
    """Return the whole numbers in a text, which are separated by commas.

    Raises:
        ChainruleError: the text has another form.

    Example:
        >>> parse_integers("3,8,8", "--shape")
        (3, 8, 8)
    """
    try:
        return tuple(int(number) for number in text.split(","))
    except ValueError:
        raise ChainruleError(f"{option} must be whole numbers separated by commas, not {text!r}") from None


def find_function(text: str) -> Callable[[Tensor], Tensor]:
    """Return the callable that `module:name` names; the name may have dots, such as `model:best.net`.

    Raises:
        ChainruleError: a module that cannot be imported or does not have the name; a class; an object that is not
            callable.
    """
    fn = find_attribute(text, "a function or nn.Module of it, as in model:net")
    if isinstance(fn, type):
        name = text.partition(":")[2]
        raise ChainruleError(f"{text} is a class; make one in the module, such as `net = {name}(...)`, and name that")
    if not callable(fn):
        raise ChainruleError(f"{text} is of type {type(fn).__name__}; it must be callable on a batch of images")
    return fn  # type: ignore[no-any-return]
