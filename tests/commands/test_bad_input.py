"""Bad input on the command line: one line that says what is wrong, status 2, and no file is written or changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.commands.options.train import MODELS
from tests.support.runs import file_contents

BITS = np.random.default_rng(0).integers(0, 2, (60, 4, 4), dtype=np.uint8)
LONG = "x" * 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with data, configurations, and models of images, of rows and of two channels."""
    folder = tmp_path_factory.mktemp("bad")
    np.savez(folder / "x.npz", train=BITS[:40], valid=BITS[40:50], test=BITS[50:])
    np.savez(folder / "noisy.npz", train=BITS[:4], valid=BITS[:1])
    np.savez(folder / "gray.npz", train=BITS[:40] * 200, test=BITS[:9] * 200)
    (folder / "file").write_text("mine")
    (folder / "empty").mkdir()
    (folder / "empty.npz").mkdir()
    configs = {
        "unknown": "epochz: 1", "nested": "model: {hiden: [3]}", "flat": "model: 5", "wrong": "epochs: many",
        "broken": "epochs: [1", "list": "- 1", "none": "", "other": "name: pixelcnn", "code": "!!python/name:os.system",
    }  # fmt: skip
    for name, text in configs.items():
        (folder / f"{name}.yaml").write_text(text)
    (folder / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    options = ["--epochs", "1", "--model.hidden", "[4]"]
    assert main(["train", "made", "--data", str(folder / "x.npz"), "--out", str(folder / "run"), *options]) == 0
    cr.save(cr.MADE(cr.Binary((6,)), hidden=(4,)), folder / "rows")
    cr.save(cr.MADE(cr.Binary((2, 4, 4)), hidden=(4,)), folder / "two")
    cr.save(cr.MADE(cr.Binary((1, 1, 6)), hidden=(4,)), folder / "flat")
    cr.save(cr.MADE(cr.Binary((1, 1, 1)), hidden=(4,)), folder / "dot")
    return folder


@pytest.fixture
def refused(folder, capsys, monkeypatch):
    """Return a function that runs a command, requires one line and unchanged files, and returns the message."""
    monkeypatch.chdir(folder)
    before = file_contents(folder), sorted(folder.rglob("*"))
    capsys.readouterr()

    def run(*argv: str) -> str:
        assert main(list(argv)) == 2
        printed = capsys.readouterr().err
        assert printed.startswith("chainrule: error: ")
        assert printed.count("\n") == 1
        assert (file_contents(folder), sorted(folder.rglob("*"))) == before
        return printed.removeprefix("chainrule: error: ")

    return run


TRAIN = {
    "--model.hidden 4": "--model.hidden must be a list, such as [16,16], not '4'; chainrule train made --help lists",
    "--model.hidden [a]": "--model.hidden must be a whole number, not 'a'",
    "--model.hidden [0]": "hidden layers need a width of at least 1",
    "--model.hidden [1000000000000]": "not enough memory (",
    "--model.direct_connections 5": "--model.direct-connections must be true or false, not '5'",
    "--optimiser adam": "--optimiser must be one of adamw, sgd, rmsprop, adagrad, adadelta, not 'adam'",
    "--binarize static": "--binarize must be one of threshold, draw, dynamic, not 'static'",
    "--binarize draw": "x.npz is binary already",
    "--patience 1.5": "--patience must be a whole number, not '1.5'",
    "--lr fast": "--lr must be a number, not 'fast'",
    "--lr 1e39": "lr must be a number above 0 and below 1e+30, not 1e+39",
    "--ema 1": "ema must be a number of at least 0 and below 1, not 1.0",
    "--epo 3": "there is no option '--epo'; did you mean '--epochs'?",
    "extra": "unexpected argument 'extra'",
    "--epochs": "--epochs: expected one argument",
    "--resume=yes": "--resume: ignored explicit argument",
    "--device cpu:x": "device 'cpu:x' is not available here; available: auto, ",
    "--out run": "run exists and would be overwritten; choose another name or remove it first",
    "--out run --resume": "run was trained with model.hidden = [4], and this is [500]; resume with the same",
    "--out file": "file exists and would be overwritten",
    "--out file/x": "file/x/config.json cannot be written (",
    f"--out {LONG}": "cannot be written (File name too long); choose another place",
    "--config unknown.yaml": "in the --config, there is no option '--epochz'; did you mean '--epochs'?",
    "--config nested.yaml": "in the --config, there is no option '--model.hiden'; did you mean '--model.hidden'?",
    "--config flat.yaml": "model in the --config must hold the model's own options, and is 5",
    "--config wrong.yaml": "--epochs must be a whole number, not 'many'",
    "--config broken.yaml": "Problems parsing config: ",
    "--config list.yaml": "Unexpected config: ",
    "--config none.yaml": "Unexpected config: ",
    "--config other.yaml": "the --config names the model 'pixelcnn', and the command line 'made'",
    "--config code.yaml": "Problems parsing config: could not determine a constructor",
    "--config bytes.yaml": "'utf-8' codec can't decode",
    "--config nowhere.yaml": "--config File does not exist",
    "--config empty": "--config Path is not a file",
    "--data nowhere.npz": "there is no file or folder 'nowhere.npz'; sources of data are digits",
    "--data empty": "the folder empty has no PNG or JPEG images",
    "--data file": "file is a file of no kind that is known",
}


@pytest.mark.parametrize(("words", "message"), TRAIN.items(), ids=[words[:40] for words in TRAIN])
def test_train_refuses(words, message, refused):
    first = [] if "--data" in words else ["--data", "x.npz"]
    assert message in refused("train", "made", *first, *([] if "--out" in words else ["--out", "new"]), *words.split())


MISSING = {
    "train --data x.npz --out new": "MODEL must be given; chainrule train --help lists the options",
    "train made --out new": "--data must be given",
    "train made": "--data, --out must be given",
    "evaluate": "RUN, --data must be given",
    "sample run": "--out must be given",
    "complete run --data x.npz": "--out must be given",
    "check": "RUN must be given",
    "train unknown --data x.npz --out new": f"there is no model 'unknown'; there are {', '.join(MODELS)}",
}


@pytest.mark.parametrize(("words", "message"), MISSING.items())
def test_missing_arguments_are_named(words, message, refused):
    assert message in refused(*words.split())


def test_pixelcnn_refuses_options_that_make_no_model(refused):
    for words, message in {
        "--model.blocks -1": "PixelCNN needs ",
        f"--model.features {10**30}": "pixelcnn does not take these options (",
        "--model.features 1000000000000": "not enough memory (",
        "--model.hidden [3]": "there is no option '--model.hidden'; chainrule train pixelcnn --help lists the options",
    }.items():
        assert message in refused("train", "pixelcnn", "--data", "x.npz", "--out", "new", *words.split())


OTHERS = {
    f"evaluate {LONG} --data x.npz": "is not a model or run folder: it has no config.json; give the folder of a run",
    "evaluate file --data x.npz": "file is not a model or run folder",
    "evaluate run --data noisy.npz": "noisy.npz has no test split; choose --split among train, valid",
    "evaluate run --data gray.npz": "values up to 200, and those of the domain are 0 … 1",
    "evaluate rows --data x.npz": "the domain has [6]",
    "evaluate rows --data x.npz --device cuda:9": "device 'cuda:9' is not available here",
    "sample run --out new.png -n -5": "-n must be from 1 to 1000000000, not -5",
    f"sample run --out new.png -n {10**30}": "-n must be from 1 to 1000000000, not 1",
    "sample run --out new.npz -n 1000000000": "not enough memory (",
    "sample run --out new.png --temperature nan": "--temperature must be a number, not 'nan'",
    "sample run --out new.png --seed x": "--seed must be a whole number, not 'x'",
    "sample run --out empty.npz": "empty.npz is a folder; give the name of a file in it",
    "sample run --out new": "new: the ending says what is written, and must be .png or .npy or .npz",
    f"sample run --out {LONG}.png": "cannot be written (File name too long)",
    "sample run --out file/x.png": "file/x.png cannot be written (",
    "sample two --out new.png": "data of shape [2, 4, 4] are no images of 1 or 3 channels; write .npz",
    "complete run --data x.npz --out new.npy": "new.npy: the ending says what is written, and must be .png or .npz",
    "complete run --data x.npz --out new.npz --images -1": "--images must be from 1 to 1000000000, not -1",
    "complete run --data x.npz --out new.npz -n 0": "-n must be from 1 to 1000000000, not 0",
    "complete run --data x.npz --out new.npz --keep middle": "--keep middle: there is no such file; give top, bottom, ",
    "complete flat --data flat.npz --out new.npz": "--keep top: no pixel in images of 1×6, and nothing would be given",
    "complete dot --data dot.npz --out new.npz --keep left": "no pixel in images of 1×1, and nothing would be given",
    "complete rows --data x.npz --out new.npz": "complete is for images (C, H, W), and the model's data have shape [6]",
    "complete two --data x.npz --out new.png": "are no images of 1 or 3 channels",
    "check nowhere": "there is no folder 'nowhere'; give the folder of a run, or MODULE:FUNCTION",
    "check empty": "empty is not a model or run folder",
    "check run --seed many": "--seed must be a whole number, not 'many'",
    "demo --out file": "file exists and would be overwritten",
}


@pytest.mark.parametrize(("words", "message"), OTHERS.items(), ids=[words[:60] for words in OTHERS])
def test_the_other_commands_refuse(words, message, refused):
    assert message in refused(*words.split())


RECORDS = [[], "x", 3, {"preprocessing": 3}, {"preprocessing": []}, {"preprocessing": {"gamma": 2}}, {"digests": 3}]


@pytest.mark.parametrize("record", RECORDS, ids=map(str, RECORDS))
def test_an_edited_record_of_the_data_is_refused_or_ignored(record, folder, tmp_path, capsys):
    run = shutil.copytree(folder / "run", tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "data": record}))
    capsys.readouterr()
    status = main(["evaluate", str(run), "--data", str(folder / "x.npz")])
    *_, last = capsys.readouterr().err.splitlines() or [""]
    assert (status, "Traceback" in last) in ((0, False), (2, False))
    assert status == 0 or last.startswith(f"chainrule: error: {run / 'config.json'} is damaged: its record of the data")


def test_errors_of_the_library_are_not_hidden(folder, monkeypatch):
    def fail(*_args, **_options):
        raise RuntimeError("a fault of the library")

    monkeypatch.setattr("chainrule.models.Density.sample", fail)
    with pytest.raises(RuntimeError, match="a fault of the library"):
        main(["sample", str(folder / "run"), "--out", str(Path(folder) / "new.png")])
