"""Options as values, and how they are added to a parser."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass
from typing import TYPE_CHECKING, Any

from jsonargparse import SUPPRESS, Namespace

from chainrule.commands.options.help import describe_default, describe_type
from chainrule.errors import ChainruleError

if TYPE_CHECKING:
    from jsonargparse._core import ArgumentGroup


@dataclass(frozen=True)
class Option:
    """An option of the command line.

    Attributes:
        name: the name, as in Python: `batch_size` becomes `--batch-size`.
        type: the type of its value.
        default: the value of an option that is not given; MISSING for an option that is required.
        help: short sentences that say what it does; its default is added, unless they name it.
        metavar: what the help shows as its value; made from the type unless given.
    """

    name: str
    type: Any
    default: Any
    help: str
    metavar: str | None = None


def add_all(
    group: ArgumentGroup, options: Iterable[Option], *, prefix: str = "", defaults: Mapping[str, Any] | None = None
) -> None:
    """Add options to a group of a parser.

    Args:
        prefix: begins each name, such as `model.`.
        defaults: the defaults that the help shows in place of the options' own. With it, an option that is not given
            is absent from what is parsed.
    """
    for option in options:
        words, keywords = option.help, dict[str, Any](default=option.default)
        if defaults is not None:
            shown = describe_default(defaults.get(option.name, option.default))
            words, keywords = f"{words} Default: {shown}." if shown else words, {"default": SUPPRESS}
        elif option.default is MISSING:
            keywords = {"required": True}
        name = f"--{prefix}{option.name.replace('_', '-')}"
        metavar = option.metavar or describe_type(option.type)
        group.add_argument(name, type=option.type, metavar=metavar, help=words, **keywords)


def without(options: Iterable[Option], names: Iterable[str]) -> tuple[Option, ...]:
    """Return the options that have none of these names."""
    left_out = set(names)
    return tuple(option for option in options if option.name not in left_out)


def options_below(args: Namespace, name: str) -> dict[str, Any]:
    """Return the options whose names begin with a prefix, such as --model.hidden for `model`, by the rest of the names.

    Raises:
        ChainruleError: a --config has something else there.
    """
    below = args.get(name)
    if below is not None and not isinstance(below, Namespace):
        raise ChainruleError(f"{name} in the --config must hold the model's own options, and is {below!r}")
    return {} if below is None else dict(vars(below))
