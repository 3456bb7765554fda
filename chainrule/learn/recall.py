"""A task that tells plain recurrent networks from LSTMs: after T steps of random bits, say the first.

Networks of several lengths and seeds are trained side by side, each with weights of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chainrule.learn.recurrence import Gates, lstm_step, plain_step


def first_bits(n: int, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sequences of random bits, and the first bit of each: what a network is to remember.

    Returns:
        x [n, length, 2]: each bit as −1 or 1, and a 1 at the first step; and the first bits [n], 0 or 1.

    Raises:
        ValueError: no sequences, or sequences of no steps.

    Example:
        >>> x, first = first_bits(3, 5, torch.Generator().manual_seed(0))
        >>> x.shape, x[0, :, 1].tolist(), bool((first == (x[:, 0, 0] > 0)).all())
        (torch.Size([3, 5, 2]), [1.0, 0.0, 0.0, 0.0, 0.0], True)
    """
    if n < 1 or length < 1:
        raise ValueError(f"there are no {n} sequences of {length} steps; give at least 1 of each")
    bits = torch.randint(2, (n, length), generator=generator).float()
    begins = torch.zeros(n, length)
    begins[:, 0] = 1
    return torch.stack([2 * bits - 1, begins], -1), bits[:, 0]


class Recall(nn.Module):
    """Recurrent networks side by side, trained at once; each says the first bit after so many steps of its own.

    Args:
        lengths: for each network, the number of steps.
        features: h, the units of each.
        forget_bias: of an LSTM: the bias that its forget gates start with; none for plain networks.
        generator: draws the weights.

    Example:
        >>> networks = Recall((2, 3), features=4, forget_bias=1.0, generator=torch.Generator().manual_seed(0))
        >>> networks(torch.zeros(7, 3, 2)).shape
        torch.Size([2, 7])
    """

    def __init__(
        self, lengths: Sequence[int], features: int, forget_bias: float | None, generator: torch.Generator
    ) -> None:
        super().__init__()
        if not lengths or min(lengths) < 1 or features < 1:
            raise ValueError(f"networks of {features} units and {list(lengths)} steps are none; give 1 or more of each")
        self.lengths, self.features, self.plain = tuple(lengths), features, forget_bias is None
        wide = features if self.plain else 4 * features

        def drawn(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(len(lengths), *shape, generator=generator) / math.sqrt(shape[-1]))

        self.input_to_state, self.state_to_state = drawn(wide, 2), drawn(wide, features)
        self.answer = drawn(1, features)
        bias = torch.zeros(len(lengths), 1, wide)
        bias[..., 2 * features : 3 * features] = forget_bias or 0.0  # nothing in a plain network
        self.bias = nn.Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        """Sequences [n, T, 2] to the logit of each network's answer, [networks, n]."""
        hidden = cell = x.new_zeros(len(self.lengths), len(x), self.features)
        states = []
        for x_t in x.unbind(1):
            hidden, cell, _ = self.step(x_t, hidden, cell)
            states.append(hidden)
        last = torch.stack([states[length - 1][network] for network, length in enumerate(self.lengths)])
        return (last @ self.answer.mT).squeeze(-1)

    def step(self, x: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Gates | None]:
        """The next hidden and cell states [networks, n, h], and the gates; a plain network has only the first."""
        if self.plain:
            return plain_step(x, hidden, self.input_to_state, self.state_to_state, self.bias), cell, None
        from_input = x @ self.input_to_state.mT + self.bias
        return lstm_step(from_input, hidden, cell, self.state_to_state)


def train_recall(
    networks: Recall, updates: int, batch: int, generator: torch.Generator, tick: Callable[[], None] | None = None
) -> None:
    """Trains all networks at once: Adam at 0.02 on the cross-entropy of the first bit.

    The loss is their sum, so that none has a part in another's gradient.

    Args:
        updates, batch: so many, of so many new sequences each.
        generator: draws the sequences.
        tick: called after each update.
    """
    optimiser = torch.optim.Adam(networks.parameters(), lr=0.02)
    for _ in range(updates):
        x, first = first_bits(batch, max(networks.lengths), generator)
        logits = networks(x)
        loss = F.binary_cross_entropy_with_logits(logits, first.expand_as(logits), reduction="none").mean(1).sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if tick:
            tick()


@torch.no_grad()
def recalled(networks: Recall, n: int, generator: torch.Generator) -> Tensor:
    """The share of n new sequences whose first bit each network says rightly, [networks]; 0.5 is guessing."""
    x, first = first_bits(n, max(networks.lengths), generator)
    logits: Tensor = networks(x)
    return ((logits > 0) == (first > 0.5)).double().mean(1)


@torch.no_grad()
def gates_along(networks: Recall, network: int, x: Tensor) -> tuple[Tensor, Tensor, Gates]:
    """What one LSTM computes over one sequence.

    Args:
        network: its number.
        x: [T, 2].

    Returns:
        h_1, …, h_T and c_1, …, c_T, and the gates of each step: all [T, h].

    Raises:
        ValueError: networks without gates.

    Example:
        >>> networks = Recall((3,), features=2, forget_bias=1.0, generator=torch.Generator().manual_seed(0))
        >>> hidden, cell, gates = gates_along(networks, 0, torch.zeros(3, 2))
        >>> gates.forget.shape
        torch.Size([3, 2])
    """
    if networks.plain:
        raise ValueError("plain networks have no gates; give networks that were made with a forget_bias")
    hidden = cell = x.new_zeros(len(networks.lengths), 1, networks.features)
    steps = []
    for x_t in x:
        hidden, cell, gates = networks.step(x_t[None], hidden, cell)
        steps.append(torch.stack([each[network, 0] for each in (hidden, cell, *(gates or ()))]))
    hiddens, cells, *four = torch.stack(steps, 1)
    return hiddens, cells, Gates(*four)


def state_factors(networks: Recall, network: int, x: Tensor) -> Tensor:
    """∂state_s/∂state_{s−1} for each step of one network over one sequence, by autograd.

    The state of a plain network is h, and that of an LSTM (h, c): all that goes from one step to the next, by every
    path.

    Args:
        network: its number.
        x: [T, 2].

    Returns:
        [T, S, S], with S = h or 2h.

    Example:
        >>> networks = Recall((3,), features=2, forget_bias=1.0, generator=torch.Generator().manual_seed(0))
        >>> state_factors(networks, 0, torch.zeros(3, 2)).shape
        torch.Size([3, 4, 4])
    """
    size = networks.features
    weights = [each.detach()[network] for each in (networks.input_to_state, networks.state_to_state, networks.bias)]

    def step(x_t: Tensor, state: Tensor) -> Tensor:
        W, U, b = weights[0], weights[1], weights[2][0]
        if networks.plain:
            return plain_step(x_t, state, W, U, b)
        return torch.cat(lstm_step(x_t @ W.mT + b, state[:size], state[size:], U)[:2])

    state, factors = x.new_zeros(size if networks.plain else 2 * size), []
    for x_t in x:
        factors.append(torch.func.jacrev(step, argnums=1)(x_t, state))
        state = step(x_t, state)
    return torch.stack(factors)
