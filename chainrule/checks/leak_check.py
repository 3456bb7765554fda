"""Check law 1 on any callable: which of its outputs depend on which of its inputs, and whether the order allows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from chainrule.checks.callable_adapter import SCALES, CallableAdapter, UnboundedLevels, valid_layouts
from chainrule.checks.dependence import (
    Dependence,
    Measurement,
    absolute_difference,
    combine,
    measure_changes,
    measure_gradients,
)
from chainrule.checks.leak_report import LeakReport
from chainrule.checks.module_state import find_modules, iter_tensors, restore_on_exit
from chainrule.checks.weight_perturbation import WeightPerturbation, find_perturbation
from chainrule.domains import Levels, Order, as_order
from chainrule.errors import ChainruleError
from chainrule.progress import ProgressCallback, report_progress

ORDERS: dict[str, Callable[[Tensor], Tensor]] = {
    "raster": lambda sites: sites.permute(1, 2, 0),
    "raster-bgr": lambda sites: sites.flip(0).permute(1, 2, 0),
    "columns": lambda sites: sites.permute(2, 1, 0),
    "planes": lambda sites: sites,
    "reverse": lambda sites: sites.permute(1, 2, 0).flatten().flip(0),
}
"""Orders by name, each made from the indices of the sites [C, H, W]: by row, column and channel; the same with the last
channel first; by column, row and channel; by channel, row and column; and the reverse of raster."""

NUM_DRAWS = 8
"""The number of draws of data that a callable is measured at."""

NUM_OWN_WEIGHTS = 2
"""The number of these draws with a module's own weights; each of the others has another perturbation of the weights."""


def check_leak(
    fn: Callable[[Tensor], Tensor],
    shape: Sequence[int],
    *,
    levels: int,
    layout: str,
    order: str | Order | Sequence[int] = "raster",
    outputs_per_site: int | None = None,
    scale: str = "unit",
    seed: int = 0,
    progress: bool | ProgressCallback = False,
) -> LeakReport:
    """Check law 1 on any callable, such as a model of another library: find the outputs that depend on later inputs.

    Every site is tested by changes of its value and by gradients, at random images. The modules that the callable uses
    are tested in evaluation mode, with their own weights and with weights perturbed by noise, because a layer that
    starts at zero hides the layers below it. Afterwards their mode, weights, buffers and attributes are restored.

    Args:
        fn: a function from images [n, C, H, W] or rows [n, D] to the parameters of each site's conditional, such as
            logits: an nn.Module, a method of one, or a function.
        shape: (C, H, W) of an image, or (D,). The smallest that shows what the model does: time grows with its square.
        levels: the number of values that a site can take.
        layout: the layout of the outputs, one of `LAYOUTS`, or of `FLAT_LAYOUTS` for rows.
        order: the order of the sites, by its name in `ORDERS` or as a permutation of all sites.
        outputs_per_site: the number of outputs of a site (in the layout `n,k,h,w`: of a pixel); `levels` by default.
        scale: the scale of the images that `fn` takes, one of `SCALES`.
        seed: the seed of the images and of the noise on the weights.
        progress: True shows a progress bar; a callable is called with 1 after each of `NUM_DRAWS` draws.

    Raises:
        ChainruleError: an invalid option; outputs of another shape; a callable that raises, or of which nothing can be
            said: it returns NaN, or other outputs each time, or outputs that depend on the other images of the batch,
            or it depends on no input and this may be due to weights that could not be perturbed.

    Example:
        >>> conv = nn.Conv2d(1, 2, 3, padding=1)  # no mask at all
        >>> report = check_leak(conv, (1, 4, 4), levels=2, layout="n,kc,h,w")
        >>> report.passed, len(report.leaks_by_offset)
        (False, 5)
    """
    domain = UnboundedLevels(checked_shape(shape), levels)
    check_choice("layout", layout, valid_layouts(domain))
    check_choice("scale", scale, SCALES)
    site_order = order_by_name(order, domain) if isinstance(order, str) else as_order(order, domain)
    modules = find_modules(fn)
    like, outputs = example_tensor(modules), checked_outputs(outputs_per_site, layout, levels)
    adapter = CallableAdapter(fn, domain, outputs, layout, scale, like.dtype, like.device)
    with (
        torch.random.fork_rng(devices=[]),
        restore_on_exit(modules),
        report_progress(progress, "checking", NUM_DRAWS) as callback,
    ):
        matching = find_layouts(adapter, seed)
        perturbation = find_perturbation(adapter, modules, seed)
        measured = measure_callable(adapter, perturbation, seed, callback)
        check_depends(adapter, measured, perturbation)
        report = make_report(adapter, measured, site_order)
        if report.passed:
            return report
        others = [replace(adapter, layout=other) for other in matching if other != layout]
        return replace(report, clean_layouts=find_clean_layouts(others, perturbation, site_order, seed))


