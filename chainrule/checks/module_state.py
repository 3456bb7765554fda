"""Find the modules that a user's callable uses, and restore their state after a check."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from torch import Tensor, nn


def find_modules(fn: object) -> nn.ModuleList:
    """Find the modules that a callable is or uses, in breadth-first order.

    These are found through the object of a bound method; the function and arguments of a partial function; the
    closure, the defaults and the named globals of a function; and the attributes and items of all of these, in turn. A
    module that a function finds in another way, such as `package.net`, is not found.

    Example:
        >>> net = nn.Linear(2, 2)
        >>> [module is net for module in find_modules(lambda x: partial(net.forward)(x))]
        [True]
    """
    found, queue = nn.ModuleList(), [fn]
    visited: dict[int, object] = {}  # holds the objects, so that no id is used twice
    for item in queue:
        if id(item) not in visited:
            visited[id(item)] = item
            if isinstance(item, nn.Module):
                found.append(item)
            else:
                queue.extend(list_parts(item))
    return found


def list_parts(item: Any) -> list[object]:
    """Return the objects that an object other than an nn.Module holds."""
    if isinstance(item, type | ModuleType | str | bytes | int | float | Tensor):
        return []
    if isinstance(item, partial):
        return [item.func, *item.args, *item.keywords.values()]
    if isinstance(item, MethodType):
        return [item.__self__, item.__func__]
    if isinstance(item, FunctionType):
        return list_function_parts(item)
    if isinstance(item, list | tuple | dict):
        return list(item.values() if isinstance(item, dict) else item)
    attributes = getattr(item, "__dict__", None)
    return list(attributes.values()) if isinstance(attributes, dict) else []


def list_function_parts(function: FunctionType) -> list[object]:
    """Return the closure of a function, its defaults, and the globals that it names."""
    parts: list[object] = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    for cell in function.__closure__ or ():
        try:
            parts.append(cell.cell_contents)
        except ValueError:  # not filled yet
            continue
    module_globals = function.__globals__
    if str(module_globals.get("__name__")).split(".")[0] != "torch":  # torch's own globals hold no weights of a user
        names = list_names(function.__code__)
        parts += [module_globals[name] for name in names if name in module_globals]
    return parts


def list_names(code: CodeType) -> list[str]:
    """Return the names that code uses, with those of the functions within it."""
    inner = [name for constant in code.co_consts if isinstance(constant, CodeType) for name in list_names(constant)]
    return [*code.co_names, *inner]


def iter_tensors(modules: nn.Module) -> Iterator[tuple[nn.Module, str, Tensor]]:
    """Iterate over all parameters and buffers, each with its module and its name there."""
    for module in modules.modules():
        for name, tensor in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
            yield module, name, tensor


@contextmanager
def restore_on_exit(modules: nn.Module) -> Iterator[None]:
    """Put modules into evaluation mode, with copies of their weights and buffers; restore all of it after the block.

    Attributes that a call sets are restored too. An item that a call appends to a list of its own stays.
    """
    modes = [(module, module.training) for module in modules.modules() if hasattr(module, "training")]
    originals = [(module, name, tensor, tensor.data) for module, name, tensor in iter_tensors(modules)]
    attributes = [(names, dict(names)) for module in modules.modules() for names in attribute_dicts(module)]
    try:
        for *_, tensor, values in originals:
            tensor.data = values.clone()
        modules.eval()
        yield
    finally:
        for names, before in attributes:
            names.clear()
            names.update(before)
        for module, name, tensor, values in originals:
            tensor.data = values
            if getattr(module, name) is not tensor:  # TorchScript stores its names elsewhere
                setattr(module, name, tensor)
        for module, mode in modes:
            module.training = mode


def attribute_dicts(module: nn.Module) -> list[dict[str, Any]]:
    """Return the dictionaries of a module's attributes, parameters and buffers."""
    dicts = (vars(module), module._parameters, module._buffers)
    return [each for each in dicts if isinstance(each, dict)]
