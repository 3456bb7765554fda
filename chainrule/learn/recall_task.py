"""A memory task: after T steps of random bits, a network has to output the first bit.

Networks for several lengths are trained at the same time, each with its own weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chainrule.learn.recurrent_networks import Gates, lstm_step, rnn_step


def sample_sequences(n: int, *, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw sequences of random bits, and return them with the first bit of each, the target.

    Args:
        n: the number of sequences.
        length: T, the number of steps.
        generator: draws the bits.

    Returns:
        x [n, T, 2]: each bit as −1 or 1, and a marker that is 1 at the first step; and the first bits [n], 0 or 1.

    Raises:
        ValueError: no sequences, or sequences without steps.

    Example:
        >>> x, first = sample_sequences(3, length=5, generator=torch.Generator().manual_seed(0))
        >>> x.shape, x[0, :, 1].tolist(), bool((first == (x[:, 0, 0] > 0)).all())
        (torch.Size([3, 5, 2]), [1.0, 0.0, 0.0, 0.0, 0.0], True)
    """
    if n < 1 or length < 1:
        raise ValueError(f"cannot draw {n} sequences of {length} steps; give at least 1 sequence and 1 step")
    bits = torch.randint(2, (n, length), generator=generator).float()
    marker = torch.zeros(n, length)
    marker[:, 0] = 1
    return torch.stack([2 * bits - 1, marker], -1), bits[:, 0]


class RecallNetworks(nn.Module):
    """Run several recurrent networks at once; each outputs a logit of the first bit after its own number of steps.

    Args:
        lengths: the number of steps of each network.
        features: h, the number of units of each network.
        forget_bias: for LSTMs, the initial bias of the forget gates; None for plain recurrent networks.
        generator: draws the weights.

    Raises:
        ValueError: no networks, or networks without steps or units.

    Example:
        >>> networks = RecallNetworks((2, 3), features=4, forget_bias=1.0, generator=torch.Generator().manual_seed(0))
        >>> networks(torch.zeros(7, 3, 2)).shape
        torch.Size([2, 7])
    """

    def __init__(
        self, lengths: Sequence[int], *, features: int, forget_bias: float | None, generator: torch.Generator
    ) -> None:
        super().__init__()
        if not lengths or min(lengths) < 1 or features < 1:
            raise ValueError(
                f"cannot make networks of {features} units for {list(lengths)} steps; give 1 or more of each"
            )
        self.lengths, self.features, self.is_plain = tuple(lengths), features, forget_bias is None
        wide = features if self.is_plain else 4 * features

        def init_weight(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(len(lengths), *shape, generator=generator) / math.sqrt(shape[-1]))

        self.input_to_state, self.state_to_state = init_weight(wide, 2), init_weight(wide, features)
        self.readout = init_weight(1, features)
        bias = torch.zeros(len(lengths), 1, wide)
        bias[..., 2 * features : 3 * features] = forget_bias or 0.0  # an empty slice in a plain network
        self.bias = nn.Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logit of each network for each sequence [n, T, 2]: [networks, n]."""
        hidden = cell = x.new_zeros(len(self.lengths), len(x), self.features)
        states = []
        for x_t in x.unbind(1):
            hidden, cell, _ = self.step(x_t, hidden, cell)
            states.append(hidden)
        last = torch.stack([states[length - 1][network] for network, length in enumerate(self.lengths)])
        return (last @ self.readout.mT).squeeze(-1)

    def step(self, x: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Gates | None]:
        """Return the next hidden and cell states [networks, n, h], and the gates.

        A plain network changes `hidden` only, and has no gates.

        Args:
            x: the inputs of one step, [n, 2].
            hidden, cell: the states [networks, n, h].
        """
        if self.is_plain:
            return rnn_step(x, hidden, self.input_to_state, self.state_to_state, self.bias), cell, None
        from_input = x @ self.input_to_state.mT + self.bias
        return lstm_step(from_input, hidden, cell, self.state_to_state)


def train_networks(
    networks: RecallNetworks,
    *,
    updates: int,
    batch_size: int,
    generator: torch.Generator,
    callback: Callable[[], None] | None = None,
) -> None:
    """Train all networks at once: Adam with a learning rate of 0.02 on the cross-entropy of the first bit.

    The loss is the sum over the networks, so that no network influences another network's gradient.

    Args:
        networks: are changed in place.
        updates: the number of updates.
        batch_size: the number of new sequences in each update.
        generator: draws the sequences.
        callback: a function that is called after each update.
    """
    optimizer = torch.optim.Adam(networks.parameters(), lr=0.02)
    for _ in range(updates):
        x, first = sample_sequences(batch_size, length=max(networks.lengths), generator=generator)
        logits = networks(x)
        loss = F.binary_cross_entropy_with_logits(logits, first.expand_as(logits), reduction="none").mean(1).sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if callback:
            callback()


@torch.no_grad()
def measure_recall(networks: RecallNetworks, *, n: int, generator: torch.Generator) -> Tensor:
    """Return each network's accuracy on n new sequences, [networks]; a random guess has 0.5."""
    x, first = sample_sequences(n, length=max(networks.lengths), generator=generator)
    logits: Tensor = networks(x)
    return ((logits > 0) == (first > 0.5)).double().mean(1)


