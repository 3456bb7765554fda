"""What `compare` does: one budget, and runs that are trained, scored, sampled and taken up again."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from chainrule.reports.compare.baseline import settle
from chainrule.reports.compare.plan import VARIANTS
from chainrule.reports.compare.runs import draw, sequential_steps
from chainrule.reports.compare.text import ABLATION

import chainrule as cr
from chainrule.models.pixelrnn import PixelRNN
from chainrule.reports.compare import COMPARED, Terms, compare
from tests.support.comparisons import SMALL, TERMS
from tests.support.runs import weight_bytes


def test_every_family_is_trained_scored_and_kept(done, home):
    data = cr.load_data(home / "bits.npz")
    assert [entry.job.family for entry in done.entries] == ["independent", *COMPARED]
    for entry in done.entries:
        again = cr.load(entry.folder)
        assert weight_bytes(again) == weight_bytes(entry.model)
        assert cr.evaluate(again, data.test) == entry.test
        assert entry.test.n == len(entry.test_nats) == 15
        assert entry.test.nats == pytest.approx(entry.test_nats.mean().item())
        assert cr.evaluate(again, data.valid).nats == pytest.approx(entry.history.best_row.valid_nats)
        assert entry.updates == (1 if entry.yardstick else 7)
        assert entry.epochs == pytest.approx(entry.updates / 5)


def test_a_run_is_the_one_that_fit_makes_of_its_plan(done, home):
    model = cr.MADE(cr.Binary((1, 3, 4)), hidden=(6,), direct_connections=True, seed=4)
    settings = {"updates": 7, "batch_size": 9, "lr": 0.01, "warmup": 50, "weight_decay": 0.1, "seed": 4}
    cr.fit(model, cr.load_data(home / "bits.npz"), progress=False, **settings)
    assert weight_bytes(model) == weight_bytes(done.entries[1].model)


def test_the_samples_are_those_of_sample(done):
    for entry in done.entries:
        assert torch.equal(entry.found.drawn.long(), cr.sample(entry.model, 3, seed=4))
        assert entry.found.sampling > 0
        assert entry.sampling_steps == len(entry.model.sampler().schedule)
    assert [entry.sampling_steps for entry in done.entries] == [1, 12, 12, 12, 12]


def test_drawing_tells_on_the_way_how_many_data_that_comes_to():
    told = []
    model = cr.PixelCNN(cr.Binary((1, 2, 2)), blocks=1, features=2)
    drawn = draw(model, 4, 0, lambda share, more="": told.append((share, more)))
    assert drawn.shape == (4, 1, 2, 2)
    assert told == [(0.25, " 1 of 4"), (0.5, " 2 of 4"), (0.75, " 3 of 4"), (1.0, " 4 of 4")]


def test_the_steps_of_training_are_those_of_the_layers(done):
    assert [entry.training_steps for entry in done.entries] == [1, 1, 1, 3, 2 * (3 + 4 - 1)]
    assert sequential_steps(PixelRNN(cr.Levels((3, 5, 7), 4), "diagonal", layers=3, features=3)) == 3 * 11


def test_the_share_of_the_past_is_that_of_pairs(done):
    """Of 5 sites, 0 of 1, 1 of 2, 3 of 3 and 2 of 4."""

    class Seeing(cr.Independent):
        def receptive_field(self):
            rows = ["00000", "00000", "01000", "11100", "00110"]
            return torch.tensor([[int(each) for each in row] for row in rows]).bool()

    entry = done.entries[0]
    past = lambda model: replace(entry, model=model, seen=model.receptive_field()).past  # noqa: E731
    assert past(Seeing(cr.Binary((5,)))) == pytest.approx(6 / 10)
    assert math.isnan(replace(entry, seen=None).past)
    assert past(cr.Independent(cr.Binary((3,)))) == 0.0
    assert past(cr.Independent(cr.Binary((1,)))) == 1.0


def test_each_model_is_asked_once_what_it_sees(data, tmp_path, monkeypatch):
    asked = []
    for kind in (cr.MADE, cr.Independent, cr.PixelCNN):
        field = kind.receptive_field
        monkeypatch.setattr(kind, "receptive_field", lambda model, field=field: asked.append(model) or field(model))
    result = compare(data, tmp_path / "out", Terms(models=("made", "pixelcnn"), updates=1), progress=False)
    assert asked == [entry.model for entry in result.entries]


@pytest.mark.parametrize("domain", [cr.Binary((2, 1, 2)), cr.Levels((4,), 5)])
def test_the_yardstick_is_what_is_counted_and_one_more(domain):
    x = torch.randint(0, domain.levels, (2007, *domain.shape), generator=torch.Generator().manual_seed(3))
    model = cr.Independent(domain)
    settle(model, x)
    for value in range(domain.levels):
        wanted = ((x == value).sum(0) + 1) / (2007 + domain.levels)
        found = model.conditionals(x[:1]).log_prob(torch.full((1, *domain.shape), value))[0].exp()
        assert torch.allclose(found, wanted, atol=1e-6)


def test_the_yardstick_is_a_run_of_the_counted_model(done, home):
    counted = cr.Independent(cr.Binary((1, 3, 4)))
    settle(counted, cr.load_data(home / "bits.npz").train.values())
    assert torch.allclose(cr.load(done.entries[0].folder).logits, counted.logits, atol=1e-9)
    written = {path.name for path in done.entries[0].folder.iterdir()}
    assert written >= {"config.json", "metrics.csv", "seen.safetensors"}


def test_the_ablation_has_all_four_and_does_no_work_twice(done):
    assert [(e.model.residual, e.model.skip) for e in done.ablation] == list(VARIANTS.values())
    assert {entry.updates for entry in done.ablation} == {7}
    own = next(entry for entry in done.entries if entry.job.family == "row-lstm")
    assert done.ablation[2] is own
    assert sorted(path.name for path in (done.out / "ablation").iterdir()) == [
        "row-lstm-both", "row-lstm-neither", "row-lstm-skip"
    ]  # fmt: skip
    assert len({entry.test.nats for entry in done.ablation}) == 4


def test_an_ablation_of_a_cell_that_is_not_compared_is_trained_whole(data, tmp_path):
    terms = Terms(**{**TERMS, "arguments": {"diagonal-bilstm": SMALL["diagonal-bilstm"]}}, models=("made",))
    terms = Terms(**{**vars(terms), "ablation": "diagonal-bilstm"})
    result = compare(data, tmp_path / "out", terms, progress=False)
    assert [entry.name for entry in result.entries] == ["Independent", "MADE"]
    assert [entry.updates for entry in result.ablation] == [7] * 4
    assert {entry.model.cell for entry in result.ablation} == {"diagonal"}
    report = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "## Residual and skip connections" in report
    assert f"| {' | '.join(ABLATION)} |" in report
    assert "paper:" not in report
    assert "later texts" not in report
    assert len(list((tmp_path / "out" / "ablation").iterdir())) == 4
