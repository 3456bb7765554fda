"""Gradients put to use and put to the test: descent along them, and other ways to find them.

By moving every number a little and looking at the cost, by torch's autograd, and along every path on its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import cast

import numpy as np
import torch
from torch import Tensor

from chainrule.errors import ChainruleError
from chainrule.layers.masked import MaskedLinear
from chainrule.learn.activations import ACTIVATIONS, Floats
from chainrule.learn.backprop import Gradients, Network, backward, cost, forward
from chainrule.models.made import MADE

TORCH: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "identity": torch.clone,
}  # fmt: skip
"""The activations of `ACTIVATIONS`, as torch has them."""


def path_products(network: Network, x: Floats, source: int, target: int) -> dict[tuple[int, ...], float]:
    """Each path from an input to an output, and the product of the derivatives along it: their sum is ∂a_j/∂a_k^(0).

    Args:
        x: one datum, [n_0].
        source: k, the input.
        target: j, the output.

    Returns:
        the product of each path, by its units from input to output. There are as many as the product of the hidden
        widths.

    Raises:
        ChainruleError: a datum of another shape, or a unit that is not there.

    Example:
        >>> network = Network((np.array([[2.0], [3.0]]), np.array([[5.0, 7.0]])), (np.zeros(2), np.zeros(1)),
        ...     ("identity", "identity"))
        >>> path_products(network, np.ones(1), source=0, target=0)
        {(0, 0, 0): 10.0, (0, 1, 0): 21.0}
    """
    widths = network.widths
    for unit, width in ((source, widths[0]), (target, widths[-1])):
        if not 0 <= unit < width:
            raise ChainruleError(f"there is no unit {unit} in a layer of {width}; count from 0 to {width - 1}")
    values = forward(network, np.asarray(x, np.float64)[None])
    slopes = [ACTIVATIONS[name].slope(z)[0] for name, z in zip(network.activations, values.z, strict=True)]
    found = {}
    for hidden in product(*map(range, widths[1:-1])):
        path = (source, *hidden, target)
        steps = zip(network.weights, slopes, path, path[1:], strict=False)
        found[path] = float(np.prod([w[j, k] * slope[j] for w, slope, k, j in steps]))
    return found


def finite_differences(network: Network, x: Floats, y: Floats, step: float = 1e-5) -> Gradients:
    """The same as `backward`, without any derivative: each number is moved a little to both sides, and C_0 looked at.

    It takes two forward passes for every number, where `backward` takes one pass for all.

    Args:
        step: by how much each is moved; the error falls with its square, until rounding takes over.

    Example:
        >>> network = Network((np.array([[2.0]]),), (np.array([0.0]),), ("identity",))
        >>> round(finite_differences(network, np.array([[3.0]]), np.array([[5.0]])).weights[0].item(), 6)
        6.0
    """
    weights, biases = (tuple(part.copy() for part in parts) for parts in (network.weights, network.biases))
    moving = Network(weights, biases, network.activations)

    def each(parts: tuple[Floats, ...]) -> tuple[Floats, ...]:
        return tuple(_slopes(part, partial(_total, moving, x, y), step) for part in parts)

    da = []
    for layer, found in enumerate(forward(network, x).a):
        a = found.copy()
        da.append(_slopes(a, partial(_total, network, a, y, layer), step))
    return Gradients(each(moving.weights), each(moving.biases), tuple(da))


def by_autograd(network: Network, x: Floats, y: Floats) -> Gradients:
    """The same as `backward`, by torch: it writes down the forward pass as a graph, and goes through it backwards.

    Example:
        >>> network = Network((np.array([[2.0]]),), (np.array([0.0]),), ("identity",))
        >>> by_autograd(network, np.array([[3.0]]), np.array([[5.0]])).weights[0].item()
        6.0
    """
    parts = [*network.weights, *network.biases]
    weights = [torch.tensor(part, requires_grad=True) for part in parts]
    a, depth = [torch.tensor(x, requires_grad=True)], len(network.weights)
    for w, b, name in zip(weights[:depth], weights[depth:], network.activations, strict=True):
        a.append(TORCH[name](a[-1] @ w.T + b))
    total = ((a[-1] - torch.from_numpy(y)) ** 2).sum()
    found = [each.numpy() for each in torch.autograd.grad(total, [*weights, *a])]
    return Gradients(tuple(found[:depth]), tuple(found[depth : 2 * depth]), tuple(found[2 * depth :]))


def jacobian(network: Network, x: Floats) -> Floats:
    """∂a_j/∂a_k^(0) of each output by each input, [n_L, n_0]: what `path_products` add up to, by backward passes.

    Args:
        x: one datum, [n_0].

    Raises:
        ChainruleError: a datum of another shape.

    Example:
        >>> jacobian(Network((np.array([[2.0, 3.0]]),), (np.zeros(1),), ("identity",)), np.ones(2)).tolist()
        [[2.0, 3.0]]
    """
    inputs = np.asarray(x, np.float64)[None]
    output = forward(network, inputs).output
    wanted = output - 0.5 * np.eye(output.shape[1])[:, None]  # a cost whose derivative is 1 by output j, 0 by others
    return np.stack([backward(network, inputs, y).a[0][0] for y in wanted])


@torch.no_grad()
def made_gradients(model: MADE, x: Tensor) -> list[Tensor]:
    """The derivatives of Σ −log p(x) by W and V of a MADE with one hidden layer of relus, over binary sites.

    The cost is the cross-entropy, of which ∂C_0/∂z_d = x̂_d − x_d. A mask is a factor of each weight, and so of its
    derivative.

    Args:
        x: data, [n, D].

    Raises:
        ChainruleError: another depth, or direct weights.

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


