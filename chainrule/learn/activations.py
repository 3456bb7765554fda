"""Activations of a neuron by name, each with its derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.errors import ChainruleError

Floats = NDArray[np.float64]


class Activation(NamedTuple):
    """A function of one number, and its derivative at the same number z (not at a = A(z))."""

    value: Callable[[ArrayLike], Floats]
    slope: Callable[[ArrayLike], Floats]


def sigmoid(z: ArrayLike) -> Floats:
    """σ(z) = 1 / (1 + e^(−z)), written so that no z is too large for it.

    Example:
        >>> float(sigmoid(0.0)), float(sigmoid(-1000.0))
        (0.5, 0.0)
    """
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * np.asarray(z, np.float64)))


def _tanh(z: ArrayLike) -> Floats:
    return np.asarray(np.tanh(np.asarray(z, np.float64)))


ACTIVATIONS = {
    "sigmoid": Activation(sigmoid, lambda z: sigmoid(z) * sigmoid(np.negative(z))),
    "tanh": Activation(_tanh, lambda z: 1 - _tanh(z) ** 2),
    "relu": Activation(lambda z: np.maximum(z, 0.0), lambda z: np.asarray(np.greater(z, 0), np.float64)),
    "identity": Activation(lambda z: np.asarray(z, np.float64), lambda z: np.ones(np.shape(z))),
}
"""By name. The derivative of relu at 0 is taken as 0, as torch does."""


def activation_named(name: str) -> Activation:
    """The activation of that name.

    Raises:
        ChainruleError: there is none.
    """
    if name not in ACTIVATIONS:
        raise ChainruleError(f"there is no activation {name!r}; there are {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]
