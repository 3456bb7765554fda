"""An LSTM scanned over an image, with its backward pass written out.

Autograd through a loop over the steps records a dozen operations each, and collects the gradients of the weights from
many small products. Here the loops hold only what depends on the step before; all else, the derivatives of the gates
and the gradients of the weights among it, is done once for the whole map. What a step multiplies, its input and the
states that its taps read, lies in one block, so that it is one product; each step works on slices, cut beforehand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from chainrule.layers.scan_plan import Sweep, Window

sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
tanh_backward = torch.ops.aten.tanh_backward.grad_input


def lstm_scan(
    maps: Sequence[Tensor], weights: tuple[Tensor, Tensor, Tensor], initial: tuple[Tensor, Tensor], sweep: Sweep
) -> Tensor:
    """The hidden states of an LSTM over an image, in several directions at once.

    For each pixel, with x what is read of its map, h' the hidden states that the taps read, and c' the cell state that
    one of them reads: o, i, f = σ(·) and g = tanh(·) of W x + Σ_tap U_tap h'_tap + b; c = f ⊙ c' + i ⊙ g;
    h = o ⊙ tanh(c). Memory is linear in the pixels. Gradients have no gradients of their own.
    Source: PixelRNN (arXiv:1601.06759), equation 3.

    Args:
        maps: what each direction reads, [in, P, n], the pixels as row · W + column.
        weights: W [directions, 4h, inputs · in], U [taps, directions, 4h, h], b [directions, 4h, 1]; the gates
            o, i, f, g.
        initial: the learned h and c beside the image, each [directions, h].
        sweep: the steps of each direction, and the pixels that its inputs are read from.

    Returns:
        [directions, h, P + 1, n], the pixels in the order of the steps, in the type of the weights; the last place
        holds zeros.
    """
    with torch.autocast(weights[0].device.type, enabled=False):
        hidden: Tensor = _Scan.apply(sweep, *_arguments(maps, weights, initial))  # type: ignore[no-untyped-call]
    return hidden.to(weights[0].dtype)


@torch.no_grad()
def lstm_states(
    maps: Sequence[Tensor], weights: tuple[Tensor, Tensor, Tensor], initial: tuple[Tensor, Tensor], sweep: Sweep
) -> tuple[Tensor, Tensor]:
    """`lstm_scan`, and the cell state that each pixel reads of another, [directions, h, P, n]; without gradients."""
    with torch.autocast(weights[0].device.type, enabled=False):
        held, (_, pixels, n) = _scanned(sweep, *_arguments(maps, weights, initial)), maps[0].shape
    hidden, read = (each.to(weights[0].dtype) for each in (held.hidden, held.c_read))
    return hidden.view(*hidden.shape[:2], pixels + 1, n), read.view(*read.shape[:2], pixels, n)


def _arguments(
    maps: Sequence[Tensor], weights: tuple[Tensor, Tensor, Tensor], initial: tuple[Tensor, Tensor]
) -> list[Tensor]:
    """The weights side by side, the initial states and the maps, in one type."""
    w, u, b = weights
    dtype = torch.promote_types(w.dtype, torch.float32)  # sums over many steps want the digits
    return [x.to(dtype) for x in (torch.cat([w, *u, b], 2), *initial, *maps)]


@dataclass(frozen=True, eq=False)
class _Columns:
    """All that a scan computes, [directions, ..., P · n]: a column is one pixel of one datum.

    Attributes:
        read: what each pixel's gates are the product of: its input, the h' of each tap, and 1 for the bias.
        taps: the parts of it that are the h'.
        gates: o, i, f, g.
        c_read: the c' that each pixel reads.
        tanh_c: the tanh of its own c.
        hidden: its h; one more place, of zeros, is the last.
    """

    read: Tensor
    taps: tuple[Tensor, ...]
    gates: Tensor
    c_read: Tensor
    tanh_c: Tensor
    hidden: Tensor


class _Scan(torch.autograd.Function):
    """`lstm_scan`. d before a name: the gradient of the loss by it."""

    @staticmethod
    def forward(ctx: Any, sweep: Sweep, weight: Tensor, h0: Tensor, c0: Tensor, *maps: Tensor) -> Tensor:
        held, n = _scanned(sweep, weight, h0, c0, *maps), maps[0].shape[2]
        ctx.save_for_backward(weight, held.read, held.gates, held.c_read, held.tanh_c)
        ctx.sweep, ctx.n, ctx.maps, ctx.inputs = sweep, n, len(maps), maps[0].shape[0] * sweep.inputs.shape[1]
        return held.hidden.view(*h0.shape, maps[0].shape[1] + 1, n)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_hidden: Tensor) -> tuple[Tensor | None, ...]:
        weight, read, gates, c_read, tanh_c = ctx.saved_tensors
        sweep, n, taps = ctx.sweep, ctx.n, len(ctx.sweep.beside)
        of_states = weight[:, :, ctx.inputs : -1].mT.contiguous()
        with torch.autocast(weight.device.type, enabled=False):
            d_gates, d_tanh = _factors(gates, c_read, tanh_c)
            f = gates.chunk(4, 1)[2]
            d_c = _back_through(d_hidden.flatten(2).clone(), d_gates, d_tanh, f, of_states, sweep, n)
            by_tap = [
                torch.bmm(tap, _learned(d_gates, sweep, number, n).sum(2, keepdim=True))
                for number, tap in enumerate(of_states.chunk(taps, 1))
            ]
            d_c0 = _learned(d_c * f, sweep, sweep.cell, n).sum(2)
            d_maps: Iterable[Tensor | None] = [None] * ctx.maps
            if any(ctx.needs_input_grad[4:]):
                d_maps = _scatter(torch.bmm(weight[:, :, : ctx.inputs].mT, d_gates), sweep, n)
            return None, torch.bmm(d_gates, read.mT), torch.cat(by_tap, 2).sum(2), d_c0, *d_maps


def _scanned(sweep: Sweep, weight: Tensor, h0: Tensor, c0: Tensor, *maps: Tensor) -> _Columns:
    """All that a scan computes."""
    features, pixels, n = maps[0].shape
    inputs = features * sweep.inputs.shape[1]
    held = _empty(weight, inputs, h0.shape[1], pixels * n, n)
    _gather(maps, held.read[:, :inputs], sweep)
    for number, tap in enumerate(held.taps):
        _beside(tap, h0, sweep, number, n)
    _beside(held.c_read, c0, sweep, sweep.cell, n)
    _through(held, weight, sweep, n)
    return held


def _empty(weight: Tensor, inputs: int, size: int, columns: int, n: int) -> _Columns:
    """Room for a scan, the ones and zeros in place."""
    read = weight.new_empty(len(weight), weight.shape[2], columns)
    read[:, -1] = 1
    hidden = weight.new_empty(len(weight), size, columns + n)
    hidden[:, :, columns:] = 0
    gates, c_read, tanh_c = (weight.new_empty(len(weight), k * size, columns) for k in (4, 1, 1))
    return _Columns(read, tuple(read[:, inputs:-1].split(size, 1)), gates, c_read, tanh_c, hidden)  # type: ignore[no-untyped-call]


def _through(held: _Columns, weight: Tensor, sweep: Sweep, n: int) -> None:
    """The steps: fills the gates, the tanh of the cells, and the hidden states; and what the step after each reads."""
    weight = weight.clone()
    weight[:, 3 * held.hidden.shape[1] :] *= 2  # tanh(z) = 2σ(2z) - 1, and σ is faster by far
    steps = sweep.columns(n)
    parts = _steps([held.read, held.gates, *held.gates.chunk(4, 1), held.c_read, held.tanh_c, held.hidden], sweep, n)
    for (x, gate, o, i, f, g, before, c, h), after in zip(parts, [*steps[1:], None], strict=True):
        torch.bmm(weight, x, out=gate).sigmoid_()
        g.mul_(2).sub_(1)
        torch.mul(f, before, out=c).addcmul_(i, g)
        if after:
            _pass_on(held.tanh_c, held.c_read, after.windows[sweep.cell])
        c.mul_(2).sigmoid_().mul_(2).sub_(1)  # from here on its tanh
        torch.mul(o, c, out=h)
        if after:
            for tap, window in zip(held.taps, after.windows, strict=True):
                _pass_on(held.hidden, tap, window)


def _factors(gates: Tensor, c_read: Tensor, tanh_c: Tensor) -> tuple[Tensor, Tensor]:
    """What to multiply gradients at h and c with to get those at the gates, before their σ and tanh, and at c."""
    factors, d_tanh = torch.empty_like(gates), torch.empty_like(tanh_c)
    (o, i, f, g), (d_o, d_i, d_f, d_g) = gates.chunk(4, 1), factors.chunk(4, 1)
    sigmoid_backward(tanh_c, o, grad_input=d_o)
    sigmoid_backward(g, i, grad_input=d_i)
    sigmoid_backward(c_read, f, grad_input=d_f)
    tanh_backward(i, g, grad_input=d_g)
    tanh_backward(o, tanh_c, grad_input=d_tanh)
    return factors, d_tanh


def _back_through(
    d_h: Tensor, d_gates: Tensor, d_tanh: Tensor, f: Tensor, of_states: Tensor, sweep: Sweep, n: int
) -> Tensor:
    """The steps in reverse: makes `_factors` the gradients at the gates, in place; returns those at c."""
    d_c = torch.zeros_like(d_tanh)
    parts = _steps([d_gates, *d_gates.chunk(4, 1), d_tanh, d_c, d_h], sweep, n)
    for (gate, d_o, d_i, d_f, d_g, from_h, at_c, at_h), step in zip(
        reversed(parts), reversed(sweep.columns(n)), strict=True
    ):
        at_c.addcmul_(at_h, from_h)
        d_o.mul_(at_h)
        d_i.mul_(at_c)
        d_f.mul_(at_c)
        d_g.mul_(at_c)
        cell = step.windows[sweep.cell]
        torch.mul(*(each.narrow(2, cell.to, cell.size) for each in (d_c, f)), out=d_c.narrow(2, cell.of, cell.size))
        d_taps = torch.bmm(of_states, gate).chunk(len(step.windows), 1)
        for d_tap, each in zip(d_taps, step.windows, strict=True):
            d_h.narrow(2, each.of, each.size).add_(d_tap.narrow(2, each.to - step.first, each.size))
    return d_c


def _steps(maps: Sequence[Tensor], sweep: Sweep, n: int) -> list[tuple[Tensor, ...]]:
    """The columns of each step, of each map."""
    sizes = [step.size * n for step in sweep.steps]
    columns = sum(sizes)
    return list(zip(*(each.narrow(2, 0, columns).split_with_sizes(sizes, 2) for each in maps), strict=True))


def _pass_on(states: Tensor, read: Tensor, window: Window) -> None:
    """Copies the states of a step's pixels to where the next step reads them."""
    read.narrow(2, window.to, window.size).copy_(states.narrow(2, window.of, window.size))


