"""The steps of a plain recurrent network and of an LSTM against autograd, torch and the library's scan."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from chainrule.layers.scan import lstm_scan
from chainrule.layers.scan_plan import row_plan
from chainrule.learn.recurrent_networks import (
    cell_jacobian,
    jacobian_norms,
    lstm_step,
    reorder_gates,
    rnn_jacobian,
    rnn_states,
    rnn_step,
    scale_spectral_radius,
)
from chainrule.seeding import generator


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=generator(seed, *shape), dtype=torch.float64)


@pytest.mark.parametrize(("steps", "inputs", "units"), [(1, 1, 1), (4, 3, 1), (5, 2, 6)])
def test_states_equal_those_of_torch(steps, inputs, units):
    x, w, u, b = drawn(steps, inputs), drawn(units, inputs), drawn(units, units), drawn(units)
    rnn = nn.RNN(inputs, units, dtype=torch.float64)
    rnn.load_state_dict({"weight_ih_l0": w, "weight_hh_l0": u, "bias_ih_l0": b, "bias_hh_l0": torch.zeros_like(b)})
    torch.testing.assert_close(rnn_states(x, w, u, b), rnn(x)[0].detach())


def test_a_step_takes_several_networks_at_once():
    x, h, w, u, b = drawn(3, 7, 2), drawn(3, 7, 4), drawn(3, 4, 2), drawn(3, 4, 4), drawn(3, 1, 4)
    together = rnn_step(x, h, w, u, b)
    for network in range(3):
        alone = rnn_step(x[network], h[network], w[network], u[network], b[network, 0])
        torch.testing.assert_close(together[network], alone)


@pytest.mark.parametrize(("steps", "units"), [(0, 3), (1, 1), (6, 1), (5, 4)])
def test_the_jacobian_equals_autograd(steps, units):
    x, w, u, b = drawn(steps + 2, 3), drawn(units, 3), drawn(units, units), drawn(units)
    states = rnn_states(x, w, u, b)

    def last(hidden):
        for x_t in x[2:]:
            hidden = rnn_step(x_t, hidden, w, u, b)
        return hidden

    by_autograd = torch.autograd.functional.jacobian(last, states[1])
    torch.testing.assert_close(rnn_jacobian(states[2:], u), by_autograd)


def test_norms_of_products_equal_those_of_the_jacobians():
    x, w, u, b = drawn(5, 3), drawn(4, 3), drawn(4, 4), drawn(4)
    states = rnn_states(x, w, u, b)
    norms = jacobian_norms(torch.stack([rnn_jacobian(each[None], u) for each in states]))
    by_svd = [torch.linalg.svdvals(rnn_jacobian(states[5 - back :], u))[0] for back in range(6)]
    torch.testing.assert_close(norms, torch.stack(by_svd))


@pytest.mark.parametrize("radius", [0.0, 0.5, 3.0])
def test_a_scaled_matrix_has_the_spectral_radius(radius):
    values = torch.linalg.eigvals(scale_spectral_radius(drawn(5, 5), radius)).abs()
    assert float(values.max()) == pytest.approx(radius)


@pytest.mark.parametrize(("n", "inputs", "units"), [(1, 1, 1), (7, 3, 5)])
def test_the_lstm_equals_torch_with_reordered_gates(n, inputs, units):
    x, h, c = drawn(n, inputs), drawn(n, units, seed=1), drawn(n, units, seed=2)
    w, u, b = drawn(4 * units, inputs), drawn(4 * units, units, seed=3), drawn(4 * units)
    cell = nn.LSTMCell(inputs, units, dtype=torch.float64)
    cell.load_state_dict({
        "weight_ih": reorder_gates(w), "weight_hh": reorder_gates(u), "bias_ih": reorder_gates(b), "bias_hh": 0 * b,
    })  # fmt: skip
    hidden, state, _ = lstm_step(x @ w.mT + b, h, c, u)
    torch.testing.assert_close((hidden, state), cell(x, (h, c)))


def test_reordering_there_and_back_changes_nothing():
    weight = drawn(12, 3)
    back = reorder_gates(reorder_gates(weight, source="oifg", target="gfio"), source="gfio", target="oifg")
    assert torch.equal(back, weight)


def test_the_scan_of_an_image_of_one_column_is_a_sequence():
    steps, inputs, units, n = 6, 2, 3, 4
    x, w, u, b = (
        drawn(inputs, steps, n),
        drawn(1, 4 * units, 2 * inputs),
        drawn(3, 1, 4 * units, units),
        drawn(1, 12, 1),
    )
    h0, c0 = drawn(1, units), drawn(1, units, seed=1)
    scanned = lstm_scan([x], (w, u, b), (h0, c0), row_plan(steps, 1))
    hidden, cell = h0.expand(n, -1), c0.expand(n, -1)
    for t in range(steps):
        from_input = x[:, t].mT @ w[0, :, :inputs].mT + b[0, :, 0]
        hidden, cell, _ = lstm_step(from_input, hidden, cell, u[1, 0])  # the tap straight above
        torch.testing.assert_close(scanned[0, :, t].mT, hidden)


def test_the_cell_jacobian_is_the_gradient_with_constant_gates():
    forget, added, first = drawn(5, 2, 3).sigmoid(), drawn(5, 2, 3), drawn(2, 3).requires_grad_()
    cell = first
    for f, more in zip(forget, added, strict=True):
        cell = f * cell + more
    (gradient,) = torch.autograd.grad(cell.sum(), first)
    torch.testing.assert_close(cell_jacobian(forget), gradient)
    assert torch.equal(cell_jacobian(forget[:0]), torch.ones(2, 3, dtype=torch.float64))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: rnn_states(torch.zeros(0, 2), *[torch.zeros(2, 2)] * 2, torch.zeros(2)), "x has no steps"),
        (lambda: rnn_jacobian(torch.zeros(3, 2), torch.zeros(3, 3)), r"states \[3, 2\] and U \[3, 3\] do not fit"),
        (lambda: rnn_jacobian(torch.zeros(3, 2), torch.zeros(2, 3)), "do not fit"),
        (lambda: scale_spectral_radius(torch.zeros(2, 2), 1.0), "spectral radius 0 cannot be scaled to 1"),
        (lambda: scale_spectral_radius(torch.eye(2), -1.0), "cannot be scaled to -1"),
        (lambda: lstm_step(*[torch.zeros(4)] * 3, torch.zeros(4, 4)), "cell 4"),
        (lambda: lstm_step(*map(torch.zeros, (8, 2, 2)), torch.zeros(8, 3)), r"\[8, 3\]; give 4h, h"),
        (lambda: reorder_gates(torch.zeros(4), source="oif", target="ifgo"), "orders 'oif' and 'ifgo'"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, words):
    with pytest.raises(ValueError, match=words) as refused:
        call()
    assert "\n" not in str(refused.value)
