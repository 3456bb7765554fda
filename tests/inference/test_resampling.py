"""Resampling draws rows in proportion to their weights, and keeps expectations."""

from __future__ import annotations

import pytest
import torch

from chainrule.inference.resampling import (
    effective_sample_size,
    resample_equal,
    resample_stratified,
    resample_systematic,
)


def test_systematic_resampling_draws_rows_in_proportion_to_their_weights():
    weights = torch.tensor([0.1, 0.0, 0.6, 0.3])
    for noise in (0.0, 0.31, 0.999999):
        counts = torch.bincount(resample_systematic(weights, 1000, noise), minlength=4)
        assert (counts - 1000 * weights).abs().max() <= 1
        assert counts[1] == 0


def test_effective_sample_size_by_hand():
    assert effective_sample_size(torch.tensor([0.75, 0.25]).log()) == pytest.approx(1 / (0.75**2 + 0.25**2))


def test_resampling_keeps_expectations():
    weights = torch.rand(64, generator=torch.Generator().manual_seed(0)).double()
    weights /= weights.sum()
    values = torch.arange(64.0).double()
    for resample in (resample_equal, resample_stratified):
        means = []
        for seed in range(400):
            rows, share = resample(weights, torch.rand(8, generator=torch.Generator().manual_seed(seed)).double())
            assert share.sum().item() == pytest.approx(1)
            means.append((share * values[rows]).sum())
        assert torch.stack(means).mean().item() == pytest.approx((weights * values).sum().item(), abs=0.5)
