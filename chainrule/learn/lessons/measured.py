"""Means of what was measured, as lessons tell them."""

from __future__ import annotations

import math
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from chainrule.formatting import with_error


def mean_and_error(values: Tensor | NDArray[Any]) -> tuple[float, float]:
    """The mean of values [n], and its standard error if they are independent: their standard deviation / √n.

    Example:
        >>> mean_and_error(torch.tensor([1.0, 3.0, 5.0, 7.0, 9.0]))
        (5.0, 1.4142135623730951)
    """
    each = torch.as_tensor(values).double()
    return each.mean().item(), each.std().item() / math.sqrt(len(each))


def mean_of(values: Tensor | NDArray[Any], decimals: int = 2) -> str:
    """The same in words.

    Example:
        >>> mean_of(torch.tensor([1.0, 2.0, 3.0]))
        '2.00 ± 0.58'
    """
    return with_error(*mean_and_error(values), decimals)