def _gather(maps: Sequence[Tensor], read: Tensor, sweep: Sweep) -> None:
    """Copies the inputs of each direction [directions, inputs · in, P · n] out of its map, zeros beside the image."""
    for direction, (pixels, x) in enumerate(zip(sweep.inputs.to(read.device), maps, strict=True)):
        for part, at in zip(read[direction].chunk(len(pixels)), pixels, strict=True):
            torch.index_select(x, 1, at.clamp(min=0), out=part.view(x.shape))
            part.view(x.shape).index_fill_(1, _outside(at), 0)


def _scatter(d_read: Tensor, sweep: Sweep, n: int) -> list[Tensor]:
    """The gradients at the maps: `_gather` backwards."""
    d_maps = []
    for d_inputs, pixels in zip(d_read, sweep.inputs.to(d_read.device), strict=True):
        parts = d_inputs.view(len(pixels), len(d_inputs) // len(pixels), pixels.shape[1], n)
        d_map = torch.zeros_like(parts[0])
        for part, at in zip(parts, pixels, strict=True):
            d_map.index_add_(1, at.clamp(min=0), part.index_fill_(1, _outside(at), 0))
        d_maps.append(d_map)
    return d_maps


def _outside(pixels: Tensor) -> Tensor:
    """Where there is no pixel to read."""
    return (pixels < 0).nonzero().flatten()


def _beside(read: Tensor, state: Tensor, sweep: Sweep, tap: int, n: int) -> None:
    """Writes the learned state [directions, h], or the zeros of padding, where the tap reads beside the image."""
    places, learned = (each[tap].to(state.device) for each in (sweep.beside, sweep.learned))
    by_pixel = read.view(*read.shape[:2], sweep.inputs.shape[2], n)
    by_pixel[:, :, places] = (state[:, :, None] * learned.to(state.dtype))[..., None]


def _learned(columns: Tensor, sweep: Sweep, tap: int, n: int) -> Tensor:
    """The columns of the pixels for which the tap reads the learned state."""
    places = sweep.beside[tap][sweep.learned[tap] > 0].to(columns.device)
    return columns.view(*columns.shape[:2], sweep.inputs.shape[2], n).index_select(2, places).flatten(2)
