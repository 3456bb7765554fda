"""Autoencoders h(x) = g(b + W x), x̂ = sigm(c + V h(x)), with three constraints that keep them from copying x.

The constraints are few hidden units, few connections (most entries of W and V masked), and noise (only the input is
corrupted, not the target).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chainrule.domains import Binary
from chainrule.errors import ChainruleError
from chainrule.layers.weights import he_init, masked_weight
from chainrule.learn.binary_likelihoods import cross_entropy
from chainrule.seeding import generator

BATCH_SIZE = 100


class Autoencoder(nn.Module):
    """Map x to the code h(x) = g(b + W x), and the code to the reconstruction x̂ = sigm(c + V h(x)); g is tanh.

    Source: MADE (arXiv:1502.03509), section 2.

    Args:
        sites: D, the number of values of a datum.
        hidden: K, the number of hidden units. Fewer than D: a bottleneck.
        connection_rate: the share of the entries of W, and of V, that are not masked; the open entries are drawn at
            random. A mask multiplies its weights at each use, and does not change them.
        seed: of the masks and the weights.

    Raises:
        ChainruleError: no sites, no hidden units, or a connection rate outside (0, 1].

    Example:
        >>> model = Autoencoder(sites=64, hidden=16)
        >>> x = torch.zeros(5, 64)
        >>> model.encode(x).shape, model(x).shape
        (torch.Size([5, 16]), torch.Size([5, 64]))
    """

    M_W: Tensor
    M_V: Tensor

    def __init__(self, sites: int, hidden: int, *, connection_rate: float = 1.0, seed: int = 0) -> None:
        super().__init__()
        rng = generator(seed)
        self.register_buffer("M_W", draw_mask(hidden, sites, connection_rate, rng))
        self.register_buffer("M_V", draw_mask(sites, hidden, connection_rate, rng))
        self.W = nn.Parameter(he_init(torch.empty(hidden, sites), self.M_W, rng))
        self.V = nn.Parameter(he_init(torch.empty(sites, hidden), self.M_V, rng))
        self.b, self.c = nn.Parameter(torch.zeros(hidden)), nn.Parameter(torch.zeros(sites))

    def encode(self, x: Tensor) -> Tensor:
        """Return the code h(x) = g(b + W x) of data [n, D]: [n, K], with values in (-1, 1).

        Source: MADE (arXiv:1502.03509), section 2.
        """
        check_width(x, self.W)
        z = F.linear(x.to(self.b), masked_weight(self.W, self.M_W), self.b)
        return torch.tanh(z)

    def decode(self, h: Tensor) -> Tensor:
        """Return x̂ = sigm(c + V h) of codes [n, K]: the probabilities of a one, [n, D].

        Source: MADE (arXiv:1502.03509), section 2.
        """
        return torch.sigmoid(self.decode_logits(h))

    def decode_logits(self, h: Tensor) -> Tensor:
        """Return c + V h, the logits of x̂, of codes [n, K]: [n, D]."""
        check_width(h, self.V)
        return F.linear(h, masked_weight(self.V, self.M_V), self.c)

    def logits(self, x: Tensor) -> Tensor:
        """Return the logits of the reconstruction of data [n, D], for the cross-entropy: [n, D]."""
        return self.decode_logits(self.encode(x))

    def forward(self, x: Tensor) -> Tensor:
        """Return x̂, the reconstruction of data [n, D]."""
        return self.decode(self.encode(x))

    @property
    def num_connections(self) -> int:
        """The number of entries of W and V that are not masked."""
        return int(self.M_W.sum() + self.M_V.sum())


def draw_mask(outputs: int, inputs: int, connection_rate: float, rng: torch.Generator) -> Tensor:
    """Draw a mask: bool [outputs, inputs], with a share `connection_rate` of its entries True, rounded up.

    Raises:
        ChainruleError: no outputs, no inputs, or a connection rate outside (0, 1].

    Example:
        >>> draw_mask(4, 5, 0.25, generator(0)).sum().item()
        5
    """
    if outputs < 1 or inputs < 1:
        raise ChainruleError(f"connections need at least 1 unit on either side, not {outputs} and {inputs}")
    if not 0 < connection_rate <= 1:
        raise ChainruleError(f"the share of open connections must be above 0 and at most 1, not {connection_rate}")
    size = outputs * inputs
    mask = torch.zeros(size, dtype=torch.bool)
    mask[torch.randperm(size, generator=rng)[: math.ceil(connection_rate * size)]] = True
    return mask.view(outputs, inputs)


def corrupt(x: Tensor, flip_rate: float, rng: torch.Generator) -> Tensor:
    """Return the data with each site flipped with probability `flip_rate`.

    Args:
        x: zeros and ones [n, D].
        flip_rate: the probability of a flip, from 0 to 1.
        rng: draws the flips.

    Raises:
        ChainruleError: a flip rate outside [0, 1].

    Example:
        >>> corrupt(torch.tensor([[0, 1, 1]]), 1.0, generator(0)).tolist()
        [[1, 0, 0]]
    """
    if not 0 <= flip_rate <= 1:
        raise ChainruleError(f"the share of sites to flip must be from 0 to 1, not {flip_rate}")
    return torch.where(torch.rand(x.shape, generator=rng) < flip_rate, 1 - x, x)


def scramble(x: Tensor, rng: torch.Generator) -> Tensor:
    """Return the data [n, D] with the values of each site permuted over the data, independently of the other sites.

    The frequency of ones at each site stays the same, and the sites become independent of each other.

    Raises:
        ChainruleError: data of another shape.

    Example:
        >>> x = torch.tensor([[0, 0], [0, 0], [1, 1], [1, 1]])
        >>> scramble(x, generator(0)).sum(0).tolist()
        [2, 2]
    """
    if x.ndim != 2:
        raise ChainruleError(f"data to scramble need the shape [n, D], not {list(x.shape)}; flatten them")
    return torch.stack([column[torch.randperm(len(x), generator=rng)] for column in x.T], 1)


def fit_autoencoder(
    model: Autoencoder,
    x: Tensor,
    *,
    updates: int,
    noise: float = 0.0,
    lr: float = 0.01,
    seed: int = 0,
    callback: Callable[[int], None] = lambda _: None,
) -> None:
    """Train a model to reconstruct: Adam on the mean cross-entropy of batches, with a cosine learning rate schedule.

    Args:
        model: is changed in place.
        x: zeros and ones [n, D].
        updates: the number of updates.
        noise: the share of sites that are flipped in the input. The target stays clean: denoising.
            Source: Vincent, Larochelle, Bengio, Manzagol (2008), Extracting and composing robust features with
            denoising autoencoders.
        lr: the highest learning rate; it falls to zero.
        seed: of the batches and the noise.
        callback: a function that takes the number of finished updates, before each update and after the last one.

    Raises:
        ChainruleError: no data, other values than zeros and ones, or no updates.

    Example:
        >>> x = torch.tensor([[0, 0, 1], [1, 1, 0]])
        >>> model = Autoencoder(sites=3, hidden=2)
        >>> fit_autoencoder(model, x, updates=200)
        >>> model(x).round().tolist()
        [[0.0, 0.0, 1.0], [1.0, 1.0, 0.0]]
    """
    check_training_data(model, x, updates)
    rng = generator(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates)
    for done in range(updates):
        callback(done)
        target = x[torch.randint(len(x), (BATCH_SIZE,), generator=rng)]
        inputs = corrupt(target, noise, rng) if noise else target
        loss = cross_entropy(target, model.logits(inputs), logits=True).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    callback(updates)


def check_width(x: Tensor, weight: Tensor) -> None:
    """Raise ChainruleError unless x [n, in] can be multiplied by a weight [out, in]."""
    if x.ndim != 2 or x.shape[1] != weight.shape[1]:
        raise ChainruleError(f"the layer takes rows [n, {weight.shape[1]}], not {list(x.shape)}; flatten the data")


def check_training_data(model: Autoencoder, x: Tensor, updates: int) -> None:
    """Raise ChainruleError for data that the model cannot be trained on, or for no updates."""
    if updates < 1 or len(x) < 1:
        raise ChainruleError(f"training needs data and updates, at least 1 each, not {len(x)} and {updates}")
    Binary((len(model.c),)).check(x)
