"""The plan of a comparison fixes the updates before training, and is resumed with the same options only."""

from __future__ import annotations

import json
import re
import signal

import pytest
import torch

import chainrule as cr
from chainrule.reports.compare import CompareOptions, compare
from chainrule.reports.compare.update_timing import MIN_TIMED_UPDATES, WARM_UP_UPDATES, UpdateTiming
from tests.support.comparisons import OPTIONS, SMALL_MODELS
from tests.support.runs import file_contents, raise_signal_in_update, weight_bytes

MADE_ONLY = CompareOptions(models=("made",), updates=1)
TIMED_UPDATES = WARM_UP_UPDATES + MIN_TIMED_UPDATES


def test_a_budget_in_words():
    assert CompareOptions().budget == "2 minutes"
    assert CompareOptions(minutes=1).budget == "1 minute"
    assert CompareOptions(minutes=0.1).budget == "0.1 minutes"
    assert CompareOptions(updates=1).budget == "1 update"
    assert CompareOptions(updates=5000).budget == "5,000 updates"


def test_minutes_become_updates_before_training(data, tmp_path, monkeypatch, capsys):
    timings = iter([UpdateTiming(9.0, 9.0, 5), UpdateTiming(0.4, 0.5, 5)])
    measure_timing = "chainrule.reports.compare.comparison_plan.measure_timing"
    monkeypatch.setattr(measure_timing, lambda *_, **__: next(timings))
    arguments = {"made": SMALL_MODELS["made"]}
    options = CompareOptions(models=("made",), minutes=0.05, arguments=arguments, settings={"batch_size": 9})
    result = compare(data, tmp_path / "out", options=options)
    messages = capsys.readouterr().err.splitlines()
    assert messages[0] == "timed MADE: 0.5 s an update, with its share of validation; 6 updates in about 3 s"
    assert [entry.updates for entry in result.entries] == [1, 6]  # 3 seconds / 0.5
    plan = json.loads((tmp_path / "out" / "plan.json").read_text())
    assert [job["settings"]["updates"] for job in plan["jobs"]] == [1, 6]
    assert "0.05 minutes" in (tmp_path / "out" / "report.md").read_text()
    monkeypatch.setattr(measure_timing, lambda *_, **__: pytest.fail("an existing plan is kept"))
    again = compare(data, tmp_path / "out", options=options, resume=True, progress=False)
    assert [entry.test for entry in again.entries] == [entry.test for entry in result.entries]


@pytest.mark.parametrize(
    ("name", "update"),
    [("Independent", 1), ("MADE", 4), ("PixelCNN", 14), ("Diagonal BiLSTM", 24), ("Row LSTM, skip", 38)],
)
def test_a_stopped_comparison_is_resumed_with_the_same_results(name, update, data, done, tmp_path, monkeypatch):
    out, options = tmp_path / "out", CompareOptions(**OPTIONS, ablation="row-lstm", seed=4)
    with monkeypatch.context() as patch:
        raise_signal_in_update(patch, signal.SIGINT, update + 5 * TIMED_UPDATES)  # after the updates that are timed
        with pytest.raises(cr.TrainingStopped, match=f"{name}: stopped in epoch") as stop:
            compare(data, out, options=options, progress=False)
    assert stop.value.interrupted
    assert not (out / "report.md").exists()
    again = compare(data, out, options=options, resume=True, progress=False)
    for one, other in zip((*again.entries, *again.ablation), (*done.entries, *done.ablation), strict=True):
        assert weight_bytes(one.model) == weight_bytes(other.model)
        assert one.test == other.test
        assert torch.equal(one.measurements.samples, other.measurements.samples)
    wanted = {str(path.relative_to(done.out)) for path in done.out.glob("*")}
    assert {str(path.relative_to(out)) for path in out.glob("*")} == wanted


def test_a_finished_comparison_measures_nothing_again(data, tmp_path):
    options = CompareOptions(**{**OPTIONS, "arguments": {}}, models=("made",))
    first = compare(data, tmp_path / "out", options=options, progress=False)
    before = file_contents(tmp_path / "out")
    again = compare(data, tmp_path / "out", options=options, resume=True, progress=False)
    assert file_contents(tmp_path / "out") == before
    assert again.entries[1].measurements.sampling_seconds == first.entries[1].measurements.sampling_seconds


def test_resuming_without_a_plan_starts_a_new_comparison(data, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / ".part-1-plan.json").write_text("{")
    compare(data, out, options=MADE_ONLY, resume=True, progress=False)
    assert (out / "report.html").exists()
    assert not list(out.glob(".part-*"))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"updates": 8}, "updates = 7, and this is 8"),
        ({"seed": 5}, "seed = 4, and this is 5"),
        ({"settings": {"lr": 0.1}}, "settings = {'batch_size': 9, 'lr': 0.01}, and this is {'lr': 0.1}"),
    ],
)
def test_other_options_do_not_resume_a_comparison(changed, message, done, data):
    options = CompareOptions(**{**OPTIONS, "ablation": "row-lstm", "seed": 4, **changed})
    with pytest.raises(cr.ChainruleError, match=re.escape(message)):
        compare(data, done.out, options=options, resume=True, progress=False)


@pytest.mark.parametrize("plan", ["{", "[]", "{}", '{"format": 1, "options": 1}', "lacking"])
def test_a_damaged_plan_raises_an_error(plan, data, tmp_path):
    out = tmp_path / "out"
    compare(data, out, options=MADE_ONLY, progress=False)
    whole = json.loads((out / "plan.json").read_text())
    (out / "plan.json").write_text(json.dumps({**whole, "jobs": [{}]}) if plan == "lacking" else plan)
    with pytest.raises(cr.ChainruleError, match=r"plan\.json is damaged"):
        compare(data, out, options=MADE_ONLY, resume=True, progress=False)


@pytest.mark.parametrize("settings", [{"seed": 9}, {"lr": 0.1, "updates": 77}, {"epochs": 3}])
def test_settings_that_follow_from_the_options_raise_an_error(settings, data, tmp_path):
    options = CompareOptions(models=("made",), updates=5, settings=settings)
    message = f"training name {list(settings)[-1]}, which follow from the options of the comparison; give seed,"
    with pytest.raises(cr.ChainruleError, match=message):
        compare(data, tmp_path / "out", options=options, progress=False)
    assert not (tmp_path / "out").exists()
