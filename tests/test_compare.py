"""`compare`, at a size of seconds: one budget, one plan, and a report with the figures of the runs themselves."""

from __future__ import annotations

import json
import math
import re
import signal
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from runs import bits, contents, signalled

import chainrule as cr
from chainrule.cli import main
from chainrule.compare import COMPARED, Terms, compare
from chainrule.compare.families import FAMILIES, made_size, names_for, settings_for
from chainrule.compare.pace import FEWEST, WARM, Pace, measure
from chainrule.compare.pictures import telling_pixel
from chainrule.compare.plan import VARIANTS
from chainrule.compare.runs import draw, sequential_steps
from chainrule.compare.story import LIKELIHOOD, TRAINING, ablation_row, likelihood_row, numbers, training_row
from chainrule.compare.yardstick import STILL, settle
from chainrule.data import Data
from chainrule.figures.compared import grids_figure, minutes_figure
from chainrule.models.pixelrnn import PixelRNN
from chainrule.report import Page
from chainrule.trained import difference_row
from chainrule.training import Settings
from chainrule.training.history import History, Row
from chainrule.words import percent, with_error

BITS = np.random.default_rng(0).integers(0, 2, (70, 3, 4), dtype=np.uint8)
SMALL = {
    "made": {"hidden": (6,)},
    "pixelcnn": {"blocks": 1, "features": 2},
    "row-lstm": {"layers": 1, "features": 2},
    "diagonal-bilstm": {"layers": 2, "features": 2},
}
WORDS = """
    --made.hidden [6] --pixelcnn.blocks 1 --pixelcnn.features 2 --row-lstm.layers 1 --row-lstm.features 2
    --diagonal-bilstm.layers 2 --diagonal-bilstm.features 2 --batch-size 9 --lr 0.01 --samples 3
"""
TERMS = {"updates": 7, "arguments": SMALL, "settings": {"batch_size": 9, "lr": 0.01}, "samples": 3}


