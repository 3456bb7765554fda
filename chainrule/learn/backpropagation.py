"""Forward and backward pass: of a chain of two neurons, factor by factor, and of fully connected networks of any depth.

Derivatives multiply along a path, and are added over all paths.
Source: backpropagation (Rumelhart, Hinton, Williams 1986, Learning representations by back-propagating errors).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from chainrule.errors import ChainruleError
from chainrule.learn.activations import ACTIVATIONS, find_activation
from chainrule.learn.arrays import FloatArray

# A chain of two weights.


@dataclass(frozen=True)
class ChainValues:
    """All values of a forward pass through a chain of two neurons."""

    a0: float
    w1: float
    b1: float
    z1: float
    a1: float
    w2: float
    b2: float
    z2: float
    a2: float
    y: float
    c: float
    activation: str


def forward_chain(
    a0: float, w1: float, b1: float, w2: float, b2: float, y: float, activation: str = "sigmoid"
) -> ChainValues:
    """Compute z1 = a0 w1 + b1, a1 = A(z1), z2 = a1 w2 + b2, a2 = A(z2), and the cost c = C(a2, y) = (a2 − y)².

    Source: backpropagation (Rumelhart, Hinton, Williams 1986).

    Args:
        a0: the input.
        w1, b1, w2, b2: the weight and the bias of each neuron.
        y: the target.
        activation: A, one of `ACTIVATIONS`.

    Raises:
        ChainruleError: an unknown activation, or a number that is not finite.

    Example:
        >>> forward_chain(a0=1.0, w1=2.0, b1=0.0, w2=3.0, b2=1.0, y=5.0, activation="identity").c
        4.0
    """
    A = find_activation(activation).function
    arguments = {"a0": a0, "w1": w1, "b1": b1, "w2": w2, "b2": b2, "y": y}
    for name, number in arguments.items():
        if not math.isfinite(number):
            raise ChainruleError(f"{name} of the chain is {number}; give a finite number")
    z1 = a0 * w1 + b1
    a1 = float(A(z1))
    z2 = a1 * w2 + b2
    a2 = float(A(z2))
    c = (a2 - y) ** 2
    return ChainValues(a0, w1, b1, z1, a1, w2, b2, z2, a2, y, c, activation)


@dataclass(frozen=True)
class ChainDerivatives:
    """The derivative of each step of a chain by its inputs, and the products of these factors: `dc_dw2` is ∂c/∂w2."""

    dc_da2: float
    da2_dz2: float
    dz2_dw2: float
    dz2_db2: float
    dz2_da1: float
    da1_dz1: float
    dz1_dw1: float
    dz1_db1: float
    dz1_da0: float

    @property
    def dc_dz2(self) -> float:
        """Return ∂c/∂z2, the factor that all derivatives further back have in common."""
        return self.da2_dz2 * self.dc_da2

    @property
    def dc_dw2(self) -> float:
        """Return ∂c/∂w2 = ∂z2/∂w2 × ∂a2/∂z2 × ∂c/∂a2."""
        return self.dz2_dw2 * self.dc_dz2

    @property
    def dc_db2(self) -> float:
        """Return ∂c/∂b2."""
        return self.dz2_db2 * self.dc_dz2

    @property
    def dc_da1(self) -> float:
        """Return ∂c/∂a1, which the second neuron passes back to the first."""
        return self.dz2_da1 * self.dc_dz2

    @property
    def dc_dz1(self) -> float:
        """Return ∂c/∂z1."""
        return self.da1_dz1 * self.dc_da1

    @property
    def dc_dw1(self) -> float:
        """Return ∂c/∂w1 = ∂z1/∂w1 × ∂a1/∂z1 × ∂z2/∂a1 × ∂a2/∂z2 × ∂c/∂a2."""
        return self.dz1_dw1 * self.dc_dz1

    @property
    def dc_db1(self) -> float:
        """Return ∂c/∂b1."""
        return self.dz1_db1 * self.dc_dz1

    @property
    def dc_da0(self) -> float:
        """Return ∂c/∂a0, which a layer below would receive."""
        return self.dz1_da0 * self.dc_dz1


def backward_chain(chain: ChainValues) -> ChainDerivatives:
    """Return the factors of ∂c/∂w2 = ∂z2/∂w2 × ∂a2/∂z2 × ∂c/∂a2, of ∂c/∂w1, and of the other derivatives.

    Each factor is the derivative of one line of `forward_chain`, at the values of that forward pass.
    Source: backpropagation (Rumelhart, Hinton, Williams 1986).

    Example:
        >>> found = backward_chain(forward_chain(1.0, 2.0, 0.0, 3.0, 1.0, y=5.0, activation="identity"))
        >>> found.dz2_dw2, found.da2_dz2, found.dc_da2, found.dc_dw2
        (2.0, 1.0, 4.0, 8.0)
    """
    derivative = ACTIVATIONS[chain.activation].derivative
    return ChainDerivatives(
        dc_da2=2 * (chain.a2 - chain.y),  # c = (a2 − y)²
        da2_dz2=float(derivative(chain.z2)),  # a2 = A(z2)
        dz2_dw2=chain.a1,  # z2 = a1 w2 + b2
        dz2_db2=1.0,
        dz2_da1=chain.w2,
        da1_dz1=float(derivative(chain.z1)),  # a1 = A(z1)
        dz1_dw1=chain.a0,  # z1 = a0 w1 + b1
        dz1_db1=1.0,
        dz1_da0=chain.w1,
    )


# A network of any depth.


@dataclass(frozen=True, eq=False)
class Network:
    """Represent a fully connected network.

    Attributes:
        weights: one matrix [n_L, n_(L−1)] for each layer: `weights[i][j, k]` is w_jk, from unit k below to unit j.
        biases: one vector [n_L] for each layer.
        activations: the name of the activation of each layer.

    Raises:
        ChainruleError: no layer, an unknown activation, or shapes that do not fit each other.
    """

    weights: tuple[FloatArray, ...]
    biases: tuple[FloatArray, ...]
    activations: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.weights) == len(self.biases) == len(self.activations) > 0:
            raise ChainruleError(
                "a network needs at least one layer, and weights, biases and an activation for each layer"
            )
        below = self.weights[0].shape[-1]
        for number, (w, b, name) in enumerate(self.layers, 1):
            find_activation(name)
            if w.shape != (len(b), below) or b.ndim != 1:
                raise ChainruleError(
                    f"layer {number} has weights {list(w.shape)} and biases {list(b.shape)} over {below} units; "
                    f"weights must be [units, {below}], biases [units]"
                )
            below = len(b)

    @property
    def layers(self) -> list[tuple[FloatArray, FloatArray, str]]:
        """Return the weights, the biases and the activation of each layer, from the first layer to the last."""
        return list(zip(self.weights, self.biases, self.activations, strict=True))

    @property
    def widths(self) -> list[int]:
        """Return n_0 of the input, and n_L of each layer."""
        return [self.weights[0].shape[1], *map(len, self.biases)]


def init_network(widths: Sequence[int], activations: str | Sequence[str], *, seed: int = 0) -> Network:
    """Return a network with normal weights of variance 1 / n_(L−1), and normal biases of standard deviation 0.1.

    Args:
        widths: n_0 of the input, then n_L of each layer.
        activations: the name for each layer, or one name for all layers.
        seed: of the weights and the biases.

    Raises:
        ChainruleError: fewer than two widths, a width below 1, or an unknown activation.

    Example:
        >>> [w.shape for w in init_network((2, 3, 1), "tanh").weights]
        [(3, 2), (1, 3)]
    """
    if len(widths) < 2 or min(widths) < 1:
        raise ChainruleError(f"give the widths of the input and of each layer, all at least 1, not {list(widths)}")
    rng, depth = np.random.default_rng(seed), len(widths) - 1
    names = (activations,) * depth if isinstance(activations, str) else tuple(activations)
    weights = tuple(rng.normal(0, below**-0.5, (above, below)) for below, above in pairwise(widths))
    return Network(weights, tuple(0.1 * rng.normal(size=above) for above in widths[1:]), names)


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """Hold the values of a forward pass.

    Attributes:
        a: the activations of the input (a[0] = x) and of each layer, [n, n_L].
        z: the pre-activations of each layer, [n, n_L]; `z[i]` belongs to `a[i + 1]`.
    """

    a: tuple[FloatArray, ...]
    z: tuple[FloatArray, ...]

    @property
    def output(self) -> FloatArray:
        """Return a^(L) of the last layer, [n, n_L]."""
        return self.a[-1]


def forward(network: Network, x: FloatArray) -> ForwardPass:
    """Compute z_j^(L) = … + w_jk^(L) a_k^(L−1) + … (and b_j^(L)) and a_j^(L) = σ(z_j^(L)), layer by layer.

    With one unit in each layer this is z^(L) = w^(L) a^(L−1) + b^(L).
    Source: backpropagation (Rumelhart, Hinton, Williams 1986).

    Args:
        x: a^(0), [n, n_0], one row for each datum.

    Raises:
        ChainruleError: data of another shape.

    Example:
        >>> network = Network((np.array([[1.0, -1.0]]),), (np.array([0.5]),), ("relu",))
        >>> forward(network, np.array([[3.0, 1.0], [0.0, 1.0]])).output.tolist()
        [[2.5], [0.0]]
    """
    x = _check_rows(x, network.widths[0], "x")
    a, z = [x], []
    for w, b, name in network.layers:
        z.append(a[-1] @ w.T + b)
        a.append(ACTIVATIONS[name].function(z[-1]))
    return ForwardPass(tuple(a), tuple(z))


def cost(output: FloatArray, y: FloatArray) -> FloatArray:
    """Return the cost C_0 = Σ_j (a_j^(L) − y_j)² of each datum, [n]; with a single output, (a^(L) − y)².

    Source: backpropagation (Rumelhart, Hinton, Williams 1986).

    Args:
        output: a^(L), [n, n_L].
        y: the targets, [n, n_L].

    Raises:
        ChainruleError: outputs and targets of different shapes.

    Example:
        >>> cost(np.array([[1.0, 2.0]]), np.array([[0.0, 4.0]])).tolist()
        [5.0]
    """
    _check_same_shape(output, y)
    return np.asarray(((output - y) ** 2).sum(1))


@dataclass(frozen=True, eq=False)
class Gradients:
    """Hold the derivatives of Σ C_0, the total cost of a batch; divide them by n for the mean cost.

    Attributes:
        weights: ∂/∂w_jk of each layer, [n_L, n_(L−1)].
        biases: ∂/∂b_j of each layer, [n_L].
        a: ∂/∂a_k of the input and of each layer, [n, n_L]. Row i is ∂C_0/∂a_k of datum i, since the cost of another
            datum does not depend on it.
    """

    weights: tuple[FloatArray, ...]
    biases: tuple[FloatArray, ...]
    a: tuple[FloatArray, ...]

    @property
    def flat(self) -> FloatArray:
        """Return all derivatives in one vector, for comparisons."""
        return np.concatenate([part.ravel() for part in (*self.weights, *self.biases, *self.a)])


def backward(network: Network, x: FloatArray, y: FloatArray) -> Gradients:
    """Return ∂C_0/∂w_jk, ∂C_0/∂b_j and ∂C_0/∂a_k of every layer, computed from the last layer to the first.

    ∂C_0/∂w_jk^(L) = ∂z_j/∂w_jk · ∂a_j/∂z_j · ∂C_0/∂a_j is an outer product, and ∂C_0/∂a_k^(L−1) = Σ_j ∂z_j/∂a_k ·
    ∂a_j/∂z_j · ∂C_0/∂a_j is a product with the weights. `backward_by_index` writes out the indices.
    Source: backpropagation (Rumelhart, Hinton, Williams 1986).

    Args:
        x: data, [n, n_0].
        y: targets, [n, n_L].

    Returns:
        The derivatives of the total cost of all data.

    Raises:
        ChainruleError: data or targets of another shape.

    Example:
        >>> network = Network((np.array([[2.0]]),), (np.array([0.0]),), ("identity",))
        >>> found = backward(network, x=np.array([[3.0]]), y=np.array([[5.0]]))
        >>> found.weights[0].item(), found.biases[0].item(), found.a[0].item()  # C_0 = (2 · 3 − 5)²
        (6.0, 2.0, 4.0)
    """
    values = forward(network, x)
    _check_same_shape(values.output, y)
    dw, db, da = [], [], [2 * (values.output - y)]
    for layer in reversed(range(len(network.weights))):
        w, _, name = network.layers[layer]
        dz = ACTIVATIONS[name].derivative(values.z[layer]) * da[-1]
        dw.append(dz.T @ values.a[layer])
        db.append(dz.sum(0))
        da.append(dz @ w)
    return Gradients(tuple(dw[::-1]), tuple(db[::-1]), tuple(da[::-1]))


def backward_by_index(
    network: Network,
    x: FloatArray,
    y: FloatArray,
) -> Gradients:
    """Return the same derivatives as `backward`, with a loop for each index of the formulas: data, layers, j and k.

    Source: backpropagation (Rumelhart, Hinton, Williams 1986).

    Raises:
        ChainruleError: data or targets of another shape.

    Example:
        >>> network, x, y = init_network((3, 2, 2), "tanh"), np.ones((4, 3)), np.zeros((4, 2))
        >>> bool(np.allclose(backward_by_index(network, x, y).flat, backward(network, x, y).flat))
        True
    """
    values = forward(network, x)
    _check_same_shape(values.output, y)
    dw = [np.zeros_like(w) for w in network.weights]
    db = [np.zeros_like(b) for b in network.biases]
    da = [np.zeros_like(a) for a in values.a]
    da[-1] = 2 * (values.output - y)
    for layer in reversed(range(len(network.weights))):
        w, _, name = network.layers[layer]
        a = values.a[layer]
        derivative = ACTIVATIONS[name].derivative(values.z[layer])
        for datum in range(len(a)):
            for j in range(w.shape[0]):
                back = derivative[datum, j] * da[layer + 1][datum, j]
                db[layer][j] += 1.0 * back
                for k in range(w.shape[1]):
                    dw[layer][j, k] += a[datum, k] * back
                    da[layer][datum, k] += w[j, k] * back
    return Gradients(tuple(dw), tuple(db), tuple(da))


def _check_rows(x: FloatArray, width: int, name: str) -> FloatArray:
    x = np.asarray(x, np.float64)
    if x.ndim != 2 or x.shape[1] != width:
        raise ChainruleError(f"{name} must be rows [n, {width}], one for each datum, and its shape is {list(x.shape)}")
    return x


def _check_same_shape(output: FloatArray, y: FloatArray) -> None:
    # Otherwise NumPy would broadcast one over the other: [n, 1] − [n] is [n, n].
    if output.ndim != 2 or output.shape != np.shape(y):
        raise ChainruleError(
            f"outputs have the shape {list(output.shape)} and y has {list(np.shape(y))}; give both as [n, outputs]"
        )
