"""Activation functions of a neuron by name, each with its derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from chainrule.errors import ChainruleError
from chainrule.learn.arrays import FloatArray


class Activation(NamedTuple):
    """An activation function A and its derivative; both take the same z (the derivative does not take a = A(z))."""

    function: Callable[[ArrayLike], FloatArray]
    derivative: Callable[[ArrayLike], FloatArray]


def sigmoid(z: ArrayLike) -> FloatArray:
    """Return σ(z) = 1 / (1 + e^(−z)), computed without overflow for any z.

    Example:
        >>> float(sigmoid(0.0)), float(sigmoid(-1000.0))
        (0.5, 0.0)
    """
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * np.asarray(z, np.float64)))


def _tanh(z: ArrayLike) -> FloatArray:
    return np.asarray(np.tanh(np.asarray(z, np.float64)))


ACTIVATIONS = {
    "sigmoid": Activation(sigmoid, lambda z: sigmoid(z) * sigmoid(np.negative(z))),
    "tanh": Activation(_tanh, lambda z: 1 - _tanh(z) ** 2),
    "relu": Activation(lambda z: np.maximum(z, 0.0), lambda z: np.asarray(np.greater(z, 0), np.float64)),
    "identity": Activation(lambda z: np.asarray(z, np.float64), lambda z: np.ones(np.shape(z))),
}
"""The activation functions by name. The derivative of relu at 0 is 0, as in torch."""


def find_activation(name: str) -> Activation:
    """Return the activation function with this name.

    Raises:
        ChainruleError: there is no activation with this name.
    """
    if name not in ACTIVATIONS:
        raise ChainruleError(f"there is no activation {name!r}; there are {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]
