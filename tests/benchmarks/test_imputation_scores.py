"""Tests of the scores of imputations."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.support.people import make_people
from tests.support.scripts import load_script

scores = load_script("benchmarks/imputation_scores.py")


def test_missing_entries_are_the_same_for_a_seed():
    frame = make_people(5000)
    missing = scores.draw_missing(frame, 0.2, 3)
    np.testing.assert_array_equal(missing, scores.draw_missing(frame, 0.2, 3))
    np.testing.assert_allclose(missing.mean(0), 0.2, atol=0.02)
    assert (scores.draw_missing(frame, 0.2, 4) != missing).any()
    assert not (scores.draw_missing(frame.mask(missing), 0.2, 3)).any()


def test_scores_equal_those_computed_by_hand():
    train = pd.DataFrame({"n": [0.0, 4.0], "w": ["a", "b"]})  # standard deviation 2
    truth = pd.DataFrame({"n": [1.0, 1.0, 1.0, 9.0] * 50, "w": ["a", "b", "b", "a"] * 50})
    filled = pd.DataFrame({"n": [3.0, 1.0, -5.0, 0.0] * 50, "w": ["b", "b", "a", "b"] * 50})
    missing = np.array([[True, True], [True, True], [True, False], [False, True]] * 50)
    score = scores.score(truth, filled, missing, train)
    assert score["RMSE"]["n"].value == pytest.approx(np.sqrt((1 + 0 + 9) / 3))
    assert score["MAE"]["n"].value == pytest.approx(4 / 3)
    assert score["error rate"]["w"].value == pytest.approx(2 / 3)
    assert score["error rate"]["mean"].value == pytest.approx(2 / 3)
    assert score["MAE"]["n"].error == pytest.approx(np.std([1, 0, 3]) / np.sqrt(150), rel=0.2)
