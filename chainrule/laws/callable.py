"""Law 1 for anybody's model: which of a callable's outputs see which of its inputs, and whether they may."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from chainrule.domain import Levels
from chainrule.errors import ChainruleError
from chainrule.laws.call import LAYOUTS, SCALES, Call
from chainrule.laws.leak_report import LeakReport
from chainrule.laws.seen import Dependence, changes, difference, seen_by_gradient
from chainrule.laws.subject import dtype_of, moved
from chainrule.order import Order, as_order
from chainrule.walk import Tick

ORDERS: dict[str, Callable[[Tensor], Tensor]] = {
    "raster": lambda sites: sites.permute(1, 2, 0),
    "raster-bgr": lambda sites: sites.flip(0).permute(1, 2, 0),
    "columns": lambda sites: sites.permute(2, 1, 0),
    "planes": lambda sites: sites,
    "reverse": lambda sites: sites.permute(1, 2, 0).flatten().flip(0),
}
"""Orders by name, each made from the numbers of the sites [C, H, W]: by row, column and channel; the same with the last
channel first; by column, row and channel; by channel, row and column; and raster from its end."""

LOOKS = 8
"""Draws of data that a callable is looked at with."""
AS_IT_IS = 2
"""How many of them are for a module's weights as they are; the others are each for weights moved anew."""

Images = tuple[int, int, int]


def check_leak(
    fn: Callable[[Tensor], Tensor],
    shape: Sequence[int],
    levels: int,
    order: str | Order | Sequence[int] = "raster",
    *,
    layout: str,
    scale: str = "unit",
    seed: int = 0,
    tick: Tick | None = None,
) -> LeakReport:
    """Finds out which outputs of any callable see which inputs: law 1, for models that are not of this library.

    Every site is asked about by changes of its value and by gradients, at random images. An `nn.Module` is looked at in
    evaluation mode, and again with its weights moved by noise, since a layer that starts at zero hides what is behind
    it. That is done to copies. A module that cannot be copied is looked at as it is, and gets its mode, weights and
    buffers back; any other callable is looked at as it is too.

    Args:
        fn: from images [n, C, H, W] to numbers for the conditional of each site, such as logits.
        shape: (C, H, W) of an image. The smallest that shows what the model does: time grows with its square.
        levels: K, the number of values a channel can take; the outputs have K numbers for each (`n,c,h,w`: one).
        order: the order in which the sites come, by its name in `ORDERS` or as `Order` takes it.
        layout: how the outputs are laid out, one of `LAYOUTS`.
        scale: what images `fn` takes, one of `SCALES`.
        seed: draws the images, and the noise that moves the weights.
        tick: told after each of the `LOOKS` looks, for a progress bar.

    Raises:
        ChainruleError: an option that is none; outputs of another shape; a callable that raises, that gives NaN or
            other outputs each time, or whose outputs for an image depend on the others in the batch: of these, nothing
            can be said.

    Example:
        >>> conv = nn.Conv2d(1, 2, 3, padding=1)  # no mask at all
        >>> report = check_leak(conv, (1, 4, 4), levels=2, layout="n,kc,h,w")
        >>> report.passed, len(report.offsets)
        (False, 5)
    """
    domain = Levels(image_shape(shape), levels)
    for option, word, words in (("layout", layout, LAYOUTS), ("scale", scale, SCALES)):
        if word not in words:
            raise ChainruleError(f"{option} must be one of {', '.join(map(repr, words))}, not {word!r}")
    visited = named_order(order, domain) if isinstance(order, str) else as_order(order, domain)
    owner = fn if isinstance(fn, nn.Module) else nn.Module()
    device = next(owner.parameters(), torch.empty(0)).device
    call = Call(fn, domain, layout, scale, dtype_of(owner), device)
    with torch.random.fork_rng(devices=[]), subject(call) as (there, movable):
        fitting = fitting_layouts(there, seed)
        found = look_at(there, movable, seed, tick)
        report = report_on(there, found, visited)
        if report.passed:
            return report
        others = [replace(there, layout=each) for each in fitting if each != layout]
        clean = [each.layout for each in others if report_on(each, look_at(each, movable, seed), visited).passed]
    return replace(report, clean_layouts=tuple(clean))


