"""An LSTM scanned over an image, with its backward pass written out.

Autograd through a loop over the steps would record a dozen operations a step, and would sum the gradients of the
weights from many small products. Here the loops hold only the operations that depend on the step before. All other
operations, such as the derivatives of the gates and the gradients of the weights, run once for the whole map. The
factors of a step's product, its input and the states of its taps, lie in one buffer, so a step is one product; the
slices of the steps are cut beforehand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from chainrule.layers.scan_plan import ScanPlan, Window

sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
tanh_backward = torch.ops.aten.tanh_backward.grad_input


def lstm_scan(
    maps: Sequence[Tensor], weights: tuple[Tensor, Tensor, Tensor], initial: tuple[Tensor, Tensor], plan: ScanPlan
) -> Tensor:
    """Return the hidden states of an LSTM over an image, in several directions at once.

    For each pixel, x are the features that it reads, h' the hidden states that the taps read, c' the cell state of one
    tap: o, i, f = σ(·) and g = tanh(·) of W x + Σ_tap U_tap h'_tap + b; c = f ⊙ c' + i ⊙ g;
    h = o ⊙ tanh(c). Memory is linear in the number of pixels. There are no second derivatives.
    Source: PixelRNN (arXiv:1601.06759), equation 3.

    Args:
        maps: the features that each direction reads, [in, P, n], with pixels numbered row · W + column.
        weights: W [directions, 4h, inputs · in], U [taps, directions, 4h, h], b [directions, 4h, 1]; the gates
            o, i, f, g.
        initial: the learned h and c outside the image, each [directions, h].
        plan: the steps of each direction, and the pixels from which the inputs are read.

    Returns:
        [directions, h, P + 1, n] in the dtype of the weights, with pixels in the order of the steps and zeros at
        index P.
    """
    with torch.autocast(weights[0].device.type, enabled=False):
        hidden: Tensor = _Scan.apply(plan, *_arguments(maps, weights, initial))  # type: ignore[no-untyped-call]
    return hidden.to(weights[0].dtype)


@torch.no_grad()
def lstm_states(
    maps: Sequence[Tensor], weights: tuple[Tensor, Tensor, Tensor], initial: tuple[Tensor, Tensor], plan: ScanPlan
) -> tuple[Tensor, Tensor]:
    """Return the hidden states of `lstm_scan` and the cell states c' that the pixels read, [directions, h, P, n].

    No gradients are recorded.
    """
    with torch.autocast(weights[0].device.type, enabled=False):
        buffers, (_, pixels, n) = _scan(plan, *_arguments(maps, weights, initial)), maps[0].shape
    hidden, read = (each.to(weights[0].dtype) for each in (buffers.hidden, buffers.c_read))
    return hidden.view(*hidden.shape[:2], pixels + 1, n), read.view(*read.shape[:2], pixels, n)


def _arguments(
    maps: Sequence[Tensor], weights: tuple[Tensor, Tensor, Tensor], initial: tuple[Tensor, Tensor]
) -> list[Tensor]:
    """Return the concatenated weights, the initial states and the maps, in one dtype."""
    w, u, b = weights
    dtype = torch.promote_types(w.dtype, torch.float32)  # sums over many steps need the precision
    return [x.to(dtype) for x in (torch.cat([w, *u, b], 2), *initial, *maps)]


@dataclass(frozen=True, eq=False)
class _Buffers:
    """The values of a scan, [directions, ..., P · n], where a column is one pixel of one datum.

    Attributes:
        read: the factors of the gates: the input of the pixel, the h' of each tap, and 1 for the bias.
        taps: the parts of `read` that hold the h' of each tap.
        gates: o, i, f, g.
        c_read: the c' that each pixel reads.
        tanh_c: the tanh of the c of each pixel.
        hidden: the h of each pixel, followed by n columns of zeros.
    """

    read: Tensor
    taps: tuple[Tensor, ...]
    gates: Tensor
    c_read: Tensor
    tanh_c: Tensor
    hidden: Tensor


class _Scan(torch.autograd.Function):
    """The autograd function of `lstm_scan`. A name d_x is the gradient of the loss with respect to x."""

    @staticmethod
    def forward(ctx: Any, plan: ScanPlan, weight: Tensor, h0: Tensor, c0: Tensor, *maps: Tensor) -> Tensor:
        buffers, n = _scan(plan, weight, h0, c0, *maps), maps[0].shape[2]
        ctx.save_for_backward(weight, buffers.read, buffers.gates, buffers.c_read, buffers.tanh_c)
        ctx.plan, ctx.n, ctx.maps, ctx.inputs = plan, n, len(maps), maps[0].shape[0] * plan.inputs.shape[1]
        return buffers.hidden.view(*h0.shape, maps[0].shape[1] + 1, n)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_hidden: Tensor) -> tuple[Tensor | None, ...]:
        weight, read, gates, c_read, tanh_c = ctx.saved_tensors
        plan, n, taps = ctx.plan, ctx.n, len(ctx.plan.outside)
        of_states = weight[:, :, ctx.inputs : -1].mT.contiguous()
        with torch.autocast(weight.device.type, enabled=False):
            d_gates, d_tanh = _gate_derivatives(gates, c_read, tanh_c)
            f = gates.chunk(4, 1)[2]
            d_c = _run_backward(d_hidden.flatten(2).clone(), d_gates, d_tanh, f, of_states, plan, n)
            by_tap = [
                torch.bmm(tap, _learned_columns(d_gates, plan, number, n).sum(2, keepdim=True))
                for number, tap in enumerate(of_states.chunk(taps, 1))
            ]
            d_c0 = _learned_columns(d_c * f, plan, plan.cell_tap, n).sum(2)
            d_maps: Iterable[Tensor | None] = [None] * ctx.maps
            if any(ctx.needs_input_grad[4:]):
                d_maps = _scatter(torch.bmm(weight[:, :, : ctx.inputs].mT, d_gates), plan, n)
            return None, torch.bmm(d_gates, read.mT), torch.cat(by_tap, 2).sum(2), d_c0, *d_maps


def _scan(plan: ScanPlan, weight: Tensor, h0: Tensor, c0: Tensor, *maps: Tensor) -> _Buffers:
    """Run the scan and return all of its values."""
    features, pixels, n = maps[0].shape
    inputs = features * plan.inputs.shape[1]
    buffers = _allocate(weight, inputs, h0.shape[1], pixels * n, n)
    _gather(maps, buffers.read[:, :inputs], plan)
    for number, tap in enumerate(buffers.taps):
        _write_outside(tap, h0, plan, number, n)
    _write_outside(buffers.c_read, c0, plan, plan.cell_tap, n)
    _run_forward(buffers, weight, plan, n)
    return buffers


def _allocate(weight: Tensor, inputs: int, size: int, columns: int, n: int) -> _Buffers:
    """Allocate the buffers of a scan, and write the ones and zeros."""
    read = weight.new_empty(len(weight), weight.shape[2], columns)
    read[:, -1] = 1
    hidden = weight.new_empty(len(weight), size, columns + n)
    hidden[:, :, columns:] = 0
    gates, c_read, tanh_c = (weight.new_empty(len(weight), k * size, columns) for k in (4, 1, 1))
    return _Buffers(read, tuple(read[:, inputs:-1].split(size, 1)), gates, c_read, tanh_c, hidden)  # type: ignore[no-untyped-call]


def _run_forward(buffers: _Buffers, weight: Tensor, plan: ScanPlan, n: int) -> None:
    """Run the steps: fill the gates, the tanh of the cells, the hidden states, and the inputs of each next step."""
    weight = weight.clone()
    weight[:, 3 * buffers.hidden.shape[1] :] *= 2  # tanh(z) = 2σ(2z) - 1, and σ is much faster
    steps = plan.columns(n)
    parts = _split_steps(
        [buffers.read, buffers.gates, *buffers.gates.chunk(4, 1), buffers.c_read, buffers.tanh_c, buffers.hidden],
        plan,
        n,
    )
    for (x, gate, o, i, f, g, before, c, h), after in zip(parts, [*steps[1:], None], strict=True):
        torch.bmm(weight, x, out=gate).sigmoid_()
        g.mul_(2).sub_(1)
        torch.mul(f, before, out=c).addcmul_(i, g)
        if after:
            _copy_states(buffers.tanh_c, buffers.c_read, after.windows[plan.cell_tap])
        c.mul_(2).sigmoid_().mul_(2).sub_(1)  # c holds tanh(c) from here on
        torch.mul(o, c, out=h)
        if after:
            for tap, window in zip(buffers.taps, after.windows, strict=True):
                _copy_states(buffers.hidden, tap, window)


def _gate_derivatives(gates: Tensor, c_read: Tensor, tanh_c: Tensor) -> tuple[Tensor, Tensor]:
    """Return the factors that turn gradients at h and c into gradients at the gates (before σ and tanh) and at c."""
    factors, d_tanh = torch.empty_like(gates), torch.empty_like(tanh_c)
    (o, i, f, g), (d_o, d_i, d_f, d_g) = gates.chunk(4, 1), factors.chunk(4, 1)
    sigmoid_backward(tanh_c, o, grad_input=d_o)
    sigmoid_backward(g, i, grad_input=d_i)
    sigmoid_backward(c_read, f, grad_input=d_f)
    tanh_backward(i, g, grad_input=d_g)
    tanh_backward(o, tanh_c, grad_input=d_tanh)
    return factors, d_tanh


def _run_backward(
    d_h: Tensor, d_gates: Tensor, d_tanh: Tensor, f: Tensor, of_states: Tensor, plan: ScanPlan, n: int
) -> Tensor:
    """Run the steps in reverse: turn `d_gates` into the gradients at the gates, in place, and return those at c."""
    d_c = torch.zeros_like(d_tanh)
    parts = _split_steps([d_gates, *d_gates.chunk(4, 1), d_tanh, d_c, d_h], plan, n)
    for (gate, d_o, d_i, d_f, d_g, from_h, at_c, at_h), step in zip(
        reversed(parts), reversed(plan.columns(n)), strict=True
    ):
        at_c.addcmul_(at_h, from_h)
        d_o.mul_(at_h)
        d_i.mul_(at_c)
        d_f.mul_(at_c)
        d_g.mul_(at_c)
        cell = step.windows[plan.cell_tap]
        torch.mul(
            *(each.narrow(2, cell.target, cell.size) for each in (d_c, f)), out=d_c.narrow(2, cell.source, cell.size)
        )
        d_taps = torch.bmm(of_states, gate).chunk(len(step.windows), 1)
        for d_tap, each in zip(d_taps, step.windows, strict=True):
            d_h.narrow(2, each.source, each.size).add_(d_tap.narrow(2, each.target - step.first, each.size))
    return d_c


def _split_steps(maps: Sequence[Tensor], plan: ScanPlan, n: int) -> list[tuple[Tensor, ...]]:
    """Split each map into the columns of each step."""
    sizes = [step.size * n for step in plan.steps]
    columns = sum(sizes)
    return list(zip(*(each.narrow(2, 0, columns).split_with_sizes(sizes, 2) for each in maps), strict=True))


def _copy_states(states: Tensor, read: Tensor, window: Window) -> None:
    """Copy the states of a step's pixels to the buffer that the next step reads."""
    read.narrow(2, window.target, window.size).copy_(states.narrow(2, window.source, window.size))