def descend(network: Network, x: Floats, y: Floats, rate: float, steps: int) -> tuple[Network, Floats]:
    """Gradient descent: so many times, all weights and biases move against the gradient of the mean cost.

    Args:
        rate: by how much.

    Returns:
        the network at the end, and the mean cost before each step and after the last, [steps + 1].

    Raises:
        ChainruleError: a rate that is not above 0, or fewer steps than 0.

    Example:
        >>> network = Network((np.array([[0.0]]),), (np.array([0.0]),), ("identity",))
        >>> _, costs = descend(network, np.array([[1.0]]), np.array([[1.0]]), rate=0.25, steps=2)
        >>> costs.tolist()  # the error is multiplied by 1 − 4 · 0.25 = 0 in the first step
        [1.0, 0.0, 0.0]
    """
    if not (rate > 0 and steps >= 0):
        raise ChainruleError(f"descent needs a rate above 0 and at least 0 steps, not {rate} and {steps}")
    costs = [_total(network, x, y) / len(x)]
    for _ in range(steps):
        found = backward(network, x, y)
        weights = (w - rate * dw / len(x) for w, dw in zip(network.weights, found.weights, strict=True))
        biases = (b - rate * db / len(x) for b, db in zip(network.biases, found.biases, strict=True))
        network = Network(tuple(weights), tuple(biases), network.activations)
        costs.append(_total(network, x, y) / len(x))
    return network, np.array(costs)


def _two_layers(model: MADE) -> tuple[MaskedLinear, MaskedLinear]:
    if len(model.hidden) != 1 or model.direct_connections:
        raise ChainruleError("the gradients by hand are those of a MADE with one hidden layer and no direct weights")
    return cast(MaskedLinear, model.layers[0]), model.output


def _total(network: Network, a: Floats, y: Floats, layer: int = 0) -> float:
    """Σ C_0 over the data, of which the units `a` of that layer are given."""
    if layer < len(network.weights):
        above = Network(network.weights[layer:], network.biases[layer:], network.activations[layer:])
        a = forward(above, a).output
    return float(cost(a, y).sum())


def _slopes(numbers: Floats, total: Callable[[], float], step: float) -> Floats:
    """How steep `total` is in each of the numbers, which are moved in place and put back."""
    found = np.zeros_like(numbers)
    for place in np.ndindex(numbers.shape):
        before = numbers[place]
        numbers[place] = before + step
        above = total()
        numbers[place] = before - step
        found[place] = (above - total()) / (2 * step)
        numbers[place] = before
    return found
