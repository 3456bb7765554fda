"""The timing of updates turns minutes into updates, and leaves the model unchanged."""

from __future__ import annotations

import chainrule as cr
from chainrule.reports.compare.update_timing import UpdateTiming, measure_timing
from tests.support.runs import weight_bytes


def test_minutes_become_updates():
    timing = UpdateTiming(update=0.5, validation=2.5, updates_per_epoch=10)
    assert timing.seconds_per_update == 0.75
    assert timing.count_updates(0.7) == 56
    assert timing.count_updates(1e-9) == 1


def test_timing_leaves_the_model_unchanged(data):
    model = cr.MADE(data.domain, hidden=(5,))
    before = weight_bytes(model)
    timing = measure_timing(model, {"batch_size": 30}, data, samples=2)
    assert weight_bytes(model) == before
    assert timing.updates_per_epoch == 2
    assert min(timing.update, timing.validation, timing.sampling) > 0
