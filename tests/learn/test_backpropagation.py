"""The backward pass against finite differences, autograd, sums over paths, and numbers worked out by hand."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch

from chainrule.errors import ChainruleError
from chainrule.learn.activations import ACTIVATIONS
from chainrule.learn.backpropagation import (
    Network,
    backward,
    backward_by_index,
    backward_chain,
    cost,
    forward,
    forward_chain,
    init_network,
)
from chainrule.learn.gradients import (
    autograd_gradients,
    finite_differences,
    jacobian,
    multiply_along_paths,
)

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
    return init_network(widths, names, seed=seed), rng.normal(size=(n, widths[0])), rng.normal(size=(n, widths[-1]))


CHAIN = {"a0": 0.7, "w1": -1.1, "b1": 0.2, "w2": 1.9, "b2": -0.4, "y": 0.3}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_product_of_the_chain_is_the_derivative_of_its_cost(name):
    factors = backward_chain(forward_chain(**CHAIN, activation=name))
    for letter in ("w1", "b1", "w2", "b2", "a0"):
        moved = [forward_chain(**{**CHAIN, letter: CHAIN[letter] + step}, activation=name).c for step in (1e-6, -1e-6)]
        assert getattr(factors, f"dc_d{letter}") == pytest.approx((moved[0] - moved[1]) / 2e-6, abs=1e-8), letter


def test_every_factor_of_the_chain_equals_autograd():
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


def test_a_saturated_neuron_has_a_derivative_of_zero():
    slopes = [abs(backward_chain(forward_chain(**{**CHAIN, "b1": b1})).dc_dw1) for b1 in (0.0, 5.0, 10.0, 20.0)]
    assert slopes == sorted(slopes, reverse=True)
    assert slopes[-1] < 1e-8


def test_the_chain_equals_a_network_of_widths_one():
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


@pytest.mark.parametrize(("widths", "names"), SHAPES)
@pytest.mark.parametrize("n", [1, 3])
def test_four_methods_give_the_same_gradients(widths, names, n):
    network, x, y = drawn(widths, names, n)
    found = backward(network, x, y)
    assert [w.shape for w in found.weights] == [w.shape for w in network.weights]
    assert [b.shape for b in found.biases] == [b.shape for b in network.biases]
    assert [a.shape for a in found.a] == [(n, width) for width in widths]
    scale = np.abs(found.flat).max()
    np.testing.assert_allclose(backward_by_index(network, x, y).flat, found.flat, atol=1e-13 * scale)
    np.testing.assert_allclose(autograd_gradients(network, x, y).flat, found.flat, atol=1e-13 * scale)
    np.testing.assert_allclose(finite_differences(network, x, y).flat, found.flat, atol=1e-7 * scale)


@pytest.mark.parametrize(("widths", "names"), SHAPES)
def test_the_derivative_by_an_input_is_the_sum_over_paths(widths, names):
    network, x, _ = drawn(widths, names)
    exact = jacobian(network, x[0])
    for j, k in itertools.product(range(widths[-1]), range(widths[0])):
        products = multiply_along_paths(network, x[0], source=k, target=j)
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


def test_without_a_path_the_derivative_is_exactly_zero():
    network, x, _ = drawn((3, 4, 2), "tanh")
    first, second = network.weights
    first[:2, 1] = 0  # input 1 reaches hidden units 2 and 3 alone,
    second[0, 2:] = 0  # and output 0 does not read them
    assert jacobian(network, x[0])[0, 1] == 0
    assert (jacobian(network, x[0])[[0, 1, 1, 1], [0, 0, 1, 2]] != 0).all()


def test_the_gradient_of_a_batch_is_the_sum_over_its_data():
    network, x, y = drawn((3, 4, 2), "tanh", n=4)
    whole, each = backward(network, x, y), [backward(network, x[i : i + 1], y[i : i + 1]) for i in range(4)]
    np.testing.assert_allclose(whole.weights[0], sum(one.weights[0] for one in each), atol=1e-14)
    np.testing.assert_allclose(whole.a[1], np.concatenate([one.a[1] for one in each]), atol=1e-14)
    assert cost(forward(network, x).output, y).shape == (4,)


def test_without_data_the_gradients_are_zero():
    network, x, y = drawn((3, 4, 2), "tanh", n=0)
    assert not backward(network, x, y).flat.any()


def test_finite_differences_do_not_change_the_network():
    network, x, y = drawn((2, 3, 1), "tanh")
    before = [w.copy() for w in network.weights]
    finite_differences(network, x, y)
    assert all((w == b).all() for w, b in zip(network.weights, before, strict=True))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: forward_chain(**CHAIN, activation="step"), "no activation 'step'; there are sigmoid, tanh"),
        (lambda: forward_chain(**{**CHAIN, "w1": math.nan}), "w1 of the chain is nan; give a finite number"),
        (lambda: init_network((3,), "tanh"), "at least 1, not \\[3\\]"),
        (lambda: init_network((3, 0), "tanh"), "at least 1, not \\[3, 0\\]"),
        (lambda: init_network((3, 2), ("tanh", "relu")), "an activation for each layer"),
        (
            lambda: Network((np.ones((2, 3)), np.ones((1, 3))), (np.ones(2), np.ones(1)), ("tanh",) * 2),
            "layer 2 has weights",
        ),
        (lambda: Network((), (), ()), "at least one layer"),
        (lambda: forward(init_network((3, 2), "tanh"), np.ones(3)), "rows \\[n, 3\\], one for each datum"),
        (lambda: backward(init_network((3, 2), "tanh"), np.ones((4, 3)), np.ones(4)), "give both as"),
        (lambda: cost(np.ones((4, 1)), np.ones(4)), "give both as"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ChainruleError, match=words):
        call()
