"""Columns: what is refused, and the initial parameters of their distributions."""

from __future__ import annotations

import math

import pytest
import torch

from chainrule.domains import Column, Table
from chainrule.errors import ChainruleError
from chainrule.models.independent import Independent
from tests.support.models import age, change, gain, size


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"kind": "float"}, "the kind must be one of binary, categorical, count, integer, real"),
        ({"kind": "categorical"}, "needs levels, each of them once"),
        ({"kind": "categorical", "levels": ("a", "a")}, "needs levels, each of them once"),
        ({"kind": "binary", "levels": ("a", "b", "c")}, "has 3 levels; make it categorical"),
        ({"kind": "real"}, "needs 32 quantiles of its data, in order"),
        ({"kind": "real", "quantiles": [-math.inf, *range(31)]}, "needs 32 quantiles"),
        ({"kind": "count", "quantiles": range(31, -1, -1)}, "needs 32 quantiles"),
        ({"kind": "real", "quantiles": range(32), "resolution": 0.0}, "resolution above 0"),
    ],
)
def test_invalid_columns_are_refused(arguments, fault):
    with pytest.raises(ChainruleError, match=fault):
        Column("a", **arguments)


def test_levels_of_different_types_are_different():
    assert len(Column("a", "categorical", (1, "1", True, 1.0)).levels) == 4


@pytest.mark.parametrize("column", [age, gain, change, size], ids=lambda column: column.name)
def test_initial_parameters_resemble_the_quantiles_of_the_data(column):
    model = Independent(Table([column]))
    below, upto = model.conditionals(torch.zeros(1, 1)).cdf_bounds(torch.tensor([[column.quantiles[16]]]))
    assert below.item() - 0.1 <= 16 / 31 <= upto.item() + 0.1
