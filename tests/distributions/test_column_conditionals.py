"""The distributions of columns of several kinds."""

from __future__ import annotations

import pytest
import torch

from chainrule.checks.variants import perturbed_copy
from chainrule.distributions import ColumnConditionals, Conditionals
from chainrule.domains import Table
from chainrule.errors import ChainruleError
from chainrule.inference import sample
from chainrule.models.independent import Independent
from chainrule.models.made import MADE
from tests.support.models import age, few, mixed, random_rows


def test_blocks_are_merged_in_the_order_of_the_columns():
    coin, die = Conditionals(torch.randn(2, 2), binary=True), Conditionals(torch.randn(2, 1, 6), binary=False)
    columns = ColumnConditionals([(torch.tensor([2, 0]), coin), (torch.tensor([1]), die)])
    x = torch.tensor([[1, 5, 0], [0, 2, 1]])
    torch.testing.assert_close(columns.log_prob(x)[:, [2, 0]].float(), coin.log_prob(x[:, [2, 0]]))
    torch.testing.assert_close(
        columns.select_sites(torch.tensor([1, 2])).log_prob(x[:, 1:]), columns.log_prob(x)[:, 1:]
    )
    assert columns.canonical_params.shape == (2, 3, 6)


def test_numeric_columns_take_temperature_1_alone():
    with pytest.raises(ChainruleError, match="temperature 1 alone"):
        sample(Independent(Table([age])), 2, temperature=0.5)
    assert sample(perturbed_copy(MADE(few), 3), 50, temperature=1e-3).unique(dim=0).shape[0] == 1


def test_columns_of_several_kinds_have_no_common_logits_or_probs():
    conditionals = Independent(mixed).conditionals(random_rows(Independent(mixed), 2))
    for name in ("logits", "log_probs", "probs"):
        with pytest.raises(ChainruleError, match="ask for log_prob"):
            getattr(conditionals, name)