@torch.no_grad()
def record_gates(networks: RecallNetworks, network: int, x: Tensor) -> tuple[Tensor, Tensor, Gates]:
    """Return the states and the gates of one LSTM at each step of one sequence.

    Args:
        networks: LSTMs.
        network: the index of the network.
        x: one sequence, [T, 2].

    Returns:
        h_1, …, h_T; c_1, …, c_T; and the gates of each step: all [T, h].

    Raises:
        ValueError: networks without gates.

    Example:
        >>> networks = RecallNetworks((3,), features=2, forget_bias=1.0, generator=torch.Generator().manual_seed(0))
        >>> hidden, cell, gates = record_gates(networks, 0, torch.zeros(3, 2))
        >>> gates.forget.shape
        torch.Size([3, 2])
    """
    if networks.is_plain:
        raise ValueError("plain recurrent networks have no gates; give networks that were made with a forget_bias")
    hidden = cell = x.new_zeros(len(networks.lengths), 1, networks.features)
    steps = []
    for x_t in x:
        hidden, cell, gates = networks.step(x_t[None], hidden, cell)
        steps.append(torch.stack([values[network, 0] for values in (hidden, cell, *(gates or ()))]))
    hiddens, cells, *all_gates = torch.stack(steps, 1)
    return hiddens, cells, Gates(*all_gates)


def state_jacobians(networks: RecallNetworks, network: int, x: Tensor) -> Tensor:
    """Return ∂state_s/∂state_{s−1} for each step of one network over one sequence, by autograd.

    The state of a plain network is h, and the state of an LSTM is (h, c), so the Jacobian includes every path from one
    step to the next.

    Args:
        networks: plain recurrent networks or LSTMs.
        network: the index of the network.
        x: one sequence, [T, 2].

    Returns:
        [T, S, S], with S = h or 2h.

    Example:
        >>> networks = RecallNetworks((3,), features=2, forget_bias=1.0, generator=torch.Generator().manual_seed(0))
        >>> state_jacobians(networks, 0, torch.zeros(3, 2)).shape
        torch.Size([3, 4, 4])
    """
    size = networks.features
    weights = (networks.input_to_state, networks.state_to_state, networks.bias)
    W, U, biases = (weight.detach()[network] for weight in weights)

    def step(x_t: Tensor, state: Tensor) -> Tensor:
        if networks.is_plain:
            return rnn_step(x_t, state, W, U, biases[0])
        return torch.cat(lstm_step(x_t @ W.mT + biases[0], state[:size], state[size:], U)[:2])

    state, jacobians = x.new_zeros(size if networks.is_plain else 2 * size), []
    for x_t in x:
        jacobians.append(torch.func.jacrev(step, argnums=1)(x_t, state))
        state = step(x_t, state)
    return torch.stack(jacobians)
