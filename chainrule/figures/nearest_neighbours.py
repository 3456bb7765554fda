"""The search for the training data nearest to samples, which shows whether a model copies its training data."""

from __future__ import annotations

import torch
from torch import Tensor

from chainrule.domains import Binary, Domain
from chainrule.errors import ChainruleError

BATCH_SIZE = 1024
"""The number of training data that are compared at once, which bounds the memory."""


def find_nearest(x: Tensor, train: Tensor, domain: Domain, *, batch_size: int = BATCH_SIZE) -> tuple[Tensor, Tensor]:
    """Return the nearest training datum of each datum; of several at the same distance the first one.

    Args:
        x: [n, *shape].
        train: [m, *shape].
        domain: the domain of both.
        batch_size: the number of training data that are compared at once.

    Returns:
        The index of the nearest datum, int64 [n], and its distance, float64 [n]: the number of sites that differ where
        the domain is binary, else the Euclidean distance in levels.

    Raises:
        ChainruleError: no training data, or data outside the domain.

    Example:
        >>> train = torch.tensor([[0, 0, 0], [1, 1, 1]])
        >>> [found.tolist() for found in find_nearest(torch.tensor([[1, 0, 1]]), train, Binary((3,)))]
        [[1], [1.0]]
    """
    if len(train) == 0:
        raise ChainruleError("there are no training data to find the nearest of; give at least one datum")
    a = domain.check(x).detach().cpu().flatten(1).double()  # sums of squares stay exact integers
    batches = []
    for batch in torch.split(domain.check(train).detach().cpu(), batch_size):
        b = batch.flatten(1).double()
        batches.append((a.square().sum(1, keepdim=True) + b.square().sum(1) - 2 * a @ b.T).min(1))
    squares = torch.stack([minimum.values for minimum in batches])
    best = squares.min(0).values
    first = (squares == best).int().argmax(0)
    indices = torch.stack([minimum.indices for minimum in batches])
    index = indices[first, torch.arange(len(a))] + batch_size * first
    return index, best if isinstance(domain, Binary) else best.sqrt()
