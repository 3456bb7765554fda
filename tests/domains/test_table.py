"""Tables: their descriptions, values, encodings and outcomes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from chainrule.domains import Table, domain_from_dict
from chainrule.errors import ChainruleError
from chainrule.inference import sample
from chainrule.models.independent import Independent
from tests.support.models import ZOO, age, change, few, gain, large, late, mixed, size, weather


@pytest.mark.parametrize("table", [few, mixed, Table([large])], ids=str)
def test_a_table_is_restored_from_its_description(table):
    assert domain_from_dict(table.to_dict()) == table


@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [
        (weather, 3.0, r"row 1, column 'weather' \(categorical, 3 levels\) has the value 3"),
        (late, 0.5, "has the value 0.5"),
        (age, -1.0, r"count, 0 … 62\) has the value -1"),
        (change, 1.5, "has the value 1.5"),
        (size, math.inf, "has the value inf"),
        (size, math.nan, "is missing; mark the observed values as evidence"),
        (large, 2.0**54, "has the value"),
    ],
)
def test_the_error_names_the_row_column_and_value(column, value, fault):
    model = Independent(Table([column]))
    with pytest.raises(ChainruleError, match=fault):
        model.log_prob(torch.tensor([[column.quantiles[0] if column.quantiles else 0.0], [value]], dtype=torch.float64))


def test_tables_need_columns_of_different_names():
    with pytest.raises(ChainruleError, match="at least one column"):
        Table([])
    with pytest.raises(ChainruleError, match="'age' is there twice"):
        Table([age, size, age])


def test_encode_gives_one_hot_levels_signs_and_ranks():
    x = torch.tensor([[1.0, 0.0, 0.0], [2.0, 1.0, 300.0]], dtype=torch.float64)
    inputs = Table([weather, late, gain]).encode(x)
    assert inputs[:, :4].tolist() == [[0, 1, 0, -1], [0, 0, 1, 1]]
    share = inputs[:, 5]
    assert share[0] == pytest.approx(28 / 31 - 1, abs=1e-6)  # half of those that are equal to it lie below
    assert share[1] > 0.8


def test_outcomes_are_counted_and_indexed():
    outcomes = torch.cat(list(few.outcomes()))
    assert len(outcomes) == few.size == 12
    assert few.outcome_index(outcomes).tolist() == list(range(12))
    assert mixed.size == math.inf
    assert not mixed.is_discrete
    assert Table([age, change]).is_discrete
    assert replace(age, name="x") != age


def test_models_of_tables_draw_values_of_their_columns():
    for name in ("independent, table", "made, mixed table", "made, large numbers", "made, table of levels"):
        model = ZOO[name]()
        assert model.domain.check(sample(model, 20)).dtype == torch.float64


def test_check_and_encode_take_arrays_and_lists_like_tensors():
    table, x = Table([weather, late, size]), [[2, 1, 0.5], [0, 0, -3.25]]
    expected = torch.tensor(x, dtype=torch.float64)
    for data in (x, np.array(x), np.array(x, dtype=np.float32)[:, ::-1][:, ::-1], expected):
        assert torch.equal(table.check(data).double(), expected)
        torch.testing.assert_close(table.encode(data).double(), table.encode(expected))
    with pytest.raises(ChainruleError, match="not this DataFrame"):
        table.check(pd.DataFrame(x))


def test_parameters_of_another_shape_are_refused():
    table = Table([weather, late, size])
    assert table.outputs.tolist() == [3, 1, 30]
    assert table.conditionals(table.initial_params.expand(5, -1)).shape == (5, 3)
    for shape in [(5, 33), (5, 3, 30), (34,)]:
        with pytest.raises(ChainruleError, match=r"takes parameters of shape \[n, 34\], not"):
            table.conditionals(torch.zeros(shape))
