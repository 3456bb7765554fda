"""The recall task: its data, and networks that run side by side."""

from __future__ import annotations

import pytest
import torch

from chainrule.learn.recall_task import (
    RecallNetworks,
    measure_recall,
    record_gates,
    sample_sequences,
    state_jacobians,
    train_networks,
)
from chainrule.learn.recurrent_networks import cell_jacobian, jacobian_norms, rnn_jacobian
from chainrule.seeding import generator


def test_the_bits_are_fair_and_the_first_is_marked():
    x, first = sample_sequences(4000, length=3, generator=generator(0))
    assert set(x[..., 0].flatten().tolist()) == {-1.0, 1.0}
    assert x[:, :, 1].sum(0).tolist() == [4000, 0, 0]
    assert torch.equal(first, (x[:, 0, 0] + 1) / 2)
    assert float(x[..., 0].mean((0, 1)).abs()) < 0.05


@pytest.mark.parametrize("bias", [None, 1.0])
def test_networks_side_by_side_equal_single_networks(bias):
    both = RecallNetworks((2, 5), features=3, forget_bias=bias, generator=generator(0))
    x, _ = sample_sequences(6, length=5, generator=generator(1))
    for number, length in enumerate(both.lengths):
        alone = RecallNetworks((length,), features=3, forget_bias=bias, generator=generator(2))
        alone.load_state_dict({name: each[number : number + 1] for name, each in both.state_dict().items()})
        torch.testing.assert_close(alone(x[:, :length])[0], both(x)[number])


def test_networks_do_not_influence_each_others_gradients():
    short, both = ((4,), (4, 9))
    alone, pair = (
        RecallNetworks(lengths, features=3, forget_bias=1.0, generator=generator(0)) for lengths in (short, both)
    )
    alone.load_state_dict({name: each[:1] for name, each in pair.state_dict().items()})
    x, first = sample_sequences(8, length=9, generator=generator(1))
    for network in (alone, pair):
        logits = network(x)
        (logits * (2 * first - 1)).mean(1).sum().backward()
    torch.testing.assert_close(alone.state_to_state.grad[0], pair.state_to_state.grad[0])


def test_training_is_deterministic_and_calls_back():
    told = []
    trained = [RecallNetworks((3,), features=2, forget_bias=1.0, generator=generator(0)) for _ in range(2)]
    for each in trained:
        train_networks(each, updates=4, batch_size=8, generator=generator(1), callback=lambda: told.append(1))
    assert len(told) == 8
    assert torch.equal(trained[0].bias, trained[1].bias)


def test_only_the_forget_gates_start_with_the_bias():
    bias = RecallNetworks((3,), features=2, forget_bias=3.0, generator=generator(0)).bias.flatten()
    assert bias.tolist() == [0, 0, 0, 0, 3, 3, 0, 0]  # o, i, f, g
    assert not RecallNetworks((3,), features=2, forget_bias=None, generator=generator(0)).bias.any()


def test_gates_and_jacobians_are_those_of_the_steps():
    networks = RecallNetworks((4, 6), features=3, forget_bias=1.0, generator=generator(0)).double()
    x = sample_sequences(1, length=6, generator=generator(1))[0][0].double()
    hidden, cell, gates = record_gates(networks, 1, x)
    before = torch.cat([torch.zeros(1, 3), cell[:-1]])
    torch.testing.assert_close(cell, gates.forget * before + gates.input * gates.content)
    torch.testing.assert_close(hidden, gates.output * cell.tanh())
    torch.testing.assert_close(networks(x[None])[1], hidden[-1:] @ networks.readout[1, 0])
    factors = state_jacobians(networks, 1, x)
    nudged = cell_jacobian(gates.forget[-1:])  # the last step, the hidden state held: gates do not read the cell
    torch.testing.assert_close(factors[-1, 3:, 3:].diagonal(), nudged)


def test_jacobians_of_a_plain_network_follow_the_formula():
    networks = RecallNetworks((4,), features=3, forget_bias=None, generator=generator(0)).double()
    x = sample_sequences(1, length=4, generator=generator(1))[0][0].double()
    u, states, hidden = networks.state_to_state[0].detach(), [], torch.zeros(1, 1, 3, dtype=torch.float64)
    with torch.no_grad():
        for x_t in x:
            hidden = networks.step(x_t[None], hidden, hidden)[0]
            states.append(hidden[0, 0])
    factors = state_jacobians(networks, 0, x)
    product = torch.linalg.multi_dot(list(factors.flip(0)))
    torch.testing.assert_close(product, rnn_jacobian(torch.stack(states), u))
    torch.testing.assert_close(jacobian_norms(factors)[-1], torch.linalg.matrix_norm(product, ord=2))


def test_bad_input_is_refused_in_one_line():
    with pytest.raises(ValueError, match="cannot draw 0 sequences of 5 steps"):
        sample_sequences(0, length=5, generator=generator(0))
    with pytest.raises(ValueError, match=r"0 units for \[3\] steps"):
        RecallNetworks((3,), features=0, forget_bias=None, generator=generator(0))
    with pytest.raises(ValueError, match="give 1 or more"):
        RecallNetworks((), features=3, forget_bias=None, generator=generator(0))
    with pytest.raises(ValueError, match="plain recurrent networks have no gates"):
        record_gates(RecallNetworks((3,), features=2, forget_bias=None, generator=generator(0)), 0, torch.zeros(3, 2))


def test_the_recall_of_a_zero_readout_is_one_half():
    networks = RecallNetworks((9, 9), features=2, forget_bias=1.0, generator=generator(0))
    torch.nn.init.zeros_(networks.readout)
    assert measure_recall(networks, n=2000, generator=generator(1)).sub(0.5).abs().max() < 0.05
