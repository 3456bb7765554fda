"""Recurrent networks: a plain step and why its gradient fades, and the LSTM's step.

A step takes any number of leading axes: data, pixels, or networks side by side.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

GATES = "oifg"
"""Output, input, forget, content: the order in which this library keeps the four."""
TORCH_GATES = "ifgo"
"""The order in which torch.nn.LSTMCell keeps them."""


def plain_step(
    x: Tensor,
    hidden: Tensor,
    input_to_state: Tensor,
    state_to_state: Tensor,
    bias: Tensor,
) -> Tensor:
    """The next state of a plain recurrent network, h_t = tanh(W x_t + U h_{t−1} + b).

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
        >>> plain_step(torch.tensor([0.25]), torch.tensor([0.5]), one, one, torch.zeros(1))  # tanh(0.75)
        tensor([0.6351])
    """
    W, U = input_to_state, state_to_state
    return torch.tanh(x @ W.mT + hidden @ U.mT + bias)


def plain_states(x: Tensor, input_to_state: Tensor, state_to_state: Tensor, bias: Tensor) -> Tensor:
    """All states h_1, …, h_T of a plain recurrent network that begins at h_0 = 0.

    Source: the plain recurrent network (Elman 1990).

    Args:
        x: x_1, …, x_T, [T, in].
        input_to_state, state_to_state, bias: W, U and b, as `plain_step` takes them.

    Returns:
        [T, h].

    Raises:
        ValueError: a sequence of no steps.

    Example:
        >>> one = torch.ones(1, 1)
        >>> plain_states(torch.tensor([[0.25], [0.0]]), one, one, torch.zeros(1))
        tensor([[0.2449],
                [0.2401]])
    """
    if len(x) == 0:
        raise ValueError("x has no steps; give at least one, [T, in]")
    hidden, states = x.new_zeros(len(state_to_state)), []
    for x_t in x:
        hidden = plain_step(x_t, hidden, input_to_state, state_to_state, bias)
        states.append(hidden)
    return torch.stack(states)


def plain_jacobian(states: Tensor, state_to_state: Tensor) -> Tensor:
    """∂h_T/∂h_t of a plain recurrent network: the product of diag(1 − h_s²) U over s = T, …, t + 1.

    A step multiplies by U and then by the slope of tanh at each unit, 1 − tanh². Steps multiply along the path.
    Source: vanishing gradients (Hochreiter 1991; Bengio, Simard, Frasconi 1994).

    Args:
        states: h_{t+1}, …, h_T, [T − t, h]; none for the state itself.
        state_to_state: U, [h, h].

    Returns:
        [h, h], the row of each unit of h_T.

    Raises:
        ValueError: states and U of different sizes.

    Example:
        >>> plain_jacobian(torch.tensor([[0.5], [0.0]]), torch.tensor([[2.0]]))  # (1 − 0)·2 · (1 − ¼)·2
        tensor([[3.]])
    """
    check_states(states, state_to_state)
    U = state_to_state
    jacobian = torch.eye(len(U), dtype=U.dtype)
    for h in states:
        jacobian = (1 - h**2).diag() @ U @ jacobian
    return jacobian


def check_states(states: Tensor, state_to_state: Tensor) -> None:
    """Raises ValueError unless these are states [steps, h] and a matrix [h, h]."""
    h = len(state_to_state)
    if list(states.shape[1:]) != [h] or list(state_to_state.shape) != [h, h]:
        raise ValueError(
            f"states {list(states.shape)} and U {list(state_to_state.shape)} do not fit; give [steps, h] and [h, h]"
        )


def path_norms(factors: Tensor) -> Tensor:
    """How strongly a state depends on earlier ones: the norms of products of the factors along the path.

    Args:
        factors: ∂state_s/∂state_{s−1} of the steps s = 1, …, T, [T, h, h].

    Returns:
        The spectral norm of ∂state_T/∂state_t for each distance T − t = 0, 1, …, T: [T + 1].

    Example:
        >>> path_norms(0.5 * torch.eye(2).expand(3, 2, 2))
        tensor([1.0000, 0.5000, 0.2500, 0.1250])
    """
    products = [torch.eye(factors.shape[-1], dtype=factors.dtype)]
    for factor in factors.flip(0):
        products.append(products[-1] @ factor)
    norms: Tensor = torch.linalg.matrix_norm(torch.stack(products), ord=2)
    return norms


def with_radius(matrix: Tensor, radius: float) -> Tensor:
    """The matrix, scaled so that the largest of its eigenvalues is so large in size: its spectral radius.

    Args:
        matrix: [h, h].
        radius: 0 or more.

    Raises:
        ValueError: a radius below 0, or a matrix whose eigenvalues are all 0.

    Example:
        >>> with_radius(torch.tensor([[0.0, 2.0], [2.0, 0.0]]), 0.5)
        tensor([[0.0000, 0.5000],
                [0.5000, 0.0000]])
    """
    now = float(torch.linalg.eigvals(matrix).abs().max())
    if radius < 0 or now == 0:
        raise ValueError(f"a matrix of spectral radius {now:g} cannot be scaled to {radius:g}; give others")
    return matrix * (radius / now)


class Gates(NamedTuple):
    """The four gates of an LSTM's step, each [..., h]: three between 0 and 1, and the content between −1 and 1."""

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
    """One step of an LSTM: its four gates, then its cell, then its hidden state.

    [o, f, i, g] = σ(K^{ss} ⊛ h_{i−1} + K^{is} ⊛ x_i); c_i = f ⊙ c_{i−1} + i ⊙ g; h_i = o ⊙ tanh(c_i). The print has
    one σ for all four gates; for g it stands for tanh. A convolution, at one pixel, is a matrix product with the states
    that its taps read, side by side; a sequence has one such state.
    Source: PixelRNN (arXiv:1601.06759), equation 3.

    Args:
        from_input: K^{is} ⊛ x_i with the bias, [..., 4h]: the gates o, i, f, g, one after the other.
        hidden: the h_{i−1} that the taps read, [..., taps · h].
        cell: c_{i−1}, [..., h].
        state_to_state: K^{ss}, [4h, taps · h].

    Returns:
        h_i and c_i, each [..., h], and the gates.

    Raises:
        ValueError: sizes that do not fit.

    Example:
        >>> nothing, kept = torch.zeros(4), torch.ones(1)  # all gates half open, no content
        >>> hidden, cell, gates = lstm_step(nothing, torch.zeros(1), kept, torch.zeros(4, 1))
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
    """Raises ValueError unless these are the sizes that `lstm_step` takes."""
    wide, size = from_input.shape[-1], cell.shape[-1]
    if wide != 4 * size or tuple(state_to_state.shape[-2:]) != (wide, hidden.shape[-1]):
        raise ValueError(
            f"from_input has {wide} numbers, cell {size}, hidden {hidden.shape[-1]} and state_to_state "
            f"{list(state_to_state.shape)}; give 4h, h, taps · h and [4h, taps · h]"
        )


def cell_path(forget: Tensor) -> Tensor:
    """∂c_T/∂c_t along the cell line alone, the gates held fixed: the product of the forget gates f_{t+1}, …, f_T.

    From c_i = f_i ⊙ c_{i−1} + i_i ⊙ g_i each step's factor is f_i: no weight matrix, and no slope of tanh.
    Source: PixelRNN (arXiv:1601.06759), equation 3; the idea is the LSTM's (Hochreiter and Schmidhuber 1997; the
    forget gate: Gers, Schmidhuber, Cummins 2000).

    Args:
        forget: f_{t+1}, …, f_T, [T − t, ..., h].

    Returns:
        The diagonal of the Jacobian, [..., h].

    Example:
        >>> cell_path(torch.tensor([[0.5, 1.0], [0.5, 0.9]]))
        tensor([0.2500, 0.9000])
    """
    return forget.prod(0)


def reordered(weight: Tensor, of: str = GATES, to: str = TORCH_GATES) -> Tensor:
    """A weight or bias of all four gates, [4h, ...], with the gates in another order.

    Args:
        of, to: the two orders, each the letters o, i, f and g.

    Raises:
        ValueError: orders that do not name these four.

    Example:
        >>> reordered(torch.tensor([[0.0], [1.0], [2.0], [3.0]])).flatten().tolist()  # o i f g to i f g o
        [1.0, 2.0, 3.0, 0.0]
    """
    if not sorted(of) == sorted(to) == sorted(GATES):
        raise ValueError(f"orders {of!r} and {to!r} must each name the gates o, i, f and g once")
    by_name = dict(zip(of, weight.chunk(4), strict=True))
    return torch.cat([by_name[gate] for gate in to])
