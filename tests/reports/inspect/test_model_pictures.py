"""Each model has its pictures, and what is left out has a reason."""

from __future__ import annotations

import pytest

import chainrule as cr
from chainrule.models import MADE, Independent, PixelCNN, PixelRNN
from chainrule.reports.inspect import Example, draw_pictures, find_receptive_fields
from chainrule.reports.inspect.model_pictures import (
    central_pixel,
    group_by_picture,
    receptive_fields_section,
    steps_section,
)
from chainrule.reports.inspect.model_summary import MAX_MEASURED_SITES
from tests.support.figures import COLOUR, GRAY, ROWS, draw
from tests.support.own_models import LastToFirst

MODELS = {
    "made": (lambda: MADE(ROWS, hidden=(8,)), ["masks", "fields", "distributions", "expected"]),
    "wide made": (lambda: MADE(GRAY, hidden=(50,)), ["masks", "fields", "distributions", "expected"]),
    "independent": (lambda: Independent(cr.Levels((2, 3), 4)), ["fields", "distributions", "expected"]),
    "independent image": (lambda: Independent(GRAY), ["fields", "distributions", "expected"]),
    "pixelcnn": (
        lambda: PixelCNN(COLOUR, blocks=1, features=3), ["kernels", "fields", "growth", "distributions", "expected"],
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
        lambda: PixelCNN(cr.Binary((2, 3, 3)), blocks=0, features=2),
        ["kernels", "fields", "growth", "distributions", "expected"],
    ),
    "own": (lambda: LastToFirst(GRAY), ["fields", "distributions", "expected"]),
}  # fmt: skip
WITHOUT_MASKS = {"independent", "independent image", "own"}


@pytest.mark.parametrize("name", MODELS)
def test_each_model_has_its_pictures(name):
    make, wanted = MODELS[name]
    model = make()
    drawn = draw_pictures(model, find_receptive_fields(model), Example(draw(model.domain), "noise"))
    assert [picture.name for picture in drawn.pictures] == wanted
    assert all(picture.png.startswith(b"\x89PNG") and picture.caption and picture.alt for picture in drawn.pictures)
    assert "noise" in drawn.sections[-1].text
    left_out = ["masks"] * (name in WITHOUT_MASKS) + ["the growth of receptive fields with depth"] * (name == "own")
    assert [reason.split(":")[0] for reason in drawn.left_out] == left_out


def test_pictures_of_unknown_things_are_left_out_with_a_reason():
    model = LastToFirst(cr.Binary((MAX_MEASURED_SITES + 1,)))
    drawn = draw_pictures(model, None, Example(draw(model.domain), "noise"))
    assert [picture.name for picture in drawn.pictures] == ["distributions", "expected"]
    assert [reason.split(":")[0] for reason in drawn.left_out] == ["masks", "receptive fields"]


@pytest.mark.parametrize(
    ("cell", "shape", "excerpt"),
    [
        ("diagonal", (1, 7, 5), "the first 6 rows and 5 columns of 7×5 pixels"),
        ("row", (1, 7, 9), "the first 6 rows and 7 columns of 7×9 pixels"),
        ("row", (1, 1, 9), "the first 1 row and 7 columns of 1×9 pixels"),
        ("row", (1, 6, 7), ""),
        ("diagonal", (1, 6, 6), ""),
    ],
)
def test_the_caption_says_whether_an_excerpt_is_drawn(cell, shape, excerpt):
    section = steps_section(PixelRNN(cr.Binary(shape), cell, layers=1, features=1))
    caption = section.pictures[0].caption
    assert ("Drawn is an excerpt: " + excerpt in caption) == bool(excerpt)
    assert ("excerpt" in caption) == bool(excerpt)
    assert ("no row above" in caption) == (shape[1] == 1)


def test_each_pixel_has_a_picture_of_its_named_channels():
    model = PixelCNN(COLOUR, blocks=0, features=3)
    assert group_by_picture(model, [1, 21, 41, 47, 7]) == [[1, 21, 41], [47, 7]]
    assert central_pixel(model) == [12, 32, 52]
    section = receptive_fields_section(model, find_receptive_fields(model), {}, [27])
    assert section.pictures[0].alt == "Receptive fields of 1 site"


def test_too_many_sites_raise_an_error():
    model = PixelCNN(COLOUR, blocks=0, features=3)
    with pytest.raises(cr.ChainruleError, match="1 to 9 of the sites"):
        draw_pictures(model, None, Example(draw(COLOUR), "noise"), sites=list(range(1, 10)))
