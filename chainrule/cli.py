"""The command line: `main` finds the command, and turns every kind of bad input into one line and exit status 2."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from importlib import import_module

from chainrule.version import __version__

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130

COMMANDS = {
    "demo": "train three models on handwritten digits and write a report: the whole of it, in minutes",
    "train": "train a model on your data",
    "evaluate": "the likelihood of data under a trained model",
    "sample": "draw new data from a trained model",
    "complete": "fill in the missing part of images, several times each",
    "check": "prove that a trained model does not see the future: the laws",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status: 0, 1 where a check failed or training broke down, 2 for bad input."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(overview())
        return 0
    if argv[0] == "--version":
        print(f"chainrule {__version__}")
        return 0
    if argv[0] not in COMMANDS:
        return complain(f"there is no command {argv[0]!r}; there are {', '.join(COMMANDS)}")
    return carry_out(argv[0], argv[1:])


def overview() -> str:
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:{width}}  {summary}" for name, summary in COMMANDS.items())
    return (
        "chainrule: deep autoregressive density models, with likelihoods you can trust.\n\n"
        f"commands:\n{commands}\n\nchainrule COMMAND --help tells the options of a command."
    )


def carry_out(name: str, argv: list[str]) -> int:
    """Imports the command, and with it torch; parses its options and runs it."""
    from jsonargparse import ArgumentError, ArgumentParser

    from chainrule.errors import ChainruleError, TrainingStopped

    command = import_module(f"chainrule.commands.{name}")
    parser = ArgumentParser(prog=f"chainrule {name}", description=COMMANDS[name], exit_on_error=False)
    try:
        command.options(parser, argv)
        status = command.run(parser.parse_args(argv))
    except ArgumentError as error:
        return complain(f"{readable(str(error))}; chainrule {name} --help tells the options")
    except ChainruleError as error:
        return complain(str(error))
    except TrainingStopped as error:
        complain(str(error))
        return INTERRUPTED if error.interrupted else FAILED
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    return int(status)


def complain(message: str) -> int:
    """One line on standard error; returns the status for bad input."""
    print(f"chainrule: error: {' '.join(message.split())}", file=sys.stderr)
    return BAD_INPUT


def readable(message: str) -> str:
    """The parser's message in the words of the command line."""
    message = re.sub(r"<class '([\w.]*\.)?(\w+)'>", r"\2", message)
    message = re.sub(r"typing\.", "", message)
    return re.sub(r'Parser key "([\w.]+)"', lambda key: "--" + key[1].replace("_", "-"), message)
