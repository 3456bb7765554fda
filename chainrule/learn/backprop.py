"""Forward and backward pass: the chain rule, factor by factor, and then for a fully connected network of any depth.

Derivatives multiply along a path and add up over paths. Everything else here is bookkeeping.
Source: backpropagation (Rumelhart, Hinton, Williams 1986, Learning representations by back-propagating errors).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from chainrule.errors import ChainruleError
from chainrule.learn.activations import ACTIVATIONS, Floats, activation_named

# A chain of two weights.


@dataclass(frozen=True)
class Chain:
    """Every value of a forward pass through two neurons in a row."""

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
) -> Chain:
    """z1 = a0 w1 + b1, a1 = A(z1), z2 = a1 w2 + b2, a2 = A(z2), and the cost c = C(a2, y) = (a2 − y)².

    Source: backpropagation (Rumelhart, Hinton, Williams 1986).

    Args:
        a0: the input.
        w1, b1, w2, b2: weight and bias of each neuron.
        y: the desired output.
        activation: A, one of `ACTIVATIONS`.

    Raises:
        ChainruleError: an activation that is none, or a number that is not finite.

    Example:
        >>> forward_chain(a0=1.0, w1=2.0, b1=0.0, w2=3.0, b2=1.0, y=5.0, activation="identity").c
        4.0
    """
    A = activation_named(activation).value
    given = {"a0": a0, "w1": w1, "b1": b1, "w2": w2, "b2": b2, "y": y}
    for name, number in given.items():
        if not math.isfinite(number):
            raise ChainruleError(f"{name} of the chain is {number}; give a finite number")
    z1 = a0 * w1 + b1
    a1 = float(A(z1))
    z2 = a1 * w2 + b2
    a2 = float(A(z2))
    c = (a2 - y) ** 2
    return Chain(a0, w1, b1, z1, a1, w2, b2, z2, a2, y, c, activation)


@dataclass(frozen=True)
class Factors:
    """The derivative of each step of a chain by what it is made of, and their products: `dc_dw2` is ∂c/∂w2."""

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
        """∂c/∂z2: the part that all derivatives further back have in common."""
        return self.da2_dz2 * self.dc_da2

    @property
    def dc_dw2(self) -> float:
        """∂c/∂w2 = ∂z2/∂w2 × ∂a2/∂z2 × ∂c/∂a2."""
        return self.dz2_dw2 * self.dc_dz2

    @property
    def dc_db2(self) -> float:
        """∂c/∂b2."""
        return self.dz2_db2 * self.dc_dz2

    @property
    def dc_da1(self) -> float:
        """∂c/∂a1: what the second neuron passes back to the first."""
        return self.dz2_da1 * self.dc_dz2

    @property
    def dc_dz1(self) -> float:
        """∂c/∂z1."""
        return self.da1_dz1 * self.dc_da1

    @property
    def dc_dw1(self) -> float:
        """∂c/∂w1 = ∂z1/∂w1 × ∂a1/∂z1 × ∂z2/∂a1 × ∂a2/∂z2 × ∂c/∂a2."""
        return self.dz1_dw1 * self.dc_dz1

    @property
    def dc_db1(self) -> float:
        """∂c/∂b1."""
        return self.dz1_db1 * self.dc_dz1

    @property
    def dc_da0(self) -> float:
        """∂c/∂a0: what a layer below would be given."""
        return self.dz1_da0 * self.dc_dz1


def backward_chain(chain: Chain) -> Factors:
    """The factors of ∂c/∂w2 = ∂z2/∂w2 × ∂a2/∂z2 × ∂c/∂a2, of ∂c/∂w1, and of the others.

    Each factor is the derivative of one line of `forward_chain`, at the values of that pass.
    Source: backpropagation (Rumelhart, Hinton, Williams 1986).

    Example:
        >>> factors = backward_chain(forward_chain(1.0, 2.0, 0.0, 3.0, 1.0, y=5.0, activation="identity"))
        >>> factors.dz2_dw2, factors.da2_dz2, factors.dc_da2, factors.dc_dw2
        (2.0, 1.0, 4.0, 8.0)
    """
    slope = ACTIVATIONS[chain.activation].slope
    return Factors(
        dc_da2=2 * (chain.a2 - chain.y),  # c = (a2 − y)²
        da2_dz2=float(slope(chain.z2)),  # a2 = A(z2)
        dz2_dw2=chain.a1,  # z2 = a1 w2 + b2
        dz2_db2=1.0,
        dz2_da1=chain.w2,
        da1_dz1=float(slope(chain.z1)),  # a1 = A(z1)
        dz1_dw1=chain.a0,  # z1 = a0 w1 + b1
        dz1_db1=1.0,
        dz1_da0=chain.w1,
    )


# A network of any depth.


@dataclass(frozen=True, eq=False)
class Network:
    """A fully connected network.

    Attributes:
        weights: of each layer, [n_L, n_(L−1)]: `weights[i][j, k]` is w_jk, from unit k below to unit j.
        biases: of each layer, [n_L].
        activations: of each layer, by name.

    Raises:
        ChainruleError: no layer, an activation that is none, or shapes that do not fit each other.
    """

    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    activations: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.weights) == len(self.biases) == len(self.activations) > 0:
            raise ChainruleError(
                "a network needs weights, biases and an activation of each layer, and a layer at least"
            )
        below = self.weights[0].shape[-1]
        for number, (w, b, name) in enumerate(self.layers, 1):
            activation_named(name)
            if w.shape != (len(b), below) or b.ndim != 1:
                raise ChainruleError(
                    f"layer {number} has weights {list(w.shape)} and biases {list(b.shape)} over {below} units; "
                    f"weights must be [units, {below}], biases [units]"
                )
            below = len(b)

    @property
    def layers(self) -> list[tuple[Floats, Floats, str]]:
        """Weights, biases and activation of each layer, from the first to the last."""
        return list(zip(self.weights, self.biases, self.activations, strict=True))

    @property
    def widths(self) -> list[int]:
        """n_0 of the input, and n_L of each layer."""
        return [self.weights[0].shape[1], *map(len, self.biases)]


def draw_network(widths: Sequence[int], activations: str | Sequence[str], seed: int = 0) -> Network:
    """A network with normal weights of variance 1 / n_(L−1), and biases of a tenth of that spread.

    Args:
        widths: n_0 of the input, then n_L of each layer.
        activations: of each layer, or one name for all.

    Raises:
        ChainruleError: fewer than two widths, one under 1, or an activation that is none.

    Example:
        >>> [w.shape for w in draw_network((2, 3, 1), "tanh").weights]
        [(3, 2), (1, 3)]
    """
    if len(widths) < 2 or min(widths) < 1:
        raise ChainruleError(f"widths are those of the input and of each layer, all at least 1, not {list(widths)}")
    rng, depth = np.random.default_rng(seed), len(widths) - 1
    names = (activations,) * depth if isinstance(activations, str) else tuple(activations)
    weights = tuple(rng.normal(0, below**-0.5, (above, below)) for below, above in pairwise(widths))
    return Network(weights, tuple(0.1 * rng.normal(size=above) for above in widths[1:]), names)


@dataclass(frozen=True, eq=False)
class Values:
    """What a forward pass computes.

    Attributes:
        a: of the input (a[0] = x) and of each layer, [n, n_L].
        z: of each layer, [n, n_L]: `z[i]` belongs to `a[i + 1]`.
    """

    a: tuple[Floats, ...]
    z: tuple[Floats, ...]

    @property
    def output(self) -> Floats:
        """a^(L) of the last layer, [n, n_L]."""
        return self.a[-1]


def forward(network: Network, x: Floats) -> Values:
    """z_j^(L) = … + w_jk^(L) a_k^(L−1) + … (and b_j^(L)), a_j^(L) = σ(z_j^(L)), layer by layer.

    With one unit in each layer that is z^(L) = w^(L) a^(L−1) + b^(L).
    Source: backpropagation (Rumelhart, Hinton, Williams 1986).

    Args:
        x: a^(0), [n, n_0]: a row for each datum.

    Raises:
        ChainruleError: data of another shape.

    Example:
        >>> network = Network((np.array([[1.0, -1.0]]),), (np.array([0.5]),), ("relu",))
        >>> forward(network, np.array([[3.0, 1.0], [0.0, 1.0]])).output.tolist()
        [[2.5], [0.0]]
    """
    x = _rows(x, network.widths[0], "x")
    a, z = [x], []
    for w, b, name in network.layers:
        z.append(a[-1] @ w.T + b)
        a.append(ACTIVATIONS[name].value(z[-1]))
    return Values(tuple(a), tuple(z))


def cost(output: Floats, y: Floats) -> Floats:
    """C_0 = Σ_j (a_j^(L) − y_j)² of each datum, [n]; with a single output, (a^(L) − y)².

    Source: backpropagation (Rumelhart, Hinton, Williams 1986).

    Args:
        output: a^(L), [n, n_L].
        y: what it should be, [n, n_L].

    Raises:
        ChainruleError: outputs and targets of two shapes.

    Example:
        >>> cost(np.array([[1.0, 2.0]]), np.array([[0.0, 4.0]])).tolist()
        [5.0]
    """
    _same_shape(output, y)
    return np.asarray(((output - y) ** 2).sum(1))


@dataclass(frozen=True, eq=False)
class Gradients:
    """Derivatives of Σ C_0, the cost of all data of a batch added up: of its mean, they are these divided by n.

    Attributes:
        weights: ∂/∂w_jk of each layer, [n_L, n_(L−1)].
        biases: ∂/∂b_j of each layer, [n_L].
        a: ∂/∂a_k of the input and of each layer, [n, n_L]. Each row is ∂C_0/∂a_k of its own datum, as a sum over data
            leaves it.
    """

    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    a: tuple[Floats, ...]

    @property
    def numbers(self) -> Floats:
        """All of them in one row, to compare."""
        return np.concatenate([part.ravel() for part in (*self.weights, *self.biases, *self.a)])


def backward(network: Network, x: Floats, y: Floats) -> Gradients:
    """∂C_0/∂w_jk, ∂C_0/∂b_j and ∂C_0/∂a_k of every layer, from the last to the first, as matrix products.

    ∂C_0/∂w_jk^(L) = ∂z_j/∂w_jk · ∂a_j/∂z_j · ∂C_0/∂a_j is an outer product, and ∂C_0/∂a_k^(L−1) = Σ_j ∂z_j/∂a_k ·
    ∂a_j/∂z_j · ∂C_0/∂a_j a product with the weights. `backward_by_index` says the same with the indices written out.
    Source: backpropagation (Rumelhart, Hinton, Williams 1986).

    Args:
        x, y: data and desired outputs, [n, n_0] and [n, n_L].

    Returns:
        those of the costs of all data added up.

    Raises:
        ChainruleError: data or desired outputs of another shape.

    Example:
        >>> network = Network((np.array([[2.0]]),), (np.array([0.0]),), ("identity",))
        >>> found = backward(network, x=np.array([[3.0]]), y=np.array([[5.0]]))
        >>> found.weights[0].item(), found.biases[0].item(), found.a[0].item()  # C_0 = (2 · 3 − 5)²
        (6.0, 2.0, 4.0)
    """
    values = forward(network, x)
    _same_shape(values.output, y)
    dw, db, da = [], [], [2 * (values.output - y)]
    for layer in reversed(range(len(network.weights))):
        w, _, name = network.layers[layer]
        dz = ACTIVATIONS[name].slope(values.z[layer]) * da[-1]
        dw.append(dz.T @ values.a[layer])
        db.append(dz.sum(0))
        da.append(dz @ w)
    return Gradients(tuple(dw[::-1]), tuple(db[::-1]), tuple(da[::-1]))


def backward_by_index(network: Network, x: Floats, y: Floats) -> Gradients:
    """The same as `backward`, with a loop for each index of the formulas: data, layers, j and k.

    Source: backpropagation (Rumelhart, Hinton, Williams 1986).

    Raises:
        ChainruleError: data or desired outputs of another shape.

    Example:
        >>> network, x, y = draw_network((3, 2, 2), "tanh"), np.ones((4, 3)), np.zeros((4, 2))
        >>> bool(np.allclose(backward_by_index(network, x, y).numbers, backward(network, x, y).numbers))
        True
    """
    values = forward(network, x)
    _same_shape(values.output, y)
    dw = [np.zeros_like(w) for w in network.weights]
    db = [np.zeros_like(b) for b in network.biases]
    da = [np.zeros_like(a) for a in values.a]
    da[-1] = 2 * (values.output - y)
    for layer in reversed(range(len(network.weights))):
        w, _, name = network.layers[layer]
        a, slope = values.a[layer], ACTIVATIONS[name].slope(values.z[layer])
        for datum in range(len(a)):
            for j in range(w.shape[0]):
                back = slope[datum, j] * da[layer + 1][datum, j]
                db[layer][j] += 1.0 * back
                for k in range(w.shape[1]):
                    dw[layer][j, k] += a[datum, k] * back
                    da[layer][datum, k] += w[j, k] * back
    return Gradients(tuple(dw), tuple(db), tuple(da))


def _rows(x: Floats, width: int, name: str) -> Floats:
    x = np.asarray(x, np.float64)
    if x.ndim != 2 or x.shape[1] != width:
        raise ChainruleError(f"{name} must be rows [n, {width}], one for each datum, and has shape {list(x.shape)}")
    return x


def _same_shape(output: Floats, y: Floats) -> None:
    # Otherwise numpy would stretch one over the other: [n, 1] − [n] is [n, n].
    if output.ndim != 2 or output.shape != np.shape(y):
        raise ChainruleError(
            f"outputs have shape {list(output.shape)} and y has {list(np.shape(y))}; give both as [n, outputs]"
        )
