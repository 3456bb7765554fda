"""`chainrule complete`: the regions of --keep, the completions and their description, and bad input."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from PIL import Image

import chainrule as cr
from chainrule.checks.variants import perturbed_copy
from chainrule.domains import SIDES
from chainrule.inference import image_region
from chainrule.inference.regions import NAMES
from tests.support.runs import file_contents
from tests.support.terminal import commands

DOMAIN = cr.Binary((1, 4, 6))
BITS = np.random.default_rng(0).integers(0, 2, (20, 4, 6), dtype=np.uint8)
MASK = np.array([[0, 0, 0, 0, 0, 255], [0, 127, 128, 0, 0, 0], [255] * 6, [0] * 6], dtype=np.uint8)
NOTE = "x.npz: splits as in the source\n"
LIGHT = ["000001", "001000", "111111", "000000"]
SIZE = ["--model.blocks", "0", "--model.features", "1", "--epochs", "1"]


def family(**options) -> cr.MADE:
    return perturbed_copy(cr.MADE(DOMAIN, hidden=(12,), agnostic="order", **options), 1)


def cnn(side: str) -> cr.PixelCNN:
    return perturbed_copy(cr.PixelCNN(DOMAIN, blocks=1, features=2, order=side), 1)


def certain() -> cr.MADE:
    """Return a model whose lower half almost follows from the upper one: few particles agree with a lower half."""
    model = perturbed_copy(cr.MADE(DOMAIN, hidden=(8,), direct_connections=True), 3)
    with torch.no_grad():
        model.skip.weight.mul_(40)
    return model


MODELS = {
    "plain": lambda: perturbed_copy(cr.MADE(DOMAIN, hidden=(8,)), 1),
    "family": family,
    "cycle": lambda: family(num_masks=3),
    "cnn": lambda: cnn("top"),
    "certain": certain,
    "two": lambda: cr.Ensemble([cnn("top"), cnn("bottom")]),
    "twice": lambda: cr.Ensemble([cnn("top"), perturbed_copy(cr.MADE(DOMAIN, hidden=(8,)), 1)]),
    "families": lambda: cr.Ensemble([family(), family(seed=1)]),
    "rows": lambda: cr.MADE(cr.Binary((6,)), hidden=(4,)),
    "thin": lambda: cr.MADE(cr.Binary((1, 2, 8)), hidden=(4,)),
    "dot": lambda: cr.MADE(cr.Binary((1, 1, 1)), hidden=(4,)),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Data, masks, and models by name."""
    folder = tmp_path_factory.mktemp("complete")
    np.savez(folder / "x.npz", train=BITS[:12], valid=BITS[12:14], test=BITS[14:])
    Image.fromarray(MASK).save(folder / "mask.png")
    Image.fromarray(MASK[:, :, None].repeat(3, 2)).save(folder / "colour.png")
    Image.fromarray(MASK > 127).save(folder / "bits.png")
    Image.fromarray(MASK[:3, :5]).save(folder / "small.png")
    Image.fromarray(MASK).convert("LA").save(folder / "clear.png")
    Image.fromarray(MASK * 0).save(folder / "dark.png")
    (folder / "broken.png").write_bytes((folder / "mask.png").read_bytes()[:40])
    for name, make in MODELS.items():
        cr.save(make(), folder / name)
    return folder


@pytest.fixture
def complete(folder, tmp_path, capsys, monkeypatch):
    """Return a function that completes all test images, and returns its status, output, errors and arrays."""
    run_command = commands(folder, capsys, monkeypatch)

    def run(model, keep, *words, n=2):
        out = tmp_path / "c.npz"
        status, said, err = run_command(
            "complete", model, "--data", "x.npz", f"--keep={keep}", "-n", n, "--out", out, *words
        )
        arrays = dict(np.load(out)) if out.exists() else {}
        out.unlink(missing_ok=True)
        return status, said.replace(str(out), "c.npz").splitlines(), err, arrays

    return run


def rows_as_text(mask) -> list[str]:
    return ["".join(str(int(each)) for each in row) for row in mask]


