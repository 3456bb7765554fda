"""Encode data as the input of a network."""

from __future__ import annotations

import torch
from torch import Tensor

from chainrule.domains.domain import ArrayLike, Domain, as_tensor
from chainrule.hardware import sum_dtype


def encode_as(domain: Domain, x: ArrayLike, dtype: torch.dtype) -> Tensor:
    """Return data of a domain as a network's input, in the dtype of its weights.

    Args:
        x: [n, *shape].

    Example:
        >>> from chainrule.domains import Levels
        >>> encode_as(Levels((3,), 5), torch.tensor([[0, 2, 4]]), torch.float32)
        tensor([[-1.,  0.,  1.]])
    """
    x = as_tensor(x)
    # The numbers of a table are scaled in float64: float32 would lose digits of large numbers before they are scaled.
    return domain.encode(x.to(sum_dtype(x) if domain.dtype.is_floating_point else dtype)).to(dtype)
