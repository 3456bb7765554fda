"""The plan of a comparison: its budget, its families, and how it is taken up again."""

from __future__ import annotations

import json
import re
import signal

import pytest
import torch
from chainrule.reports.compare.baseline import STILL
from chainrule.reports.compare.families import FAMILIES, made_size, names_for, settings_for
from chainrule.reports.compare.timing import FEWEST, WARM, Pace, measure

import chainrule as cr
from chainrule.reports.compare import COMPARED, Terms, compare
from chainrule.training import Settings
from tests.support.comparisons import SMALL, TERMS
from tests.support.runs import file_contents, raise_signal_in_update, weight_bytes


def test_minutes_become_updates():
    pace = Pace(update=0.5, validation=2.5, steps=10)
    assert pace.mean == 0.75
    assert pace.updates(0.7) == 56
    assert pace.updates(1e-9) == 1


def test_a_budget_is_told_in_words():
    terms = Terms(), Terms(minutes=1), Terms(minutes=0.1), Terms(updates=1), Terms(updates=5000)
    assert [each.budget for each in terms] == ["2 minutes", "1 minute", "0.1 minutes", "1 update", "5,000 updates"]


def test_timing_leaves_the_model_as_it_was(data):
    model = cr.MADE(data.domain, hidden=(5,))
    before = weight_bytes(model)
    pace = measure(model, {"batch_size": 30}, data, samples=2)
    assert weight_bytes(model) == before
    assert pace.steps == 2
    assert min(pace.update, pace.validation, pace.sampling) > 0


def test_minutes_are_fixed_as_updates_before_training(data, tmp_path, monkeypatch, capsys):
    paces = iter([Pace(9.0, 9.0, 5), Pace(0.4, 0.5, 5)])
    monkeypatch.setattr("chainrule.reports.compare.plan.measure", lambda *_: next(paces))
    terms = Terms(models=("made",), minutes=0.05, arguments={"made": SMALL["made"]}, settings={"batch_size": 9})
    result = compare(data, tmp_path / "out", terms)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "timed MADE: 0.5 s an update, with its share of validation; 6 updates in about 3 s"
    assert [entry.updates for entry in result.entries] == [1, 6]  # 3 seconds by 0.5
    plan = json.loads((tmp_path / "out" / "plan.json").read_text())
    assert [job["settings"]["updates"] for job in plan["jobs"]] == [1, 6]
    assert "0.05 minutes" in (tmp_path / "out" / "report.md").read_text()
    monkeypatch.setattr(
        "chainrule.reports.compare.plan.measure", lambda *_: pytest.fail("a plan that is there is kept")
    )
    again = compare(data, tmp_path / "out", terms, resume=True, progress=False)
    assert [entry.test for entry in again.entries] == [entry.test for entry in result.entries]


@pytest.mark.parametrize(
    ("name", "at"),
    [("Independent", 1), ("MADE", 4), ("PixelCNN", 14), ("Diagonal BiLSTM", 24), ("Row LSTM, skip", 38)],
)
def test_a_stopped_comparison_goes_on_to_the_same_end(name, at, data, done, tmp_path, monkeypatch):
    out, terms = tmp_path / "out", Terms(**TERMS, ablation="row-lstm", seed=4)
    with monkeypatch.context() as patch:
        raise_signal_in_update(patch, signal.SIGINT, at + 5 * (WARM + FEWEST))  # after the updates that are timed
        with pytest.raises(cr.TrainingStopped, match=f"{name}: stopped in epoch") as stop:
            compare(data, out, terms, progress=False)
    assert stop.value.interrupted
    assert not (out / "report.md").exists()
    again = compare(data, out, terms, resume=True, progress=False)
    for one, other in zip((*again.entries, *again.ablation), (*done.entries, *done.ablation), strict=True):
        assert weight_bytes(one.model) == weight_bytes(other.model)
        assert one.test == other.test
        assert torch.equal(one.found.drawn, other.found.drawn)
    wanted = {str(path.relative_to(done.out)) for path in done.out.glob("*")}
    assert {str(path.relative_to(out)) for path in out.glob("*")} == wanted


