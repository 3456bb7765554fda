"""The modules behind a user's callable: found, lent for a check in evaluation mode, and given back as they were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from torch import Tensor, nn


def modules_behind(fn: object) -> nn.ModuleList:
    """The modules that a callable is or holds, the nearest first.

    Of a bound method that is its object; of a partial function what it was made from; of a function what it closes
    over and the globals that it names; and what these hold, in lists or as attributes, in their turn. A module that a
    function finds in another way, such as `package.net`, is not found.

    Example:
        >>> net = nn.Linear(2, 2)
        >>> [each is net for each in modules_behind(lambda x: partial(net.forward)(x))]
        [True]
    """
    found, waiting = nn.ModuleList(), [fn]
    known: dict[int, object] = {}  # held, so that no number is given twice
    for each in waiting:
        if id(each) not in known:
            known[id(each)] = each
            if isinstance(each, nn.Module):
                found.append(each)
            else:
                waiting.extend(parts_of(each))
    return found


def parts_of(thing: Any) -> list[object]:
    """What an object that is no nn.Module holds."""
    if isinstance(thing, type | ModuleType | str | bytes | int | float | Tensor):
        return []
    if isinstance(thing, partial):
        return [thing.func, *thing.args, *thing.keywords.values()]
    if isinstance(thing, MethodType):
        return [thing.__self__, thing.__func__]
    if isinstance(thing, FunctionType):
        return named_by(thing)
    if isinstance(thing, list | tuple | dict):
        return list(thing.values() if isinstance(thing, dict) else thing)
    attributes = getattr(thing, "__dict__", None)
    return list(attributes.values()) if isinstance(attributes, dict) else []


def named_by(function: FunctionType) -> list[object]:
    """What a function closes over, and the globals and defaults that it uses."""
    held: list[object] = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    for cell in function.__closure__ or ():
        try:
            held.append(cell.cell_contents)
        except ValueError:  # not filled yet
            continue
    known = function.__globals__
    if str(known.get("__name__")).split(".")[0] != "torch":  # whose own parts hold no user's weights
        held += [known[name] for name in names_in(function.__code__) if name in known]
    return held


def names_in(code: CodeType) -> list[str]:
    """The names that code uses, those of the functions within it too."""
    inner = [name for constant in code.co_consts if isinstance(constant, CodeType) for name in names_in(constant)]
    return [*code.co_names, *inner]


def tensors_of(modules: nn.Module) -> Iterator[tuple[nn.Module, str, Tensor]]:
    """All parameters and buffers, each with its owner and its name there."""
    for each in modules.modules():
        for name, tensor in (*each.named_parameters(recurse=False), *each.named_buffers(recurse=False)):
            yield each, name, tensor


@contextmanager
def borrowed(modules: nn.Module) -> Iterator[None]:
    """Modules in evaluation mode, whose weights and buffers are copies; afterwards all is what it was.

    Attributes that a call sets are taken back too. What it appends to a list of its own stays.
    """
    modes = [(each, each.training) for each in modules.modules() if hasattr(each, "training")]
    kept = [(each, name, tensor, tensor.data) for each, name, tensor in tensors_of(modules)]
    names = [(held, dict(held)) for each in modules.modules() for held in dictionaries_of(each)]
    try:
        for *_, tensor, values in kept:
            tensor.data = values.clone()
        modules.eval()
        yield
    finally:
        for held, before in names:
            held.clear()
            held.update(before)
        for each, name, tensor, values in kept:
            tensor.data = values
            if getattr(each, name) is not tensor:  # TorchScript keeps its names elsewhere
                setattr(each, name, tensor)
        for each, mode in modes:
            each.training = mode


def dictionaries_of(module: nn.Module) -> list[dict[str, Any]]:
    """Where a module keeps its attributes, parameters and buffers."""
    every = (vars(module), module._parameters, module._buffers)
    return [each for each in every if isinstance(each, dict)]
