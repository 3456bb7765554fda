"""The demo, at a size of seconds: it trains, compares, checks and reports, and every number is accounted for."""

import io
import math
from contextlib import redirect_stdout
from functools import partial

import pytest
import torch
from PIL import Image

from chainrule.checkpoint import load
from chainrule.data import load_data
from chainrule.domains import Binary
from chainrule.errors import ChainruleError
from chainrule.inference import compute_log_probs, evaluate
from chainrule.models import MADE, Independent, PixelCNN, PixelRNN
from chainrule.reports.demo import DemoDataset, TrainingPlan, run_demo
from chainrule.reports.demo.demo_report import result_row
from chainrule.reports.trained_model import difference_row
from chainrule.training import fit

SETTINGS = {"epochs": 2, "batch_size": 100, "warmup": 5, "lr": 0.01, "ema": 0.9}
BINARY = {
    "Independent": TrainingPlan(Independent, SETTINGS),
    "MADE": TrainingPlan(partial(MADE, hidden=(30,)), SETTINGS),
    "PixelCNN": TrainingPlan(partial(PixelCNN, blocks=1, features=4), SETTINGS),
    "Row LSTM": TrainingPlan(partial(PixelRNN, cell="row", layers=1, features=4), SETTINGS),
}
GRAY = {
    "Independent": TrainingPlan(Independent, SETTINGS),
    "MADE": TrainingPlan(partial(MADE, hidden=(20,), direct_connections=True), SETTINGS),
}
SMALL = (
    DemoDataset("binary", "binary digits", "threshold", BINARY),
    DemoDataset("gray", "gray digits", None, GRAY),
)
NAMES = ["binary-independent", "binary-made", "binary-pixelcnn", "binary-row-lstm", "gray-independent", "gray-made"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """One small run, and what it printed on standard output."""
    out, printed = tmp_path_factory.mktemp("demo") / "out", io.StringIO()
    out.mkdir()  # an empty folder may exist
    with redirect_stdout(printed):
        result = run_demo(out, seed=3, datasets=SMALL, progress=False)
    return result, printed.getvalue()


def test_every_model_is_trained_saved_and_scored(demo):
    result, _ = demo
    assert [run.folder.name for run in result.runs] == NAMES
    for run in result.runs:
        data = load_data("digits", binarize="threshold" if run.dataset == "binary" else None)
        again = load(run.folder)
        assert torch.equal(compute_log_probs(again, data.test.values()), -run.test_nats)
        assert evaluate(again, data.test) == run.test
        assert run.test.n == len(run.test_nats) == 250
        assert run.test.sites == 64
        assert len(run.history.rows) == 2
        assert evaluate(again, data.valid).nats == pytest.approx(run.history.best_row.valid_nats)


def test_a_run_equals_a_call_of_fit_with_its_settings(demo):
    result, _ = demo
    data, model = load_data("digits", binarize="threshold"), MADE(Binary((1, 8, 8)), hidden=(30,), seed=3)
    fit(model, data, progress=False, seed=3, **SETTINGS)
    assert torch.equal(model.output.weight, result.runs[1].model.output.weight)
    assert not result.runs[1].model._forward_hooks


def test_the_printed_tables_have_every_model_and_its_numbers(demo):
    result, printed = demo
    assert "binary digits: 250 test images, D = 64" in printed
    assert "gray digits: 250 test images, D = 64" in printed
    lines = printed.splitlines()
    rows = [line for line in lines if line.startswith("│")]
    assert len(rows) == len(NAMES)
    for line, run in zip(rows, result.runs, strict=True):
        cells = [cell.strip() for cell in line.strip("│").split("│")]
        assert cells == list(result_row(run))
        assert cells[0] == run.name
        assert cells[1] == f"{run.test.nats:.2f} ± {run.test.stderr:.2f}"
        bits = [float(number) for number in cells[2].split(" ± ")]
        assert bits == pytest.approx([each / (64 * math.log(2)) for each in (run.test.nats, run.test.stderr)], abs=1e-4)
        assert int(cells[3].replace(",", "")) == sum(weight.numel() for weight in run.model.parameters())
    assert any(line.endswith("report.html") for line in lines)


def test_the_report_has_every_number_and_every_picture(demo):
    result, _ = demo
    html = result.report.read_text(encoding="utf-8").replace("\u00a0", " ")
    for run in result.runs:
        assert f"{run.test.nats:.2f} ± {run.test.stderr:.2f}" in html
    assert "44.36" in html  # 64 ln 2
    assert "181.33" in html  # 64 ln 17
    assert "1297 images train the models, 250 validation images" in html
    assert html.count("<img") == len(result.pictures)
    kinds = ["likelihoods", "learning-curves", "made-samples", "made-completions", "independent-samples"]
    wanted = {f"{name}-{kind}" for name in ("binary", "gray") for kind in kinds}
    wanted |= {"binary-row-lstm-distributions", "gray-made-distributions", "made-masks", "pixelcnn-masks", "context"}
    assert wanted <= {path.stem for path in result.pictures}
    assert "http" not in html
    assert "<script" not in html


def test_the_pictures_are_beside_the_report(demo):
    result, _ = demo
    names = {path.name for path in result.report.parent.iterdir()}
    assert names == {"report.html", *NAMES, *(path.name for path in result.pictures)}
    for path in result.pictures:
        with Image.open(path) as picture:
            assert picture.format == "PNG"


def test_the_laws_are_checked_on_each_model_of_the_first_data_set(demo):
    result, printed = demo
    assert list(result.checks) == list(BINARY)
    assert all(report.passed for report in result.checks.values())
    assert "No law was found broken" in printed
    html = result.report.read_text(encoding="utf-8")
    for finding in result.checks["PixelCNN"].findings:
        assert finding.law in html
        assert finding.status in html


def test_differences_are_means_over_images(demo):
    first, second = demo[0].runs[:2]
    nats = (first.test_nats - second.test_nats).numpy()
    name, difference = difference_row(first, second)
    assert name == "Independent − MADE"
    assert difference == f"{nats.mean():.2f} ± {nats.std(ddof=1) / math.sqrt(250):.2f}"
    assert difference_row(second, first)[1].startswith("−")


def test_existing_files_are_not_overwritten(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ChainruleError, match="would be overwritten"):
        run_demo(tmp_path, datasets=SMALL, progress=False)
    with pytest.raises(ChainruleError, match="would be overwritten"):
        run_demo(tmp_path / "notes.txt", datasets=SMALL, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
