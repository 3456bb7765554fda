"""Gradient descent, and the gradients of MADE by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from chainrule.domains import Binary
from chainrule.errors import ChainruleError
from chainrule.learn.backpropagation import (
    backward,
    cost,
    forward,
    init_network,
)
from chainrule.learn.gradients import (
    made_gradients,
    multiply_along_paths,
    run_gradient_descent,
)
from chainrule.models import MADE
from chainrule.seeding import generator


def drawn(widths, names, n=3, seed=0):
    rng = np.random.default_rng(seed + 100)
    return init_network(widths, names, seed=seed), rng.normal(size=(n, widths[0])), rng.normal(size=(n, widths[-1]))


def test_one_step_of_gradient_descent_by_hand():
    network, x, y = drawn((2, 3, 1), "tanh", n=5)
    after, costs = run_gradient_descent(network, x, y, learning_rate=0.1, steps=1)
    found = backward(network, x, y)
    np.testing.assert_allclose(after.weights[0], network.weights[0] - 0.1 * found.weights[0] / 5, atol=1e-15)
    np.testing.assert_allclose(after.biases[1], network.biases[1] - 0.1 * found.biases[1] / 5, atol=1e-15)
    np.testing.assert_allclose(costs, [cost(forward(each, x).output, y).mean() for each in (network, after)])
    assert costs[1] < costs[0]


def test_without_steps_gradient_descent_changes_nothing():
    network, x, y = drawn((2, 3, 1), "tanh")
    after, costs = run_gradient_descent(network, x, y, learning_rate=0.1, steps=0)
    assert after is network
    assert len(costs) == 1


def random_made():
    """Return a float64 MADE over six binary sites with random weights, and random data."""
    model, rng = MADE(Binary((6,)), hidden=(10,)).double(), generator(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(generator=rng)
    return model, torch.randint(2, (20, 6), generator=rng).double()


def test_the_gradients_of_made_by_hand_equal_autograd():
    model, x = random_made()
    loss = -model.log_prob(x).sum()
    found = torch.autograd.grad(loss, [model.layers[0].weight, model.output.weight])
    for by_hand, by_torch, layer in zip(made_gradients(model, x), found, (model.layers[0], model.output), strict=True):
        assert by_torch.abs().max() > 0.1
        torch.testing.assert_close(by_hand, by_torch, rtol=1e-12, atol=1e-12)
        assert not by_hand[~layer.mask].any()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: multiply_along_paths(init_network((3, 2), "tanh"), np.ones(3), source=3, target=0),
            "no unit 3 in a layer of 3",
        ),
        (
            lambda: multiply_along_paths(init_network((3, 2), "tanh"), np.ones(3), source=0, target=-1),
            "no unit -1 in a layer of 2",
        ),
        (lambda: run_gradient_descent(*drawn((2, 1), "tanh"), learning_rate=0.0, steps=1), "a learning rate above 0"),
        (lambda: run_gradient_descent(*drawn((2, 1), "tanh"), learning_rate=0.1, steps=-1), "at least 0 steps"),
        (lambda: made_gradients(MADE(Binary((3,)), hidden=(4, 4)), torch.ones(1, 3)), "one hidden layer"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ChainruleError, match=words):
        call()
