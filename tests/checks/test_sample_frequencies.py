"""Test the chi-square test of sample frequencies."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from chainrule.checks.sample_frequencies import chi_square


def test_chi_square_agrees_with_scipy_if_no_cell_is_rare():
    counts, expected = torch.tensor([30.0, 50.0, 20.0]).double(), torch.tensor([25.0, 50.0, 25.0]).double()
    assert chi_square(counts, expected) == pytest.approx(stats.chisquare(counts, expected).pvalue)


def test_chi_square_merges_rare_cells():
    expected = torch.tensor([50.0, 44.0, 2.0, 2.0, 2.0]).double()
    counts = torch.tensor([48.0, 45.0, 7.0, 0.0, 0.0]).double()
    merged = stats.chisquare([48.0, 45.0, 7.0], [50.0, 44.0, 6.0]).pvalue
    assert chi_square(counts, expected) == pytest.approx(merged)


def test_chi_square_merges_the_rest_into_the_rarest_cell_if_it_is_too_small_for_a_cell():
    expected = torch.tensor([1.0, 60.0, 39.0]).double()
    counts = torch.tensor([9.0, 55.0, 36.0]).double()
    assert chi_square(counts, expected) == pytest.approx(stats.chisquare([55.0, 45.0], [60.0, 40.0]).pvalue)


def test_chi_square_of_one_cell_is_one():
    assert chi_square(torch.tensor([100.0, 0.0]).double(), torch.tensor([99.0, 1.0]).double()) == 1.0
