"""The command `chainrule compare`: its options, its output, and its errors."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest
from jsonargparse import ArgumentParser

import chainrule as cr
from chainrule.commands.compare import read_options
from chainrule.commands.options.compare import add_options
from chainrule.reports.compare import COMPARED, CompareOptions
from chainrule.reports.compare.comparison_report import likelihood_row, training_row
from chainrule.reports.compare.update_timing import MIN_TIMED_UPDATES, WARM_UP_UPDATES
from tests.support.comparisons import COMMAND_OPTIONS
from tests.support.runs import raise_signal_in_update


def test_the_command_prints_the_results(cli, done, tmp_path):
    words = ["compare", "--data", "bits.npz", "--out", tmp_path / "out", "--updates", "7", "--seed", "4"]
    status, out, err = cli(*words, *COMMAND_OPTIONS.split())
    assert status == 0
    assert max(map(len, out.splitlines()[:-1])) <= 80
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in out.splitlines() if line[0] == "│"]
    assert rows[:5] == [list(likelihood_row(entry)[:4]) for entry in done.entries]
    assert [row[:3] for row in rows[5:]] == [list(training_row(entry)[:3]) for entry in done.compared]
    assert out.splitlines()[-1] == f"Report: {tmp_path / 'out' / 'report.html'}, {tmp_path / 'out' / 'report.md'}"
    messages = err.splitlines()
    assert [line.split(":")[0] for line in messages] == [
        *(f"timed {entry.name}" for entry in done.compared),
        *(f"{number}/5 {entry.name}" for number, entry in enumerate(done.entries, 1)),
    ]
    line = r"timed MADE: [\d.e-]+ s an update, with its share of validation; 7 updates in about [\d.e-]+ s"
    assert re.fullmatch(line, messages[0])
    assert messages[4].endswith("nats, from the frequencies of the training data")
    assert re.search(r"MADE: validation [\d.]+ nats at epoch [12] of 2, 7 updates in [\d.e-]+ s$", messages[5])


def test_the_command_prints_json(cli, tmp_path):
    words = ["compare", "--data", "bits.npz", "--out", tmp_path / "out", "--updates", "3", "--models", "made"]
    status, out, err = cli(*words, "--made.hidden", "[4]", "--json")
    assert status == 0
    assert [line.split(":")[0] for line in err.splitlines()] == ["timed MADE", "1/2 Independent", "2/2 MADE"]
    printed = json.loads(out, parse_constant=pytest.fail)
    assert [model["model"] for model in printed["models"]] == ["independent", "made"]
    scored = cr.evaluate(cr.load(tmp_path / "out" / "made"), cr.load_data("bits.npz").test)
    assert printed["models"][1]["test_nats"] == scored.nats
    assert json.loads(cli(*words, "--made.hidden", "[4]", "--json", "--resume")[1]) == printed


@pytest.fixture
def parser() -> ArgumentParser:
    parser = ArgumentParser(exit_on_error=False)
    add_options(parser, [])
    return parser


@pytest.mark.parametrize("words", ["made,row-lstm", "[made,row-lstm]", "made, row-lstm", "[made, row-lstm]"])
def test_models_are_named_with_or_without_brackets(words, parser):
    args = parser.parse_args(["--data", "x", "--out", "y", "--models", words])
    assert read_options(args) == CompareOptions(models=("made", "row-lstm"), arguments={name: {} for name in COMPARED})


def test_only_given_options_replace_defaults(parser):
    words = "--data x --out y --minutes 3 --lr 0.1 --pixelcnn.blocks 2 --ablation row-lstm --seed 5"
    arguments = {name: {"blocks": 2} if name == "pixelcnn" else {} for name in COMPARED}
    wanted = CompareOptions(minutes=3.0, settings={"lr": 0.1}, arguments=arguments, ablation="row-lstm", seed=5)
    assert read_options(parser.parse_args(words.split())) == wanted


def test_the_help_has_the_defaults_of_the_comparison(cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "1000")
    status, out, _ = cli("compare", "--help")
    assert status == 0
    assert "Default: null" not in out
    parts = {part.split()[0].rstrip("+"): part for part in " ".join(out.split()).split(" --")[1:]}  # the last of each
    for option, default in {
        "minutes": "2, unless", "samples": "16.", "batch-size": "50.", "lr": "0.005.", "warmup": "50.",
        "weight-decay": "0.1.", "ema": "0.999.", "made.hidden": "[500], of large data fewer.",
        "pixelcnn.blocks": "3, above 256 pixels 7.", "pixelcnn.features": "32.", "row-lstm.features": "16.",
        "diagonal-bilstm.full-context": "false.", "row-lstm.position-bias": "true.",
    }.items():  # fmt: skip
        assert f"Default: {default}" in parts[option]


def test_an_interrupted_comparison_says_how_to_resume(cli, tmp_path, monkeypatch):
    timed = 2 * (WARM_UP_UPDATES + MIN_TIMED_UPDATES)
    raise_signal_in_update(monkeypatch, signal.SIGINT, timed + 3)  # in the training of MADE
    words = ["--data", "bits.npz", "--out", tmp_path / "out", "--updates", "9", "--models", "made"]
    status, out, err = cli("compare", *words)
    assert (status, out) == (130, "")
    last = err.splitlines()[-1]
    assert last.startswith("chainrule: MADE: stopped in epoch ")
    assert last.endswith(f"; resume to go on from {tmp_path / 'out'}: give the same command again with --resume")
    assert cli("compare", *words, "--resume")[0] == 0


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (KeyboardInterrupt(), (130, "chainrule: interrupted; to go on, give the same command again with --resume\n")),
        (cr.TrainingStopped("the loss is nan", interrupted=False), (1, "chainrule: error: the loss is nan\n")),
    ],
    ids=["between runs", "not to be resumed"],
)
def test_a_stopped_comparison_prints_the_reason(error, wanted, cli, tmp_path, monkeypatch):
    def stopped(*_, **__):
        raise error

    monkeypatch.setattr("chainrule.commands.compare.compare", stopped)
    status, _, err = cli("compare", "--data", "bits.npz", "--out", tmp_path / "out")
    assert (status, err) == wanted


BAD = {
    "there is no model 'mode' to compare; there are made, pixelcnn, row-lstm, diagonal-bilstm": "--models [mode]",
    "there is no model 'pixel' to compare; there are made, pixelcnn, row-lstm, ": "--models made,pixel",
    "no models are named; there are made,": "--models []",
    "no models are named; there are made, pixelcnn": "--models ,",
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
    "pixelcnn does not take these options (": f"--pixelcnn.features {10**30}",
    "made in the --config must hold the model's own options, and is 3": "--config made3.yaml",
}


@pytest.mark.parametrize(("message", "words"), BAD.items(), ids=BAD.values())
def test_bad_input_prints_one_line_before_any_work(message, words, cli, tmp_path):
    if "--config" in words:
        Path("made3.yaml").write_text("made: 3")
    status, out, err = cli("compare", "--data", "bits.npz", "--out", tmp_path / "out", *words.split())
    assert (status, out) == (2, "")
    assert err.startswith(f"chainrule: error: {message}")
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_data_without_a_test_split_raise_an_error(cli, tmp_path):
    status, _, err = cli("compare", "--data", "untested.npz", "--out", tmp_path / "out")
    assert status == 2
    assert "untested.npz has no test split, which is scored; give all of train, valid, test" in err


def test_image_models_do_not_take_rows(cli, tmp_path):
    status, _, err = cli("compare", "--data", "rows.npz", "--out", tmp_path / "out", "--models", "[pixelcnn]")
    assert status == 2
    assert "takes images (C, H, W)" in err


def test_existing_files_are_not_overwritten(cli, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for more in ([], ["--resume"]):
        status, _, err = cli("compare", "--data", "bits.npz", "--out", tmp_path, *more)
        assert status == 2
        assert "would be overwritten" in err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
