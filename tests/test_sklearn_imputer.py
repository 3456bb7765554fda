"""The imputer: the values that it fills in, the values that it keeps, and their types."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest

from chainrule.sklearn import MADEImputer
from tests.support.mixed_tables import QUICK, TRAINED, frame, line, with_gaps


@pytest.fixture(scope="module")
def imputer() -> MADEImputer:
    return MADEImputer(**TRAINED).fit(with_gaps(frame()))


@pytest.mark.parametrize("strategy", ["most_likely", "mean", "draw"])
def test_values_that_follow_from_other_columns_are_filled_in_correctly(imputer, strategy):
    truth, x, least = frame(), with_gaps(frame()), 0.6 if strategy == "draw" else 0.8
    filled = copy.deepcopy(imputer).set_params(strategy=strategy).transform(x)
    assert not filled.isna().any(axis=None)
    for name in ("word", "order", "flag", "maybe", "whole", "nullable"):
        assert (filled[name] == truth[name])[x[name].isna()].mean() > least, name
    number = x["number"].isna()
    assert np.abs(filled["number"] - truth["number"])[number].median() < 0.5


def test_known_values_and_types_stay_as_they_are(imputer):
    x = with_gaps(frame())
    filled = imputer.transform(x)
    assert filled.dtypes.equals(x.dtypes)
    assert filled.index.equals(x.index)
    pd.testing.assert_frame_equal(filled.mask(x.isna()), x)


def test_a_complete_frame_is_returned_unchanged(imputer):
    pd.testing.assert_frame_equal(imputer.transform(frame()), frame())


def test_columns_of_other_types_than_in_fit_are_filled(imputer):
    x = frame().head(30)
    x["word"] = np.nan
    x["order"] = pd.Categorical([None, *["low"] * 29])
    x["whole"] = pd.array([None, *x["whole"][1:]], dtype="Int64")
    filled = imputer.transform(x)
    assert not filled.isna().any(axis=None)
    assert list(filled["order"].cat.categories) == ["low", "mid", "high", "never"]
    assert filled["whole"].dtype == "Int64"


def test_numbers_that_a_narrow_type_cannot_hold_do_not_overflow():
    x = pd.DataFrame({"a": pd.array([127, 0] * 30, dtype="Int8"), "b": np.arange(60.0)})
    quick = MADEImputer(**{**QUICK, "epochs": 1}, strategy="draw").fit(x)
    blank = pd.DataFrame({"a": pd.array([127, *[None] * 300], dtype="Int8"), "b": np.nan}).astype({"b": "float64"})
    filled = quick.transform(blank)
    assert filled["a"].max() > 127
    assert filled["a"].min() >= 0
    real = MADEImputer(**QUICK, kinds={"a": "real"}, strategy="draw").fit(x).transform(blank)
    assert real["a"].dtype == "Float64"


def test_a_category_that_was_not_in_fit_is_kept(imputer):
    x = frame().head(2)
    x.iloc[0, 0], x.iloc[1, 0] = "hail", None
    with pytest.warns(UserWarning, match=r"'hail' \(1\), which fit has not seen: it is kept"):
        filled = imputer.transform(x)
    assert filled["word"].tolist()[0] == "hail"
    assert filled["word"].tolist()[1] in ("dry", "rain", "snow")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_arrays_are_filled(dtype):
    x = line(150).astype(dtype)
    x[::3, 1] = np.nan
    filled = MADEImputer(**TRAINED, strategy="mean").fit_transform(x)
    assert filled.dtype == dtype
    assert (filled[:, 0] == x[:, 0]).all()
    assert np.abs(filled[::3, 1] - x[::3, 0]).mean() < 0.3


def test_draws_differ_and_point_estimates_do_not():
    x = line(100)
    x[::3, 1] = np.nan
    imputer = MADEImputer(**QUICK).fit(x).set_params(random_state=None, n_draws=5)
    assert (imputer.transform(x) == imputer.transform(x)).all()
    imputer.set_params(strategy="draw")
    assert (imputer.transform(x) != imputer.transform(x)).any()
    imputer.set_params(random_state=4)
    assert (imputer.transform(x) == imputer.transform(x)).all()


def test_the_imputer_takes_missing_values_though_fit_had_none():
    imputer = MADEImputer(**QUICK).fit(line(60))
    assert imputer.agnostic_ == "order"
    assert np.isfinite(imputer.transform([[np.nan, 0.0], [0.0, np.nan], [np.nan, np.nan]])).all()
