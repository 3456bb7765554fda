"""Tests of the discretisation of tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.support.scripts import load_script

table_bins = load_script("benchmarks/table_bins.py")
discretise, find_bin_starts = table_bins.discretise, table_bins.find_bin_starts


def test_a_common_number_has_a_bin_of_its_own():
    rng = np.random.default_rng(0)
    values = np.where(rng.random(2000) < 0.9, 0, rng.integers(1, 900, 2000)).astype(float)
    frame = pd.DataFrame({"gain": values})
    codes, levels, names = discretise(frame, 8, np.arange(1000))
    assert 4 <= levels[0] <= 8
    assert len(names[0]) == levels[0]
    np.testing.assert_array_equal(codes[:1000, 0] == 0, values[:1000] == 0)
    assert np.bincount(codes[codes[:, 0] > 0, 0])[1:].min() > 10


@pytest.mark.parametrize("bins", range(1, 12))
def test_there_are_at_most_the_given_number_of_bins(bins):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        values = np.round(rng.standard_exponential(200) ** 3 * rng.choice([1, 3, 100]))
        starts = find_bin_starts(values, bins)
        assert len(starts) <= bins or len(np.unique(values)) <= bins
        assert (np.diff(starts) > 0).all()
        assert starts[0] == values.min()


def test_each_of_a_few_numbers_is_a_bin_and_others_fall_between():
    frame = pd.DataFrame({"n": [1.0, 2.0, 5.0, 2.0, np.nan, -3.0, 4.9, 77.0]})
    codes, levels, names = discretise(frame, 4, np.arange(5))
    assert codes[:, 0].tolist() == [0, 1, 2, 1, -1, 0, 1, 2]
    assert levels == [3]
    assert names == [["[-inf, 2)", "[2, 5)", "[5, inf)"]]


def test_only_training_rows_decide_the_bins():
    values = np.random.default_rng(0).normal(size=300)
    train = np.arange(200)
    codes, *rest = discretise(pd.DataFrame({"n": values}), 5, train)
    changed = np.where(np.arange(300) < 200, values, 1000 * values)
    codes_of_changed, *rest_of_changed = discretise(pd.DataFrame({"n": changed}), 5, train)
    np.testing.assert_array_equal(codes[train], codes_of_changed[train])
    assert rest == rest_of_changed
    assert np.bincount(codes[train, 0]).tolist() == [40] * 5


def test_categories_stay_as_they_are():
    frame = pd.DataFrame({"colour": ["red", None, "blue", "red", "?"], "n": [1, 2, 3, 4, 5]})
    codes, levels, names = discretise(frame, 5, np.arange(3))
    assert codes[:, 0].tolist() == [2, -1, 1, 2, 0]
    assert (levels[0], names[0]) == (3, ["?", "blue", "red"])