def hurry(patch) -> None:
    """Timing takes as few updates as it can."""
    patch.setattr("chainrule.compare.pace.SECONDS", 0.0)


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    """And nobody waits for the disk."""
    hurry(monkeypatch)
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with binary images, the same as rows, and images without a test split."""
    folder = tmp_path_factory.mktemp("compare")
    np.savez(folder / "bits.npz", train=BITS[:40], valid=BITS[40:55], test=BITS[55:])
    np.savez(folder / "rows.npz", train=BITS[:40, 0], valid=BITS[40:55, 0], test=BITS[55:, 0])
    np.savez(folder / "untested.npz", train=BITS[:40], valid=BITS[40:])
    return folder


@pytest.fixture
def data(home) -> Data:
    return cr.load_data(home / "bits.npz")


@pytest.fixture(scope="module")
def done(home):
    """A comparison of all families, with an ablation."""
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch)
        terms = Terms(**TERMS, ablation="row-lstm", seed=4)
        return compare(cr.load_data(home / "bits.npz"), home / "done", terms, progress=False)


# What it does.


def test_every_family_is_trained_scored_and_kept(done, home):
    data = cr.load_data(home / "bits.npz")
    assert [entry.job.family for entry in done.entries] == ["independent", *COMPARED]
    for entry in done.entries:
        again = cr.load(entry.folder)
        assert bits(again) == bits(entry.model)
        assert cr.evaluate(again, data.test) == entry.test
        assert entry.test.n == len(entry.test_nats) == 15
        assert entry.test.nats == pytest.approx(entry.test_nats.mean().item())
        assert cr.evaluate(again, data.valid).nats == pytest.approx(entry.history.best_row.valid_nats)
        assert entry.updates == (1 if entry.yardstick else 7)
        assert entry.epochs == pytest.approx(entry.updates / 5)


def test_a_run_is_the_one_that_fit_makes_of_its_plan(done, home):
    model = cr.MADE(cr.Binary((1, 3, 4)), hidden=(6,), direct=True, seed=4)
    settings = {"updates": 7, "batch_size": 9, "lr": 0.01, "warmup": 50, "weight_decay": 0.1, "seed": 4}
    cr.fit(model, cr.load_data(home / "bits.npz"), progress=False, **settings)
    assert bits(model) == bits(done.entries[1].model)


def test_the_samples_are_those_of_sample(done):
    for entry in done.entries:
        assert torch.equal(entry.found.drawn.long(), cr.sample(entry.model, 3, seed=4))
        assert entry.found.sampling > 0
        assert entry.sampling_steps == len(entry.model.schedule) == 12


def test_drawing_tells_each_step():
    told = []
    drawn = draw(cr.Independent(cr.Binary((4,))), 2, 0, lambda share, more="": told.append((share, more)))
    assert drawn.shape == (2, 4)
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
    assert {path.name for path in done.entries[0].folder.iterdir()} >= {
        "config.json",
        "metrics.csv",
        "seen.safetensors",
    }


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
    assert len(list((tmp_path / "out" / "ablation").iterdir())) == 4


# What it writes.


def table_of(page: str, first: str) -> dict[str, list[str]]:
    """The rows of the Markdown table whose header begins so, by their first cells."""
    lines = page[page.index(f"| {first} |") :].split("\n\n")[0].splitlines()
    cells = [[cell.strip().replace("\\_", "_") for cell in line.strip("|").split(" |")] for line in lines]
    return {row[0]: row for row in [cells[0], *cells[2:]]}


def test_both_reports_have_the_figures_of_the_runs_own_evaluation(done, home):
    html = (done.out / "report.html").read_text(encoding="utf-8")
    markdown = (done.out / "report.md").read_text(encoding="utf-8")
    test = cr.load_data(home / "bits.npz").test
    table = table_of(markdown, LIKELIHOOD[0])
    assert table["Uniform"][1:3] == [f"{12 * math.log(2):.2f}", "1.0000"]
    for entry in done.entries:
        scored = cr.evaluate(cr.load(entry.folder), test)
        error = scored.stderr / (12 * math.log(2))
        row = table[entry.name]
        assert row[1] == f"{scored.nats:.2f} ± {scored.stderr:.2f}"
        assert row[2] == f"{scored.bits_per_dim:.4f} ± {error:.4f}"
        assert row[3] == f"{sum(each.numel() for each in entry.model.parameters()):,}"
        assert row == list(likelihood_row(entry))
        assert all(f">{cell}</td>" in html for cell in row)
    for one, other in pairwise(done.entries):
        less = (one.test_nats - other.test_nats).numpy()
        told = table_of(markdown, "difference")[f"{one.name} − {other.name}"][1]
        assert told == f"{less.mean():.2f} ± {less.std(ddof=1) / math.sqrt(15):.2f}".replace("-", "−")


def test_the_other_tables_tell_what_was_measured(done):
    markdown = (done.out / "report.md").read_text(encoding="utf-8")
    training = table_of(markdown, TRAINING[0] + " | updates")
    assert list(training)[1:] == [entry.name for entry in done.compared]
    for entry in done.compared:
        assert training[entry.name] == list(training_row(entry))
        assert float(training[entry.name][3]) == pytest.approx(entry.history.rows[-1].seconds / 60, abs=0.005)
    structure = table_of(markdown, "")
    assert structure[""] == ["", *(entry.name for entry in done.compared)]
    assert structure["training, steps a pass"][1:] == ["1 (parallel)"] * 2 + ["3 (sequential)", "12 (sequential)"]
    assert structure["sampling, steps"][1:] == ["12"] * 4
    assert structure["share of the past that is seen"][1:] == [percent(entry.past) for entry in done.compared]
    assert structure["sampling, seconds for 3"][1:] == [f"{entry.found.sampling:.2f}" for entry in done.compared]
    assert "the same number of updates: 7 updates" in markdown
    for name, entry in zip(VARIANTS, done.ablation, strict=True):
        assert f"| {' | '.join(ablation_row(name, entry))} |" in markdown
    assert [ablation_row(name, entry)[-1] for name, entry in zip(VARIANTS, done.ablation, strict=True)] == [
        "–", "3.09", "3.07", "3.06"
    ]  # fmt: skip
    assert "memory" not in markdown
    assert "| weight\\_decay | 0.1 | 0.1 |" in markdown
    assert "runs the whole model again at each step" in markdown
    assert "those that a mask closes count too" in markdown


def test_the_reports_need_nothing_but_their_folder(done):
    html = (done.out / "report.html").read_text(encoding="utf-8")
    markdown = (done.out / "report.md").read_text(encoding="utf-8")
    pictures = ["likelihoods.png", "minutes.png", "receptive-fields.png", "samples.png"]
    assert sorted(path.name for path in done.out.glob("*.png")) == pictures
    assert sorted(re.findall(r"\]\(([^)]*)\)", markdown)) == pictures
    assert html.count("<img") == len(pictures)
    assert "http" not in html
    assert "<script" not in html
    for name in pictures:
        with Image.open(done.out / name) as picture:
            assert picture.format == "PNG"


def test_what_programs_read_is_json_without_nan(done):
    told = json.loads(json.dumps(done.to_dict()), parse_constant=pytest.fail)
    assert told["budget"] == {"minutes": None, "updates": 7}
    assert told["samples"] == 3
    assert [model["test_nats"] for model in told["models"]] == [entry.test.nats for entry in done.entries]
    assert list(told["ablation"]) == list(VARIANTS)
    assert told["ablation"]["skip"]["sampling_seconds"] is None
    assert numbers(done.entries[2])["updates"] == 7


def test_rows_are_compared_without_pictures(home, tmp_path):
    terms = Terms(updates=2, arguments={"made": {"hidden": (3,)}})
    result = compare(cr.load_data(home / "rows.npz"), tmp_path / "out", terms, progress=False)
    assert [entry.name for entry in result.entries] == ["Independent", "MADE"]
    assert len(result.entries[1].found.drawn) == 16
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == ["likelihoods.png", "minutes.png"]


# The budget and the plan.


def test_minutes_become_updates():
    pace = Pace(update=0.5, validation=2.5, steps=10)
    assert pace.mean == 0.75
    assert pace.updates(0.7) == 56
    assert pace.updates(1e-9) == 1


def test_timing_leaves_the_model_as_it_was(data):
    model = cr.MADE(data.domain, hidden=(5,))
    before = bits(model)
    pace = measure(model, {"batch_size": 30}, data, samples=2)
    assert bits(model) == before
    assert pace.steps == 2
    assert min(pace.update, pace.validation, pace.sampling) > 0


def test_minutes_are_fixed_as_updates_before_training(data, tmp_path, monkeypatch):
    paces = iter([Pace(9.0, 9.0, 5), Pace(0.4, 0.5, 5)])
    monkeypatch.setattr("chainrule.compare.plan.measure", lambda *_: next(paces))
    terms = Terms(models=("made",), minutes=0.05, arguments={"made": SMALL["made"]}, settings={"batch_size": 9})
    result = compare(data, tmp_path / "out", terms, progress=False)
    assert [entry.updates for entry in result.entries] == [1, 6]  # 3 seconds by 0.5
    plan = json.loads((tmp_path / "out" / "plan.json").read_text())
    assert [job["settings"]["updates"] for job in plan["jobs"]] == [1, 6]
    assert "0.05 minutes" in (tmp_path / "out" / "report.md").read_text()
    monkeypatch.setattr("chainrule.compare.plan.measure", lambda *_: pytest.fail("a plan that is there is kept"))
    again = compare(data, tmp_path / "out", terms, resume=True, progress=False)
    assert [entry.test for entry in again.entries] == [entry.test for entry in result.entries]


@pytest.mark.parametrize(
    ("name", "at"),
    [("Independent", 1), ("MADE", 4), ("PixelCNN", 14), ("Diagonal BiLSTM", 24), ("Row LSTM, skip", 38)],
)
def test_a_stopped_comparison_goes_on_to_the_same_end(name, at, data, done, tmp_path, monkeypatch):
    out, terms = tmp_path / "out", Terms(**TERMS, ablation="row-lstm", seed=4)
    with monkeypatch.context() as patch:
        signalled(patch, signal.SIGINT, at + 5 * (WARM + FEWEST))  # after the updates that are timed
        with pytest.raises(cr.TrainingStopped, match=f"{name}: stopped in epoch") as stop:
            compare(data, out, terms, progress=False)
    assert stop.value.interrupted
    assert not (out / "report.md").exists()
    again = compare(data, out, terms, resume=True, progress=False)
    for one, other in zip((*again.entries, *again.ablation), (*done.entries, *done.ablation), strict=True):
        assert bits(one.model) == bits(other.model)
        assert one.test == other.test
        assert torch.equal(one.found.drawn, other.found.drawn)
    wanted = {str(path.relative_to(done.out)) for path in done.out.glob("*")}
    assert {str(path.relative_to(out)) for path in out.glob("*")} == wanted


def test_a_finished_comparison_measures_nothing_again(data, tmp_path):
    terms = Terms(**{**TERMS, "arguments": {}}, models=("made",))
    first = compare(data, tmp_path / "out", terms, progress=False)
    before = contents(tmp_path / "out")
    again = compare(data, tmp_path / "out", terms, resume=True, progress=False)
    assert contents(tmp_path / "out") == before
    assert again.entries[1].found.sampling == first.entries[1].found.sampling


def test_resuming_what_was_not_begun_starts_anew(data, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / ".part-1-plan.json").write_text("{")
    compare(data, out, Terms(models=("made",), updates=1), resume=True, progress=False)
    assert (out / "report.html").exists()
    assert not list(out.glob(".part-*"))


# Families.


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


def test_models_keep_their_order_whatever_was_asked():
    domain = cr.Binary((1, 2, 2))
    assert names_for(domain, None) == COMPARED
    assert names_for(domain, ["row-lstm", "made"]) == ("made", "row-lstm")
    assert names_for(cr.Binary((4,)), None) == ("made",)


# Figures.


def history(*nats: float) -> History:
    rows = [Row(e, e, math.nan, value, value, 0.1, 1.0, 30.0 * e) for e, value in enumerate(nats, 1)]
    return History(rows, best=1 + min(range(len(nats)), key=nats.__getitem__))


def test_the_curves_go_by_minutes():
    figure = minutes_figure({"one": history(9.0, 5.0, 6.0), "other": history(7.0)})
    (axes,) = figure.axes
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines["one"].get_xdata()) == [0.5, 1.0, 1.5]
    assert list(lines["one"].get_ydata()) == [9.0, 5.0, 6.0]
    assert (list(axes.lines[1].get_xdata()), list(axes.lines[1].get_ydata())) == ([1.0], [5.0])
    low, high = axes.get_ylim()
    assert low < 5.0
    assert 7.0 < high < 9.0


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6])
def test_there_is_a_grid_for_each_origin(count):
    x = torch.zeros(4, 1, 3, 5, dtype=torch.uint8)
    figure = grids_figure({f"model {number}": x for number in range(count)}, cr.Binary((1, 3, 5)))
    assert [axes.get_title() for axes in figure.axes if axes.images] == [f"model {number}" for number in range(count)]


def test_the_pixel_of_the_receptive_fields_is_one_where_they_differ():
    domain = cr.Binary((1, 8, 8))
    full = torch.ones(64, 64).tril(-1).bool()
    order = cr.Order(tuple(range(64)))
    assert telling_pixel({"all": full}, order, domain) == (5, 2)
    less = full.clone()
    less[4 * 8 + 4, 0] = False
    assert telling_pixel({"all": full, "less": less}, order, domain) == (4, 4)


# The command, and what is refused.


@pytest.fixture
def cli(home, capsys, monkeypatch):
    """Runs a command in the folder of the data; returns its status and what it printed."""
    monkeypatch.chdir(home)
    capsys.readouterr()

    def run(*argv) -> tuple[int, str, str]:
        status = main([str(word) for word in argv])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def test_the_command_compares(cli, done, tmp_path):
    words = [
        "compare",
        "--data",
        "bits.npz",
        "--out",
        tmp_path / "out",
        "--updates",
        "7",
        *WORDS.split(),
        "--seed",
        "4",
    ]
    status, out, err = cli(*words)
    assert status == 0
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in out.splitlines() if line[0] == "│"]
    assert rows[:5] == [list(likelihood_row(entry)[:4]) for entry in done.entries]
    assert [row[:3] for row in rows[5:]] == [list(training_row(entry)[:3]) for entry in done.compared]
    assert out.splitlines()[-1] == f"Report: {tmp_path / 'out' / 'report.html'}, {tmp_path / 'out' / 'report.md'}"
    said = err.splitlines()
    assert [line.split(":")[0] for line in said] == [
        *(f"timed {entry.name}" for entry in done.compared),
        *(f"{number}/5 {entry.name}" for number, entry in enumerate(done.entries, 1)),
    ]
    line = r"timed MADE: [\d.e-]+ s an update, [\d.e-]+ s a validation; 7 updates, about [\d.e-]+ minutes"
    assert re.fullmatch(line, said[0])
    assert said[4].endswith("nats, from the frequencies of the training data")


def test_the_command_answers_programs(cli, tmp_path):
    words = ["compare", "--data", "bits.npz", "--out", tmp_path / "out", "--updates", "3", "--models", "[made]"]
    status, out, err = cli(*words, "--made.hidden", "[4]", "--json")
    assert (status, err) == (0, "")
    told = json.loads(out, parse_constant=pytest.fail)
    assert [model["model"] for model in told["models"]] == ["independent", "made"]
    scored = cr.evaluate(cr.load(tmp_path / "out" / "made"), cr.load_data("bits.npz").test)
    assert told["models"][1]["test_nats"] == scored.nats
    assert json.loads(cli(*words, "--made.hidden", "[4]", "--json", "--resume")[1]) == told


BAD = {
    "there is no model 'mode' to compare; there are made, pixelcnn, row-lstm, diagonal-bilstm": "--models [mode]",
    "no models are named": "--models []",
    "minutes and updates are both given; give one of them as the budget": "--minutes 1 --updates 3",
    "minutes must be above 0, not 0": "--minutes 0",
    "--minutes must be a number, not 'nan'": "--minutes nan",
    "updates must be at least 1, not 0": "--updates 0",
    "--updates must be a whole number, not 'x'": "--updates x",
    "samples must be at least 1, not 0": "--samples 0",
    "ablation takes row-lstm or diagonal-bilstm, not 'made'": "--ablation made",
    "options are given for pixelcnn, which is not compared; it is made": "--models [made] --pixelcnn.blocks 2",
    "lr must be a number above 0": "--lr 0",
    "PixelCNN needs": "--pixelcnn.features 0",
    "hidden layers need a width of at least 1": "--made.hidden [0]",
}


@pytest.mark.parametrize(("message", "words"), BAD.items(), ids=BAD.values())
def test_what_is_wrong_is_said_in_one_line_before_any_work(message, words, cli, tmp_path):
    status, out, err = cli("compare", "--data", "bits.npz", "--out", tmp_path / "out", *words.split())
    assert (status, out) == (2, "")
    assert err.startswith(f"chainrule: error: {message}")
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("settings", [{"seed": 9}, {"lr": 0.1, "updates": 77}, {"epochs": 3}])
def test_settings_that_the_terms_settle_are_refused(settings, data, tmp_path):
    terms = Terms(models=("made",), updates=5, settings=settings)
    with pytest.raises(
        cr.ChainruleError, match=f"training name {list(settings)[-1]}, which the terms settle; give seed,"
    ):
        compare(data, tmp_path / "out", terms, progress=False)
    assert not (tmp_path / "out").exists()


def test_of_one_test_datum_there_is_no_standard_error(home, tmp_path):
    np.savez(tmp_path / "one.npz", train=BITS[:40], valid=BITS[40:55], test=BITS[55:56])
    terms = Terms(models=("made",), updates=2, arguments={"made": {"hidden": (3,)}})
    result = compare(cr.load_data(tmp_path / "one.npz"), tmp_path / "out", terms, progress=False)
    for entry in result.entries:
        assert likelihood_row(entry)[1:3] == (f"{entry.test.nats:.2f} ± –", f"{entry.test.bits_per_dim:.4f} ± –")
    assert difference_row(*result.entries)[1].endswith(" ± –")
    markdown = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "nan" not in markdown
    assert "| --- | --: | --: | --: | --: | --- |" in markdown


def test_a_negative_mean_has_a_minus_sign():
    assert (with_error(-0.128, 0.5, 2), with_error(3.0, math.nan, 1)) == ("−0.13 ± 0.50", "3.0 ± –")


def test_data_without_a_test_split_are_refused(cli, tmp_path):
    status, _, err = cli("compare", "--data", "untested.npz", "--out", tmp_path / "out")
    assert status == 2
    assert "untested.npz has no test split, which is scored; give all of train, valid, test" in err


def test_image_models_refuse_rows(cli, tmp_path):
    status, _, err = cli("compare", "--data", "rows.npz", "--out", tmp_path / "out", "--models", "[pixelcnn]")
    assert status == 2
    assert "takes images (C, H, W)" in err


def test_what_is_there_is_not_overwritten(cli, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for more in ([], ["--resume"]):
        status, _, err = cli("compare", "--data", "bits.npz", "--out", tmp_path, *more)
        assert status == 2
        assert "would be overwritten" in err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


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


def test_markdown_says_what_the_page_says(tmp_path):
    page = Page("A * B")
    page.heading("p(x_{i}) | rest")
    page.points(["`a_b | c*`", "m^{2} [x] <y>"])
    page.code("x < 1")
    page.table(["name", "n"], [["a_b", "1 ± 2"], ["c", "3"]], "both")
    page.figure(b"", "caption", "alt", "file.png")
    assert page.markdown().split("\n\n") == [
        "# A \\* B", "## p(x<sub>i</sub>) \\| rest", "- `a_b | c*`\n- m<sup>2</sup> \\[x\\] \\<y\\>",
        "```text\nx < 1\n```", "| name | n |\n| --- | --: |\n| a\\_b | 1 ± 2 |\n| c | 3 |", "both",
        "![alt](file.png)", "caption\n",
    ]  # fmt: skip
    page.write(tmp_path / "x.md")
    assert (tmp_path / "x.md").read_text(encoding="utf-8") == page.markdown()
