"""`inspect`: the facts it tells, the pictures that each model has, and the command."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from chainrule.reports.inspect.facts import LARGEST_TRIED, grouped, weights_of
from chainrule.reports.inspect.page import summary_rows, weight_rows
from chainrule.reports.inspect.pictures import cells, centre, pages, receptive_fields
from PIL import Image

import chainrule as cr
from chainrule.cli import main
from chainrule.commands.inspect import sites_named
from chainrule.domains import Order
from chainrule.figures import LEAK, site_states
from chainrule.models import Independent, PixelRNN
from chainrule.reports.inspect import Example, facts_of, fields_of, tour_of
from tests.reports.test_inspect_figures import COLOUR, GRAY, ROWS, draw, trained


class LastToFirst(cr.AutoregressiveModel):
    """Sees the site before it, in an order from last to first; says nothing of what it sees."""

    def __init__(self, domain):
        super().__init__()
        self.domain, self.order = domain, Order(tuple(reversed(range(domain.sites))))
        self.scale = torch.nn.Parameter(torch.ones(1))

    def conditionals(self, x):
        flat = self.encode(x).flatten(1)
        after = torch.nn.functional.pad(flat[:, 1:], (0, 1))
        return self.domain.conditionals((self.scale * after).view(len(x), *self.domain.shape, 1))


class SeesItself(LastToFirst):
    """Sees the site itself."""

    def conditionals(self, x):
        return self.domain.conditionals((self.scale * self.encode(x)).unsqueeze(-1))


# Facts.


@pytest.mark.parametrize(
    "model",
    [cr.PixelCNN(COLOUR, blocks=2, features=4), PixelRNN(COLOUR, "row", layers=2, features=4), Independent(ROWS)],
)
def test_all_parameters_are_told(model):
    facts = facts_of(model, fields_of(model))
    assert facts.parameters == sum(each.numel() for each in model.parameters())
    assert facts.steps == len(model.sampler().schedule)
    assert sum(each.parameters * count for each, count in grouped(facts.weights)) == facts.parameters
    seen, rank = model.receptive_field(), model.order.rank
    before = rank[None, :] < rank[:, None]
    assert facts.past_seen == pytest.approx((seen & before).sum().item() / before.sum().item())


def test_the_open_share_is_that_of_the_mask():
    model = cr.MADE(ROWS, hidden=(7, 5))
    shares = {each.name: each.open for each in weights_of(model)}
    assert shares["layers.1.weight"] == pytest.approx(model.layers[1].mask.float().mean().item())
    assert shares["layers.1.bias"] is None
    assert [row[0] for row in weight_rows(facts_of(model, None))][:2] == ["layers.0.weight", "layers.0.bias"]
    assert ("stack.*.spread.bias", "4", "3 × 4", "–") in weight_rows(facts_of(cr.PixelCNN(GRAY, 3, 4), None))


@pytest.mark.parametrize(
    ("share", "told"), [(0.999549, "99.95 %"), (1 - 1e-6, "99.9999 %"), (1e-4, "0.01 %"), (1.0, "100 %"), (0.0, "0 %")]
)
def test_no_share_is_rounded_to_all_or_to_nothing(share, told):
    facts = facts_of(cr.MADE(ROWS, hidden=(3,)), None)
    facts = replace(facts, past_seen=share, weights=(replace(facts.weights[0], open=share),), how="so")
    assert dict(summary_rows(facts))["past seen"] == f"{told} (so)"
    assert weight_rows(facts)[0][-1] == told


def test_a_model_that_does_not_say_what_it_sees_is_tried():
    model = LastToFirst(ROWS)
    fields = fields_of(model)
    assert fields.how.startswith("by trying")
    assert fields.seen.nonzero().tolist() == [[site, site + 1] for site in range(5)]
    facts = facts_of(model, fields)
    assert facts.past_seen == pytest.approx(5 / 15)
    assert facts.order == "its own: 5, 4, 3, 2, 1, 0"
    assert site_states(fields_of(SeesItself(ROWS)).seen, model.order, 2)[2] == LEAK


def test_what_cannot_be_known_is_left_out_and_said():
    model = LastToFirst(cr.Binary((LARGEST_TRIED + 1,)))
    fields = fields_of(model)
    assert fields is None
    facts = facts_of(model, fields)
    assert facts.past_seen is None
    assert facts.how.startswith("not known")
    tour = tour_of(model, fields, Example(draw(model.domain), "noise"))
    assert [picture.name for picture in tour.pictures] == ["distributions", "expected"]
    assert [reason.split(":")[0] for reason in tour.left_out] == ["masks", "receptive fields"]


TOURS = {
    "made": (lambda: cr.MADE(ROWS, hidden=(8,)), ["masks", "fields", "distributions", "expected"]),
    "wide made": (lambda: cr.MADE(GRAY, hidden=(50,)), ["masks", "fields", "distributions", "expected"]),
    "independent": (lambda: Independent(cr.Levels((2, 3), 4)), ["fields", "distributions", "expected"]),
    "pixelcnn": (
        lambda: cr.PixelCNN(COLOUR, blocks=1, features=3), ["kernels", "fields", "growth", "distributions", "expected"],
    ),
    "row": (
        lambda: PixelRNN(COLOUR, "row", layers=1, features=3),
        ["kernels", "gates", "steps", "fields", "growth", "distributions", "expected"],
    ),
    "diagonal": (
        lambda: PixelRNN(GRAY, "diagonal", layers=2, features=2, full_context=True),
        ["kernels", "gates", "skewing", "fields", "growth", "distributions", "expected"],
    ),
    "two channels": (
        lambda: cr.PixelCNN(cr.Binary((2, 3, 3)), blocks=0, features=2),
        ["kernels", "fields", "growth", "distributions", "expected"],
    ),
    "own": (lambda: LastToFirst(GRAY), ["fields", "distributions", "expected"]),
}  # fmt: skip


@pytest.mark.parametrize("name", TOURS)
def test_each_model_has_its_pictures(name):
    make, wanted = TOURS[name]
    model = make()
    tour = tour_of(model, fields_of(model), Example(draw(model.domain), "noise"))
    assert [picture.name for picture in tour.pictures] == wanted
    assert all(picture.png.startswith(b"\x89PNG") and picture.caption and picture.alt for picture in tour.pictures)
    assert "noise" in tour.sections[-1].text


@pytest.mark.parametrize(
    ("cell", "shape", "drawn"),
    [
        ("diagonal", (1, 7, 5), "the first 6 rows and 5 columns of 7×5 pixels"),
        ("row", (1, 7, 9), "the first 6 rows and 7 columns of 7×9 pixels"),
        ("row", (1, 1, 9), "the first 1 row and 7 columns of 1×9 pixels"),
        ("row", (1, 6, 7), ""),
        ("diagonal", (1, 6, 6), ""),
    ],
)
def test_an_excerpt_is_called_one(cell, shape, drawn):
    section = cells(PixelRNN(cr.Binary(shape), cell, layers=1, features=1))
    caption = section.pictures[0].caption
    assert ("Drawn is an excerpt: " + drawn in caption) == bool(drawn)
    assert ("excerpt" in caption) == bool(drawn)
    assert ("no row above" in caption) == (shape[1] == 1)


def test_a_pixel_has_a_picture_of_the_channels_that_were_named():
    model = cr.PixelCNN(COLOUR, blocks=0, features=3)
    assert pages(model, [1, 21, 41, 47, 7]) == [[1, 21, 41], [47, 7]]
    assert centre(model) == [12, 32, 52]
    section = receptive_fields(model, fields_of(model), [27])
    assert section.pictures[0].alt == "Receptive fields of 1 site"


def test_a_model_is_told_by_the_name_it_is_known_by():
    for cell, name in {"row": "Row LSTM(cell=row, layers=1,", "diagonal": "Diagonal BiLSTM(cell=diagonal,"}.items():
        assert facts_of(PixelRNN(GRAY, cell, layers=1, features=1), None).model.startswith(name)


def test_too_many_sites_are_refused():
    model = cr.PixelCNN(COLOUR, blocks=0, features=3)
    with pytest.raises(cr.ChainruleError, match="1 to 9 of the sites"):
        tour_of(model, None, Example(draw(COLOUR), "noise"), list(range(1, 10)))


# The command.


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    cr.save(trained(cr.PixelCNN(COLOUR, blocks=1, features=3)), folder / "colour")
    cr.save(cr.MADE(ROWS, hidden=(8,)), folder / "rows")
    cr.save(cr.MADE(GRAY, hidden=(8,)), folder / "gray")
    np.savez(folder / "colour.npz", test=draw(COLOUR).movedim(0, -1)[None].numpy().astype(np.uint8))
    return folder


def test_sites_are_named_by_row_column_and_channel():
    assert sites_named(["0,1", "3,4,b", "3,4,2"], COLOUR) == [1, 21, 41, 59]
    assert sites_named(["2,3"], GRAY) == [15]
    assert sites_named(["5", "0"], ROWS) == [5, 0]


def test_the_command_makes_a_page_and_its_pictures(home, capsys):
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


def test_the_command_for_programs(home, tmp_path, capsys):
    assert main(["inspect", str(home / "rows"), "--out", str(tmp_path / "new"), "--json", "--seed", "3"]) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert (told["sites"], told["parameters"], told["past_seen"]) == (6, 6 * 8 + 8 + 8 * 6 + 6, told["past_seen"])
    assert sum(weight["parameters"] for weight in told["weights"]) == told["parameters"]
    assert all((tmp_path / "new" / name.split("/")[-1]).exists() for name in [told["page"], *told["pictures"]])
    assert "a sample that it drew itself (seed 3)" in (tmp_path / "new" / "index.html").read_text(encoding="utf-8")


def test_a_warning_is_of_the_datum_that_is_shown(home, tmp_path, capsys):
    x = draw(cr.Binary((7, *GRAY.shape)))
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