def image_shape(shape: Sequence[int]) -> Images:
    """`shape` itself, when it is one of images.

    Raises:
        ChainruleError: it is not.
    """
    sizes = tuple(shape)
    if len(sizes) != 3 or not all(isinstance(size, int) and size > 0 for size in sizes):
        raise ChainruleError(f"shape must be an image's (channels, height, width), such as (3, 8, 8), not {shape}")
    return sizes


def named_order(name: str, domain: Levels) -> Order:
    """The order of that name.

    Raises:
        ChainruleError: there is none.

    Example:
        >>> named_order("columns", Levels((1, 2, 2), 2)).permutation
        (0, 2, 1, 3)
    """
    if name not in ORDERS:
        raise ChainruleError(f"order must be one of {', '.join(map(repr, ORDERS))} or name every site, not {name!r}")
    return Order(tuple(ORDERS[name](torch.arange(domain.sites).view(domain.shape)).flatten().tolist()))


@contextmanager
def subject(call: Call) -> Iterator[tuple[Call, nn.Module | None]]:
    """What is to be looked at in place of a callable, and the module whose weights can be moved, if there is one."""
    if not isinstance(call.fn, nn.Module):
        yield call, None
        return
    with borrowed(call.fn):
        try:
            own = copy.deepcopy(call.fn)
        except Exception:  # whatever the user's parts raise when they are copied
            own = None
        movable = own is not None and any(each.requires_grad for each in own.parameters())
        yield replace(call, fn=own or call.fn), own if movable else None


@contextmanager
def borrowed(module: nn.Module) -> Iterator[None]:
    """The module in evaluation mode; afterwards its modes, weights and buffers are what they were.

    A copy can still reach into its original, through a function that it holds.
    """
    modes = [(each, each.training) for each in module.modules()]
    kept = [(each, name, tensor, tensor.detach().clone()) for each, name, tensor in tensors_of(module)]
    module.eval()
    try:
        yield
    finally:
        for each, mode in modes:
            each.training = mode
        for each, name, tensor, values in kept:
            tensor.data.copy_(values)
            setattr(each, name, tensor)


def tensors_of(module: nn.Module) -> Iterator[tuple[nn.Module, str, Tensor]]:
    """All parameters and buffers that have values, each with its owner and its name there."""
    for each in module.modules():
        for name, tensor in (*each.named_parameters(recurse=False), *each.named_buffers(recurse=False)):
            if not nn.parameter.is_lazy(tensor):
                yield each, name, tensor


@dataclass(frozen=True, eq=False)
class Found:
    """What all looks found together: who sees whom, by how much each input changed each output, and what was tried."""

    seen: Dependence
    changes: Tensor
    ran: str


def look_at(call: Call, movable: nn.Module | None, seed: int, tick: Tick | None = None) -> Found:
    """Looks at it as it is, and with its weights moved where they can be."""
    still = AS_IT_IS if movable else LOOKS
    looks: list[tuple[Tensor, Tensor | None]] = []
    for draw in range(seed, seed + LOOKS):
        x = call.images(draw)
        if draw < seed + still:
            check_numbers(call, x)
            looks.append(look(call, x, draw))
        elif movable:
            each = replace(call, fn=moved(movable, draw, foreign=True))
            if works(each, x):
                looks.append(look(each, x, draw))
        if tick:
            tick(1)
    seen = [(change > 0) if gradient is None else (change > 0) | gradient for change, gradient in looks]
    by_gradient = any(gradient is not None for _, gradient in looks)
    both = Dependence(torch.stack(seen[:still]).any(0), torch.stack(seen).any(0), by_gradient)
    return Found(both, torch.stack([change for change, _ in looks]).amax(0), in_words(call, both, still, len(looks)))


