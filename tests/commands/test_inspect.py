"""The command `chainrule inspect`: its page, its JSON, and its errors."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

import chainrule as cr
from chainrule.cli import main
from chainrule.commands.inspect import parse_sites
from tests.support.figures import COLOUR, GRAY, ROWS, draw, perturbed


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    cr.save(perturbed(cr.PixelCNN(COLOUR, blocks=1, features=3)), folder / "colour")
    cr.save(cr.MADE(ROWS, hidden=(8,)), folder / "rows")
    cr.save(cr.MADE(GRAY, hidden=(8,)), folder / "gray")
    np.savez(folder / "colour.npz", test=draw(COLOUR).movedim(0, -1)[None].numpy().astype(np.uint8))
    return folder


def test_sites_are_named_by_row_column_and_channel():
    assert parse_sites(["0,1", "3,4,b", "3,4,2"], COLOUR) == [1, 21, 41, 59]
    assert parse_sites(["2,3"], GRAY) == [15]
    assert parse_sites(["5", "0"], ROWS) == [5, 0]


def test_the_command_writes_a_page_and_its_pictures(home, capsys):
    line = ["inspect", str(home / "colour"), "--data", str(home / "colour.npz"), "--sites", "2,3", "1,1,G"]
    assert main(line) == 0
    said = capsys.readouterr().out
    folder = home / "colour" / "inspect"
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "index.html", "kernels.png", "fields-1.png", "fields-2.png", "growth.png", "distributions.png", "expected.png",
    }  # fmt: skip
    for name in names - {"index.html"}:
        assert name in said
        with Image.open(folder / name) as picture:
            assert picture.size[0] == 1400
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 6
    assert "datum 0 of the test split" in page
    assert "http" not in page
    cr.load(home / "colour")  # the folder of a run stays one
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert main(line) == 2
    assert "exists and would be overwritten; give another folder as --out, or remove it" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_command_prints_json(home, tmp_path, capsys):
    assert main(["inspect", str(home / "rows"), "--out", str(tmp_path / "new"), "--json", "--seed", "3"]) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert (told["sites"], told["parameters"], told["past_seen"]) == (6, 6 * 8 + 8 + 8 * 6 + 6, told["past_seen"])
    assert sum(weight["parameters"] for weight in told["weights"]) == told["parameters"]
    assert all((tmp_path / "new" / name.split("/")[-1]).exists() for name in [told["page"], *told["pictures"]])
    assert "a sample that it drew itself (seed 3)" in (tmp_path / "new" / "index.html").read_text(encoding="utf-8")


def test_a_warning_is_about_the_datum_that_is_shown(home, tmp_path, capsys):
    x = draw(GRAY, n=7)
    cr.fit(cr.MADE(GRAY, hidden=(8,)), x[:4], out=tmp_path / "run", epochs=1, progress=False)
    np.savez(tmp_path / "x.npz", test=x[3:, 0].numpy().astype(np.uint8))
    for index, known in ((0, True), (1, False)):
        line = ["inspect", "run", "--data", "x.npz", "--index", str(index), "--out", f"new{index}"]
        capsys.readouterr()
        assert main([str(tmp_path / word) if word in ("run", "x.npz", f"new{index}") else word for word in line]) == 0
        said = capsys.readouterr().err
        assert (
            f"the datum in the test split of {tmp_path / 'x.npz'} is equal to data that the model was" in said
        ) == known
        assert ("chainrule: warning: " in said) == known


WRONG = {
    "row": ("colour --sites 4,0", "--sites 4,0 names no site"),
    "column": ("colour --sites 0,5", "columns 0 to 4"),
    "channel": ("colour --sites 0,0,3", "channels R, G or B"),
    "letters": ("colour --sites 0,x", "row,column"),
    "negative": ("colour --sites=0,-1", "row,column"),
    "too long": ("colour --sites 0,0,0,0", "row,column"),
    "of rows": ("rows --sites 6", "a number from 0 to 5"),
    "too many": (
        "colour --sites 0,1 1,1 2,2",
        "9 sites (a pixel without a channel counts as 3) are too many for one figure; choose",
    ),
    "one channel": ("gray --sites 7,0", "give row,column: rows 0 to 4, columns 0 to 5\n"),
    "index": ("colour --data HOME/colour.npz --index 1", "--index 1 is not in the test split; give 0 to 0"),
    "data": ("colour --data none.npz", "none.npz"),
    "shape": ("rows --data HOME/colour.npz", "colour.npz"),
    "no run": ("nowhere", "is not a model or run folder"),
}


@pytest.mark.parametrize("name", WRONG)
def test_bad_input_is_one_line_and_status_2(name, home, tmp_path, capsys):
    line, words = WRONG[name]
    run, *rest = line.replace("HOME", str(home)).split()
    capsys.readouterr()
    assert main(["inspect", str(home / run), "--out", str(tmp_path / "new"), *rest]) == 2
    said = capsys.readouterr().err.splitlines(keepends=True)[-1]
    assert said.startswith("chainrule: error: ")
    assert words in said
    assert not list(tmp_path.iterdir())
