"""The backward pass against finite differences, autograd, sums over paths, and numbers worked out by hand."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch

from chainrule.domains import Binary
from chainrule.errors import ChainruleError
from chainrule.learn.activations import ACTIVATIONS, sigmoid
from chainrule.learn.backprop import (
    Network,
    backward,
    backward_by_index,
    backward_chain,
    cost,
    draw_network,
    forward,
    forward_chain,
)
from chainrule.learn.gradients import (
    by_autograd,
    descend,
    finite_differences,
    jacobian,
    made_gradients,
    path_products,
)
from chainrule.learn.lessons import backprop as lesson
from chainrule.learn.lessons import backprop_chain as chapters
from chainrule.learn.source import source
from chainrule.models.made import MADE

SHAPES = [
    ((1, 1), "sigmoid"),
    ((1, 1, 1, 1), "tanh"),
    ((2, 1), "relu"),
    ((1, 5), "identity"),
    ((3, 4, 2), "sigmoid"),
    ((3, 6, 1, 6, 2), ("tanh", "relu", "identity", "sigmoid")),
    ((2, 3, 3, 3, 3, 3, 3), "tanh"),
]


def drawn(widths, names, n=3, seed=0):
    rng = np.random.default_rng(seed + 100)
    return draw_network(widths, names, seed), rng.normal(size=(n, widths[0])), rng.normal(size=(n, widths[-1]))


# Activations.


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes_are_the_derivatives_of_values(name):
    z = np.linspace(-4, 4, 41) + 0.01
    value, slope = ACTIVATIONS[name]
    np.testing.assert_allclose(slope(z), (value(z + 1e-6) - value(z - 1e-6)) / 2e-6, atol=1e-9)


def test_the_sigmoid_takes_numbers_of_any_size():
    assert sigmoid([-1e6, 0, 1e6]).tolist() == [0, 0.5, 1]
    np.testing.assert_allclose(sigmoid(2.0), 1 / (1 + math.exp(-2)), rtol=1e-15)
    assert ACTIVATIONS["sigmoid"].slope(np.linspace(-50, 50, 1001)).max() == 0.25


def test_relu_at_zero_is_as_torch_has_it():
    z = torch.zeros(1, requires_grad=True)
    torch.relu(z).backward()
    assert ACTIVATIONS["relu"].slope(0.0) == z.grad.item() == 0


# The chain.

CHAIN = {"a0": 0.7, "w1": -1.1, "b1": 0.2, "w2": 1.9, "b2": -0.4, "y": 0.3}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_product_of_the_chain_is_the_derivative_of_its_cost(name):
    factors = backward_chain(forward_chain(**CHAIN, activation=name))
    for letter in ("w1", "b1", "w2", "b2", "a0"):
        moved = [forward_chain(**{**CHAIN, letter: CHAIN[letter] + step}, activation=name).c for step in (1e-6, -1e-6)]
        assert getattr(factors, f"dc_d{letter}") == pytest.approx((moved[0] - moved[1]) / 2e-6, abs=1e-8), letter


def test_every_factor_of_the_chain_is_what_autograd_has_between_two_values():
    values = {name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in CHAIN.items()}
    values["z1"] = values["a0"] * values["w1"] + values["b1"]
    values["a1"] = values["z1"].sigmoid()
    values["z2"] = values["a1"] * values["w2"] + values["b2"]
    values["a2"] = values["z2"].sigmoid()
    values["c"] = (values["a2"] - values["y"]) ** 2
    chain = forward_chain(**CHAIN)
    for name, value in values.items():
        assert getattr(chain, name) == pytest.approx(value.item(), rel=1e-14)
    factors = backward_chain(chain)
    for field in dataclasses.fields(factors):
        end, start = field.name.removeprefix("d").split("_d")
        (found,) = torch.autograd.grad(values[end], values[start], retain_graph=True)
        assert getattr(factors, field.name) == pytest.approx(found.item(), rel=1e-13), field.name


def test_the_chain_by_hand():
    # z1 = 2·3 + 1 = 7, z2 = 7·0.5 − 1 = 2.5, c = (2.5 − 2)² = 0.25
    chain = forward_chain(a0=2.0, w1=3.0, b1=1.0, w2=0.5, b2=-1.0, y=2.0, activation="relu")
    assert (chain.z1, chain.a1, chain.z2, chain.a2, chain.c) == (7, 7, 2.5, 2.5, 0.25)
    found = backward_chain(chain)
    assert (found.dc_da2, found.dc_dw2, found.dc_db2, found.dc_dw1, found.dc_db1, found.dc_da0) == (
        1,
        7,
        1,
        1,
        0.5,
        1.5,
    )


def test_a_saturated_neuron_passes_nothing_on():
    slopes = [abs(backward_chain(forward_chain(**{**CHAIN, "b1": b1})).dc_dw1) for b1 in (0.0, 5.0, 10.0, 20.0)]
    assert slopes == sorted(slopes, reverse=True)
    assert slopes[-1] < 1e-8


def test_the_chain_is_the_network_of_widths_one():
    network = Network(
        (np.array([[-1.1]]), np.array([[1.9]])), (np.array([0.2]), np.array([-0.4])), ("sigmoid", "sigmoid")
    )
    chain = forward_chain(**CHAIN)
    x, y = np.array([[CHAIN["a0"]]]), np.array([[CHAIN["y"]]])
    values, factors = forward(network, x), backward_chain(chain)
    assert [each.item() for each in values.z] == pytest.approx([chain.z1, chain.z2], rel=1e-15)
    assert cost(values.output, y).tolist() == pytest.approx([chain.c], rel=1e-14)
    found = backward(network, x, y)
    assert [each.item() for each in found.weights] == pytest.approx([factors.dc_dw1, factors.dc_dw2], rel=1e-13)
    assert [each.item() for each in found.a] == pytest.approx(
        [factors.dc_da0, factors.dc_da1, factors.dc_da2], rel=1e-13
    )


# Any network.


@pytest.mark.parametrize(("widths", "names"), SHAPES)
@pytest.mark.parametrize("n", [1, 3])
def test_four_ways_to_the_same_gradients(widths, names, n):
    network, x, y = drawn(widths, names, n)
    found = backward(network, x, y)
    assert [w.shape for w in found.weights] == [w.shape for w in network.weights]
    assert [b.shape for b in found.biases] == [b.shape for b in network.biases]
    assert [a.shape for a in found.a] == [(n, width) for width in widths]
    scale = np.abs(found.numbers).max()
    np.testing.assert_allclose(backward_by_index(network, x, y).numbers, found.numbers, atol=1e-13 * scale)
    np.testing.assert_allclose(by_autograd(network, x, y).numbers, found.numbers, atol=1e-13 * scale)
    np.testing.assert_allclose(finite_differences(network, x, y).numbers, found.numbers, atol=1e-7 * scale)


@pytest.mark.parametrize(("widths", "names"), SHAPES)
def test_the_derivative_by_an_input_is_the_sum_over_paths(widths, names):
    network, x, _ = drawn(widths, names)
    exact = jacobian(network, x[0])
    for j, k in itertools.product(range(widths[-1]), range(widths[0])):
        products = path_products(network, x[0], source=k, target=j)
        assert len(products) == math.prod(widths[1:-1])
        assert all(path[0] == k and path[-1] == j and len(path) == len(widths) for path in products)
        assert sum(products.values()) == pytest.approx(exact[j, k], abs=1e-12)
        inputs = torch.tensor(x[0], requires_grad=True)
        by_torch = torch_output(network, inputs)[j]
        assert exact[j, k] == pytest.approx(torch.autograd.grad(by_torch, inputs)[0][k].item(), abs=1e-13)


def torch_output(network, a):
    functions = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "identity": lambda z: z}
    for w, b, name in network.layers:
        a = functions[name](torch.tensor(w) @ a + torch.tensor(b))
    return a


def test_cutting_all_paths_leaves_a_derivative_of_exactly_zero():
    network, x, _ = drawn((3, 4, 2), "tanh")
    first, second = network.weights
    first[:2, 1] = 0  # input 1 reaches hidden units 2 and 3 alone,
    second[0, 2:] = 0  # and output 0 does not read them
    assert jacobian(network, x[0])[0, 1] == 0
    assert (jacobian(network, x[0])[[0, 1, 1, 1], [0, 0, 1, 2]] != 0).all()


def test_a_batch_is_the_sum_of_its_data():
    network, x, y = drawn((3, 4, 2), "tanh", n=4)
    whole, each = backward(network, x, y), [backward(network, x[i : i + 1], y[i : i + 1]) for i in range(4)]
    np.testing.assert_allclose(whole.weights[0], sum(one.weights[0] for one in each), atol=1e-14)
    np.testing.assert_allclose(whole.a[1], np.concatenate([one.a[1] for one in each]), atol=1e-14)
    assert cost(forward(network, x).output, y).shape == (4,)


def test_of_no_data_the_gradients_are_zero():
    network, x, y = drawn((3, 4, 2), "tanh", n=0)
    assert not backward(network, x, y).numbers.any()


def test_finite_differences_leave_the_network_as_it_is():
    network, x, y = drawn((2, 3, 1), "tanh")
    before = [w.copy() for w in network.weights]
    finite_differences(network, x, y)
    assert all((w == b).all() for w, b in zip(network.weights, before, strict=True))


def test_one_step_of_descent_by_hand():
    network, x, y = drawn((2, 3, 1), "tanh", n=5)
    after, costs = descend(network, x, y, rate=0.1, steps=1)
    found = backward(network, x, y)
    np.testing.assert_allclose(after.weights[0], network.weights[0] - 0.1 * found.weights[0] / 5, atol=1e-15)
    np.testing.assert_allclose(after.biases[1], network.biases[1] - 0.1 * found.biases[1] / 5, atol=1e-15)
    np.testing.assert_allclose(costs, [cost(forward(each, x).output, y).mean() for each in (network, after)])
    assert costs[1] < costs[0]


def test_no_step_of_descent_changes_nothing():
    network, x, y = drawn((2, 3, 1), "tanh")
    after, costs = descend(network, x, y, rate=0.1, steps=0)
    assert after is network
    assert len(costs) == 1


# What the lesson claims.


def test_a_lone_neuron_cannot_do_what_four_hidden_ones_can():
    x, y = lesson.XOR
    _, alone = descend(draw_network((2, 1), "sigmoid", seed=0), x, y, rate=2.0, steps=300)
    network, costs = descend(draw_network((2, 4, 1), ("tanh", "sigmoid"), seed=0), x, y, rate=2.0, steps=lesson.STEPS)
    assert alone[-1] == pytest.approx(0.25, abs=1e-3)
    assert costs[-1] < 0.001 < 0.2 < costs[0]
    assert (forward(network, x).output.round() == y).all()


def test_derivatives_fade_in_a_deep_network_of_sigmoids():
    left = {}
    for name in lesson.NAMES:
        sizes = lesson.sizes_by_layer(draw_network([lesson.WIDTH] * (lesson.DEPTH + 1), name, seed=1))
        left[name] = sizes[0] / sizes[-1]
    assert left["sigmoid"] < 1e-9 < left["relu"] < left["tanh"] < 1
    doubled = lesson.scaled(draw_network([lesson.WIDTH] * (lesson.DEPTH + 1), "relu", seed=1), math.sqrt(2))
    sizes = lesson.sizes_by_layer(doubled)
    assert 0.05 < sizes[0] / sizes[-1] < 20


@pytest.mark.parametrize("layers", [1, 2, 7])
def test_multiplications_are_counted_right(layers):
    # Factors of the weight i layers before the last: ∂z/∂w, then ∂a/∂z and ∂z/∂a of i layers, ∂a/∂z and ∂c/∂a.
    alone = sum(len(["dz_dw", *["da_dz", "dz_da"] * i, "da_dz", "dc_da"]) - 1 for i in range(layers))
    assert chapters.multiplications(layers) == (alone, 2 + 3 * (layers - 1))
    assert alone == layers * (layers + 1)


def test_the_page_gives_the_numbers_of_the_chain():
    chain = chapters.the_chain()
    factors = backward_chain(chain)
    assert chapters.forward_lines(chain).splitlines()[-1].endswith(f"= {chain.c:.4f}")
    lines = chapters.product_lines(factors).splitlines()
    assert lines[0] == "∂c/∂w2 = ∂z2/∂w2 × ∂a2/∂z2 × ∂c/∂a2"
    assert lines[2] == f"       = {factors.dc_dw2:.4f}".replace("-", "−")
    assert max(map(len, [*lines, *chapters.factor_lines(chain, factors).splitlines()])) <= 76


def test_moving_the_chain_against_its_derivatives_lowers_its_cost():
    chain, factors = chapters.the_chain(), backward_chain(chapters.the_chain())
    weights = {
        name: getattr(chain, name) - chapters.RATE * getattr(factors, f"dc_d{name}")
        for name in ("w1", "b1", "w2", "b2")
    }
    assert forward_chain(chain.a0, y=chain.y, **weights).c < chain.c


def test_the_gradients_of_made_by_hand_are_those_of_autograd():
    model, x = lesson.small_made()
    loss = -model.log_prob(x).sum()
    found = torch.autograd.grad(loss, [model.layers[0].weight, model.output.weight])
    for by_hand, by_torch, layer in zip(made_gradients(model, x), found, (model.layers[0], model.output), strict=True):
        assert by_torch.abs().max() > 0.1
        torch.testing.assert_close(by_hand, by_torch, rtol=1e-12, atol=1e-12)
        assert not by_hand[~layer.mask].any()


@pytest.mark.parametrize("program", [backward_chain, backward_by_index, backward, made_gradients])
def test_the_programs_fit_a_terminal(program):
    assert max(map(len, source(program).splitlines())) <= 76


# Bad input.


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: forward_chain(**CHAIN, activation="step"), "no activation 'step'; there are sigmoid, tanh"),
        (lambda: forward_chain(**{**CHAIN, "w1": math.nan}), "w1 of the chain is nan; give a finite number"),
        (lambda: draw_network((3,), "tanh"), "at least 1, not \\[3\\]"),
        (lambda: draw_network((3, 0), "tanh"), "at least 1, not \\[3, 0\\]"),
        (lambda: draw_network((3, 2), ("tanh", "relu")), "an activation of each layer"),
        (
            lambda: Network((np.ones((2, 3)), np.ones((1, 3))), (np.ones(2), np.ones(1)), ("tanh",) * 2),
            "layer 2 has weights",
        ),
        (lambda: Network((), (), ()), "a layer at least"),
        (lambda: forward(draw_network((3, 2), "tanh"), np.ones(3)), "rows \\[n, 3\\], one for each datum"),
        (lambda: backward(draw_network((3, 2), "tanh"), np.ones((4, 3)), np.ones(4)), "give both as"),
        (lambda: cost(np.ones((4, 1)), np.ones(4)), "give both as"),
        (lambda: path_products(draw_network((3, 2), "tanh"), np.ones(3), 3, 0), "no unit 3 in a layer of 3"),
        (lambda: path_products(draw_network((3, 2), "tanh"), np.ones(3), 0, -1), "no unit -1 in a layer of 2"),
        (lambda: descend(*drawn((2, 1), "tanh"), rate=0.0, steps=1), "a rate above 0"),
        (lambda: descend(*drawn((2, 1), "tanh"), rate=0.1, steps=-1), "at least 0 steps"),
        (lambda: made_gradients(MADE(Binary((3,)), hidden=(4, 4)), torch.ones(1, 3)), "one hidden layer"),
    ],
)
def test_bad_input_is_said(call, words):
    with pytest.raises(ChainruleError, match=words):
        call()