def check_choice(option: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise ChainruleError if the value of an option is not one of its choices."""
    if value not in choices:
        raise ChainruleError(f"{option} must be one of {', '.join(map(repr, choices))}, not {value!r}")


def checked_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """Return `shape` as a tuple.

    Raises:
        ChainruleError: it is not the shape of an image or of rows.
    """
    sizes = tuple(shape)
    if len(sizes) not in (1, 3) or not all(isinstance(size, int) and size > 0 for size in sizes):
        raise ChainruleError(
            f"shape must be an image's (channels, height, width), such as (3, 8, 8), or (D,) for rows, not {shape}"
        )
    return sizes


def checked_outputs(outputs_per_site: int | None, layout: str, levels: int) -> int:
    """Return the number of outputs of a site, which is that of levels by default.

    Raises:
        ChainruleError: a number below 1, or one that is given for a layout with one output a site.
    """
    if outputs_per_site is None:
        return levels
    if "k" not in layout:
        raise ChainruleError(
            f"layout {layout!r} has one output a site; leave outputs_per_site out, or give a layout with k"
        )
    if outputs_per_site < 1:
        raise ChainruleError(f"outputs_per_site must be at least 1, not {outputs_per_site}")
    return outputs_per_site


def example_tensor(modules: nn.Module) -> Tensor:
    """Return the first floating-point weight or buffer, which tells the dtype and the device of the input.

    Raises:
        ChainruleError: a weight has no size yet.
    """
    tensors = [tensor for *_, tensor in iter_tensors(modules)]
    if any(map(nn.parameter.is_lazy, tensors)):
        raise ChainruleError("a lazy module has weights without a size; call the model on a batch of images first")
    return next((tensor for tensor in tensors if tensor.is_floating_point()), torch.empty(0))


def order_by_name(name: str, domain: Levels) -> Order:
    """Return the order with a name in `ORDERS`.

    Raises:
        ChainruleError: there is no such name.

    Example:
        >>> order_by_name("columns", Levels((1, 2, 2), 2)).permutation
        (0, 2, 1, 3)
    """
    if name not in ORDERS:
        raise ChainruleError(f"order must be one of {', '.join(map(repr, ORDERS))} or name every site, not {name!r}")
    shape = domain.shape if domain.is_image else (1, 1, -1)
    return Order(tuple(ORDERS[name](torch.arange(domain.sites).view(shape)).flatten().tolist()))


@dataclass(frozen=True, eq=False)
class CallableDependence:
    """Store the dependence of a callable over all draws.

    Attributes:
        dependence: which output depends on which input.
        changes: float [D, D], by how much each input changed each output at most.
        coverage: the text that says what was tested.
        weights_matter: True if perturbed weights were tested, and changed the outputs.
    """

    dependence: Dependence
    changes: Tensor
    coverage: str
    weights_matter: bool


def measure_callable(
    adapter: CallableAdapter, perturbation: WeightPerturbation, seed: int, progress: ProgressCallback | None = None
) -> CallableDependence:
    """Measure the dependence with the callable's own weights, and with perturbed weights if it has any."""
    num_own = NUM_OWN_WEIGHTS if perturbation.weights else NUM_DRAWS
    measurements: list[Measurement] = []
    weights_matter = False
    for draw in range(seed, seed + NUM_DRAWS):
        x = adapter.random_images(draw)
        if draw < seed + num_own:
            check_no_nan(adapter, x)
            measurements.append(measure_at(adapter, x, draw))
        else:
            before = outputs_without_gradient(adapter, x)
            with perturbation.apply(draw):
                if has_no_nan(adapter, x):
                    after = outputs_without_gradient(adapter, x)
                    weights_matter |= bool(absolute_difference(after, before).any())
                    measurements.append(measure_at(adapter, x, draw))
        if progress:
            progress(1)
    dependence = combine(measurements, num_own=num_own)
    changes = torch.stack([measurement.changes for measurement in measurements]).amax(0)
    coverage = describe_coverage(adapter, dependence, num_own, len(measurements))
    return CallableDependence(dependence, changes, coverage, weights_matter)


@torch.no_grad()
def outputs_without_gradient(adapter: CallableAdapter, x: Tensor) -> Tensor:
    """Return the outputs [n, D, K] for levels x."""
    return adapter(x)


def check_depends(adapter: CallableAdapter, measured: CallableDependence, perturbation: WeightPerturbation) -> None:
    """Raise ChainruleError if no output depends on any input and this may be due to weights at zero."""
    weights_tested = measured.weights_matter and not perturbation.has_frozen
    if bool(measured.dependence.matrix.any()) or adapter.domain.sites == 1 or weights_tested:
        return
    if perturbation.has_frozen:
        why = "some weights are frozen and may hide a dependence; call requires_grad_(True) first"
    else:
        why = "no weights were found that could be perturbed; pass the nn.Module itself, or one that wraps it"
    raise ChainruleError(f"{adapter.name} depends on no input, so nothing can be said of leaks: {why}")


def measure_at(adapter: CallableAdapter, x: Tensor, seed: int) -> Measurement:
    """Measure the dependence at levels x, with the weights that the callable has."""
    check_deterministic(adapter, x)
    changes = measure_changes(adapter, x, adapter.domain, seed)
    if adapter.takes_integers:
        return Measurement(changes, "whole numbers have no gradient")
    return Measurement(changes, measure_gradients(adapter, x.to(adapter.dtype), seed))


@torch.no_grad()
def check_no_nan(adapter: CallableAdapter, x: Tensor) -> None:
    """Raise ChainruleError if outputs are NaN, which hides every dependence."""
    if bool(adapter(x).isnan().any()):
        raise ChainruleError(
            f"{adapter.name} returns NaN for random images, so nothing can be measured; fix that first"
        )


def has_no_nan(adapter: CallableAdapter, x: Tensor) -> bool:
    """Return True unless the callable fails or returns NaN, as some do at weights that they would never have."""
    try:
        check_no_nan(adapter, x)
    except ChainruleError:
        return False
    return True


@torch.no_grad()
def check_deterministic(adapter: CallableAdapter, x: Tensor) -> None:
    """Check that the outputs for an image are the same each time, whatever else is in the batch.

    Raises:
        ChainruleError: they are not: an output would seem to depend on every site.
    """
    before, others = adapter(x), (x + 1) % adapter.domain.levels
    is_even = (torch.arange(len(x)) % 2 == 0).view(-1, *[1] * (x.ndim - 1))
    mixed = [adapter(torch.where(rows, x, others)) for rows in (is_even, ~is_even)]
    difference = float(absolute_difference(adapter(x), before).max())
    if difference:
        raise ChainruleError(
            f"{adapter.name} returns other outputs when it is called with the same images again (they differ by "
            f"{difference:.2g}), so nothing can be said of leaks; switch off dropout, other noise, and state that is "
            "kept between calls"
        )
    difference = max(float(absolute_difference(mixed[row % 2][row], before[row]).max()) for row in range(len(x)))
    if difference:
        raise ChainruleError(
            f"{adapter.name} returns other outputs for an image when the other images of its batch change (they differ "
            f"by {difference:.2g}), so nothing can be said of leaks; use batch norm in evaluation mode, and no sums "
            "over the batch"
        )


def describe_coverage(adapter: CallableAdapter, dependence: Dependence, num_own: int, draws: int) -> str:
    """Return the text that says what was tested."""
    if num_own == NUM_DRAWS:
        weights = "with the weights as they are: no trained weights were found that could be perturbed"
    else:
        weights = f"{num_own} with the weights as they are and {draws - num_own} with perturbed weights"
    pixels = "; the outputs of a pixel belong to all of its channels, and may depend on none of them"
    return (
        f"{adapter.domain.sites} outputs against {adapter.domain.sites} inputs, {dependence.method}, at {draws} draws "
        f"of images, {weights}{pixels if adapter.is_per_pixel else ''}"
    )


def make_report(adapter: CallableAdapter, measured: CallableDependence, order: Order) -> LeakReport:
    """Compare the measured dependence with an order."""
    matrix = measured.dependence.matrix
    leaks = matrix & ~order.before
    clean: list[str] = []
    if bool(leaks.any()):
        orders = {order_by_name(name, adapter.domain): name for name in reversed(ORDERS)}  # one name for each order
        clean = [name for other, name in orders.items() if not bool((matrix & ~other.before).any())]
    return LeakReport(
        name=adapter.name,
        domain=adapter.domain,
        layout=adapter.layout,
        order=order,
        dependence=measured.dependence,
        largest_change=float(torch.where(leaks, measured.changes, 0.0).max()),
        coverage=measured.coverage,
        clean_orders=tuple(clean),
    )


def find_clean_layouts(
    adapters: Sequence[CallableAdapter], perturbation: WeightPerturbation, order: Order, seed: int
) -> tuple[str, ...]:
    """Find the layouts of these adapters in which the callable does not leak."""
    reports = [make_report(adapter, measure_callable(adapter, perturbation, seed), order) for adapter in adapters]
    return tuple(report.layout for report in reports if report.passed)


def find_layouts(adapter: CallableAdapter, seed: int) -> list[str]:
    """Find the layouts that the callable's outputs can have, without those that mean the same as its own.

    Raises:
        ChainruleError: the adapter's own layout does not match.
    """
    x = adapter.random_images(seed)
    with torch.no_grad():
        adapter(x)
        shape = tuple(adapter.raw_outputs(x).shape)
    same = {"n,kc,h,w", "n,ck,h,w", "n,k,h,w"} - {adapter.layout} if adapter.domain.shape[0] == 1 else set()
    return [layout for layout in adapter.matching_layouts(shape) if layout not in same]
