"""Masks and masked weights in other number formats."""

from __future__ import annotations

import pytest
import torch

from chainrule.layers.masks import degree_mask
from chainrule.layers.weights import masked_weight


@pytest.mark.parametrize("dtype", [torch.bool, torch.float32])
@pytest.mark.parametrize("weights", [torch.float32, torch.float64])
def test_masked_weights_are_rounded_like_the_product(dtype, weights):
    weight = torch.randn(5, 7, dtype=weights, generator=torch.Generator().manual_seed(0)).requires_grad_()
    mask = degree_mask(torch.arange(5), torch.arange(7), strict=True, dtype=dtype)
    exact = mask * weight
    assert torch.equal(masked_weight(weight, mask), exact)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = masked_weight(weight, mask)
    exempt = weights == torch.float64  # autocast does not change it
    assert torch.equal(rounded, exact if exempt else exact.bfloat16())
    (gradient,) = torch.autograd.grad(rounded.sum(), weight)
    assert torch.equal(gradient, mask.to(weights))


@pytest.mark.parametrize("strict", [True, False])
def test_a_float_mask_equals_the_bool_mask(strict):
    degrees = torch.randperm(3000, generator=torch.Generator().manual_seed(0))
    mask = degree_mask(degrees[:50], degrees, strict, torch.float32)
    assert mask.dtype == torch.float32
    assert torch.equal(mask, degree_mask(degrees[:50], degrees, strict).float())
