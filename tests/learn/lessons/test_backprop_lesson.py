"""The claims of the lesson on the forward and the backward pass."""

from __future__ import annotations

import math

import pytest

from chainrule.learn.backpropagation import (
    backward,
    backward_by_index,
    backward_chain,
    forward,
    forward_chain,
    init_network,
)
from chainrule.learn.gradients import (
    made_gradients,
    run_gradient_descent,
)
from chainrule.learn.lessons import backprop_chain as chapters
from chainrule.learn.lessons import backprop_lesson as lesson
from chainrule.learn.source_code import read_source


def test_one_neuron_cannot_learn_xor_and_four_hidden_neurons_can():
    x, y = lesson.XOR
    _, alone = run_gradient_descent(init_network((2, 1), "sigmoid", seed=0), x, y, learning_rate=2.0, steps=300)
    network, costs = run_gradient_descent(
        init_network((2, 4, 1), ("tanh", "sigmoid"), seed=0), x, y, learning_rate=2.0, steps=lesson.STEPS
    )
    assert alone[-1] == pytest.approx(0.25, abs=1e-3)
    assert costs[-1] < 0.001 < 0.2 < costs[0]
    assert (forward(network, x).output.round() == y).all()


def test_gradients_vanish_in_a_deep_network_of_sigmoids():
    left = {}
    for name in lesson.NAMES:
        sizes = lesson.gradient_sizes(init_network([lesson.WIDTH] * (lesson.DEPTH + 1), name, seed=1))
        left[name] = sizes[0] / sizes[-1]
    assert left["sigmoid"] < 1e-9 < left["relu"] < left["tanh"] < 1
    doubled = lesson.scale_weights(init_network([lesson.WIDTH] * (lesson.DEPTH + 1), "relu", seed=1), math.sqrt(2))
    sizes = lesson.gradient_sizes(doubled)
    assert 0.05 < sizes[0] / sizes[-1] < 20


@pytest.mark.parametrize("layers", [1, 2, 7])
def test_multiplications_are_counted_correctly(layers):
    # Factors of the weight i layers before the last: ∂z/∂w, then ∂a/∂z and ∂z/∂a of i layers, ∂a/∂z and ∂c/∂a.
    alone = sum(len(["dz_dw", *["da_dz", "dz_da"] * i, "da_dz", "dc_da"]) - 1 for i in range(layers))
    assert chapters.count_multiplications(layers) == (alone, 2 + 3 * (layers - 1))
    assert alone == layers * (layers + 1)


def test_the_page_shows_the_numbers_of_the_chain():
    chain = chapters.make_chain()
    factors = backward_chain(chain)
    assert chapters.format_forward_pass(chain).splitlines()[-1].endswith(f"= {chain.c:.4f}")
    lines = chapters.format_products(factors).splitlines()
    assert lines[0] == "∂c/∂w2 = ∂z2/∂w2 × ∂a2/∂z2 × ∂c/∂a2"
    assert lines[2] == f"       = {factors.dc_dw2:.4f}".replace("-", "−")
    assert max(map(len, [*lines, *chapters.format_factors(chain, factors).splitlines()])) <= 76


def test_a_step_of_gradient_descent_lowers_the_cost_of_the_chain():
    chain, factors = chapters.make_chain(), backward_chain(chapters.make_chain())
    weights = {
        name: getattr(chain, name) - chapters.RATE * getattr(factors, f"dc_d{name}")
        for name in ("w1", "b1", "w2", "b2")
    }
    assert forward_chain(chain.a0, y=chain.y, **weights).c < chain.c


@pytest.mark.parametrize("program", [backward_chain, backward_by_index, backward, made_gradients])
def test_the_programs_fit_a_terminal(program):
    assert max(map(len, read_source(program).splitlines())) <= 76
