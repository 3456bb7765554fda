"""Initialise the weights of masked layers, and multiply them by their masks."""

from __future__ import annotations

import torch
from torch import Tensor


def he_init(weight: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
    """Fill `weight` [out, in, ...] in place with variance 2 / (open taps of the output), for ReLU networks.

    Counting the open taps and not the whole kernel keeps the scale of the signal from layer to layer.
    Source: He, Zhang, Ren, Sun: Delving Deep into Rectifiers. 2015, arXiv:1502.01852, equation 10.

    Args:
        mask: bool, of the shape of `weight`.
        generator: draws the weights.
    """
    fan_in = mask.flatten(1).sum(1).clamp(min=1).view(-1, *[1] * (weight.ndim - 1))
    with torch.no_grad():
        return weight.normal_(generator=generator).mul_((2.0 / fan_in).sqrt())


def masked_weight(weight: Tensor, mask: Tensor) -> Tensor:
    """Return weight ⊙ mask in the dtype of the product that follows.

    Under autocast the weight is rounded first, which halves the memory.
    """
    device = weight.device.type
    mixed = weight.dtype == torch.float32 and torch.is_autocast_enabled(device)
    dtype = torch.get_autocast_dtype(device) if mixed else weight.dtype
    return weight.to(dtype) * mask.to(dtype)
