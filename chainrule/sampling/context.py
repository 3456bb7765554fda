"""Contexts: the conditioning variables of a model, one row for each datum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

from chainrule.domains import ArrayLike
from chainrule.errors import ChainruleError

T = TypeVar("T")


def as_context(context: ArrayLike | None, n: int) -> Tensor | None:
    """Return the context of n data as a tensor [n, ...], or None.

    Raises:
        ChainruleError: another number of rows.

    Example:
        >>> as_context([3, 1], 2)
        tensor([3, 1])
    """
    if context is None:
        return None
    rows = torch.as_tensor(context)
    if rows.ndim == 0 or len(rows) != n:
        found = "a single value" if rows.ndim == 0 else f"{len(rows)} rows"
        raise ChainruleError(f"the context needs one row for each of the {n} data, and it has {found}")
    return rows


def with_context(method: Callable[..., T], *arguments: Any, context: Tensor | None) -> T:
    """Call a method of a model, without the argument `context` where there is no context.

    A model of a user's own that takes no context may leave the argument out of its methods.

    Example:
        >>> with_context(lambda x: x + 1, 2, context=None)
        3
    """
    return method(*arguments) if context is None else method(*arguments, context)


def refuse_context(context: Tensor | None) -> None:
    """Raise ChainruleError where a context is given to a model that takes none."""
    if context is not None:
        raise ChainruleError("this model takes no context; leave context out")


def select_context(context: Tensor | None, rows: Tensor) -> Tensor | None:
    """Return these rows of a context, where there is one."""
    return None if context is None else context[rows.to(context.device)]


def move_context(context: Tensor | None, device: torch.device) -> Tensor | None:
    """Return a context on a device, where there is one."""
    return None if context is None else context.to(device)
