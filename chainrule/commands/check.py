"""chainrule check RUN, and chainrule check MODULE:FUNCTION for what is not of this library"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import asdict, replace
from importlib import import_module, invalidate_caches
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from jsonargparse import ArgumentParser, Namespace

from chainrule.errors import ChainruleError, raised_at
from chainrule.files import refuse_existing
from chainrule.progress import bar

if TYPE_CHECKING:
    from torch import Tensor

# What imports torch is imported where it is used, so that --help is quick.

NEEDED, ALLOWED = ("shape", "levels", "layout"), ("parameters", "scale", "order", "out")
"""The options of MODULE:FUNCTION: those that it needs, and the others."""


def options(parser: ArgumentParser, _argv: Sequence[str]) -> None:
    parser.add_argument(
        "run", metavar="RUN", type=str,
        help="the folder of a trained model; or MODULE:FUNCTION, a function or nn.Module by its name in a module of "
        "this folder: from images [n, C, H, W] or rows [n, D] to logits, searched for leaks alone",
    )  # fmt: skip
    parser.add_argument(
        "--device", type=str, default=None, help="of a RUN: auto (unless given), cpu, cuda, cuda:1, mps"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the data that are tried")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    of_function = parser.add_argument_group("options of MODULE:FUNCTION (the first three must be given)")
    of_function.add_argument(
        "--shape", type=str, default=None, help="of an image: C,H,W, or of rows: D; small is quick"
    )
    of_function.add_argument("--levels", type=int, default=None, help="K, how many values a site can take")
    of_function.add_argument(
        "--layout", type=str, default=None,
        help="of the logits, axis by axis: n,kc,h,w (one axis of K*C, the levels slower) n,ck,h,w (the channels "
        "slower) n,c,k,h,w n,k,c,h,w n,c,h,w,k n,c,h,w (one number a site) n,k,h,w (K numbers a pixel, for all of its "
        "channels); of rows n,kd n,dk n,d,k n,k,d n,d",
    )  # fmt: skip
    of_function.add_argument(
        "--parameters", type=int, default=None,
        help="how many numbers k is in --layout, where they are no logits of the levels (those of a mixture, say)",
    )  # fmt: skip
    of_function.add_argument(
        "--scale", type=str, default=None,
        help="of the images: unit (0 to 1; unless given), signed (-1 to 1), levels (0.0 to K-1), integers (int64)",
    )  # fmt: skip
    of_function.add_argument(
        "--order", type=str, default=None,
        help="of the sites: raster (row, column, channel; unless given), raster-bgr, columns, planes, reverse, or the "
        "numbers of all sites of the flattened image, separated by commas",
    )  # fmt: skip
    of_function.add_argument("--out", type=str, default=None, help="draw what is seen: a new file .png, .pdf or .svg")


def run(args: Namespace) -> int:
    if ":" in args.run and not Path(args.run).exists():
        return check_function(args)
    if not is_folder(args.run):
        remedy = "give that of a run, or MODULE:FUNCTION, as model:net for net in the file model.py of this folder"
        raise ChainruleError(f"there is no folder {args.run!r}; {remedy}")
    given = [f"--{name}" for name in NEEDED + ALLOWED if getattr(args, name) is not None]
    if given:
        raise ChainruleError(f"{', '.join(given)}: of MODULE:FUNCTION alone, and {args.run} is to be a run")
    return check_run(args)


def is_folder(name: str) -> bool:
    try:
        return Path(name).is_dir()
    except (OSError, ValueError):  # a name longer than any file's, or none
        return False


def check_run(args: Namespace) -> int:
    """Holds a trained model to the laws."""
    from chainrule.checks import CHECKS, check_model
    from chainrule.commands.common import load_run

    args.device = args.device or "auto"
    with bar("checking", CHECKS, show=not args.json) as shown:
        report = check_model(load_run(args), seed=args.seed, progress=shown)
    if args.json:
        print(json.dumps({"passed": report.passed, "findings": [asdict(finding) for finding in report.findings]}))
    else:
        print(report)
        counts = Counter(finding.status for finding in report.findings)
        print(", ".join(f"{counts[status]} {status}" for status in ("passed", "failed", "not run") if counts[status]))
    return 0 if report.passed else 1


def check_function(args: Namespace) -> int:
    """Looks for leaks of a user's function."""
    missing = [f"--{name}" for name in NEEDED if getattr(args, name) is None]
    if missing:
        raise ChainruleError(f"{args.run} needs {', '.join(missing)}; chainrule check --help tells what they are")
    if args.device is not None:
        raise ChainruleError(f"--device is of a RUN alone; {args.run} is checked on the device where its weights are")
    from chainrule.checks import LOOKS, check_leak
    from chainrule.figures import leak_figure, save_figure

    check_picture(args.out)
    shape, order = numbers(args.shape, "--shape"), args.order or "raster"
    # What the user's code prints is not to stand in the JSON.
    with redirect_stdout(sys.stderr) if args.json else nullcontext(), here(), no_verdict(args.run):
        fn = named(args.run)
        with bar("checking", LOOKS, show=not args.json) as shown:
            report = check_leak(
                fn, shape, args.levels, numbers(order, "--order") if "," in order else order,
                layout=args.layout, parameters=args.parameters, scale=args.scale or "unit", seed=args.seed, progress=shown,
            )  # fmt: skip
    report = replace(report, name=args.run)
    if args.out:
        save_figure(leak_figure(report), args.out)
    print(json.dumps(report.to_dict()) if args.json else report)
    return 0 if report.passed else 1


