"""Autoencoders: h(x) = g(b + W x), x̂ = sigm(c + V h(x)), and three constraints that keep them from copying x.

Fewer nodes (a narrow h), fewer connections (most of W and V masked), noise (the input is corrupted, the target not).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chainrule.domains import Binary
from chainrule.errors import ChainruleError
from chainrule.layers.masked import he_init, masked
from chainrule.learn.distribution import cross_entropy
from chainrule.seeding import generator

BATCH = 100
"""Data in an update."""


class Autoencoder(nn.Module):
    """h(x) = g(b + W x), and from it x̂ = sigm(c + V h(x)); g is tanh.

    Source: MADE (arXiv:1502.03509), section 2.

    Args:
        sites: D, the numbers of a datum.
        hidden: K, the units of h. Fewer than D: a bottleneck.
        kept: the share of connections that are there, of W and of V each; which ones is drawn. The others are masked:
            a mask multiplies its weights each time they are used, and leaves them as they are.
        seed: draws connections and weights.

    Raises:
        ChainruleError: no sites, no hidden units, or a share that is none.

    Example:
        >>> model = Autoencoder(sites=64, hidden=16)
        >>> x = torch.zeros(5, 64)
        >>> model.encode(x).shape, model(x).shape
        (torch.Size([5, 16]), torch.Size([5, 64]))
    """

    M_W: Tensor
    M_V: Tensor

    def __init__(self, sites: int, hidden: int, kept: float = 1.0, seed: int = 0) -> None:
        super().__init__()
        rng = generator(seed)
        self.register_buffer("M_W", connections(hidden, sites, kept, rng))
        self.register_buffer("M_V", connections(sites, hidden, kept, rng))
        self.W = nn.Parameter(he_init(torch.empty(hidden, sites), self.M_W, rng))
        self.V = nn.Parameter(he_init(torch.empty(sites, hidden), self.M_V, rng))
        self.b, self.c = nn.Parameter(torch.zeros(hidden)), nn.Parameter(torch.zeros(sites))

    def encode(self, x: Tensor) -> Tensor:
        """h(x) = g(b + W x): data [n, D] to codes [n, K], each number in (-1, 1).

        Source: MADE (arXiv:1502.03509), section 2.
        """
        check_width(x, self.W)
        before = F.linear(x.to(self.b), masked(self.W, self.M_W), self.b)
        return torch.tanh(before)

    def decode(self, h: Tensor) -> Tensor:
        """x̂ = sigm(c + V h): codes [n, K] to probabilities of a one, [n, D].

        Source: MADE (arXiv:1502.03509), section 2.
        """
        return torch.sigmoid(self.before_sigm(h))

    def before_sigm(self, h: Tensor) -> Tensor:
        """c + V h: the logits of x̂, [n, D]."""
        check_width(h, self.V)
        return F.linear(h, masked(self.V, self.M_V), self.c)

    def logits(self, x: Tensor) -> Tensor:
        """Those of the reconstruction of data [n, D]: what the cross-entropy is computed from."""
        return self.before_sigm(self.encode(x))

    def forward(self, x: Tensor) -> Tensor:
        """x̂, the reconstruction of data [n, D]."""
        return self.decode(self.encode(x))

    @property
    def open_connections(self) -> int:
        """How many weights of W and V are in use."""
        return int(self.M_W.sum() + self.M_V.sum())


def connections(outputs: int, inputs: int, kept: float, rng: torch.Generator) -> Tensor:
    """Which of all connections are kept: bool [outputs, inputs], of which a share `kept` is True, rounded up.

    Raises:
        ChainruleError: no outputs, no inputs, or a share outside (0, 1].

    Example:
        >>> connections(4, 5, 0.25, generator(0)).sum().item()
        5
    """
    if outputs < 1 or inputs < 1:
        raise ChainruleError(f"connections need at least 1 unit on either side, not {outputs} and {inputs}")
    if not 0 < kept <= 1:
        raise ChainruleError(f"the share of connections that are kept must be above 0 and at most 1, not {kept}")
    size = outputs * inputs
    mask = torch.zeros(size, dtype=torch.bool)
    mask[torch.randperm(size, generator=rng)[: math.ceil(kept * size)]] = True
    return mask.view(outputs, inputs)


def corrupted(x: Tensor, share: float, rng: torch.Generator) -> Tensor:
    """The data with each site flipped with probability `share`.

    Args:
        x: zeros and ones [n, D].

    Raises:
        ChainruleError: a share that is none.

    Example:
        >>> corrupted(torch.tensor([[0, 1, 1]]), 1.0, generator(0)).tolist()
        [[1, 0, 0]]
    """
    if not 0 <= share <= 1:
        raise ChainruleError(f"the share of sites to flip must be from 0 to 1, not {share}")
    return torch.where(torch.rand(x.shape, generator=rng) < share, 1 - x, x)


def scrambled(x: Tensor, rng: torch.Generator) -> Tensor:
    """The data with the values of each site dealt out anew among them: [n, D].

    Each site is as often a one as before, and no site tells of another any more: noise with the digits' ink.

    Raises:
        ChainruleError: data of another shape.

    Example:
        >>> x = torch.tensor([[0, 0], [0, 0], [1, 1], [1, 1]])
        >>> scrambled(x, generator(0)).sum(0).tolist()
        [2, 2]
    """
    if x.ndim != 2:
        raise ChainruleError(f"data to scramble need the shape [n, D], not {list(x.shape)}; flatten them")
    return torch.stack([column[torch.randperm(len(x), generator=rng)] for column in x.T], 1)


def fit_autoencoder(
    model: Autoencoder,
    x: Tensor,
    updates: int,
    noise: float = 0.0,
    lr: float = 0.01,
    seed: int = 0,
    after: Callable[[int], None] = lambda _: None,
) -> None:
    """Trains a model to reconstruct: Adam on the mean cross-entropy of batches, its learning rate falling to zero.

    Args:
        model: changed in place.
        x: zeros and ones [n, D].
        updates: how many.
        noise: the share of sites that are flipped in the input. The target stays clean: denoising.
            Source: Vincent, Larochelle, Bengio, Manzagol (2008), Extracting and composing robust features with
            denoising autoencoders.
        lr: the learning rate at its highest.
        seed: draws the batches and the noise.
        after: is told how many updates are done: 0 first, and last all of them.

    Raises:
        ChainruleError: no data, other values than zeros and ones, or no updates.

    Example:
        >>> x = torch.tensor([[0, 0, 1], [1, 1, 0]])
        >>> model = Autoencoder(sites=3, hidden=2)
        >>> fit_autoencoder(model, x, updates=200)
        >>> model(x).round().tolist()
        [[0.0, 0.0, 1.0], [1.0, 1.0, 0.0]]
    """
    check_data(model, x, updates)
    rng = generator(seed)
    optimiser = torch.optim.Adam(model.parameters(), lr, fused=True)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, updates)
    for done in range(updates):
        after(done)
        target = x[torch.randint(len(x), (BATCH,), generator=rng)]
        seen = corrupted(target, noise, rng) if noise else target
        loss = cross_entropy(target, model.logits(seen), logits=True).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        falling.step()
    after(updates)


def check_width(x: Tensor, weight: Tensor) -> None:
    """Raises ChainruleError unless x [n, in] can be multiplied by a weight [out, in]."""
    if x.ndim != 2 or x.shape[1] != weight.shape[1]:
        raise ChainruleError(f"the layer takes rows [n, {weight.shape[1]}], not {list(x.shape)}; flatten the data")


def check_data(model: Autoencoder, x: Tensor, updates: int) -> None:
    """Raises ChainruleError for data that the model cannot be trained on, or for no updates."""
    if updates < 1 or len(x) < 1:
        raise ChainruleError(f"training needs data and updates, at least 1 each, not {len(x)} and {updates}")
    Binary((len(model.c),)).check(x)
