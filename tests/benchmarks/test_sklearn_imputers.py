"""Tests of scikit-learn's imputers as the benchmark uses them: they learn, and keep observed entries."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.support.people import WORDS, make_people
from tests.support.scripts import load_script

imputers = load_script("benchmarks/sklearn_imputers.py")
scores = load_script("benchmarks/imputation_scores.py")


@pytest.fixture
def task():
    truth = make_people(200, 1)
    incomplete = truth.mask(scores.draw_missing(truth, 0.2, 0))
    return imputers.ImputationTask(make_people(400), make_people(50, 2), incomplete)


def test_decoding_inverts_encoding():
    frame = make_people(30)
    encoding = imputers.Encoding(make_people(100))
    encoded = encoding.encode(frame)
    assert encoded.shape == (30, 1 + 3 + 1 + 3)
    pd.testing.assert_frame_equal(encoding.decode(encoded, frame.where(frame.isna())).astype(frame.dtypes), frame)


def test_missing_entries_are_missing_in_the_encoding():
    truth = make_people(50)
    missing = scores.draw_missing(truth, 0.3, 0)
    encoding = imputers.Encoding(make_people(100))
    expected = np.where(missing[:, encoding.column_of], np.nan, encoding.encode(truth))
    np.testing.assert_array_equal(encoding.encode(truth.mask(missing)), expected)


@pytest.mark.parametrize("impute", [imputers.impute_mean, imputers.impute_from_neighbours, imputers.impute_iteratively])
def test_observed_entries_stay_and_missing_entries_are_filled(impute, task):
    filled = impute(task)
    assert filled.notna().all().all()
    observed = task.incomplete.notna().to_numpy()
    assert (filled == task.incomplete).to_numpy()[observed].all()
    assert set(filled["word"]) <= set(WORDS)


def test_the_mean_and_the_most_frequent_category_are_filled_in(task):
    filled = imputers.impute_mean(task)
    missing = task.incomplete.isna()
    np.testing.assert_allclose(filled["number"][missing["number"]], task.train["number"].mean())
    assert set(filled["word"][missing["word"]]) == {"a"}


@pytest.mark.parametrize("impute", [imputers.impute_from_neighbours, imputers.impute_iteratively])
def test_an_imputer_learns_from_the_other_columns(impute, task):
    score = scores.score(make_people(200, 1), impute(task), task.incomplete.isna().to_numpy(), task.train)
    assert score["error rate"]["mean"].value < 0.05
    assert score["RMSE"]["mean"].value < 0.5


def test_the_iterative_imputer_does_not_predict_a_category_from_itself():
    """Otherwise each indicator is one minus the others, and the most frequent category stays."""
    rng = np.random.default_rng(0)
    code = rng.choice(3, size=6000, p=[0.5, 0.3, 0.2])
    other = np.where(rng.random(6000) < 0.8, code, rng.integers(3, size=6000))
    truth = pd.DataFrame({"word": WORDS[code], "other": WORDS[other]})
    missing = np.zeros((1000, 2), bool)
    missing[:, 0] = True
    task = imputers.ImputationTask(truth[1000:], truth[:0], truth[:1000].mask(missing))
    wrong = imputers.impute_iteratively(task)["word"] != truth["word"][:1000]
    assert wrong.mean() < 0.2
