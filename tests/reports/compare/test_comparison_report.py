"""The report of a comparison has the results of the runs."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image, ImageColor

import chainrule as cr
from chainrule.figures import PALETTE
from chainrule.formatting import percent
from chainrule.reports import Page
from chainrule.reports.compare import CompareOptions, compare
from chainrule.reports.compare.comparison_plan import ABLATION_VARIANTS
from chainrule.reports.compare.comparison_report import (
    LIKELIHOOD_COLUMNS,
    TRAINING_COLUMNS,
    ablation_row,
    add_structure,
    entry_to_dict,
    likelihood_row,
    training_row,
)
from chainrule.reports.trained_model import difference_row
from tests.support.comparisons import BITS, read_table


def test_both_reports_have_the_results_of_evaluate(done, home):
    html = (done.out / "report.html").read_text(encoding="utf-8").replace("\u00a0", " ")
    markdown = (done.out / "report.md").read_text(encoding="utf-8")
    test = cr.load_data(home / "bits.npz").test
    table = read_table(markdown, LIKELIHOOD_COLUMNS[0])
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
        difference = (one.test_nats - other.test_nats).numpy()
        cell = read_table(markdown, "difference")[f"{one.name} − {other.name}"][1]
        assert cell == f"{difference.mean():.2f} ± {difference.std(ddof=1) / math.sqrt(15):.2f}".replace("-", "−")


def test_the_other_tables_have_the_measurements(done):
    markdown = (done.out / "report.md").read_text(encoding="utf-8")
    training = read_table(markdown, TRAINING_COLUMNS[0] + " | updates")
    assert list(training)[1:] == [entry.name for entry in done.compared]
    for entry in done.compared:
        assert training[entry.name] == list(training_row(entry))
        assert float(training[entry.name][3]) == pytest.approx(entry.history.rows[-1].seconds / 60, abs=0.005)
    structure = read_table(markdown, "")
    assert structure[""] == ["", *(entry.name for entry in done.compared)]
    assert structure["training, steps a pass"][1:] == ["1 (parallel)"] * 2 + ["3 (sequential)", "12 (sequential)"]
    assert structure["sampling, steps"][1:] == ["12"] * 4
    assert structure["share of the past that is seen"][1:] == [percent(entry.past_seen) for entry in done.compared]
    seconds = [f"{entry.measurements.sampling_seconds:.2f}" for entry in done.compared]
    assert structure["sampling, seconds for 3"][1:] == seconds
    assert "the same number of updates: 7 updates" in markdown
    for name, entry in zip(ABLATION_VARIANTS, done.ablation, strict=True):
        assert f"| {' | '.join(ablation_row(name, entry))} |" in markdown
    assert [ablation_row(name, entry)[-1] for name, entry in zip(ABLATION_VARIANTS, done.ablation, strict=True)] == [
        "–", "3.09", "3.07", "3.06"
    ]  # fmt: skip
    assert "| epoch kept | paper: Row LSTM, 12 layers, CIFAR-10 (bits/dim) |" in markdown
    assert "later texts" in markdown
    assert "memory" not in markdown
    assert "| weight\\_decay | 0.1 | 0.1 |" in markdown
    assert "all sites that do not wait for each other" in markdown
    assert "those that a mask closes count too" in markdown


def test_the_reports_need_no_file_outside_their_folder(done):
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


def test_the_results_as_json_have_no_nan(done):
    values = json.loads(json.dumps(done.to_dict()), parse_constant=pytest.fail)
    assert values["budget"] == {"minutes": None, "updates": 7}
    assert values["samples"] == 3
    assert [model["test_nats"] for model in values["models"]] == [entry.test.nats for entry in done.entries]
    assert list(values["ablation"]) == list(ABLATION_VARIANTS)
    assert values["ablation"]["skip"]["sampling_seconds"] is None
    assert entry_to_dict(done.entries[2])["updates"] == 7
    unknown = [{name for name, value in model.items() if value is None} for model in values["models"]]
    assert unknown == [{"epoch_kept", "updates", "epochs", "minutes", "seconds_per_epoch"}, *[set()] * 4]
    assert values["models"][0]["training_steps"] == 1


def test_rows_are_compared_without_pictures(home, tmp_path):
    options = CompareOptions(updates=2, arguments={"made": {"hidden": (3,)}})
    result = compare(cr.load_data(home / "rows.npz"), tmp_path / "out", options=options, progress=False)
    assert [entry.name for entry in result.entries] == ["Independent", "MADE"]
    assert len(result.entries[1].measurements.samples) == 16
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == ["likelihoods.png", "minutes.png"]


def test_a_single_test_datum_has_no_standard_error(home, tmp_path):
    np.savez(tmp_path / "one.npz", train=BITS[:40], valid=BITS[40:55], test=BITS[55:56])
    options = CompareOptions(models=("made",), updates=2, arguments={"made": {"hidden": (3,)}})
    result = compare(cr.load_data(tmp_path / "one.npz"), tmp_path / "out", options=options, progress=False)
    for entry in result.entries:
        assert likelihood_row(entry)[1:3] == (f"{entry.test.nats:.2f} ± –", f"{entry.test.bits_per_dim:.4f} ± –")
    assert difference_row(*result.entries)[1].endswith(" ± –")
    markdown = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "nan" not in markdown
    assert "| --- | --: | --: | --: | --: | --- |" in markdown


def test_a_model_has_the_same_colour_in_all_pictures(done):
    with Image.open(done.out / "minutes.png") as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(2**24)}
    assert [ImageColor.getrgb(colour) in colours for colour in PALETTE] == [False, True, True, True, True, False]


@pytest.mark.parametrize(
    ("channels", "unseen"),
    [
        (1, "row above, other than from nearby, the paper's Diagonal BiLSTM sees nothing; with"),
        (3, "Diagonal BiLSTM sees all but the last of its channels, B; with"),
    ],
)
def test_the_report_says_what_a_diagonal_bilstm_does_not_see(channels, unseen, done):
    domain, nothing = cr.Binary((channels, 2, 8)), torch.zeros(12, 12, dtype=torch.bool)
    page, entries = Page(""), [replace(done.entries[4], receptive_field=nothing)]
    add_structure(page, replace(done, entries=entries, data=replace(done.data, domain=domain)))
    assert unseen in page.markdown()
