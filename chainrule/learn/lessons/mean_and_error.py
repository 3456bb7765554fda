"""Means of measured values with their standard errors."""

from __future__ import annotations

import math
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from chainrule.formatting import with_error


def mean_and_error(values: Tensor | NDArray[Any]) -> tuple[float, float]:
    """Return the mean of values [n], and its standard error for independent values: their standard deviation / √n.

    Example:
        >>> mean_and_error(torch.tensor([1.0, 3.0, 5.0, 7.0, 9.0]))
        (5.0, 1.4142135623730951)
    """
    x = torch.as_tensor(values).double()
    return x.mean().item(), x.std().item() / math.sqrt(len(x))


def format_mean(values: Tensor | NDArray[Any], decimals: int = 2) -> str:
    """Format the mean of values [n] and its standard error.

    Example:
        >>> format_mean(torch.tensor([1.0, 2.0, 3.0]))
        '2.00 ± 0.58'
    """
    return with_error(*mean_and_error(values), decimals)
