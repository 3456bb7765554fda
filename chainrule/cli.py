"""The command line: `main` finds the command, and turns every kind of bad input into one line and exit status 2."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module

from chainrule.version import __version__

FAILED, BAD_INPUT, INTERRUPTED, CLOSED = 1, 2, 130, 141

GROUPS = {
    "first steps": {
        "demo": "Train five models on handwritten digits, and write a report.",
        "explain": "Explain how the models work, with every number computed.",
    },
    "training": {
        "train": "Train a model on your data.",
        "compare": "Train several models under one budget, and compare them.",
    },
    "use of a trained model": {
        "evaluate": "Compute the likelihood of data under a trained model.",
        "score": "Compute log p of each datum, for example to find anomalies.",
        "sample": "Draw new data from a trained model.",
        "complete": "Draw the missing part of images, several times each.",
        "impute": "Fill in the missing values of a table.",
    },
    "inspection": {
        "inspect": "Show masks, receptive fields and predicted distributions.",
        "check": "Check that a model, or a PyTorch function, does not see the future.",
    },
}
COMMANDS = {name: summary for group in GROUPS.values() for name, summary in group.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Where the reader of the output has closed it, as `head` does, the command ends without a message.

    Returns:
        the exit status: 0, 1 where a check failed or training broke down, 2 for bad input, 130 where the user
        interrupted it, 141 where the output was closed.
    """
    try:
        status = dispatch(list(sys.argv[1:] if argv is None else argv))
        print(end="", flush=True)  # a closed output is found here, and not at exit
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is left to be written
        return CLOSED
    return status


def dispatch(argv: list[str]) -> int:
    """Run the command that the first word names, and return the exit status."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(overview())
        return 0
    if argv[0] == "--version":
        print(f"chainrule {__version__}")
        return 0
    if argv[0] not in COMMANDS:
        return report_unknown(argv[0])
    try:
        return run_command(argv[0], argv[1:])
    except KeyboardInterrupt:
        report_error("interrupted")
        return INTERRUPTED
    except SystemExit as done:  # after --help
        return int(done.code or 0)


def overview() -> str:
    """Return what `chainrule --help` prints."""
    width = max(map(len, COMMANDS))
    groups = "\n\n".join(
        "\n".join([f"{title}:", *(f"  {name:{width}}  {summary}" for name, summary in commands.items())])
        for title, commands in GROUPS.items()
    )
    return (
        "usage: chainrule COMMAND [options]\n\n"
        "Deep autoregressive density models, with likelihoods you can trust.\n\n"
        f"{groups}\n\n"
        "chainrule COMMAND --help shows the options of a command.\n"
        "chainrule --version shows the version."
    )


def report_unknown(word: str) -> int:
    """Print that there is no such command, with the nearest one, and return the exit status."""
    from chainrule.commands.options.nearest import nearest

    found = nearest(word, COMMANDS)
    rest = f"did you mean {found!r}?" if found else f"there are {', '.join(COMMANDS)}"
    return report_error(f"there is no command {word!r}; {rest}")


def run_command(name: str, argv: list[str]) -> int:
    """Parse the options of a command, import it, and with it torch, and run it."""
    from jsonargparse import ArgumentError

    from chainrule.commands.options.parser import explain, make_parser
    from chainrule.errors import ChainruleError, MissingValuesError, TrainingStopped

    try:
        parser = make_parser(name, COMMANDS[name], argv)
        try:
            args = parser.parse_args(argv)
        except (ArgumentError, UnicodeDecodeError) as error:  # the latter from a --config of bytes
            message = explain(str(error), parser)
            help_line = "" if message.endswith("?") else f"; {parser.prog} --help lists the options"
            return report_error(f"{message}{help_line}")
        return int(import_module(f"chainrule.commands.{name}").run(args))
    except MissingValuesError as error:
        return report_error(f"{error} (train with --model.agnostic order)")
    except ChainruleError as error:
        return report_error(str(error))
    except TrainingStopped as error:
        if error.interrupted:
            print(f"chainrule: {error}", file=sys.stderr)
            return INTERRUPTED
        report_error(str(error))
        return FAILED
    except (MemoryError, RuntimeError) as error:
        if not is_memory_error(error):
            raise
        return report_error(f"not enough memory ({error}); ask for less at a time, or for a smaller model")


def report_error(message: str) -> int:
    """Print a message as one line on standard error, and return the exit status for bad input."""
    print(f"chainrule: error: {' '.join(message.split())}", file=sys.stderr)
    return BAD_INPUT


def is_memory_error(error: Exception) -> bool:
    """Return whether an error of numpy or torch means that memory is short; torch has no one class for it."""
    words = r"can't allocate memory|not enough memory|out of memory"
    return isinstance(error, MemoryError) or re.search(words, str(error)) is not None
