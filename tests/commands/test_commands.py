"""The output of each command, and its bad input: one line and status 2."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from torch.nn.utils import parameters_to_vector

import chainrule as cr
from chainrule.cli import COMMANDS, main

TRAIN = ["train", "made", "--epochs", "1", "--model.hidden", "[8]"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a folder with data, and with two trained runs: of images, and of rows."""
    folder = tmp_path_factory.mktemp("home")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 2, (60, 4, 5), dtype=np.uint8)
    np.savez(folder / "images.npz", train=images[:40], valid=images[40:50], test=images[50:])
    np.savez(folder / "gray.npz", train=rng.integers(0, 256, (40, 4, 5), dtype=np.uint8))
    np.savez(folder / "rows.npz", train=images[:40, 0], valid=images[40:50, 0], test=images[50:, 0])
    assert main([*TRAIN, "--data", str(folder / "images.npz"), "--out", str(folder / "run")]) == 0
    assert main([*TRAIN, "--data", str(folder / "rows.npz"), "--out", str(folder / "rows")]) == 0
    return folder


@pytest.fixture
def command(home, tmp_path, monkeypatch, capsys):
    """Return a function that runs a command line in an empty folder; HOME stands for the folder with the runs."""
    monkeypatch.chdir(tmp_path)

    def run(line: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(line.replace("HOME", str(home)).split())
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_the_overview_does_not_import_torch():
    code = (
        "import sys; from chainrule.cli import main; main(['--help']); import chainrule; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")
    assert all(f"  {name}" in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_each_command_has_its_summary(name, capsys):
    assert main([name, "--help"]) == 0
    assert COMMANDS[name].split(":")[0].split(",")[0] in " ".join(capsys.readouterr().out.split())


def test_options_have_priority_over_a_configuration_file(command, tmp_path):
    (tmp_path / "c.yaml").write_text("epochs: 2\nlr: 0.01\nmodel:\n  hidden: [6, 5]\n  direct_connections: true\n")
    line = "train made --config c.yaml --data HOME/images.npz --out run --batch-size 7 --model.direct-connections false"
    assert command(line)[0] == 0
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["model"]["hidden"] == [6, 5]
    assert config["model"]["direct_connections"] is False
    assert (config["training"]["epochs"], config["training"]["lr"], config["training"]["batch_size"]) == (2, 0.01, 7)


@pytest.mark.parametrize("model", ["independent", "made", "pixelcnn"])
def test_the_seed_determines_the_trained_model(command, tmp_path, model):
    size = "--model.blocks 1 --model.features 2" if model == "pixelcnn" else ""
    for seed, out in ((0, "a"), (0, "b"), (1, "c")):
        assert command(f"train {model} --data HOME/images.npz --out {out} --epochs 1 --seed {seed} {size}")[0] == 0
    weights = [parameters_to_vector(cr.load(tmp_path / out).parameters()) for out in "abc"]
    assert weights[0].equal(weights[1])
    assert not weights[0].equal(weights[2])


def test_evaluate_prints_text_and_json(command, home):
    status, words, _ = command("evaluate HOME/run --data HOME/images.npz")
    assert status == 0
    status, numbers, _ = command("evaluate HOME/run --data HOME/images.npz --json")
    result = json.loads(numbers)
    wanted = cr.evaluate(cr.load(home / "run"), np.load(home / "images.npz")["test"][:, None])
    assert (result["nats"], result["n"], result["sites"]) == (pytest.approx(wanted.nats), 10, 20)
    assert result["bits_per_dim"] == pytest.approx(wanted.nats / (20 * np.log(2)))
    assert f"{wanted.nats:.2f}" in words


def test_sample_writes_a_picture_or_values(command, home, tmp_path):
    for out in ("s.png", "s.npy", "s.npz"):
        assert command(f"sample HOME/run -n 5 --out {out} --seed 3")[0] == 0
    wanted = cr.sample(cr.load(home / "run"), 5, seed=3).numpy()
    assert (np.load(tmp_path / "s.npy") == wanted).all()
    assert (np.load(tmp_path / "s.npz")["samples"] == wanted).all()
    with Image.open(tmp_path / "s.png") as picture:
        assert picture.size[0] > 20


def test_completions_keep_the_evidence(command, tmp_path):
    assert command("complete HOME/run --data HOME/images.npz --out c.npz -n 3 --images 4")[0] == 0
    arrays = np.load(tmp_path / "c.npz")
    assert arrays["completions"].shape == (4, 3, 1, 4, 5)
    assert (arrays["completions"][:, :, :, :2] == arrays["original"][:, None, :, :2]).all()
    assert command("complete HOME/run --data HOME/images.npz --out c.png")[0] == 0
    with Image.open(tmp_path / "c.png") as picture:
        assert picture.mode == "RGB"


def test_check_prints_text_and_json(command):
    status, words, _ = command("check HOME/run")
    assert status == 0
    assert "passed   1 no leak" in words
    assert json.loads(command("check HOME/run --json")[1])["passed"] is True


def test_evaluating_training_data_gives_a_warning(command):
    status, _, said = command("evaluate HOME/run --data HOME/images.npz --split train")
    assert status == 0
    assert "40 of 40 data in the train split" in said
    assert "trained on" in said


def test_a_run_is_resumed_and_not_overwritten(command, home):
    before = {path: path.read_bytes() for path in (home / "run").rglob("*") if path.is_file()}
    again = " ".join(TRAIN) + " --data HOME/images.npz --out HOME/run"
    assert command(again)[0] == 2
    assert {path: path.read_bytes() for path in (home / "run").rglob("*") if path.is_file()} == before
    assert command(again + " --resume")[0] == 0


WRONG = {
    "command": ("trian made", "there is no command 'trian'"),
    "model": ("train mode --data digits --out x", "there is no model 'mode'; did you mean 'made'?"),
    "option": ("train made --data digits --out x --epoch-count 3", "--epoch-count"),
    "model option": ("train made --data digits --out x --model.hiden [3]", "--model.hiden"),
    "no data": ("train made --out x", "data"),
    "type": ("train made --data digits --out x --epochs many", "--epochs"),
    "epochs": ("train made --data digits --out x --epochs 0", "epochs must be a whole number of at least 1"),
    "batch": ("train made --data digits --out x --batch-size -1", "batch_size must be"),
    "lr": ("train made --data digits --out x --lr nan", "lr must be"),
    "levels": ("train made --data digits --out x --levels 999", "2 to 256"),
    "device": ("train made --data digits --out x --device cuda:7", "device 'cuda:7' is not available"),
    "config": ("train made --config none.yaml --data digits --out x", "none.yaml"),
    "missing file": ("train made --data none.npz --out x", "there is no file or folder 'none.npz'"),
    "pixelcnn of rows": ("train pixelcnn --data HOME/rows.npz --out x", "PixelCNN takes images"),
    "out in a file": ("train made --data HOME/images.npz --out HOME/images.npz/x", "cannot be written"),
    "out in use": ("train made --data HOME/images.npz --out HOME", "exists and would be overwritten"),
    "run": ("evaluate HOME --data HOME/images.npz", "is not a model or run folder"),
    "no run": ("sample nowhere --out s.png", "is not a model or run folder"),
    "other shape": ("evaluate HOME/run --data HOME/rows.npz", "rows.npz"),
    "split": ("evaluate HOME/run --data HOME/images.npz --split tset", "tset"),
    "no such split": ("evaluate HOME/run --data HOME/gray.npz", "gray.npz"),
    "no samples": ("sample HOME/run -n 0 --out s.png", "-n must be from 1"),
    "temperature": ("sample HOME/run --temperature 0 --out s.png", "temperature must be above 0"),
    "ending": ("sample HOME/run --out s.jpeg", ".png"),
    "picture of rows": ("sample HOME/rows --out s.png", "no images"),
    "existing": ("sample HOME/run --out HOME/rows.npz", "exists and would be overwritten"),
    "unwritable": ("sample HOME/run --out HOME/rows.npz/s.png", "cannot be written"),
    "no region": ("complete HOME/run --data HOME/images.npz --keep 0:9,0:2 --out c.png", "--keep 0:9,0:2: "),
    "half of rows": ("complete HOME/rows --data HOME/rows.npz --out c.npz", "images"),
    "no images": ("complete HOME/run --data HOME/images.npz --images 0 --out c.png", "--images"),
    "demo": ("demo --out HOME", "exists and would be overwritten"),
}


@pytest.mark.parametrize("name", WRONG)
def test_bad_input_is_one_line_and_status_2(name, command, home, tmp_path):
    line, words = WRONG[name]
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    status, _, said = command(line)
    assert status == 2
    *notes, last = said.splitlines()
    assert last.startswith("chainrule: error: ")
    assert words in last
    assert not any("Traceback" in note for note in notes)
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before
    assert not list(tmp_path.iterdir())


DAMAGED = {
    "empty": {"test": np.zeros((0, 4, 5), np.uint8)},
    "nan": {"test": np.full((3, 4, 5), np.nan)},
    "fractional": {"test": np.full((3, 4, 5), 0.5)},
    "out of range": {"test": np.full((3, 4, 5), 2, np.uint8)},
    "negative": {"test": np.full((3, 4, 5), -1)},
    "objects": {"test": np.array([{}, {}], dtype=object)},
}


@pytest.mark.parametrize("name", DAMAGED)
def test_bad_data_are_one_line_and_status_2(name, command, tmp_path):
    np.savez(tmp_path / "bad.npz", **DAMAGED[name])
    status, _, said = command("evaluate HOME/run --data bad.npz")
    assert status == 2
    assert said.splitlines()[-1].startswith("chainrule: error: ")
    assert "bad.npz" in said


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_a_damaged_run_is_one_line_and_status_2(file, command, home, tmp_path):
    shutil.copytree(home / "run", tmp_path / "run")
    whole = (tmp_path / "run" / file).read_bytes()
    for damage in (whole[: len(whole) // 2], b"", whole[:-1] + bytes([whole[-1] ^ 1])):
        (tmp_path / "run" / file).write_bytes(damage)
        status, _, said = command("sample run --out s.png")
        assert status == 2
        assert len(said.splitlines()) == 1
        assert file in said
    (tmp_path / "run" / file).unlink()
    assert command("sample run --out s.png")[0] == 2


def test_a_run_of_a_newer_format_is_refused(command, home, tmp_path):
    shutil.copytree(home / "run", tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    (tmp_path / "run" / "config.json").write_text(json.dumps({**config, "format": 99}))
    status, _, said = command("evaluate run --data HOME/images.npz")
    assert status == 2
    assert "has format 99, newer than" in said


def test_a_loss_that_is_no_number_ends_with_status_1_and_saved_weights(command, tmp_path):
    line = "train made --data HOME/images.npz --out run --epochs 50 --lr 1e29 --optimiser sgd --clip 1e29 --warmup 0"
    status, _, said = command(line)
    assert status == 1
    assert "lower lr" in said.splitlines()[-1]
    assert all(bool(weight.isfinite().all()) for weight in cr.load(tmp_path / "run").parameters())


def test_public_names_are_there_and_documented():
    for name in cr.__all__:
        assert getattr(cr, name).__doc__ or name == "__version__"
    with pytest.raises(AttributeError):
        cr.nothing  # noqa: B018
