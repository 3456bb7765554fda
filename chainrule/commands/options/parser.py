"""The parser of a command's options, and its messages in the words of the command line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import import_module

from jsonargparse import ArgumentParser

from chainrule.commands.options.help import HelpFormatter
from chainrule.commands.options.nearest import nearest

KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false", "Sequence": "a list, such as [16,16]"}
POSITIONALS = {"name": "MODEL", "run": "RUN"}


def make_parser(name: str, summary: str, argv: Sequence[str]) -> ArgumentParser:
    """Return the parser of a command; some options of it may depend on the words of the command line.

    Raises:
        ChainruleError: `argv` names what does not exist.
    """
    options = import_module(f"chainrule.commands.options.{name}")
    parser = ArgumentParser(
        prog=f"chainrule {name}",
        usage=f"chainrule {name} {options.USAGE}",
        description=summary,
        epilog="\n".join(["examples:", *(f"  {example}" for example in options.EXAMPLES)]),
        formatter_class=HelpFormatter,
        print_config="--print-config",
        add_help=False,
        exit_on_error=False,
        allow_abbrev=False,
    )
    options.add_options(parser, argv)
    parser.add_argument("-h", "--help", action="help", help="Show this help.")
    for action in parser._actions:
        if action.dest == "print_config":  # jsonargparse has added it with --config
            action.help, action.metavar = "Print all options as YAML, and do nothing else.", ""
    parser._optionals.title = "general options"
    groups = [group for group in parser._action_groups if group is not parser._optionals]
    parser._action_groups = [*groups, parser._optionals]  # type: ignore[list-item]
    return parser


def explain(message: str, parser: ArgumentParser) -> str:
    """Return a message of the parser in the words of the command line.

    Example:
        >>> parser = ArgumentParser()
        >>> _ = parser.add_argument("--epochs", type=int)
        >>> explain("unrecognized arguments: --epoch 3", parser)
        "there is no option '--epoch'; did you mean '--epochs'?"
        >>> explain("the following arguments are required: run, batch_size", parser)
        'RUN, --batch-size must be given'
        >>> explain('Parser key "lr":\\n  Expected a <class \\'float\\'>. Got value: x', parser)
        "--lr must be a number, not 'x'"
    """
    if missing := re.fullmatch(r"the following arguments are required: (.*)", message):
        return f"{', '.join(map(as_option, missing[1].split(', ')))} must be given"
    if unknown := re.match(r"unrecognized arguments: (\S+)", message):
        return explain_unknown(unknown[1].partition("=")[0], parser)
    if unknown := re.match(r"Option '(\S+)' is not accepted", message):
        return f"in the --config, {explain_unknown(as_option(unknown[1]), parser)}"
    if other := re.match(r"Parser key \"name\":?\s*'(.*)' not among choices \('(.*)',\)", message):
        return f"the --config names the model {other[1]!r}, and the command line {other[2]!r}; give one of them"
    wrong = re.match(r'Parser key "([\w.]+)":?\s*(.*)', message, re.DOTALL)
    if wrong is None:
        return message.removeprefix("argument ")
    return f"{as_option(wrong[1])} {explain_type(wrong[2]) or wrong[2]}"


def explain_unknown(word: str, parser: ArgumentParser) -> str:
    """Return what is wrong with a word that the parser does not know, and the nearest option if there is one."""
    if not word.startswith("-"):
        return f"unexpected argument {word!r}"
    names = [name for action in parser._actions for name in action.option_strings if name[-1] != "+"]
    found = nearest(word, names)
    return f"there is no option {word!r}{f'; did you mean {found!r}?' if found else ''}"


def explain_type(message: str) -> str:
    """Return what the value of an option must be; an empty string where the message is about something else."""
    found = re.findall(r"Expected a (?:<class '(?:\w+\.)*(\w+)'>|typing\.Literal\[(.*?)\])", message)
    value = re.search(r"(?:Got|Given) value: (.*)", message, re.DOTALL)
    kinds = [KINDS.get(kind, "one of " + words.replace("'", "")) for kind, words in found if kind != "NoneType"]
    return f"must be {' or '.join(kinds)}, not {value[1]!r}" if kinds and value else ""


def as_option(key: str) -> str:
    """Return a parser's key as it is given on the command line.

    Example:
        >>> as_option("batch_size"), as_option("n"), as_option("run")
        ('--batch-size', '-n', 'RUN')
    """
    return POSITIONALS.get(key) or f"{'-' if len(key) == 1 else '--'}{key.replace('_', '-')}"