WORDS = {
    "top": ["111111", "111111", "000000", "000000"],
    "bottom": ["000000", "000000", "111111", "111111"],
    "left": ["111000"] * 4,
    "right": ["000111"] * 4,
    "center": ["000000", "001100", "001100", "000000"],
    "border": ["111111", "110011", "110011", "111111"],
    "1:3,0:2": ["000000", "110000", "110000", "000000"],
    " 1 : 3 , 0:2 ;0:1,5:6": ["000001", "110000", "110000", "000000"],
    ":,4:": ["000011"] * 4,
    "0:2,0:2;1:3,1:3": ["110000", "111000", "011000", "000000"],
    "mask.png": LIGHT,
    "colour.png": LIGHT,
    "bits.png": LIGHT,
}


@pytest.mark.parametrize("keep", WORDS)
def test_the_evidence_is_the_region_of_keep(keep, complete):
    status, _, err, arrays = complete("family", keep)
    assert (status, err) == (0, NOTE)
    assert rows_as_text(arrays["evidence"][0]) == WORDS[keep]
    given = arrays["evidence"][0] == 1
    assert (arrays["original"][:, 0] == BITS[14:]).all()
    assert (arrays["completions"][:, :, 0, given] == BITS[14:, None][:, :, given]).all()


def test_every_named_region_is_tested():
    assert set(NAMES) < set(WORDS)


def test_a_region_has_all_channels_of_its_pixels():
    mask = image_region("0:1,0:1", cr.Levels((3, 2, 2), 256))
    assert mask.shape == (3, 2, 2)
    assert mask.sum((1, 2)).tolist() == [1, 1, 1]


@pytest.mark.parametrize("height", [1, *range(3, 12)])
def test_the_center_has_about_half_of_the_rows(height):
    rows = image_region("border", cr.Binary((1, height, 40)))[0].logical_not().any(1)
    assert rows.equal(rows.flip(0))
    assert abs(int(rows.sum()) - height / 2) <= 1


@pytest.mark.parametrize(
    ("model", "keep", "words", "options", "how"),
    [
        ("plain", "top", [], {}, "exact draws: what is kept comes first in the order of the model"),
        ("plain", "top", ["--temperature", "0.5"], {"temperature": 0.5}, "draws at temperature 0.5: what"),
        ("family", "center", [], {}, "in the order of a member of the family"),
        ("family", "top", [], {}, "in the order of the model"),
        ("family", "mask.png", ["--members", "4"], {"members": 4}, "in the order of each of 4 members of the family"),
        ("two", "bottom", [], {}, "in the order of 1 of 2 models of the ensemble, and the others are left out"),
        ("twice", "top", [], {}, "in the order of each of 2 models of the ensemble"),
        ("families", "left", ["--members", "3"], {"members": 3}, "in the order of each of 2 models of the ensemble"),
        ("plain", "0:3,1:2", ["--particles", "64"], {"particles": 64}, "64 particles an image: effective sample size "),
        ("cnn", "bottom", ["--particles", "32"], {"particles": 32}, "32 particles an image: effective sample size "),
        ("two", "center", ["--particles", "32"], {"particles": 32}, "32 particles an image: effective sample size "),
        ("cycle", "border", ["--particles", "40", "--members", "2"], {"particles": 40, "members": 2}, "40 particles"),
        ("cnn", "right", ["--particles", "1"], {"particles": 1}, "2 particles an image: effective sample size "),
    ],
)  # fmt: skip
def test_the_completions_are_those_of_the_library_and_the_last_line_describes_them(
    model, keep, words, options, how, complete, folder, recwarn
):
    status, said, _, arrays = complete(model, keep, "--seed", 3, *words)
    assert status == 0
    assert said[0] == "6 images, 2 completions each: c.npz"
    assert how in said[1]
    assert len(said) == 2
    assert not recwarn.list  # warnings of the library become lines on standard error
    x, evidence = BITS[14:, None], arrays["evidence"] == 1
    wanted = cr.complete(cr.load(folder / model), x, evidence, n=2, seed=3, **options)
    assert (arrays["completions"] == wanted.numpy()).all()


