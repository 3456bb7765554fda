"""The runs of a comparison are trained, scored and sampled as ordinary runs."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

import chainrule as cr
from chainrule.models import PixelRNN
from chainrule.reports.compare import COMPARED, CompareOptions, compare
from chainrule.reports.compare.comparison_plan import ABLATION_VARIANTS
from chainrule.reports.compare.comparison_report import ABLATION_COLUMNS
from chainrule.reports.compare.comparison_runs import count_sequential_steps, draw_samples
from tests.support.comparisons import OPTIONS, SMALL_MODELS
from tests.support.runs import weight_bytes


def test_every_family_is_trained_scored_and_saved(done, home):
    data = cr.load_data(home / "bits.npz")
    assert [entry.job.family for entry in done.entries] == ["independent", *COMPARED]
    for entry in done.entries:
        again = cr.load(entry.folder)
        assert weight_bytes(again) == weight_bytes(entry.model)
        assert cr.evaluate(again, data.test) == entry.test
        assert entry.test.n == len(entry.test_nats) == 15
        assert entry.test.nats == pytest.approx(entry.test_nats.mean().item())
        assert cr.evaluate(again, data.valid).nats == pytest.approx(entry.history.best_row.valid_nats)
        assert entry.updates == (1 if entry.is_baseline else 7)
        assert entry.epochs == pytest.approx(entry.updates / 5)


def test_a_run_equals_a_call_of_fit_with_its_settings(done, home):
    model = cr.MADE(cr.Binary((1, 3, 4)), hidden=(6,), direct_connections=True, seed=4)
    settings = {"updates": 7, "batch_size": 9, "lr": 0.01, "warmup": 50, "weight_decay": 0.1, "seed": 4}
    cr.fit(model, cr.load_data(home / "bits.npz"), progress=False, **settings)
    assert weight_bytes(model) == weight_bytes(done.entries[1].model)


def test_the_samples_are_those_of_sample(done):
    for entry in done.entries:
        assert torch.equal(entry.measurements.samples.long(), cr.sample(entry.model, 3, seed=4))
        assert entry.measurements.sampling_seconds > 0
        assert entry.sampling_steps == len(entry.model.sampler().schedule)
    assert [entry.sampling_steps for entry in done.entries] == [1, 12, 12, 12, 12]


def test_sampling_reports_the_number_of_finished_samples():
    reported = []
    model = cr.PixelCNN(cr.Binary((1, 2, 2)), blocks=1, features=2)
    samples = draw_samples(model, 4, seed=0, progress=lambda *report: reported.append(report))
    assert samples.shape == (4, 1, 2, 2)
    assert reported == [(0.25, " 1 of 4"), (0.5, " 2 of 4"), (0.75, " 3 of 4"), (1.0, " 4 of 4")]


def test_training_steps_are_those_of_the_recurrent_layers(done):
    assert [entry.training_steps for entry in done.entries] == [1, 1, 1, 3, 2 * (3 + 4 - 1)]
    assert count_sequential_steps(PixelRNN(cr.Levels((3, 5, 7), 4), "diagonal", layers=3, features=3)) == 3 * 11


def test_the_past_seen_is_a_share_of_pairs(done):
    """The 5 sites see 0 of 0, 0 of 1, 1 of 2, 3 of 3 and 2 of 4 sites before them."""

    class Seeing(cr.Independent):
        def receptive_field(self):
            rows = ["00000", "00000", "01000", "11100", "00110"]
            return torch.tensor([[int(each) for each in row] for row in rows]).bool()

    entry = done.entries[0]

    def past(model):
        return replace(entry, model=model, receptive_field=model.receptive_field()).past_seen

    assert past(Seeing(cr.Binary((5,)))) == pytest.approx(6 / 10)
    assert math.isnan(replace(entry, receptive_field=None).past_seen)
    assert past(cr.Independent(cr.Binary((3,)))) == 0.0
    assert past(cr.Independent(cr.Binary((1,)))) == 1.0


def test_each_receptive_field_is_computed_once(data, tmp_path, monkeypatch):
    computed = []
    for kind in (cr.MADE, cr.Independent, cr.PixelCNN):
        field = kind.receptive_field
        monkeypatch.setattr(kind, "receptive_field", lambda model, field=field: computed.append(model) or field(model))
    result = compare(
        data, tmp_path / "out", options=CompareOptions(models=("made", "pixelcnn"), updates=1), progress=False
    )
    assert computed == [entry.model for entry in result.entries]


def test_the_baseline_is_a_run_of_the_counted_frequencies(done, home):
    counted = cr.Independent(cr.Binary((1, 3, 4)))
    counted.init_from_data(cr.load_data(home / "bits.npz").train.values())
    assert torch.allclose(cr.load(done.entries[0].folder).logits, counted.logits, atol=1e-9)
    written = {path.name for path in done.entries[0].folder.iterdir()}
    assert written >= {"config.json", "metrics.csv", "seen.safetensors"}


def test_the_ablation_has_all_variants_and_trains_none_twice(done):
    assert [(e.model.residual, e.model.skip) for e in done.ablation] == list(ABLATION_VARIANTS.values())
    assert {entry.updates for entry in done.ablation} == {7}
    own = next(entry for entry in done.entries if entry.job.family == "row-lstm")
    assert done.ablation[2] is own
    assert sorted(path.name for path in (done.out / "ablation").iterdir()) == [
        "row-lstm-both", "row-lstm-neither", "row-lstm-skip"
    ]  # fmt: skip
    assert len({entry.test.nats for entry in done.ablation}) == 4


def test_an_ablation_of_a_model_that_is_not_compared_trains_all_variants(data, tmp_path):
    arguments = {"diagonal-bilstm": SMALL_MODELS["diagonal-bilstm"]}
    options = CompareOptions(**{**OPTIONS, "arguments": arguments}, models=("made",), ablation="diagonal-bilstm")
    result = compare(data, tmp_path / "out", options=options, progress=False)
    assert [entry.name for entry in result.entries] == ["Independent", "MADE"]
    assert [entry.updates for entry in result.ablation] == [7] * 4
    assert {entry.model.cell for entry in result.ablation} == {"diagonal"}
    report = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "## Residual and skip connections" in report
    assert f"| {' | '.join(ABLATION_COLUMNS)} |" in report
    assert "paper:" not in report
    assert "later texts" not in report
    assert len(list((tmp_path / "out" / "ablation").iterdir())) == 4