def _gather(maps: Sequence[Tensor], read: Tensor, plan: ScanPlan) -> None:
    """Copy the inputs of each direction [directions, inputs · in, P · n] out of its map; zeros outside the image."""
    for direction, (pixels, x) in enumerate(zip(plan.inputs.to(read.device), maps, strict=True)):
        for part, at in zip(read[direction].chunk(len(pixels)), pixels, strict=True):
            torch.index_select(x, 1, at.clamp(min=0), out=part.view(x.shape))
            part.view(x.shape).index_fill_(1, _missing(at), 0)


def _scatter(d_read: Tensor, plan: ScanPlan, n: int) -> list[Tensor]:
    """Return the gradients at the maps, by running `_gather` backwards."""
    d_maps = []
    for d_inputs, pixels in zip(d_read, plan.inputs.to(d_read.device), strict=True):
        parts = d_inputs.view(len(pixels), len(d_inputs) // len(pixels), pixels.shape[1], n)
        d_map = torch.zeros_like(parts[0])
        for part, at in zip(parts, pixels, strict=True):
            d_map.index_add_(1, at.clamp(min=0), part.index_fill_(1, _missing(at), 0))
        d_maps.append(d_map)
    return d_maps


def _missing(pixels: Tensor) -> Tensor:
    """Return the indices at which no pixel is read."""
    return (pixels < 0).nonzero().flatten()


def _write_outside(read: Tensor, state: Tensor, plan: ScanPlan, tap: int, n: int) -> None:
    """Write the learned state [directions, h], or zero padding, where the tap reads outside the image."""
    indices, learned = (each[tap].to(state.device) for each in (plan.outside, plan.learned))
    by_pixel = read.view(*read.shape[:2], plan.inputs.shape[2], n)
    by_pixel[:, :, indices] = (state[:, :, None] * learned.to(state.dtype))[..., None]


def _learned_columns(columns: Tensor, plan: ScanPlan, tap: int, n: int) -> Tensor:
    """Select the columns of the pixels for which the tap reads the learned state."""
    indices = plan.outside[tap][plan.learned[tap] > 0].to(columns.device)
    return columns.view(*columns.shape[:2], plan.inputs.shape[2], n).index_select(2, indices).flatten(2)