def test_a_finished_comparison_measures_nothing_again(data, tmp_path):
    terms = Terms(**{**TERMS, "arguments": {}}, models=("made",))
    first = compare(data, tmp_path / "out", terms, progress=False)
    before = file_contents(tmp_path / "out")
    again = compare(data, tmp_path / "out", terms, resume=True, progress=False)
    assert file_contents(tmp_path / "out") == before
    assert again.entries[1].found.sampling == first.entries[1].found.sampling


def test_resuming_what_was_not_begun_starts_anew(data, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / ".part-1-plan.json").write_text("{")
    compare(data, out, Terms(models=("made",), updates=1), resume=True, progress=False)
    assert (out / "report.html").exists()
    assert not list(out.glob(".part-*"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"updates": 8}, "updates = 7, and this is 8"),
        ({"seed": 5}, "seed = 4, and this is 5"),
        ({"settings": {"lr": 0.1}}, "settings = {'batch_size': 9, 'lr': 0.01}, and this is {'lr': 0.1}"),
    ],
)
def test_other_terms_are_another_comparison(options, said, done, data):
    terms = Terms(**{**TERMS, "ablation": "row-lstm", "seed": 4, **options})
    with pytest.raises(cr.ChainruleError, match=re.escape(said)):
        compare(data, done.out, terms, resume=True, progress=False)


@pytest.mark.parametrize("plan", ["{", "[]", "{}", '{"format": 1, "asked": 1}', "lacking"])
def test_a_damaged_plan_is_found_out(plan, data, tmp_path):
    out, terms = tmp_path / "out", Terms(models=("made",), updates=1)
    compare(data, out, terms, progress=False)
    whole = json.loads((out / "plan.json").read_text())
    (out / "plan.json").write_text(json.dumps({**whole, "jobs": [{}]}) if plan == "lacking" else plan)
    with pytest.raises(cr.ChainruleError, match=r"plan\.json is damaged"):
        compare(data, out, terms, resume=True, progress=False)


@pytest.mark.parametrize("settings", [{"seed": 9}, {"lr": 0.1, "updates": 77}, {"epochs": 3}])
def test_settings_that_the_terms_settle_are_refused(settings, data, tmp_path):
    terms = Terms(models=("made",), updates=5, settings=settings)
    with pytest.raises(
        cr.ChainruleError, match=f"training name {list(settings)[-1]}, which the terms settle; give seed,"
    ):
        compare(data, tmp_path / "out", terms, progress=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("domain", "hidden", "direct"),
    [
        (cr.Binary((1, 8, 8)), 500, True),
        (cr.Levels((1, 8, 8), 17), 500, True),
        (cr.Binary((1, 28, 28)), 500, True),
        (cr.Levels((1, 28, 28), 256), 166, False),
        (cr.Levels((3, 32, 32), 256), 42, False),
    ],
)
def test_the_default_made_is_as_wide_as_its_weights_allow(domain, hidden, direct):
    assert made_size(domain) == {"hidden": (hidden,), "direct": direct}


def test_small_images_have_fewer_layers():
    small, large = cr.Binary((1, 16, 16)), cr.Binary((1, 16, 17))
    for name, word in {"pixelcnn": "blocks", "row-lstm": "layers", "diagonal-bilstm": "layers"}.items():
        assert (FAMILIES[name].size(small)[word], FAMILIES[name].size(large)[word]) == (3, 7)


def test_what_is_chosen_takes_the_place_of_defaults_but_not_the_yardsticks():
    chosen = {"lr": 0.5, "batch_size": 7, "patience": 2}
    assert settings_for("made", chosen) == {**chosen, "warmup": 50, "weight_decay": 0.1}
    assert settings_for("independent", chosen) == {**settings_for("made", chosen), **STILL}
    for name in FAMILIES:
        Settings(**{**settings_for(name, {}), "updates": 1})


def test_sizes_that_vary_with_the_data_are_told_in_words():
    for family in FAMILIES.values():
        small, large = family.size(cr.Binary((1, 8, 8))), family.size(cr.Levels((3, 32, 32), 256))
        assert set(family.varied) == {name for name in small if small[name] != large[name]}
        assert family.told == {**small, **family.varied}


def test_models_keep_their_order_whatever_was_asked():
    domain = cr.Binary((1, 2, 2))
    assert names_for(domain, None) == COMPARED
    assert names_for(domain, ["row-lstm", "made"]) == ("made", "row-lstm")
    assert names_for(cr.Binary((4,)), None) == ("made",)