def look(call: Call, x: Tensor, seed: int) -> tuple[Tensor, Tensor | None]:
    """By how much each site changes each output, and who sees whom by gradient, at levels x."""
    check_repeats(call, x)
    change = changes(call, x, call.domain.levels, seed)
    try:
        return change, seen_by_gradient(call, x.to(call.dtype), seed)
    except (ChainruleError, RuntimeError):  # it has parts that are not differentiated
        return change, None


@torch.no_grad()
def check_numbers(call: Call, x: Tensor) -> None:
    """Raises ChainruleError where outputs are NaN: what they depend on could not be seen."""
    if bool(call(x).isnan().any()):
        raise ChainruleError(f"{call.name} gives NaN for random images, so nothing can be seen; mend that first")


def works(call: Call, x: Tensor) -> bool:
    """Does it give numbers? There are modules that do not, at weights that they would never have."""
    try:
        check_numbers(call, x)
    except ChainruleError:
        return False
    return True


@torch.no_grad()
def check_repeats(call: Call, x: Tensor) -> None:
    """Outputs for the same image are the same each time, and whatever else is in the batch.

    Raises:
        ChainruleError: they are not: an output would seem to see every site.
    """
    before, others = call(x), (x + 1) % call.domain.levels
    evens = (torch.arange(len(x)) % 2 == 0).view(-1, 1, 1, 1)
    mixed = [call(torch.where(rows, x, others)) for rows in (evens, ~evens)]
    apart = float(difference(call(x), before).max())
    if apart:
        raise ChainruleError(
            f"{call.name} gives other outputs when it is given the same images again ({apart:.2g} apart), so nothing "
            "can be said of leaks; switch off dropout and other noise, and what it keeps from call to call"
        )
    apart = max(float(difference(mixed[row % 2][row], before[row]).max()) for row in range(len(x)))
    if apart:
        raise ChainruleError(
            f"{call.name} gives other outputs for an image when the others of its batch change ({apart:.2g} apart), so "
            "nothing can be said of leaks; use batch norm in evaluation mode, and no sums over the batch"
        )


def in_words(call: Call, seen: Dependence, still: int, looks: int) -> str:
    """What was tried."""
    how = "by gradient and by change" if seen.by_gradient else "by change alone (no gradient reaches the input)"
    if not isinstance(call.fn, nn.Module):
        weights = "as it is: of a function the weights are not known, and are not moved"
    elif still == LOOKS:
        weights = "as it is: it cannot be copied, or has no weights that are trained"
    else:
        weights = f"{still} with the weights as they are and {looks - still} with weights moved"
    return f"{call.domain.sites} outputs against as many inputs, {how}, at {looks} draws of images, {weights}"


def report_on(call: Call, found: Found, order: Order) -> LeakReport:
    """What was found, held against the order."""
    wrong = found.seen.ever & ~order.before
    clean: list[str] = []
    if bool(wrong.any()):
        others = {name: named_order(name, call.domain) for name in ORDERS}
        clean = [name for name, other in others.items() if not bool((found.seen.ever & ~other.before).any())]
    largest = float(torch.where(wrong, found.changes, 0.0).max())
    return LeakReport(
        call.name, call.domain, call.layout, order, found.seen, largest, found.ran, clean_orders=tuple(clean)
    )


def fitting_layouts(call: Call, seed: int) -> list[str]:
    """The layouts that outputs of this shape can have, each reading them in its own way.

    Raises:
        ChainruleError: the one that was asked for is not among them.
    """
    x = call.images(seed)
    with torch.no_grad():
        call(x)
        shape = tuple(call.raw(x).shape)
    same = {"n,kc,h,w", "n,ck,h,w"} - {call.layout} if call.domain.shape[0] == 1 else set()
    return [each for each in LAYOUTS if call.shape_of(len(x), each) == shape and each not in same]
