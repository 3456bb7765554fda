"""The independent model counts the values of its training data."""

from __future__ import annotations

import pytest
import torch

import chainrule as cr
from chainrule.models import Independent


@pytest.mark.parametrize("domain", [cr.Binary((2, 1, 2)), cr.Levels((4,), 5)])
def test_each_value_is_counted_once_more_than_it_occurs(domain):
    x = torch.randint(0, domain.levels, (2007, *domain.shape), generator=torch.Generator().manual_seed(3))
    model = Independent(domain)
    model.init_from_data(x)
    for value in range(domain.levels):
        wanted = ((x == value).sum(0) + 1) / (2007 + domain.levels)
        found = model.conditionals(x[:1]).log_prob(torch.full((1, *domain.shape), value))[0].exp()
        assert torch.allclose(found, wanted, atol=1e-6)


def test_the_values_of_a_table_are_not_counted():
    table = cr.Table([cr.Column("late", "binary", (False, True))])
    with pytest.raises(cr.ChainruleError, match="not of tables"):
        Independent(table).init_from_data(torch.zeros(3, 1))
