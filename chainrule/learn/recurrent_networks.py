"""The steps of a plain recurrent network and of an LSTM, and why the gradients of the first vanish.

A step takes any number of leading axes, such as data, pixels, or several networks.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

GATE_ORDER = "oifg"
"""The order of the gates in this library's weights: output, input, forget, content."""
TORCH_GATE_ORDER = "ifgo"
"""The order of the gates in the weights of torch.nn.LSTMCell."""


def rnn_step(
    x: Tensor,
    hidden: Tensor,
    input_to_state: Tensor,
    state_to_state: Tensor,
    bias: Tensor,
) -> Tensor:
    """Return the next state of a plain recurrent network, h_t = tanh(W x_t + U h_{t−1} + b).

    Source: the plain recurrent network (Elman 1990).

    Args:
        x: x_t, [..., in].
        hidden: h_{t−1}, [..., h].
        input_to_state: W, [h, in].
        state_to_state: U, [h, h].
        bias: b, [h].

    Returns:
        h_t, [..., h].

    Example:
        >>> one = torch.ones(1, 1)
        >>> rnn_step(torch.tensor([0.25]), torch.tensor([0.5]), one, one, torch.zeros(1))  # tanh(0.75)
        tensor([0.6351])
    """
    W, U = input_to_state, state_to_state
    return torch.tanh(x @ W.mT + hidden @ U.mT + bias)


def rnn_states(x: Tensor, input_to_state: Tensor, state_to_state: Tensor, bias: Tensor) -> Tensor:
    """Return all states h_1, …, h_T of a plain recurrent network with h_0 = 0.

    Source: the plain recurrent network (Elman 1990).

    Args:
        x: x_1, …, x_T, [T, in].
        input_to_state, state_to_state, bias: W, U and b, as in `rnn_step`.

    Returns:
        [T, h].

    Raises:
        ValueError: a sequence without steps.

    Example:
        >>> one = torch.ones(1, 1)
        >>> rnn_states(torch.tensor([[0.25], [0.0]]), one, one, torch.zeros(1))
        tensor([[0.2449],
                [0.2401]])
    """
    if len(x) == 0:
        raise ValueError("x has no steps; give at least one, [T, in]")
    hidden, states = x.new_zeros(len(state_to_state)), []
    for x_t in x:
        hidden = rnn_step(x_t, hidden, input_to_state, state_to_state, bias)
        states.append(hidden)
    return torch.stack(states)


def rnn_jacobian(states: Tensor, state_to_state: Tensor) -> Tensor:
    """Return ∂h_T/∂h_t of a plain recurrent network: the product of diag(1 − h_s²) U over s = T, …, t + 1.

    A step multiplies by U, and then by the derivative of tanh at each unit, 1 − tanh².
    Source: vanishing gradients (Hochreiter 1991; Bengio, Simard, Frasconi 1994).

    Args:
        states: h_{t+1}, …, h_T, [T − t, h]; with no states the result is the identity.
        state_to_state: U, [h, h].

    Returns:
        [h, h], one row for each unit of h_T.

    Raises:
        ValueError: states and U of different sizes.

    Example:
        >>> rnn_jacobian(torch.tensor([[0.5], [0.0]]), torch.tensor([[2.0]]))  # (1 − 0)·2 · (1 − ¼)·2
        tensor([[3.]])
    """
    check_states(states, state_to_state)
    U = state_to_state
    jacobian = torch.eye(len(U), dtype=U.dtype)
    for h in states:
        jacobian = (1 - h**2).diag() @ U @ jacobian
    return jacobian


def check_states(states: Tensor, state_to_state: Tensor) -> None:
    """Raise ValueError unless the shapes are [steps, h] and [h, h]."""
    h = len(state_to_state)
    if list(states.shape[1:]) != [h] or list(state_to_state.shape) != [h, h]:
        raise ValueError(
            f"states {list(states.shape)} and U {list(state_to_state.shape)} do not fit; give [steps, h] and [h, h]"
        )


def jacobian_norms(jacobians: Tensor) -> Tensor:
    """Return the norms of the products of a sequence's Jacobians, from the last step backwards.

    Args:
        jacobians: ∂state_s/∂state_{s−1} of the steps s = 1, …, T, [T, h, h].

    Returns:
        The spectral norm of ∂state_T/∂state_t for each distance T − t = 0, 1, …, T: [T + 1].

    Example:
        >>> jacobian_norms(0.5 * torch.eye(2).expand(3, 2, 2))
        tensor([1.0000, 0.5000, 0.2500, 0.1250])
    """
    products = [torch.eye(jacobians.shape[-1], dtype=jacobians.dtype)]
    for jacobian in jacobians.flip(0):
        products.append(products[-1] @ jacobian)
    norms: Tensor = torch.linalg.matrix_norm(torch.stack(products), ord=2)
    return norms