def test_the_summary_of_particles_has_the_least_and_the_median(complete, folder):
    _, said, err, arrays = complete("cnn", "border", "--particles", 50)
    found = cr.impute(cr.load(folder / "cnn"), BITS[14:, None], arrays["evidence"] == 1, n=2, particles=50)
    numbers = [float(each) for each in re.findall(r"(\d+) (?:at worst|in the median)", said[1])]
    wanted = [each for part in (found.ess, found.ancestors) for each in (part.min(), np.median(part.numpy()))]
    assert numbers == pytest.approx([float(each) for each in wanted], abs=0.5)
    assert numbers[0] > 10
    assert "warning" not in err


@pytest.mark.parametrize(
    ("keep", "remedy"),
    [
        ("bottom", " (an image model trained with --model.order bottom, or a MADE with --model.agnostic order)\n"),
        ("3:,:", " (a MADE with --model.agnostic order)\n"),
    ],
)
def test_collapsed_particles_give_a_warning_of_one_line(keep, remedy, complete):
    status, said, err, _ = complete("certain", keep, "--particles", 16)
    assert status == 0
    assert said[1].startswith("16 particles an image: ")
    notes, _, warning = err.partition("chainrule: warning: ")
    assert notes == NOTE
    assert re.match(r"the particles of \d of 6 data have collapsed: those of datum \d are worth ", warning)
    assert warning.endswith(f"or a model whose order begins with the evidence{remedy}")
    assert warning.count("\n") == 1


def test_a_picture_of_any_region(complete, folder, tmp_path, capsys, monkeypatch):
    run = commands(folder, capsys, monkeypatch)
    out = tmp_path / "c.png"
    assert run("complete", "family", "--data", "x.npz", "--keep", "mask.png", "--out", out)[0] == 0
    with Image.open(out) as picture:
        assert picture.mode == "RGB"


NO_FILE = (
    "there is no such file; give top, bottom, left, right, center or border, rectangles of rows,columns from:to, such "
    "as 4:12,0:20, or a picture"
)
REFUSED = {
    ("plain", "middle"): f"--keep middle: {NO_FILE}\n",
    ("plain", ""): f"--keep : {NO_FILE}",
    ("plain", "nowhere.png"): f"--keep nowhere.png: {NO_FILE}",
    ("plain", "plain"): f"--keep plain: {NO_FILE}",
    ("plain", "x" * 300): NO_FILE,
    ("plain", "0:5,0:2"): "the rectangle 0:5,0:2 reaches out of the image; its rows are 0:4, its columns 0:6",
    ("plain", "0:1,0:1; 0:2,3:7"): "the rectangle 0:2,3:7 reaches out of the image",
    ("plain", "2:2,0:6"): "the rectangle 2:2,0:6 is empty; give rows,columns from:to, such as 4:12,0:20, the last ones",
    ("plain", "4:,0:6"): "the rectangle 4:,0:6 is empty",
    ("plain", "0:2,5:3"): "the rectangle 0:2,5:3 is empty",
    ("plain", "-1:2,0:3"): "'-1:2,0:3' is no rectangle; give rows,columns from:to",
    ("plain", "0:2"): "'0:2' is no rectangle",
    ("plain", "7"): "'7' is no rectangle",
    ("plain", "0:1,0:1 2:3,4:5"): "'0:1,0:1 2:3,4:5' is no rectangle; give rows,columns from:to, such as 4:12,0:20,",
    ("plain", "0:1,0:1;"): "'' is no rectangle",
    ("plain", f"0:{10**20},0:1"): "is no rectangle",
    ("plain", "0:4,0:6"): "--keep 0:4,0:6: every pixel in images of 4×6, and nothing would be drawn",
    ("plain", "dark.png"): "--keep dark.png: no pixel in images of 4×6, and nothing would be given",
    ("plain", "small.png"): "the picture has 3 rows and 5 columns, and the images have 4 and 6; give one of their size",
    ("plain", "clear.png"): "clear.png has the mode LA; make it gray",
    ("plain", "broken.png"): "broken.png cannot be read (",
    ("plain", "x.npz"): "x.npz cannot be read (",
    ("thin", "center"): "no pixel in images of 2×8, and nothing would be given",
    ("thin", "border"): "every pixel in images of 2×8, and nothing would be drawn",
    ("dot", "left"): "no pixel in images of 1×1, and nothing would be given",
    ("rows", "top"): "complete is for images (C, H, W), and the model's data have shape [6]",
    ("plain", "top --members 2"): "--members: of a MADE trained with --model.agnostic, and plain holds another model",
    ("cnn", "top --members 2"): "--members: of a MADE trained with --model.agnostic, and cnn holds another model",
    ("two", "top --members 2"): "--members: of a MADE trained with --model.agnostic, and two holds another model",
    ("family", "top --members 0"): "--members must be from 1 to 1000000000, not 0",
    ("family", "top --members all"): "--members must be a whole number, not 'all'",
    ("cnn", "bottom --particles 0"): "--particles must be from 1 to 1000000, not 0",
    ("cnn", "bottom --particles 1000000000"): "--particles must be from 1 to 1000000, not 1000000000",
    ("cnn", "bottom --temperature 0.5"): "its particles stand for temperature 1, not 0.5",
}  # fmt: skip


