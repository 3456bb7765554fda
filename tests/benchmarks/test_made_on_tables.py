"""Tests of MADE in the benchmark on tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.support.people import make_people
from tests.support.scripts import load_script

made = load_script("benchmarks/made_on_tables.py")
table_bins = load_script("benchmarks/table_bins.py")
table_densities = load_script("benchmarks/table_densities.py")
scores = load_script("benchmarks/imputation_scores.py")


def test_made_is_better_than_independent_columns(monkeypatch):
    monkeypatch.setitem(made.DENSITY_TRAINING, "epochs", 20)
    codes, levels, _ = table_bins.discretise(make_people(240), 4, np.arange(160))
    train, valid, test = codes[:160], codes[160:200], codes[200:]
    log_probs = made.score_several_orders(train, valid, test, levels)
    independent = table_densities.Independent(levels).fit(train, valid).log_prob(test)
    assert log_probs.mean() > independent.mean()


def test_made_keeps_observed_entries_and_fills_missing_ones(monkeypatch):
    monkeypatch.setitem(made.IMPUTER_TRAINING, "epochs", 20)
    frame = make_people(240)
    missing = scores.draw_missing(frame[200:], 0.2, 0)
    task = made.ImputationTask(frame[:160], frame[160:200], frame[200:].mask(missing))
    filled = made.impute_mean_of_draws(task)
    assert filled.notna().all(axis=None)
    assert filled.index.equals(frame[200:].index)
    pd.testing.assert_frame_equal(filled.where(~missing), frame[200:].where(~missing))