@contextmanager
def no_verdict(name: str) -> Iterator[None]:
    """Makes whatever else a user's module raises a ChainruleError: status 1 is for leaks alone.

    Raises:
        ChainruleError: anything was raised.
    """
    try:
        yield
    except ChainruleError:
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {error}{raised_at(error)}"
        remedy = "nothing was found out; give an nn.Module in plain PyTorch, in which this works"
        raise ChainruleError(f"{name} cannot be checked: {what}; {remedy}") from error


def check_picture(out: str | None) -> None:
    """Raises ChainruleError, before any work, for a picture that cannot be written."""
    from chainrule.figures.style import FORMATS

    if out is None:
        return
    refuse_existing(Path(out))
    if Path(out).suffix.lower() not in FORMATS:
        raise ChainruleError(
            f"--out {out} ends in no known figure format; give a name that ends in {', '.join(FORMATS)}"
        )


def numbers(text: str, option: str) -> tuple[int, ...]:
    """Whole numbers that are separated by commas.

    Raises:
        ChainruleError: something else.

    Example:
        >>> numbers("3,8,8", "--shape")
        (3, 8, 8)
    """
    try:
        return tuple(int(number) for number in text.split(","))
    except ValueError:
        raise ChainruleError(f"{option} must be whole numbers separated by commas, not {text!r}") from None


def named(text: str) -> Callable[[Tensor], Tensor]:
    """What `module:name` names, once it is known to be callable; the name may have dots, as in `model:best.net`.

    Raises:
        ChainruleError: a module that cannot be imported, or does not have that name; a class; nothing callable.
    """
    place, _, name = text.partition(":")
    module = imported(place)
    try:
        fn: Any = attrgetter(name)(module)
    except AttributeError:
        where = getattr(module, "__file__", None) or place
        raise ChainruleError(f"{where} has no {name!r}; name a function or nn.Module of it, as in model:net") from None
    if isinstance(fn, type):
        raise ChainruleError(f"{text} is a class; make one in the module, such as `net = {name}(...)`, and name that")
    if not callable(fn):
        raise ChainruleError(f"{text} is of type {type(fn).__name__}; it must be callable on a batch of images")
    return fn  # type: ignore[no-any-return]


def imported(place: str) -> ModuleType:
    """The module of that name.

    Raises:
        ChainruleError: there is none, or it raises.
    """
    try:
        return import_module(place)
    except (Exception, SystemExit) as error:  # a user's module may raise anything, or be a program
        where = raised_at(error)
        own = where or isinstance(error, SyntaxError)  # whose words tell its file and line
        remedy = "mend that" if own else "give a module of this folder, by its name without .py, as in model:net"
        what = f"{type(error).__name__}: {error}{where}"
        raise ChainruleError(f"{place} cannot be imported: {what}; {remedy}") from error


@contextmanager
def here() -> Iterator[None]:
    """Modules of the current folder can be imported, as `python -m` lets them."""
    folder = str(Path.cwd())
    invalidate_caches()
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
