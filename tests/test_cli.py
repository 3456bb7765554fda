"""The command line as a process: signals, exit statuses, and output for programs."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule.cli import COMMANDS, main
from tests.support.runs import file_contents, raise_signal_in_update, weight_bytes
from tests.support.terminal import commands

GRAY = np.random.default_rng(0).integers(0, 256, (60, 4, 4), dtype=np.uint8)
MADE = ["--model.hidden", "[8]", "--epochs", "2", "--batch-size", "10", "--precision", "float32"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with data, and with two runs: `binary` and `levels`."""
    folder = tmp_path_factory.mktemp("cli")
    np.savez(folder / "gray.npz", train=GRAY[:40], valid=GRAY[40:50], test=GRAY[50:])
    np.savez(folder / "one.npz", test=GRAY[50:51])
    np.savez(folder / "bits.npz", test=GRAY[:20] > 127)
    for name, options in (("binary", ["--binarize", "dynamic"]), ("levels", ["--levels", "4"])):
        data = ["--data", str(folder / "gray.npz"), "--out", str(folder / name)]
        assert main(["train", "made", *data, *options, *MADE]) == 0
    return folder


@pytest.fixture
def cli(folder, capsys, monkeypatch):
    """Return a function that runs a command in the folder, and returns its status, its output and its errors."""
    return commands(folder, capsys, monkeypatch)


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"], ["help"]])
def test_the_overview_lists_every_command(argv, cli):
    status, out, err = cli(*argv)
    assert (status, err) == (0, "")
    assert all(f"  {name} " in out for name in COMMANDS)


def test_the_help_of_a_model_has_its_options(cli):
    assert "--model.position-bias" in cli("train", "pixelcnn", "--help")[1]
    assert "--model.hidden" not in cli("train", "pixelcnn", "--help")[1]
    assert "--model.features" in cli("train", "--out", "made", "pixelcnn", "--help")[1]


def test_the_version_is_that_of_the_library(cli):
    assert cli("--version") == (0, f"chainrule {cr.__version__}\n", "")


@pytest.mark.parametrize(
    "words",
    [
        "--out {} pixelcnn --data gray.npz",
        "pixelcnn --data gray.npz --out {}",
        "--data gray.npz --out={} --resume pixelcnn",
    ],
)
def test_the_model_may_stand_anywhere_among_the_options(words, cli, tmp_path):
    out = tmp_path / "made"
    options = "--binarize draw --epochs 1 --model.blocks 0 --model.features 1"
    assert cli("train", *words.format(out).split(), *options.split())[0] == 0
    assert isinstance(cr.load(out), cr.PixelCNN)


def test_train_prints_the_data_the_model_and_the_best_epoch(cli, tmp_path):
    status, printed, err = cli("train", "made", "--data", "gray.npz", "--levels", "3", "--out", tmp_path / "run", *MADE)
    assert status == 0
    assert printed.splitlines() == [
        "gray.npz: gray values on the scale 0 … 255, quantised to 3 levels",
        "gray.npz: splits as in the source",
        "MADE, 568 parameters, on 40 data",
        f"kept epoch 2: {tmp_path / 'run'}",
    ]
    assert [line.split("  ")[0] for line in err.splitlines()] == ["epoch 1/2", "epoch 2/2"]


def test_train_prints_why_it_stopped_early(cli, tmp_path):
    options = ["--epochs", "50", "--lr", "0.1", "--patience", "2", "--schedule", "constant"]
    status, out, _ = cli("train", "made", "--data", "gray.npz", "--binarize", "draw", "--out", tmp_path / "r", *options)
    assert status == 0
    assert "(no better validation NLL for 2 epochs)" in out.splitlines()[-1]
    again = cli(
        "train", "made", "--data", "gray.npz", "--binarize", "draw", "--out", tmp_path / "r", *options, "--resume"
    )
    assert "this run is finished" in again[2]


def test_a_recurrent_model_has_its_name_and_a_long_warmup_gives_a_warning(cli, tmp_path):
    size = "--model.layers 1 --model.features 1 --epochs 9 --batch-size 10"
    line = f"--data gray.npz --binarize draw --out {tmp_path}/run {size} --lr 1e-30 --patience 1 --warmup 50"
    status, out, err = cli("train", "diagonal-bilstm", *line.split())
    assert status == 0
    assert re.search(r"^Diagonal BiLSTM, \d+ parameters, on 40 data$", out, re.MULTILINE)
    assert out.splitlines()[-1].startswith("kept epoch 1 (no better validation NLL for 1 epoch): ")
    assert err.splitlines()[0] == (
        "warning: a warmup of 50 updates is more than half of the 36 updates of this run; it takes 18"
    )


def test_train_records_the_seeds(cli, tmp_path):
    words = ["--data", "gray.npz", "--binarize", "draw", "--out", tmp_path / "run", "--seed", "4", "--data-seed", "2"]
    assert cli("train", "made", *words, *MADE)[0] == 0
    recorded = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (recorded["model"]["seed"], recorded["training"]["seed"]) == (4, 4)
    assert recorded["data"]["preprocessing"] == {"binarize": "draw", "levels": None, "seed": 2}


