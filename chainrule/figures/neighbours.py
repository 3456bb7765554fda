"""The training data nearest to samples: does a model draw something new, or what it was shown?"""

from __future__ import annotations

import torch
from torch import Tensor

from chainrule.domains import Binary, Domain
from chainrule.errors import ChainruleError

CHUNK = 1024
"""Training data compared at once: bounds memory."""


def nearest(x: Tensor, train: Tensor, domain: Domain, chunk: int = CHUNK) -> tuple[Tensor, Tensor]:
    """For each datum of x [n, *shape] its nearest in `train` [m, *shape], the first of equally near ones.

    Returns:
        its index, int64 [n], and its distance, float64 [n]: the number of sites that differ where the domain is binary,
        else the Euclidean distance in levels.

    Raises:
        ChainruleError: no training data, or data that are not of the domain.

    Example:
        >>> train = torch.tensor([[0, 0, 0], [1, 1, 1]])
        >>> [found.tolist() for found in nearest(torch.tensor([[1, 0, 1]]), train, Binary((3,)))]
        [[1], [1.0]]
    """
    if len(train) == 0:
        raise ChainruleError("there are no training data to find the nearest of; give at least one datum")
    a = domain.check(x).detach().cpu().flatten(1).double()  # sums of squares stay exact integers
    parts = []
    for some in torch.split(domain.check(train).detach().cpu(), chunk):
        b = some.flatten(1).double()
        parts.append((a.square().sum(1, keepdim=True) + b.square().sum(1) - 2 * a @ b.T).min(1))
    squares = torch.stack([part.values for part in parts])
    best = squares.min(0).values
    which = (squares == best).int().argmax(0)
    index = torch.stack([part.indices for part in parts])[which, torch.arange(len(a))] + chunk * which
    return index, best if isinstance(domain, Binary) else best.sqrt()
