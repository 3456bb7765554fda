"""Image grids show every pixel exactly."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from chainrule.domains import Binary, Levels
from chainrule.errors import ChainruleError
from chainrule.figures import completion_grid, image_grid, save_image
from chainrule.figures.image_grids import GAP, GAP_GRAY, MISSING_COLOUR, SEAM_GRAY, tile_offsets, tint
from tests.support.figures import draw

GRAY, COLOUR, BITS = Levels((1, 3, 4), 17), Levels((3, 4, 2), 256), Binary((1, 5, 5))


def exact_pixels(x, domain):
    """The gray levels or colours of data by Python's exact fractions: [n, H, W, C]."""
    table = [math.floor(255 * v / (domain.levels - 1) + 0.5) for v in range(domain.levels)]
    return np.array(table)[x.numpy()].transpose(0, 2, 3, 1)


def cut_tiles(picture, tops, lefts, height, width, scale):
    """The tiles of a picture, with each square of scale × scale equal pixels as one pixel: [n, H, W, C]."""
    array = np.asarray(picture)
    array = array[..., None] if array.ndim == 2 else array
    tiles = [array[top : top + height * scale, left : left + width * scale] for top in tops for left in lefts]
    squares = np.stack(tiles).reshape(len(tiles), height, scale, width, scale, -1)
    assert (squares == squares[:, :, :1, :, :1]).all()
    return squares[:, :, 0, :, 0]


@pytest.mark.parametrize("domain", [GRAY, COLOUR, BITS], ids=["gray", "colour", "binary"])
@pytest.mark.parametrize("scale", [1, 3])
def test_a_grid_shows_every_pixel_exactly(domain, scale):
    x, (_, height, width) = draw(domain, n=7), domain.shape
    picture = image_grid(x, domain, columns=3, scale=scale)
    tops, lefts = tile_offsets(3, height * scale), tile_offsets(3, width * scale)
    tiles = cut_tiles(picture, tops, lefts, height, width, scale)
    assert (tiles[:7] == exact_pixels(x, domain)).all()
    assert (tiles[7:] == GAP_GRAY).all()
    assert picture.size == (lefts[-1] + width * scale + GAP, tops[-1] + height * scale + GAP)
    assert picture.mode == ("RGB" if domain is COLOUR else "L")


def test_gaps_between_tiles_have_a_gray_level_of_their_own():
    array = np.asarray(image_grid(torch.ones(4, 1, 5, 5), BITS, columns=2, scale=1))
    assert array.shape == (16, 16)
    for gap in (0, 1, 7, 8, 14, 15):
        assert (array[gap] == GAP_GRAY).all()
        assert (array[:, gap] == GAP_GRAY).all()
    assert (array == GAP_GRAY).sum() == 16 * 16 - 4 * 25


def test_levels_are_rounded_and_not_truncated():
    values = torch.arange(17).view(1, 1, 1, 17)
    shown = np.asarray(image_grid(values, Levels((1, 1, 17), 17), scale=1))[2, 2:19]
    assert shown.tolist() == [0, 16, 32, 48, 64, 80, 96, 112, 128, 143, 159, 175, 191, 207, 223, 239, 255]
    every = torch.arange(256).view(1, 1, 16, 16)
    shown = np.asarray(image_grid(every, Levels((1, 16, 16), 256), scale=1))[2:18, 2:18]
    assert shown.flatten().tolist() == list(range(256))


def test_a_grid_is_about_square_and_enlarges_small_images():
    assert image_grid(draw(BITS, n=36), BITS).size == (6 * (100 + GAP) + GAP,) * 2
    assert image_grid(draw(BITS, n=3), BITS).size == (2 * (300 + GAP) + GAP,) * 2
    wide = Binary((1, 2, 8))
    assert image_grid(draw(wide, n=16), wide, scale=1).size == (2 * 10 + GAP, 8 * 4 + GAP)
    large = Binary((1, 80, 80))
    assert image_grid(draw(large, n=9), large).size == (3 * (240 + GAP) + GAP,) * 2
    assert image_grid(draw(large, n=64), large).size == (8 * (80 + GAP) + GAP,) * 2


def test_a_grid_has_as_few_empty_tiles_as_possible():
    column = Binary((1, 9, 1))
    assert image_grid(draw(column, n=16), column, scale=1).size == (8 * (1 + GAP) + GAP, 2 * (9 + GAP) + GAP)


@pytest.mark.parametrize(
    ("x", "domain", "options", "message"),
    [
        (torch.zeros(2, 5), Binary((5,)), {}, r"\.npz"),
        (torch.zeros(2, 2, 3, 3), Binary((2, 3, 3)), {}, r"\.npz"),
        (torch.zeros(0, 1, 5, 5), BITS, {}, "no data to draw"),
        (torch.full((1, 1, 5, 5), 2), BITS, {}, "0 … 1"),
        (torch.zeros(1, 1, 5, 5), BITS, {"columns": 0}, "at least 1 column"),
        (torch.zeros(1, 1, 5, 5), BITS, {"scale": 0}, "at least 1"),
    ],
)
def test_data_that_cannot_be_drawn_raise_an_error(x, domain, options, message):
    with pytest.raises(ChainruleError, match=message):
        image_grid(x, domain, **options)