def test_train_and_fit_make_the_same_model(folder):
    data = cr.load_data(folder / "gray.npz", binarize="dynamic")
    model = cr.MADE(data.domain, hidden=(8,))
    cr.fit(model, data, epochs=2, batch_size=10, progress=False, precision="float32")
    assert weight_bytes(cr.load(folder / "binary")) == weight_bytes(model)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_train_stops_at_a_signal_and_resumes(sign, cli, folder, tmp_path, monkeypatch):
    run = tmp_path / "run"
    words = ["train", "made", "--data", "gray.npz", "--binarize", "dynamic", "--out", run, *MADE]
    with monkeypatch.context() as patch:
        raise_signal_in_update(patch, sign, at=6)
        status, _, err = cli(*words)
    assert status == 130
    last = err.splitlines()[-1]
    assert last == f"chainrule: stopped in epoch 2 after update 2 of 4; resume to go on from {run}"
    status, _, err = cli(*words, "--resume")
    assert status == 0
    assert err.splitlines()[0] == "resumed after epoch 1, update 2 of the next"
    assert weight_bytes(cr.load(run)) == weight_bytes(cr.load(folder / "binary"))
    before = file_contents(tmp_path)
    status, out, err = cli(*words, "--resume")
    assert (status, err) == (0, "this run is finished: it ended after epoch 2, and nothing is left to train\n")
    assert out.splitlines()[-1] == f"kept epoch 2: {run}"
    assert file_contents(tmp_path) == before


def test_an_interrupted_process_prints_one_line_and_ends_with_130(folder, tmp_path):
    """Send Ctrl-C to a new process."""
    run = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-m", "chainrule", "train", "made", "--data", str(folder / "gray.npz"), "--levels", "4",
         "--out", str(run), "--epochs", "100000", "--batch-size", "4", "--precision", "float32"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert process.stderr.readline().startswith("epoch 1/100000  train ")
    process.send_signal(signal.SIGINT)
    last = process.communicate(timeout=60)[1].splitlines()[-1]
    assert process.returncode == 130
    assert last.startswith("chainrule: stopped in epoch ")
    assert isinstance(cr.load(run), cr.MADE)


def test_an_interrupted_command_prints_one_line(cli, monkeypatch):
    def interrupted(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("chainrule.models.Density.sample", interrupted)
    assert cli("sample", "levels", "--out", "x.png") == (130, "", "chainrule: error: interrupted\n")


def test_evaluate_warns_of_data_that_the_model_has_seen(cli):
    for split, words in {"train": "trained on", "valid": "chosen by"}.items():
        status, _, err = cli("evaluate", "binary", "--data", "gray.npz", "--split", split)
        (warning,) = [line for line in err.splitlines() if line.startswith("chainrule: warning: ")]
        assert status == 0
        assert words in warning
    assert "warning" not in cli("evaluate", "binary", "--data", "gray.npz")[2]


def test_complete_warns_of_the_images_that_it_uses(cli, tmp_path):
    words = ["--data", "gray.npz", "--split", "train", "--images", "3", "-n", "1", "--out"]
    status, out, err = cli("complete", "binary", *words, tmp_path / "c.npz")
    assert (status, out.splitlines()[0]) == (0, f"3 images, 1 completion each: {tmp_path / 'c.npz'}")
    assert "3 of 3 data in the train split of gray.npz are equal to data that the model was trained on" in err


def test_the_json_of_a_single_datum_is_valid(cli):
    status, out, _ = cli("evaluate", "levels", "--data", "one.npz", "--json")
    answer = json.loads(out, parse_constant=pytest.fail)
    assert (status, answer["n"], answer["stderr"]) == (0, 1, None)


def test_binary_data_need_no_binarization(cli, folder):
    result = cr.evaluate(cr.load(folder / "binary"), torch.from_numpy(GRAY[:20, None] > 127))
    assert cli("evaluate", "binary", "--data", "bits.npz")[:2] == (0, f"test NLL: {result}\n")


def test_complete_draws_the_completions_of_the_library(cli, folder, tmp_path):
    out = tmp_path / "a" / "c.npz"
    words = ["--data", "gray.npz", "--keep", "top", "-n", "3", "--images", "99", "--seed", "2", "--out", out]
    status, said, _ = cli("complete", "binary", *words)
    assert (status, said.splitlines()[0]) == (0, f"10 images, 3 completions each: {out}")
    with np.load(out) as archive:
        assert sorted(archive.files) == ["completions", "evidence", "original"]
        completions, evidence = archive["completions"], archive["evidence"] == 1
    x = cr.load_data(folder / "gray.npz", binarize="dynamic").test.values()
    assert np.array_equal(completions, cr.complete(cr.load(folder / "binary"), x, evidence, n=3, seed=2))


def test_check_ends_with_1_where_a_law_does_not_hold(cli, monkeypatch):
    conditionals = cr.MADE.conditionals

    def leaking(self, x):
        return cr.Conditionals(conditionals(self, x).logits + 3 * x.mean(), binary=True)

    monkeypatch.setattr(cr.MADE, "conditionals", leaking)
    status, out, err = cli("check", "binary")
    assert (status, err) == (1, "")
    assert "failed   1 no leak: " in out


@pytest.mark.parametrize("words", [["check", "levels", "--json"], ["--help"]])
def test_a_closed_output_ends_the_command_without_a_message(words, folder):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "chainrule", *words], cwd=folder, stdout=writing, stderr=subprocess.PIPE, text=True,
        timeout=120, env=environment,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_python_m_chainrule_has_the_status_of_its_command():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "chainrule", "nonsense"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 2
    assert done.stderr.startswith("chainrule: error: there is no command 'nonsense'; there are demo, explain, ")
