"""What `compare` writes: a report with the figures of the runs themselves."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from chainrule.reports.compare.pictures import fields, telling_pixel
from chainrule.reports.compare.plan import VARIANTS
from chainrule.reports.compare.text import (
    LIKELIHOOD,
    TRAINING,
    ablation_row,
    likelihood_row,
    numbers,
    tell_structure,
    training_row,
)
from PIL import Image, ImageColor

import chainrule as cr
from chainrule.domains import raster
from chainrule.figures import PALETTE, likelihoods_figure, sample_grids_figure, to_png, training_time_figure
from chainrule.formatting import percent, with_error
from chainrule.inference import Evaluation
from chainrule.reports import Page
from chainrule.reports.compare import Terms, compare
from chainrule.reports.trained_model import difference_row
from chainrule.training import EpochMetrics, History
from tests.support.comparisons import BITS, table_of


def test_both_reports_have_the_figures_of_the_runs_own_evaluation(done, home):
    html = (done.out / "report.html").read_text(encoding="utf-8").replace("\u00a0", " ")
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
    assert "| epoch kept | paper: Row LSTM, 12 layers, CIFAR-10 (bits/dim) |" in markdown
    assert "later texts" in markdown
    assert "memory" not in markdown
    assert "| weight\\_decay | 0.1 | 0.1 |" in markdown
    assert "all sites that do not wait for each other" in markdown
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
    unknown = [{name for name, value in model.items() if value is None} for model in told["models"]]
    assert unknown == [{"epoch_kept", "updates", "epochs", "minutes", "seconds_per_epoch"}, *[set()] * 4]
    assert told["models"][0]["training_steps"] == 1


def test_rows_are_compared_without_pictures(home, tmp_path):
    terms = Terms(updates=2, arguments={"made": {"hidden": (3,)}})
    result = compare(cr.load_data(home / "rows.npz"), tmp_path / "out", terms, progress=False)
    assert [entry.name for entry in result.entries] == ["Independent", "MADE"]
    assert len(result.entries[1].found.drawn) == 16
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == ["likelihoods.png", "minutes.png"]


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


def history(*nats: float) -> History:
    rows = [EpochMetrics(e, e, math.nan, value, value, 0.1, 1.0, 30.0 * e) for e, value in enumerate(nats, 1)]
    return History(rows, best=1 + min(range(len(nats)), key=nats.__getitem__))


def test_the_curves_go_by_minutes():
    figure = training_time_figure({"one": history(9.0, 5.0, 6.0), "other": history(7.0)})
    (axes,) = figure.axes
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines["one"].get_xdata()) == [0.5, 1.0, 1.5]
    assert list(lines["one"].get_ydata()) == [9.0, 5.0, 6.0]
    assert (list(axes.lines[1].get_xdata()), list(axes.lines[1].get_ydata())) == ([1.0], [5.0])
    low, high = axes.get_ylim()
    assert low < 5.0
    assert 7.0 < high < 9.0


def test_a_model_has_one_colour_in_all_figures_of_a_report(done):
    results = {name: Evaluation(9.0, 0.5, 9, 4) for name in ("yardstick", "one", "other")}
    curves = training_time_figure({"one": history(9.0, 5.0), "other": history(7.0, 6.0)}, list(results)).axes[0].lines
    rows = [each.lines[0].get_color() for each in likelihoods_figure(results).axes[0].containers]
    assert [line.get_color() for line in curves] == [rows[1], rows[1], rows[2], rows[2]]
    assert rows[0] not in rows[1:]
    with Image.open(done.out / "minutes.png") as picture:
        drawn = {colour for _, colour in picture.convert("RGB").getcolors(2**24)}
    assert [ImageColor.getrgb(colour) in drawn for colour in PALETTE] == [False, True, True, True, True, False]


def test_a_legend_is_read_row_by_row():
    figure = training_time_figure({f"model {number}": history(9.0, 5.0) for number in range(4)})
    to_png(figure)
    lines = {}
    for text in figure.legends[0].get_texts():
        corner = text.get_window_extent()
        lines.setdefault(round(-corner.y0), []).append((corner.x0, text.get_text()))
    assert [name for _, line in sorted(lines.items()) for _, name in sorted(line)] == [f"model {n}" for n in range(4)]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6])
def test_there_is_a_grid_for_each_origin(count):
    x = torch.zeros(4, 1, 3, 5, dtype=torch.uint8)
    figure = sample_grids_figure({f"model {number}": x for number in range(count)}, cr.Binary((1, 3, 5)))
    assert [axes.get_title() for axes in figure.axes if axes.images] == [f"model {number}" for number in range(count)]


def test_a_grid_of_a_single_column_stays_on_the_page():
    figure = sample_grids_figure({"one": torch.zeros(1, 1, 90, 1, dtype=torch.uint8)}, cr.Binary((1, 90, 1)))
    assert figure.get_figheight() < 4 * figure.get_figwidth()


def test_the_pixel_of_the_receptive_fields_is_one_where_they_differ():
    domain = cr.Binary((1, 8, 8))
    full = torch.ones(64, 64).tril(-1).bool()
    order = cr.Order(tuple(range(64)))
    assert telling_pixel({"all": full}, order, domain) == (5, 2)
    less = full.clone()
    less[4 * 8 + 4, 0] = False
    assert telling_pixel({"all": full, "less": less}, order, domain) == (4, 4)


@pytest.mark.parametrize(("shape", "last"), [((1, 1, 9), (0, 8)), ((1, 9, 1), (8, 0))])
def test_of_a_single_row_or_column_it_is_the_last(shape, last):
    assert telling_pixel({"all": torch.ones(9, 9).tril(-1).bool()}, cr.Order(tuple(range(9))), cr.Binary(shape)) == last


@pytest.mark.parametrize(
    ("channels", "caption", "lost"),
    [
        (1, False, "row above, other than from nearby, the paper's Diagonal BiLSTM sees nothing; with"),
        (3, True, "Diagonal BiLSTM sees all but the last of its channels, B; with"),
    ],
)
def test_in_colour_it_is_said_that_only_a_channel_is_lost(channels, caption, lost, done):
    domain = cr.Binary((channels, 2, 8))
    order, seen = raster(domain), torch.zeros(domain.sites, domain.sites, dtype=torch.bool)
    words = fields({"all": seen}, order, domain).pictures[0].caption
    assert ("the last of its colours, B, that is predicted" in words) == caption
    assert ("seen where at least one of its colours is" in words) == caption
    page, entries = Page(""), [replace(done.entries[4], seen=torch.zeros(12, 12, dtype=torch.bool))]
    tell_structure(page, replace(done, entries=entries, data=replace(done.data, domain=domain)))
    assert lost in page.markdown()