def scale_spectral_radius(matrix: Tensor, radius: float) -> Tensor:
    """Return the matrix, scaled to this spectral radius (the largest absolute value of its eigenvalues).

    Args:
        matrix: [h, h].
        radius: 0 or more.

    Raises:
        ValueError: a radius below 0, or a matrix whose eigenvalues are all 0.

    Example:
        >>> scale_spectral_radius(torch.tensor([[0.0, 2.0], [2.0, 0.0]]), 0.5)
        tensor([[0.0000, 0.5000],
                [0.5000, 0.0000]])
    """
    current = float(torch.linalg.eigvals(matrix).abs().max())
    if radius < 0 or current == 0:
        raise ValueError(
            f"a matrix of spectral radius {current:g} cannot be scaled to {radius:g}; give a radius of at least 0 and "
            "a matrix with an eigenvalue other than 0"
        )
    return matrix * (radius / current)


class Gates(NamedTuple):
    """Hold the four gates of an LSTM's step, [..., h] each: three in (0, 1), and the content in (−1, 1)."""

    output: Tensor
    input: Tensor
    forget: Tensor
    content: Tensor


def lstm_step(
    from_input: Tensor,
    hidden: Tensor,
    cell: Tensor,
    state_to_state: Tensor,
) -> tuple[Tensor, Tensor, Gates]:
    """Compute one step of an LSTM: its four gates, its cell state, and its hidden state.

    [o, f, i, g] = σ(K^{ss} ⊛ h_{i−1} + K^{is} ⊛ x_i); c_i = f ⊙ c_{i−1} + i ⊙ g; h_i = o ⊙ tanh(c_i). The paper prints
    one σ for all four gates; for g it stands for tanh. At one pixel, a convolution is a matrix product with the
    concatenated states that its taps read; a sequence has one such state.
    Source: PixelRNN (arXiv:1601.06759), equation 3.

    Args:
        from_input: K^{is} ⊛ x_i plus the bias, [..., 4h]: the gates o, i, f, g in this order.
        hidden: the states h_{i−1} that the taps read, [..., taps · h].
        cell: c_{i−1}, [..., h].
        state_to_state: K^{ss}, [4h, taps · h].

    Returns:
        h_i and c_i, [..., h] each, and the gates.

    Raises:
        ValueError: sizes that do not fit.

    Example:
        >>> zeros, cell = torch.zeros(4), torch.ones(1)  # all gates half open, no content
        >>> hidden, cell, gates = lstm_step(zeros, torch.zeros(1), cell, torch.zeros(4, 1))
        >>> gates.forget.item(), gates.content.item(), cell.item()
        (0.5, 0.0, 0.5)
    """
    check_sizes(from_input, hidden, cell, state_to_state)
    gates = from_input + hidden @ state_to_state.mT
    o, i, f, g = gates.chunk(4, -1)
    o, i, f, g = o.sigmoid(), i.sigmoid(), f.sigmoid(), g.tanh()
    cell = f * cell + i * g
    hidden = o * cell.tanh()
    return hidden, cell, Gates(o, i, f, g)


def check_sizes(from_input: Tensor, hidden: Tensor, cell: Tensor, state_to_state: Tensor) -> None:
    """Raise ValueError unless the arguments have the sizes that `lstm_step` takes."""
    wide, size = from_input.shape[-1], cell.shape[-1]
    if wide != 4 * size or tuple(state_to_state.shape[-2:]) != (wide, hidden.shape[-1]):
        raise ValueError(
            f"from_input has the size {wide}, cell {size}, hidden {hidden.shape[-1]} and state_to_state "
            f"{list(state_to_state.shape)}; give 4h, h, taps · h and [4h, taps · h]"
        )


def cell_jacobian(forget: Tensor) -> Tensor:
    """Return ∂c_T/∂c_t with the gates held constant: the product of the forget gates f_{t+1}, …, f_T.

    With c_i = f_i ⊙ c_{i−1} + i_i ⊙ g_i each step multiplies by f_i, without a weight matrix or a derivative of tanh.
    Source: PixelRNN (arXiv:1601.06759), equation 3; the idea is the LSTM's (Hochreiter and Schmidhuber 1997; the
    forget gate: Gers, Schmidhuber, Cummins 2000).

    Args:
        forget: f_{t+1}, …, f_T, [T − t, ..., h].

    Returns:
        The diagonal of the Jacobian, [..., h].

    Example:
        >>> cell_jacobian(torch.tensor([[0.5, 1.0], [0.5, 0.9]]))
        tensor([0.2500, 0.9000])
    """
    return forget.prod(0)


def reorder_gates(weight: Tensor, *, source: str = GATE_ORDER, target: str = TORCH_GATE_ORDER) -> Tensor:
    """Return a weight or bias of all four gates, [4h, ...], with the gates in another order.

    Args:
        weight: a weight or bias, [4h, ...].
        source: the order of the gates in `weight`, by the letters o, i, f and g.
        target: the order of the gates in the result.

    Raises:
        ValueError: an order that does not name each gate once.

    Example:
        >>> reorder_gates(torch.tensor([[0.0], [1.0], [2.0], [3.0]])).flatten().tolist()  # o i f g to i f g o
        [1.0, 2.0, 3.0, 0.0]
    """
    if not sorted(source) == sorted(target) == sorted(GATE_ORDER):
        raise ValueError(f"orders {source!r} and {target!r} must each name the gates o, i, f and g once")
    by_name = dict(zip(source, weight.chunk(4), strict=True))
    return torch.cat([by_name[gate] for gate in target])