def test_a_completion_grid_shows_original_evidence_and_completions():
    x, drawn = draw(GRAY, n=2), draw(GRAY, n=6, seed=1).view(2, 3, *GRAY.shape)
    evidence = torch.zeros(1, 3, 4, dtype=torch.bool)
    evidence[0, 0], evidence[0, 1, :2] = True, True
    picture = completion_grid(x, evidence, drawn, GRAY, scale=2)
    lefts = tile_offsets(5, 8, wide=(1, 2))
    tiles = cut_tiles(picture, tile_offsets(2, 6), lefts, 3, 4, 2).reshape(2, 5, 3, 4, 3)
    shown = np.broadcast_to(exact_pixels(x, GRAY), (2, 3, 4, 3))
    given = evidence[0].numpy()
    assert (tiles[:, 0] == shown).all()
    assert (tiles[:, 1][:, given] == shown[:, given]).all()
    assert (tiles[:, 1][:, ~given] == MISSING_COLOUR).all()
    completed = np.broadcast_to(exact_pixels(drawn.flatten(0, 1), GRAY).reshape(2, 3, 3, 4, 1), (2, 3, 3, 4, 3))
    assert (tiles[:, 2:][:, :, given] == completed[:, :, given]).all()
    assert (tiles[:, 2:][:, :, ~given] == tint(completed)[:, :, ~given]).all()
    for left in lefts[1:3]:
        assert (np.asarray(picture)[:, left - GAP - 1] == SEAM_GRAY).all()
    again = completion_grid(x, evidence.expand(x.shape), drawn, GRAY, scale=2)
    assert (np.asarray(again) == np.asarray(picture)).all()


def test_a_small_picture_is_enlarged_by_a_whole_factor_to_600_pixels():
    for shape, n in (((1, 8, 8), 1), ((1, 8, 8), 4), ((1, 1, 9), 5), ((3, 9, 1), 2), ((1, 28, 28), 16)):
        domain = Binary(shape)
        x = draw(domain, n=n)
        rows = completion_grid(x, torch.zeros(shape, dtype=torch.bool), x[:, None].expand(n, 3, *shape), domain)
        for picture in (image_grid(x, domain), rows):
            assert 600 <= max(picture.size) < 1200


def test_a_pixel_is_given_if_all_of_its_colours_are():
    x = draw(COLOUR, n=1)
    evidence = torch.ones(COLOUR.shape, dtype=torch.bool)
    evidence[2, 1, 0] = False
    picture, lefts = completion_grid(x, evidence, x[None], COLOUR, scale=1), tile_offsets(3, 2, (1, 2))
    tile = cut_tiles(picture, tile_offsets(1, 4), [lefts[1]], 4, 2, 1)
    assert (tile[0] == MISSING_COLOUR).all(-1).nonzero() == ([1], [0])


def test_completions_in_colour_keep_their_colours():
    x = draw(COLOUR, n=1)
    picture = completion_grid(x, torch.zeros(COLOUR.shape, dtype=torch.bool), x[None], COLOUR, scale=1)
    lefts = tile_offsets(3, 2, (1, 2))
    assert (cut_tiles(picture, tile_offsets(1, 4), [lefts[2]], 4, 2, 1) == exact_pixels(x, COLOUR)).all()


def test_shapes_that_do_not_match_raise_an_error():
    x, evidence = draw(GRAY, n=2), torch.ones(GRAY.shape, dtype=torch.bool)
    with pytest.raises(ChainruleError, match="the completions have shape"):
        completion_grid(x, evidence, x, GRAY)
    with pytest.raises(ChainruleError, match="the completions have shape"):
        completion_grid(x, evidence, x[:1, None], GRAY)
    with pytest.raises(ChainruleError, match="boolean mask"):
        completion_grid(x, evidence.float(), x[:, None], GRAY)
    with pytest.raises(ChainruleError, match="boolean mask"):
        completion_grid(x, evidence[0], x[:, None], GRAY)


@pytest.mark.parametrize("ending", [".png", ".PNG", ".bmp", ".tiff"])
def test_a_saved_image_has_the_same_pixels(tmp_path, ending):
    picture = image_grid(draw(COLOUR, n=3), COLOUR)
    save_image(picture, tmp_path / f"grid{ending}")
    with Image.open(tmp_path / f"grid{ending}") as again:
        assert (np.asarray(again) == np.asarray(picture)).all()
    assert [path.name for path in tmp_path.iterdir()] == [f"grid{ending}"]
