"""Activations against their numerical derivatives and torch."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from chainrule.learn.activations import ACTIVATIONS, sigmoid


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivatives_equal_finite_differences(name):
    z = np.linspace(-4, 4, 41) + 0.01
    value, slope = ACTIVATIONS[name]
    np.testing.assert_allclose(slope(z), (value(z + 1e-6) - value(z - 1e-6)) / 2e-6, atol=1e-9)


def test_the_sigmoid_takes_numbers_of_any_size():
    assert sigmoid([-1e6, 0, 1e6]).tolist() == [0, 0.5, 1]
    np.testing.assert_allclose(sigmoid(2.0), 1 / (1 + math.exp(-2)), rtol=1e-15)
    assert ACTIVATIONS["sigmoid"].derivative(np.linspace(-50, 50, 1001)).max() == 0.25


def test_the_derivative_of_relu_at_zero_is_that_of_torch():
    z = torch.zeros(1, requires_grad=True)
    torch.relu(z).backward()
    assert ACTIVATIONS["relu"].derivative(0.0) == z.grad.item() == 0
