"""Gradients of networks in other ways than `backward`, gradient descent, and the gradients of MADE by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import cast

import numpy as np
import torch
from torch import Tensor

from chainrule.errors import ChainruleError
from chainrule.layers.linear import MaskedLinear
from chainrule.learn.activations import ACTIVATIONS
from chainrule.learn.arrays import FloatArray
from chainrule.learn.backpropagation import Gradients, Network, backward, cost, forward
from chainrule.models import MADE

TORCH_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "identity": torch.clone,
}  # fmt: skip
"""The torch functions of the activations in `ACTIVATIONS`."""


def multiply_along_paths(network: Network, x: FloatArray, *, source: int, target: int) -> dict[tuple[int, ...], float]:
    """Return the product of the derivatives along each path from an input to an output.

    The sum of the products is ∂a_j/∂a_k^(0).

    Args:
        network: any fully connected network.
        x: one datum, [n_0].
        source: k, the index of the input.
        target: j, the index of the output.

    Returns:
        The product of each path, keyed by the indices of its units from input to output. The number of paths is the
        product of the hidden widths.

    Raises:
        ChainruleError: a datum of another shape, or an index outside its layer.

    Example:
        >>> network = Network((np.array([[2.0], [3.0]]), np.array([[5.0, 7.0]])), (np.zeros(2), np.zeros(1)),
        ...     ("identity", "identity"))
        >>> multiply_along_paths(network, np.ones(1), source=0, target=0)
        {(0, 0, 0): 10.0, (0, 1, 0): 21.0}
    """
    widths = network.widths
    for unit, width in ((source, widths[0]), (target, widths[-1])):
        if not 0 <= unit < width:
            raise ChainruleError(f"there is no unit {unit} in a layer of {width}; count from 0 to {width - 1}")
    values = forward(network, np.asarray(x, np.float64)[None])
    slopes = [ACTIVATIONS[name].derivative(z)[0] for name, z in zip(network.activations, values.z, strict=True)]
    products = {}
    for hidden in product(*map(range, widths[1:-1])):
        path = (source, *hidden, target)
        steps = zip(network.weights, slopes, path, path[1:], strict=False)
        products[path] = float(np.prod([w[j, k] * slope[j] for w, slope, k, j in steps]))
    return products


def finite_differences(network: Network, x: FloatArray, y: FloatArray, *, step: float = 1e-5) -> Gradients:
    """Return the same derivatives as `backward`, by central differences of the cost.

    It takes two forward passes for every parameter, where `backward` takes one backward pass for all parameters.

    Args:
        network: any fully connected network.
        x: data, [n, n_0].
        y: targets, [n, n_L].
        step: the change of each parameter; the error falls with the square of the step until rounding dominates.

    Example:
        >>> network = Network((np.array([[2.0]]),), (np.array([0.0]),), ("identity",))
        >>> round(finite_differences(network, np.array([[3.0]]), np.array([[5.0]])).weights[0].item(), 6)
        6.0
    """
    weights, biases = (tuple(part.copy() for part in parts) for parts in (network.weights, network.biases))
    moving = Network(weights, biases, network.activations)

    def difference(parts: tuple[FloatArray, ...]) -> tuple[FloatArray, ...]:
        return tuple(_central_differences(part, partial(_total_cost, moving, x, y), step) for part in parts)

    da = []
    for layer, values in enumerate(forward(network, x).a):
        a = values.copy()
        da.append(_central_differences(a, partial(_total_cost, network, a, y, layer), step))
    return Gradients(difference(moving.weights), difference(moving.biases), tuple(da))


def autograd_gradients(network: Network, x: FloatArray, y: FloatArray) -> Gradients:
    """Return the same derivatives as `backward`, by torch's autograd.

    Autograd records the forward pass as a graph, and goes through the graph backwards.

    Args:
        network: any fully connected network.
        x: data, [n, n_0].
        y: targets, [n, n_L].

    Example:
        >>> network = Network((np.array([[2.0]]),), (np.array([0.0]),), ("identity",))
        >>> autograd_gradients(network, np.array([[3.0]]), np.array([[5.0]])).weights[0].item()
        6.0
    """
    parts = [*network.weights, *network.biases]
    weights = [torch.tensor(part, requires_grad=True) for part in parts]
    a, depth = [torch.tensor(x, requires_grad=True)], len(network.weights)
    for w, b, name in zip(weights[:depth], weights[depth:], network.activations, strict=True):
        a.append(TORCH_ACTIVATIONS[name](a[-1] @ w.T + b))
    total = ((a[-1] - torch.from_numpy(y)) ** 2).sum()
    gradients = [gradient.numpy() for gradient in torch.autograd.grad(total, [*weights, *a])]
    return Gradients(tuple(gradients[:depth]), tuple(gradients[depth : 2 * depth]), tuple(gradients[2 * depth :]))


def jacobian(network: Network, x: FloatArray) -> FloatArray:
    """Return ∂a_j/∂a_k^(0) of each output by each input, [n_L, n_0], by backward passes.

    Each entry is the sum of the products that `multiply_along_paths` returns.

    Args:
        network: any fully connected network.
        x: one datum, [n_0].

    Raises:
        ChainruleError: a datum of another shape.

    Example:
        >>> jacobian(Network((np.array([[2.0, 3.0]]),), (np.zeros(1),), ("identity",)), np.ones(2)).tolist()
        [[2.0, 3.0]]
    """
    inputs = np.asarray(x, np.float64)[None]
    output = forward(network, inputs).output
    targets = output - 0.5 * np.eye(output.shape[1])[:, None]  # the cost's derivative: 1 by output j, 0 by the others
    return np.stack([backward(network, inputs, y).a[0][0] for y in targets])


@torch.no_grad()
def made_gradients(model: MADE, x: Tensor) -> list[Tensor]:
    """Return the derivatives of Σ −log p(x) by W and V of a MADE with one hidden layer of relus, over binary sites.

    The cost is the cross-entropy, with ∂C_0/∂z_d = x̂_d − x_d. A mask is a factor of each weight, and therefore of its
    derivative.

    Args:
        model: a MADE with one hidden layer and no direct connections.
        x: data, [n, D].

    Returns:
        The derivatives by W [K, D] and by V [D, K].

    Raises:
        ChainruleError: another number of hidden layers, or direct connections.

    Example:
        >>> from chainrule.domains import Binary
        >>> dw, dv = made_gradients(MADE(Binary((3,)), hidden=(4,)), torch.ones(2, 3))
        >>> dw.shape, dv.shape
        (torch.Size([4, 3]), torch.Size([3, 4]))
    """
    hidden, output = _two_layers(model)
    inputs = model.encode(x)
    z = hidden(inputs)
    h = z.relu()
    dz_out = output(h).sigmoid() - x
    dz = (dz_out @ (output.weight * output.mask)) * (z > 0)
    return [hidden.mask * (dz.T @ inputs), output.mask * (dz_out.T @ h)]


def run_gradient_descent(
    network: Network, x: FloatArray, y: FloatArray, *, learning_rate: float, steps: int
) -> tuple[Network, FloatArray]:
    """Minimize the mean cost of a batch by gradient descent on all weights and biases.

    Args:
        network: the initial network; it is not changed.
        x: data, [n, n_0].
        y: targets, [n, n_L].
        learning_rate: the factor of the gradient in each step.
        steps: the number of steps.

    Returns:
        The final network, and the mean cost before each step and after the last step, [steps + 1].

    Raises:
        ChainruleError: a learning rate that is not above 0, or fewer than 0 steps.

    Example:
        >>> network = Network((np.array([[0.0]]),), (np.array([0.0]),), ("identity",))
        >>> _, costs = run_gradient_descent(network, np.array([[1.0]]), np.array([[1.0]]), learning_rate=0.25, steps=2)
        >>> costs.tolist()  # the error is multiplied by 1 − 4 · 0.25 = 0 in the first step
        [1.0, 0.0, 0.0]
    """
    if not (learning_rate > 0 and steps >= 0):
        raise ChainruleError(
            f"gradient descent needs a learning rate above 0 and at least 0 steps, not {learning_rate} and {steps}"
        )
    costs = [_total_cost(network, x, y) / len(x)]
    for _ in range(steps):
        gradients = backward(network, x, y)
        weights = (w - learning_rate * dw / len(x) for w, dw in zip(network.weights, gradients.weights, strict=True))
        biases = (b - learning_rate * db / len(x) for b, db in zip(network.biases, gradients.biases, strict=True))
        network = Network(tuple(weights), tuple(biases), network.activations)
        costs.append(_total_cost(network, x, y) / len(x))
    return network, np.array(costs)


def _two_layers(model: MADE) -> tuple[MaskedLinear, MaskedLinear]:
    if len(model.hidden) != 1 or model.direct_connections:
        raise ChainruleError(
            "the gradients by hand need a MADE with one hidden layer and no direct connections; give such a model"
        )
    return cast(MaskedLinear, model.layers[0]), model.output


def _total_cost(network: Network, a: FloatArray, y: FloatArray, layer: int = 0) -> float:
    """Return Σ C_0 over the data, computed from the activations `a` of the layer with this index."""
    if layer < len(network.weights):
        above = Network(network.weights[layer:], network.biases[layer:], network.activations[layer:])
        a = forward(above, a).output
    return float(cost(a, y).sum())


def _central_differences(values: FloatArray, total: Callable[[], float], step: float) -> FloatArray:
    """Return the slope of `total` in each of the values, which are changed in place and restored."""
    slopes = np.zeros_like(values)
    for index in np.ndindex(values.shape):
        before = values[index]
        values[index] = before + step
        above = total()
        values[index] = before - step
        slopes[index] = (above - total()) / (2 * step)
        values[index] = before
    return slopes
