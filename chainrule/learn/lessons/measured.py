"""Means of what was measured, as lessons tell them."""

from __future__ import annotations

import math

from torch import Tensor

from chainrule.words import with_error


def mean_of(values: Tensor, decimals: int = 2) -> str:
    """The mean of values [n], with its standard error.

    Example:
        >>> from torch import tensor
        >>> mean_of(tensor([1.0, 2.0, 3.0]))
        '2.00 ± 0.58'
    """
    return with_error(values.mean().item(), values.std().item() / math.sqrt(len(values)), decimals)
