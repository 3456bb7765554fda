"""An LSTM scanned over an image, with its backward pass written out.

Autograd through a loop over the steps records a dozen operations each, and collects the gradients of the weights from
many small products. Here the loops hold only what depends on the step before; all else, the derivatives of the gates
and the gradients of the weights among it, is done once for the whole map.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from chainrule.layers.sweep import Sweep

sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
tanh_backward = torch.ops.aten.tanh_backward.grad_input


def lstm_scan(
    x: Tensor, weights: tuple[Tensor, Tensor, Tensor], initial: tuple[Tensor, Tensor], sweep: Sweep
) -> Tensor:
    """The hidden states of an LSTM over an image, in several directions at once.

    For each pixel, with h' the hidden states that the taps read, and c' the cell state that one of them reads:
    o, i, f = σ(·) and g = tanh(·) of W x + b + Σ_tap U_tap h'_tap; c = f ⊙ c' + i ⊙ g; h = o ⊙ tanh(c).
    Memory is linear in the pixels. Gradients have no gradients of their own.
    Source: PixelRNN (arXiv:1601.06759), equation 3.

    Args:
        x: [directions, in, P, n], the pixels in the order of the sweep's steps.
        weights: W [directions, 4h, in], b [directions, 4h, 1], U [taps, directions, 4h, h]; the gates o, i, f, g.
        initial: the learned h and c beside the image, each [directions, h].
        sweep: the steps.

    Returns:
        [directions, h, slots, n], in the type of the weights.
    """
    with torch.autocast(x.device.type, enabled=False):  # sums over many steps want all digits
        hidden: Tensor = _Scan.apply(x.to(weights[0].dtype), *weights, *initial, sweep)  # type: ignore[no-untyped-call]
    return hidden


class _Scan(torch.autograd.Function):
    """`lstm_scan`. A column is one pixel of one datum; a slot takes n columns. d before a name: the loss's gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, b: Tensor, u: Tensor, h0: Tensor, c0: Tensor, sweep: Sweep) -> Tensor:
        n, x = x.shape[3], x.flatten(2)
        gates = torch.baddbmm(b, w, x)
        h, c = _beside(h0, sweep, n), _beside(c0, sweep, n)
        tanh_c = torch.empty_like(gates[:, : h.shape[1]])
        taps = u.unbind()
        for step in sweep.columns(n):
            size, home, cell = step.size, step.home, step.before[sweep.cell]
            gate = gates.narrow(2, step.first, size)
            for tap, slot in zip(taps, step.before, strict=True):
                gate.baddbmm_(tap, h.narrow(2, slot, size))
            o, i, f, g = gate.chunk(4, 1)
            gate.narrow(1, 0, 3 * h.shape[1]).sigmoid_()
            torch.mul(f, c.narrow(2, cell, size), out=c.narrow(2, home, size)).addcmul_(i, g.tanh_())
            torch.tanh(c.narrow(2, home, size), out=tanh_c.narrow(2, step.first, size))
            torch.mul(o, tanh_c.narrow(2, step.first, size), out=h.narrow(2, home, size))
        ctx.save_for_backward(x, w, u, gates, h, c, tanh_c)
        ctx.sweep, ctx.n = sweep, n
        return h.view(*h0.shape, sweep.slots, n)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_hidden: Tensor) -> tuple[Tensor | None, ...]:
        x, w, u, gates, h, c, tanh_c = ctx.saved_tensors
        sweep, n = ctx.sweep, ctx.n
        with torch.autocast(x.device.type, enabled=False):
            d_gates, d_tanh = _factors(gates, _read(c, sweep.before[sweep.cell], n), tanh_c)
            d_h, d_c = _through_time(d_hidden.flatten(2).clone(), d_gates, d_tanh, gates, u, sweep, n)
            d_u = [torch.bmm(d_gates, _read(h, slots, n).mT) for slots in sweep.before]
            d_x = torch.bmm(w.mT, d_gates).view(*x.shape[:2], -1, n) if ctx.needs_input_grad[0] else None
            d_beside = (_read(state, sweep.learned, n).sum(2) for state in (d_h, d_c))
            return d_x, torch.bmm(d_gates, x.mT), d_gates.sum(2, keepdim=True), torch.stack(d_u), *d_beside, None


def _factors(gates: Tensor, c_read: Tensor, tanh_c: Tensor) -> tuple[Tensor, Tensor]:
    """What to multiply gradients at h and c with to get those at the gates, before their σ and tanh, and at c."""
    factors = torch.empty_like(gates)
    (o, i, f, g), (d_o, d_i, d_f, d_g) = gates.chunk(4, 1), factors.chunk(4, 1)
    sigmoid_backward(tanh_c, o, grad_input=d_o)
    sigmoid_backward(g, i, grad_input=d_i)
    sigmoid_backward(c_read, f, grad_input=d_f)
    tanh_backward(i, g, grad_input=d_g)
    return factors, torch.ops.aten.tanh_backward(o, tanh_c)


def _through_time(
    d_h: Tensor, d_gates: Tensor, d_tanh: Tensor, gates: Tensor, u: Tensor, sweep: Sweep, n: int
) -> tuple[Tensor, Tensor]:
    """The steps in reverse: makes `_factors` the gradients at the gates, in place; returns those at all h and c."""
    d_c, size = torch.zeros_like(d_h), d_h.shape[1]
    f = gates.narrow(1, 2 * size, size)
    taps = [tap.mT.contiguous() for tap in u]
    for step in reversed(sweep.columns(n)):
        columns, cell = step.size, step.before[sweep.cell]
        at_h, at_c = d_h.narrow(2, step.home, columns), d_c.narrow(2, step.home, columns)
        at_gates = d_gates.narrow(2, step.first, columns)
        at_c.addcmul_(at_h, d_tanh.narrow(2, step.first, columns))
        d_o, *d_ifg = at_gates.chunk(4, 1)
        d_o.mul_(at_h)
        for d_gate in d_ifg:
            d_gate.mul_(at_c)
        torch.mul(at_c, f.narrow(2, step.first, columns), out=d_c.narrow(2, cell, columns))
        for tap, slot in zip(taps, step.before, strict=True):
            d_h.narrow(2, slot, columns).baddbmm_(tap, at_gates)
    return d_h, d_c


def _beside(state: Tensor, sweep: Sweep, n: int) -> Tensor:
    """Columns of states [directions, h, slots · n]: the learned one [directions, h] where it belongs, else zero."""
    states = state.new_zeros(*state.shape, sweep.slots, n)
    states[:, :, sweep.learned.to(state.device)] = state[:, :, None, None]
    return states.flatten(2)


def _read(states: Tensor, slots: Tensor, n: int) -> Tensor:
    """The columns [directions, h, m · n] of m slots, out of those of all."""
    every = states.view(*states.shape[:2], -1, n)
    return every.index_select(2, slots.to(states.device)).flatten(2)
