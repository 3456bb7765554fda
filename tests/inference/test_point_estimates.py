"""Point estimates of weighted draws: the most likely value and the mean of each site."""

from __future__ import annotations

import pytest
import torch

from chainrule.domains import Binary, Table
from chainrule.inference import Imputation, impute
from chainrule.models import Independent
from tests.support.models import age, size, weather


def imputation(values, domain, weights=None):
    values = torch.tensor(values, dtype=torch.float64)[None]
    n = values.shape[1]
    weights = torch.full((1, n), 1 / n) if weights is None else torch.tensor([weights])
    exact = torch.ones(1, dtype=torch.bool)
    return Imputation(values, weights.double(), torch.ones(1), torch.ones(1), torch.zeros(1), exact, domain)


def test_the_most_likely_value_is_the_heaviest_level_or_the_half_sample_mode():
    table = Table([weather, size])
    draws = [[0.0, 5.0], [1.0, 1.0], [1.0, 1.1], [2.0, 1.4], [0.0, 9.0]]
    assert imputation(draws, table).most_likely()[0, 1].item() == pytest.approx(1.05)
    assert imputation(draws, table, [0.1, 0.1, 0.1, 0.6, 0.1]).most_likely()[0].tolist() == pytest.approx([2.0, 1.4])


def test_the_mean_is_weighted_and_rounded_for_whole_numbers():
    table = Table([age, size])
    draws = [[1.0, 0.5], [2.0, 1.0], [2.0, 1.5], [10.0, 2.0]]
    assert imputation(draws, table).mean()[0].tolist() == [4.0, 1.25]
    assert imputation(draws, table, [0.0, 0.0, 0.0, 1.0]).mean()[0].tolist() == [10.0, 2.0]


def test_estimates_of_images_have_their_shape_and_dtype():
    model = Independent(Binary((1, 2, 2)))
    found = impute(model, torch.ones(3, 1, 2, 2, dtype=torch.int64), torch.ones(1, 2, 2, dtype=torch.bool))
    assert torch.equal(found.most_likely(), torch.ones(3, 1, 2, 2, dtype=torch.int64))
