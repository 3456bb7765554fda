"""The task of the first bit: its data, networks side by side, and that an LSTM outlasts a plain network."""

from __future__ import annotations

import pytest
import torch

from chainrule.learn.lessons import recurrence as lesson
from chainrule.learn.recall import Recall, first_bits, gates_along, recalled, state_factors, train_recall
from chainrule.learn.recurrence import cell_path, path_norms, plain_jacobian
from chainrule.seeding import generator


@pytest.fixture(scope="module")
def networks():
    return lesson.trained(lambda share, more="": None)


def test_the_bits_are_fair_and_the_first_is_marked():
    x, first = first_bits(4000, 3, generator(0))
    assert set(x[..., 0].flatten().tolist()) == {-1.0, 1.0}
    assert x[:, :, 1].sum(0).tolist() == [4000, 0, 0]
    assert torch.equal(first, (x[:, 0, 0] + 1) / 2)
    assert float(x[..., 0].mean((0, 1)).abs()) < 0.05


@pytest.mark.parametrize("bias", [None, 1.0])
def test_networks_side_by_side_are_each_as_if_alone(bias):
    both = Recall((2, 5), features=3, forget_bias=bias, generator=generator(0))
    x, _ = first_bits(6, 5, generator(1))
    for number, length in enumerate(both.lengths):
        alone = Recall((length,), features=3, forget_bias=bias, generator=generator(2))
        alone.load_state_dict({name: each[number : number + 1] for name, each in both.state_dict().items()})
        torch.testing.assert_close(alone(x[:, :length])[0], both(x)[number])


def test_no_network_has_a_part_in_anothers_training():
    short, both = ((4,), (4, 9))
    alone, pair = (Recall(lengths, 3, 1.0, generator(0)) for lengths in (short, both))
    alone.load_state_dict({name: each[:1] for name, each in pair.state_dict().items()})
    x, first = first_bits(8, 9, generator(1))
    for network in (alone, pair):
        logits = network(x)
        (logits * (2 * first - 1)).mean(1).sum().backward()
    torch.testing.assert_close(alone.state_to_state.grad[0], pair.state_to_state.grad[0])


def test_training_is_the_same_each_time_and_is_told():
    told = []
    trained = [Recall((3,), 2, 1.0, generator(0)) for _ in range(2)]
    for each in trained:
        train_recall(each, 4, 8, generator(1), lambda: told.append(1))
    assert len(told) == 8
    assert torch.equal(trained[0].bias, trained[1].bias)


def test_only_the_forget_gates_start_with_the_bias():
    bias = Recall((3,), 2, 3.0, generator(0)).bias.flatten()
    assert bias.tolist() == [0, 0, 0, 0, 3, 3, 0, 0]  # o, i, f, g
    assert not Recall((3,), 2, None, generator(0)).bias.any()


def test_short_sequences_are_learned_by_all_and_long_ones_by_open_lstms_alone(networks):
    plain, shut, opened = (share.mean(1) for share in lesson.shares_of(networks).values())
    assert min(plain[0], shut[0], opened[0]) > 0.95
    assert opened[-1] > plain[-1] + 0.3
    assert opened[-1] > shut[-1] + 0.3
    assert plain[-1] < 0.65
    assert shut[2] > plain[2] + 0.2  # the plain networks fall first
    assert bool((opened >= plain - 0.02).all())


def test_the_gradient_reaches_back_where_gates_are_open(networks):
    x = first_bits(1, lesson.LENGTHS[-1], generator(5))[0][0]
    norms = lesson.norms_of(networks, lesson.shares_of(networks), x)
    assert norms["LSTM, forget bias 3"][-1] > 100 * norms["plain"][-1]
    for name in ("LSTM, forget bias 1", "LSTM, forget bias 3"):
        assert norms[f"{name}: the cell line alone"][-1] > 0
        assert len(norms[name]) == lesson.LENGTHS[-1] + 1


def test_gates_and_factors_are_those_of_the_steps():
    networks = Recall((4, 6), 3, 1.0, generator(0)).double()
    x = first_bits(1, 6, generator(1))[0][0].double()
    hidden, cell, gates = gates_along(networks, 1, x)
    before = torch.cat([torch.zeros(1, 3), cell[:-1]])
    torch.testing.assert_close(cell, gates.forget * before + gates.input * gates.content)
    torch.testing.assert_close(hidden, gates.output * cell.tanh())
    torch.testing.assert_close(networks(x[None])[1], hidden[-1:] @ networks.answer[1, 0])
    factors = state_factors(networks, 1, x)
    nudged = cell_path(gates.forget[-1:])  # the last step, the hidden state held: gates do not read the cell
    torch.testing.assert_close(factors[-1, 3:, 3:].diagonal(), nudged)


def test_factors_of_a_plain_network_are_the_formulas():
    networks = Recall((4,), 3, None, generator(0)).double()
    x = first_bits(1, 4, generator(1))[0][0].double()
    u, states, hidden = networks.state_to_state[0].detach(), [], torch.zeros(1, 1, 3, dtype=torch.float64)
    with torch.no_grad():
        for x_t in x:
            hidden = networks.step(x_t[None], hidden, hidden)[0]
            states.append(hidden[0, 0])
    factors = state_factors(networks, 0, x)
    product = torch.linalg.multi_dot(list(factors.flip(0)))
    torch.testing.assert_close(product, plain_jacobian(torch.stack(states), u))
    torch.testing.assert_close(path_norms(factors)[-1], torch.linalg.matrix_norm(product, ord=2))


def test_bad_input_is_refused_in_one_line():
    with pytest.raises(ValueError, match="no 0 sequences of 5 steps"):
        first_bits(0, 5, generator(0))
    with pytest.raises(ValueError, match=r"0 units and \[3\] steps"):
        Recall((3,), 0, None, generator(0))
    with pytest.raises(ValueError, match="give 1 or more"):
        Recall((), 3, None, generator(0))
    with pytest.raises(ValueError, match="plain networks have no gates"):
        gates_along(Recall((3,), 2, None, generator(0)), 0, torch.zeros(3, 2))


def test_recalled_is_half_for_networks_that_know_nothing():
    networks = Recall((9, 9), 2, 1.0, generator(0))
    torch.nn.init.zeros_(networks.answer)
    assert recalled(networks, 2000, generator(1)).sub(0.5).abs().max() < 0.05
