"""Options from the constructor of a model: their types, defaults and descriptions are those of its arguments."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterator, Sequence
from dataclasses import MISSING
from typing import Any, Literal, get_args, get_origin

from docstring_parser import parse

from chainrule.commands.options.declare import Option

PLAIN = (int, float, bool, str)
SIDE = "Side that the order of the pixels begins with. What is kept when images are completed should come first."


def constructor_options(model: type, skipped: Sequence[str] = ()) -> Iterator[Option]:
    """Yield an option for each argument of a constructor that can be given as plain text.

    Numbers, words, choices and lists of these can; an argument of another type keeps its default. Of orders, those of
    images that begin with a side can be given.

    Args:
        skipped: names of arguments that are given in another way.
    """
    hints, descriptions = argument_types(model), argument_descriptions(model)
    for name, parameter in inspect.signature(model).parameters.items():
        if name in ("domain", *skipped) or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        default = MISSING if parameter.default is parameter.empty else parameter.default
        kind = plain_part(hints.get(name, str if default in (None, MISSING) else type(default)))
        if name == "order":
            if sides := side_part(kind):
                yield Option(name, sides, get_args(sides)[0], SIDE)
        elif kind is not None:
            yield Option(name, kind, default, descriptions.get(name, ""))


def argument_types(model: type) -> dict[str, Any]:
    """Return the types of a constructor's arguments, by name; of a user's class some may be unknown."""
    try:
        return typing.get_type_hints(model.__init__)  # type: ignore[misc]
    except Exception:  # names that are imported for a type checker alone
        return {}


def argument_descriptions(model: type) -> dict[str, str]:
    """Return what the docstring says of each argument, as sentences."""
    parameters = parse(inspect.getdoc(model) or "").params
    return {each.arg_name: as_sentence(each.description or "") for each in parameters}


def as_sentence(text: str) -> str:
    """Return a description with a capital letter and a full stop.

    Example:
        >>> as_sentence("the width of each\\nhidden layer")
        'The width of each hidden layer.'
    """
    words = " ".join(text.split())
    return f"{words[:1].upper()}{words[1:]}{'' if words.endswith('.') or not words else '.'}"


def plain_part(kind: Any) -> Any:
    """Return a type, or the members of a union, without what cannot be given as text; None where nothing is left.

    Example:
        >>> plain_part(dict), plain_part(Sequence[int] | object)
        (None, collections.abc.Sequence[int])
    """
    if get_origin(kind) in (typing.Union, types.UnionType):
        members = [each for each in get_args(kind) if each is not type(None) and plain_part(each) is not None]
        optional = type(None) in get_args(kind)
        return typing.Union[(*members, *([None] if optional else []))] if members else None
    if get_origin(kind) in (list, tuple, Sequence):
        return kind if all(each in (*PLAIN, Ellipsis) for each in get_args(kind)) else None
    return kind if kind in PLAIN or get_origin(kind) is Literal else None


def side_part(kind: Any) -> Any:
    """Return the choices of words in a type; None where there are none."""
    members = get_args(kind) if get_origin(kind) in (typing.Union, types.UnionType) else (kind,)
    return next((each for each in members if get_origin(each) is Literal), None)
