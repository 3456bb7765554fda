"""The demo, at a size of seconds: it trains, compares, checks and reports, and every number is accounted for."""

import io
import math
from contextlib import redirect_stdout
from functools import partial

import pytest
import torch
from chainrule.reports.demo.plans import PARTS, Part, Plan
from chainrule.reports.demo.text import COLUMNS, difference_row, result_row
from PIL import Image
from rich.console import Console

from chainrule.checkpoint import load
from chainrule.data import load_data
from chainrule.domains import Binary
from chainrule.errors import ChainruleError
from chainrule.inference import compute_log_probs, evaluate
from chainrule.models.independent import Independent
from chainrule.models.made import MADE
from chainrule.models.pixelcnn import PixelCNN
from chainrule.models.pixelrnn import PixelRNN
from chainrule.reports.demo import run_demo
from chainrule.reports.multi_stage_progress import Work, watch
from chainrule.reports.trained_model import terminal_table
from chainrule.training import Settings, fit

SETTINGS = {"epochs": 2, "batch_size": 100, "warmup": 5, "lr": 0.01, "ema": 0.9}
BINARY = {
    "Independent": Plan(Independent, SETTINGS),
    "MADE": Plan(partial(MADE, hidden=(30,)), SETTINGS),
    "PixelCNN": Plan(partial(PixelCNN, blocks=1, features=4), SETTINGS),
    "Row LSTM": Plan(partial(PixelRNN, cell="row", layers=1, features=4), SETTINGS),
}
GRAY = {
    "Independent": Plan(Independent, SETTINGS),
    "MADE": Plan(partial(MADE, hidden=(20,), direct_connections=True), SETTINGS),
}
SMALL = (Part("binary", "binary digits", "threshold", BINARY), Part("gray", "gray digits", None, GRAY))
NAMES = ["binary-independent", "binary-made", "binary-pixelcnn", "binary-row-lstm", "gray-independent", "gray-made"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """One small run, and what it printed on standard output."""
    out, printed = tmp_path_factory.mktemp("demo") / "out", io.StringIO()
    out.mkdir()  # an empty folder is as good as none
    with redirect_stdout(printed):
        result = run_demo(out, seed=3, parts=SMALL, progress=False)
    return result, printed.getvalue()


def test_every_model_is_trained_kept_and_scored(demo):
    result, _ = demo
    assert [run.folder.name for run in result.runs] == NAMES
    for run in result.runs:
        data = load_data("digits", binarize="threshold" if run.part == "binary" else None)
        again = load(run.folder)
        assert torch.equal(compute_log_probs(again, data.test.values()), -run.test_nats)
        assert evaluate(again, data.test) == run.test
        assert run.test.n == len(run.test_nats) == 250
        assert run.test.sites == 64
        assert len(run.history.rows) == 2
        assert evaluate(again, data.valid).nats == pytest.approx(run.history.best_row.valid_nats)


def test_a_run_is_the_one_that_fit_makes_of_its_plan(demo):
    result, _ = demo
    data, model = load_data("digits", binarize="threshold"), MADE(Binary((1, 8, 8)), hidden=(30,), seed=3)
    fit(model, data, progress=False, seed=3, **SETTINGS)
    assert torch.equal(model.output.weight, result.runs[1].model.output.weight)
    assert not result.runs[1].model._forward_hooks


def test_the_tables_have_every_model_and_its_numbers(demo):
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


def test_the_widest_table_fits_a_terminal_unbroken():
    row = ("Diagonal BiLSTM", "1234.56 ± 10.12", "0.5627 ± 0.0053", "10,049,700", "12345.6")
    console = Console(width=80, file=io.StringIO())
    console.print(terminal_table("gray digits", COLUMNS, [row]))
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) < 80
    assert [cell.strip() for cell in lines[2].strip("┃").split("┃")] == list(COLUMNS)
    assert [cell.strip() for cell in lines[4].strip("│").split("│")] == list(row)


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
    wanted = {f"{part}-{kind}" for part in ("binary", "gray") for kind in kinds}
    wanted |= {"binary-row-lstm-distributions", "gray-made-distributions", "made-masks", "pixelcnn-masks", "context"}
    assert wanted <= {path.stem for path in result.pictures}
    assert "http" not in html
    assert "<script" not in html


def test_the_pictures_are_beside_the_report(demo):
    result, _ = demo
    here = {path.name for path in result.report.parent.iterdir()}
    assert here == {"report.html", *NAMES, *(path.name for path in result.pictures)}
    for path in result.pictures:
        with Image.open(path) as picture:
            assert picture.format == "PNG"


def test_the_laws_are_checked_on_each_model_of_the_first_set(demo):
    result, printed = demo
    assert list(result.laws) == list(BINARY)
    assert all(report.passed for report in result.laws.values())
    assert "No law was found broken" in printed
    html = result.report.read_text(encoding="utf-8")
    for finding in result.laws["PixelCNN"].findings:
        assert finding.law in html
        assert finding.status in html


def test_differences_are_taken_image_by_image(demo):
    first, second = demo[0].runs[:2]
    nats = (first.test_nats - second.test_nats).numpy()
    name, difference = difference_row(first, second)
    assert name == "Independent − MADE"
    assert difference == f"{nats.mean():.2f} ± {nats.std(ddof=1) / math.sqrt(250):.2f}"
    assert difference_row(second, first)[1].startswith("−")


def test_what_is_there_is_not_overwritten(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ChainruleError, match="would be overwritten"):
        run_demo(tmp_path, parts=SMALL, progress=False)
    with pytest.raises(ChainruleError, match="would be overwritten"):
        run_demo(tmp_path / "notes.txt", parts=SMALL, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


class Shown:
    """Stands for a bar: adds up what it is told."""

    def __init__(self):
        self.percent, self.notes = [0], []

    def __call__(self, done=1):
        self.percent.append(self.percent[-1] + done)

    def note(self, text):
        self.notes.append(text)


def test_the_bar_goes_through_all_stages_and_never_back():
    shown = Shown()
    work = Work(shown, total=40.0)
    with work.stage(30.0, "long") as tell:
        tell(0.5, ", half")
        assert shown.percent[-1] == 37
        tell(0.2)
        tell(7.0)
    assert shown.percent[-1] == 75
    with work.stage(10.0, "short"):
        pass
    assert shown.percent[-1] == 100
    assert shown.percent == sorted(shown.percent)
    assert shown.notes[1] == "long, half"


def test_training_is_watched_image_by_image():
    told = []
    model, x = Independent(Binary((4,))), torch.zeros(10, 4, dtype=torch.uint8)
    hook = watch(model, 10, 3, lambda share, more="": told.append((round(share, 3), more)))
    fit(model, x, x, epochs=3, batch_size=4, progress=False)
    hook.remove()
    assert [share for share, _ in told] == [round(done / 30, 3) for done in (4, 8, 10, 14, 18, 20, 24, 28, 30)]
    assert [more for _, more in told] == [f", epoch {epoch}" for epoch in (1, 1, 1, 2, 2, 2, 3, 3, 3)]


def test_the_plans_are_complete():
    assert [part.name for part in PARTS] == ["binary", "gray"]
    for part in PARTS:
        assert list(part.plans) == ["Independent", "MADE", "PixelCNN", "Row LSTM", "Diagonal BiLSTM"]
        for name, plan in part.plans.items():
            model = plan.make(part.data().domain, seed=0)
            kind = {"row": "Row LSTM", "diagonal": "Diagonal BiLSTM"}[model.cell] if hasattr(model, "cell") else None
            assert (kind or type(model).__name__) == name
            assert Settings(**plan.settings).epochs == plan.epochs