@pytest.mark.parametrize(("model", "words"), REFUSED, ids=lambda each: each[:40])
def test_bad_input_gives_one_line_and_no_file(model, words, complete, folder, tmp_path):
    before = file_contents(folder)
    keep, *options = re.split(r" (?=--)", words)
    status, said, err, arrays = complete(model, keep, *" ".join(options).split())
    notes, _, error = err.rpartition("chainrule: error: ")
    assert (status, said, arrays) == (2, [], {})
    assert notes in ("", NOTE)
    assert REFUSED[model, words] in error
    assert error.count("\n") == 1
    assert file_contents(folder) == before
    assert not list(tmp_path.iterdir())


# Orders of image models: the kept pixels can come first.


@pytest.mark.parametrize("side", SIDES)
def test_an_image_model_is_trained_in_an_order_from_any_side(side, complete, folder, tmp_path, capsys, monkeypatch):
    run = commands(folder, capsys, monkeypatch)
    words = ["train", "pixelcnn", "--data", "x.npz", "--model.order", side, "--out", tmp_path / "run"]
    assert run(*words, *SIZE)[0] == 0
    model = cr.load(tmp_path / "run")
    assert model.orientation.side == side
    assert model.order == cr.PixelCNN(DOMAIN, blocks=0, features=1, order=side).order
    _, said, _, _ = complete(tmp_path / "run", side)
    assert said[1] == "exact draws: what is kept comes first in the order of the model"


def test_a_configuration_gives_the_order_and_a_resumed_run_must_keep_it(folder, tmp_path, capsys, monkeypatch):
    run = commands(folder, capsys, monkeypatch)
    (tmp_path / "c.yaml").write_text("model: {order: right, layers: 1, features: 1}\nepochs: 1\n")
    words = ["train", "row-lstm", "--data", "x.npz", "--config", tmp_path / "c.yaml", "--out", tmp_path / "run"]
    assert run(*words)[0] == 0
    assert cr.load(tmp_path / "run").orientation.side == "right"
    assert run(*words, "--resume")[0] == 0
    status, _, err = run(*words, "--resume", "--model.order", "left")
    assert status == 2
    assert "was trained with model.order = [" in err.splitlines()[-1]


@pytest.mark.parametrize("model", ["pixelcnn", "row-lstm", "diagonal-bilstm"])
def test_the_order_of_an_image_model_is_one_of_four_sides(model, folder, capsys, monkeypatch):
    run = commands(folder, capsys, monkeypatch)
    assert "--model.order top|bottom|left|right" in run("train", model, "--help")[1]
    status, _, err = run("train", model, "--data", "x.npz", "--out", "new", "--model.order", "center")
    assert status == 2
    assert err.startswith("chainrule: error: --model.order must be one of top, bottom, left, right, not 'center'")
    assert not (folder / "new").exists()


@pytest.mark.parametrize("model", ["made", "independent"])
def test_models_of_any_permutation_have_no_option_for_the_order(model, folder, capsys, monkeypatch):
    run = commands(folder, capsys, monkeypatch)
    assert "--model.order" not in run("train", model, "--help")[1]
    status, _, err = run("train", model, "--data", "x.npz", "--out", "new", "--model.order", "bottom")
    assert (status, "there is no option '--model.order'" in err) == (2, True)
