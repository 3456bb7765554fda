"""Law 1 for anybody's model: which of a callable's outputs see which of its inputs, and whether they may."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from chainrule.checks.callable_adapter import SCALES, AnyLevels, Call, layouts_of
from chainrule.checks.dependence import Dependence, Looked, changes, difference, seen_by_gradient, together
from chainrule.checks.leak_report import LeakReport
from chainrule.checks.perturb import Movable, movable
from chainrule.checks.restore import borrowed, modules_behind, tensors_of
from chainrule.domains import Levels
from chainrule.domains.orders import Order, as_order
from chainrule.errors import ChainruleError
from chainrule.progress import ProgressCallback

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


def check_leak(
    fn: Callable[[Tensor], Tensor],
    shape: Sequence[int],
    levels: int,
    order: str | Order | Sequence[int] = "raster",
    *,
    layout: str,
    parameters: int | None = None,
    scale: str = "unit",
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> LeakReport:
    """Finds out which outputs of any callable see which inputs: law 1, for models that are not of this library.

    Every site is asked about by changes of its value and by gradients, at random images. The modules behind the
    callable (see `modules_behind`) are looked at in evaluation mode, and again with their weights moved by noise, since
    a layer that starts at zero hides what is behind it. They get their mode, weights, buffers and attributes back.

    Args:
        fn: from images [n, C, H, W] or rows [n, D] to numbers for the conditional of each site, such as logits: an
            nn.Module, a method of one, or a function.
        shape: (C, H, W) of an image, or (D,). The smallest that shows what the model does: time grows with its square.
        levels: K, the number of values a site can take.
        order: the order in which the sites come, by its name in `ORDERS` or as `Order` takes it.
        layout: how the outputs are laid out, one of `LAYOUTS`, or of `FLAT_LAYOUTS` for rows.
        parameters: how many numbers a site has (in the layout `n,k,h,w`: a pixel): K unless given.
        scale: what images `fn` takes, one of `SCALES`.
        seed: draws the images, and the noise that moves the weights.
        progress: told after each of the `LOOKS` looks, for a progress bar.

    Raises:
        ChainruleError: an option that is none; outputs of another shape; a callable that raises, that gives NaN or
            other outputs each time, whose outputs for an image depend on the others in the batch, or that sees nothing
            and may do so because of weights that could not be moved: of these, nothing can be said.

    Example:
        >>> conv = nn.Conv2d(1, 2, 3, padding=1)  # no mask at all
        >>> report = check_leak(conv, (1, 4, 4), levels=2, layout="n,kc,h,w")
        >>> report.passed, len(report.offsets)
        (False, 5)
    """
    domain = AnyLevels(checked_shape(shape), levels)
    for option, word, words in (("layout", layout, layouts_of(domain)), ("scale", scale, SCALES)):
        if word not in words:
            raise ChainruleError(f"{option} must be one of {', '.join(map(repr, words))}, not {word!r}")
    visited = named_order(order, domain) if isinstance(order, str) else as_order(order, domain)
    modules = modules_behind(fn)
    like = computed_in(modules)
    call = Call(fn, domain, checked_parameters(parameters, layout, levels), layout, scale, like.dtype, like.device)
    with torch.random.fork_rng(devices=[]), borrowed(modules):
        fitting = fitting_layouts(call, seed)
        moves = movable(call, modules, seed)
        found = look_at(call, moves, seed, progress)
        check_something_seen(call, found, moves)
        report = report_on(call, found, visited)
        if report.passed:
            return report
        others = [replace(call, layout=each) for each in fitting if each != layout]
        clean = [each.layout for each in others if report_on(each, look_at(each, moves, seed), visited).passed]
    return replace(report, clean_layouts=tuple(clean))


def checked_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """`shape` itself, when it is one of images or of rows.

    Raises:
        ChainruleError: it is not.
    """
    sizes = tuple(shape)
    if len(sizes) not in (1, 3) or not all(isinstance(size, int) and size > 0 for size in sizes):
        raise ChainruleError(
            f"shape must be an image's (channels, height, width), such as (3, 8, 8), or (D,) for rows, not {shape}"
        )
    return sizes


def checked_parameters(parameters: int | None, layout: str, levels: int) -> int:
    """How many numbers a site has.

    Raises:
        ChainruleError: none, or a layout that has one in any case.
    """
    if parameters is None:
        return levels
    if "k" not in layout:
        raise ChainruleError(f"layout {layout!r} has one number a site; leave parameters out, or give a layout with k")
    if parameters < 1:
        raise ChainruleError(f"parameters must be at least 1, not {parameters}")
    return parameters


def computed_in(modules: nn.Module) -> Tensor:
    """A tensor of the type and on the device that modules compute in: their first weight or buffer of that kind.

    Raises:
        ChainruleError: weights that have no size yet.
    """
    tensors = [tensor for *_, tensor in tensors_of(modules)]
    if any(map(nn.parameter.is_lazy, tensors)):
        raise ChainruleError("a lazy module has weights without a size; call the model on a batch of images first")
    return next((each for each in tensors if each.is_floating_point()), torch.empty(0))


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
    shape = domain.shape if domain.is_image else (1, 1, -1)
    return Order(tuple(ORDERS[name](torch.arange(domain.sites).view(shape)).flatten().tolist()))


@dataclass(frozen=True, eq=False)
class Found:
    """What all looks found together.

    Attributes:
        seen: who sees whom.
        changes: by how much each input changed each output.
        ran: what was tried, in words.
        opened: whether there were looks at moved weights, and these gave other outputs.
    """

    seen: Dependence
    changes: Tensor
    ran: str
    opened: bool


def look_at(call: Call, moves: Movable, seed: int, progress: ProgressCallback | None = None) -> Found:
    """Looks at it as it is, and with its weights moved where they can be."""
    still = AS_IT_IS if moves.weights else LOOKS
    looks: list[Looked] = []
    opened = False
    for draw in range(seed, seed + LOOKS):
        x = call.images(draw)
        if draw < seed + still:
            check_numbers(call, x)
            looks.append(look(call, x, draw))
        else:
            before = outputs_of(call, x)
            with moves.moved(draw):
                if works(call, x):
                    opened |= bool(difference(outputs_of(call, x), before).any())
                    looks.append(look(call, x, draw))
        if progress:
            progress(1)
    seen = together(looks, still)
    largest = torch.stack([change for change, _ in looks]).amax(0)
    return Found(seen, largest, in_words(call, seen, still, len(looks)), opened)


@torch.no_grad()
def outputs_of(call: Call, x: Tensor) -> Tensor:
    return call(x)


def check_something_seen(call: Call, found: Found, moves: Movable) -> None:
    """Raises ChainruleError where no output sees anything, and it may be that a weight at zero hides it all."""
    if bool(found.seen.ever.any()) or call.domain.sites == 1 or (found.opened and not moves.frozen):
        return
    if moves.frozen:
        why = "some of its weights are frozen, and may hide what is behind them; call requires_grad_(True) first"
    else:
        why = "no weights were found that could be moved to see more; give the nn.Module itself, or one that wraps it"
    raise ChainruleError(f"{call.name} sees nothing of its input, so nothing can be said of leaks: {why}")


def look(call: Call, x: Tensor, seed: int) -> Looked:
    """By how much each site changes each output, and who sees whom by gradient, at levels x."""
    check_repeats(call, x)
    change = changes(call, x, call.domain, seed)
    if call.integers:
        return change, "whole numbers have no gradient"
    return change, seen_by_gradient(call, x.to(call.dtype), seed)


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
    evens = (torch.arange(len(x)) % 2 == 0).view(-1, *[1] * (x.ndim - 1))
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
    if still == LOOKS:
        weights = "as it is: no weights that are trained were found behind it, and none were moved"
    else:
        weights = f"{still} with the weights as they are and {looks - still} with weights moved"
    pixels = "; a pixel's numbers are all of its channels', and may see none of them" if call.by_pixel else ""
    sites = call.domain.sites
    return f"{sites} outputs against as many inputs, {seen.how}, at {looks} draws of images, {weights}{pixels}"


def report_on(call: Call, found: Found, order: Order) -> LeakReport:
    """What was found, held against the order."""
    wrong = found.seen.ever & ~order.before
    clean: list[str] = []
    if bool(wrong.any()):
        others = {named_order(name, call.domain): name for name in reversed(ORDERS)}  # one name of each
        clean = [name for other, name in others.items() if not bool((found.seen.ever & ~other.before).any())]
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
    alike = {"n,kc,h,w", "n,ck,h,w", "n,k,h,w"} - {call.layout} if call.domain.shape[0] == 1 else set()
    return [each for each in call.fitting(shape) if each not in alike]
