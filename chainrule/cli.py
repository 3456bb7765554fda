"""The command line: `main` finds the command, and turns every kind of bad input into one line and exit status 2."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module

from chainrule.version import __version__

FAILED, BAD_INPUT, INTERRUPTED, CLOSED = 1, 2, 130, 141

COMMANDS = {
    "demo": "train five models on handwritten digits, black-and-white and gray, and write a report: takes minutes",
    "train": "train a model on your data",
    "compare": "train several models of your data under one budget, and report what they reach and cost",
    "evaluate": "the likelihood of data under a trained model",
    "sample": "draw new data from a trained model",
    "score": "log p of each datum, such as to find anomalies",
    "impute": "fill in what is missing from a table",
    "complete": "fill in the missing part of images, several times each",
    "inspect": "show what a trained model is and does: masks, receptive fields, predicted distributions",
    "explain": "how these models work, from the chain rule on, each step computed before your eyes",
    "check": "check that a trained model, or any PyTorch function, does not see the future",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status: 0, 1 where a check failed or training broke down, 2 for bad input.

    Where whoever reads the output has closed it, as `head` does, that ends the command without a word.
    """
    try:
        status = obey(list(sys.argv[1:] if argv is None else argv))
        print(end="", flush=True)  # what cannot be written any more is found out here, and not at exit
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is left to be written
        return CLOSED
    return status


def obey(argv: list[str]) -> int:
    """Carries out the words of the command line; returns the exit status."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(overview())
        return 0
    if argv[0] == "--version":
        print(f"chainrule {__version__}")
        return 0
    if argv[0] not in COMMANDS:
        return complain(f"there is no command {argv[0]!r}; there are {', '.join(COMMANDS)}")
    try:
        return carry_out(argv[0], argv[1:])
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except SystemExit as done:  # after --help
        return int(done.code or 0)


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
    parser = ArgumentParser(
        prog=f"chainrule {name}", description=COMMANDS[name], exit_on_error=False, allow_abbrev=False
    )
    try:
        command.options(parser, argv)
        status = command.run(parser.parse_args(argv))
    except (ArgumentError, UnicodeDecodeError) as error:  # the latter from a --config of bytes
        return complain(f"{readable(str(error))}; chainrule {name} --help tells the options")
    except ChainruleError as error:
        return complain(str(error))
    except TrainingStopped as error:
        if error.interrupted:
            print(f"chainrule: {error}", file=sys.stderr)
            return INTERRUPTED
        complain(str(error))
        return FAILED
    except (MemoryError, RuntimeError) as error:
        if not is_memory_short(error):
            raise
        return complain(f"not enough memory ({error}); ask for less at a time, or for a smaller model")
    return int(status)


def complain(message: str) -> int:
    """One line on standard error; returns the status for bad input."""
    print(f"chainrule: error: {' '.join(message.split())}", file=sys.stderr)
    return BAD_INPUT


def is_memory_short(error: Exception) -> bool:
    """Is that what numpy's or torch's error says? Torch has no one class for it."""
    words = r"can't allocate memory|not enough memory|out of memory"
    return isinstance(error, MemoryError) or re.search(words, str(error)) is not None


KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false", "Sequence": "a list, such as [16,16]"}
POSITIONALS = {"name": "MODEL", "run": "RUN"}


def readable(message: str) -> str:
    """The parser's message in the words of the command line.

    Example:
        >>> readable("the following arguments are required: run, batch_size")
        'RUN, --batch-size must be given'
        >>> readable('Parser key "lr":\\n  Expected a <class \\'float\\'>. Got value: x')
        "--lr must be a number, not 'x'"
    """
    if missing := re.fullmatch(r"the following arguments are required: (.*)", message):
        return f"{', '.join(map(option, missing[1].split(', ')))} must be given"
    wrong = re.match(r'Parser key "([\w.]+)":?\s*(.*)', message, re.DOTALL)
    if wrong is None:
        return message.removeprefix("argument ")
    return f"{option(wrong[1])} {readable_kind(wrong[2]) or wrong[2]}"


def readable_kind(message: str) -> str:
    """What an option must be, from what the parser expected of it; nothing if the message is about something else."""
    found = re.findall(r"Expected a (?:<class '(?:\w+\.)*(\w+)'>|typing\.Literal\[(.*?)\])", message)
    given = re.search(r"(?:Got|Given) value: (.*)", message, re.DOTALL)
    kinds = [KINDS.get(kind, "one of " + words.replace("'", "")) for kind, words in found if kind != "NoneType"]
    return f"must be {' or '.join(kinds)}, not {given[1]!r}" if kinds and given else ""


def option(key: str) -> str:
    """A parser's key as it is given on the command line."""
    return POSITIONALS.get(key) or f"{'-' if len(key) == 1 else '--'}{key.replace('_', '-')}"
