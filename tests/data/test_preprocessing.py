"""Preprocessing: exact quantisation, and draws that are fair and repeatable."""

import json
from fractions import Fraction

import pytest
import torch

from chainrule.data import Preprocessing
from chainrule.data.preprocessing import draw_binary, quantise
from chainrule.errors import ChainruleError

ALL_GRAY = torch.arange(256, dtype=torch.uint8)


@pytest.mark.parametrize(
    "preprocessing",
    [{}, {"binarize": "dynamic", "seed": 3}, {"levels": 2}, {"levels": 256, "seed": -1}, {"binarize": "draw"}],
)
def test_preprocessing_is_restored_from_json(preprocessing):
    made = Preprocessing(**preprocessing)
    assert Preprocessing.from_dict(json.loads(json.dumps(made.to_dict()))) == made


@pytest.mark.parametrize(
    ("preprocessing", "message"),
    [
        ({"binarize": "round"}, "binarize must be one of threshold, draw, dynamic, not 'round'"),
        ({"levels": 1}, "levels must be a whole number from 2 to 256, not 1"),
        ({"levels": 257}, "from 2 to 256, not 257"),
        ({"levels": 2.5}, "from 2 to 256, not 2.5"),
        ({"levels": True}, "from 2 to 256, not True"),
        ({"binarize": "draw", "levels": 4}, "binarize='draw' and levels=4 exclude each other; give one"),
        ({"seed": "7"}, "seed must be a whole number, not '7'"),
        ({"size": 32, "crop": True}, "preprocessing has no crop, size; it has binarize, levels, seed"),
    ],
)
def test_invalid_preprocessing_is_refused(preprocessing, message):
    with pytest.raises(ChainruleError) as refusal:
        Preprocessing.from_dict(preprocessing)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("levels", [2, 3, 4, 5, 7, 8, 16, 17, 32, 64, 100, 128, 200, 255, 256])
def test_quantisation_rounds_to_the_nearest_level_for_every_gray_value(levels):
    exact = [round(Fraction(gray * (levels - 1), 255)) for gray in range(256)]  # no value lies halfway
    assert quantise(ALL_GRAY, levels, full_scale=255).tolist() == exact


def test_quantisation_to_every_gray_value_changes_nothing():
    assert torch.equal(quantise(ALL_GRAY, 256, full_scale=255), ALL_GRAY)
    assert torch.equal(quantise(ALL_GRAY[:17], 17, full_scale=16), ALL_GRAY[:17])


@pytest.mark.parametrize("full_scale", [16, 255])
def test_two_levels_are_a_threshold_at_half_of_full_scale(full_scale):
    gray = ALL_GRAY[: full_scale + 1]
    assert quantise(gray, 2, full_scale=full_scale).tolist() == [
        int(2 * value >= full_scale) for value in gray.tolist()
    ]


@pytest.mark.parametrize(("gray", "full_scale"), [(1, 255), (37, 255), (128, 255), (254, 255), (5, 16), (15, 16)])
def test_the_frequency_of_ones_is_the_gray_value(gray, full_scale):
    n, p = 200_000, gray / full_scale
    mean = draw_binary(torch.full((n,), gray, dtype=torch.uint8), full_scale, 0, 1).double().mean().item()
    assert abs(mean - p) < 4 * (p * (1 - p) / n) ** 0.5


@pytest.mark.parametrize("full_scale", [16, 255])
def test_black_is_always_drawn_zero_and_white_always_one(full_scale):
    ends = torch.tensor([0, full_scale], dtype=torch.uint8).expand(50_000, 2)
    drawn = draw_binary(ends, full_scale, 0, 1)
    assert drawn.dtype == torch.uint8
    assert drawn.float().mean(0).tolist() == [0.0, 1.0]


def test_a_draw_depends_on_seed_and_key_alone():
    gray = torch.full((100, 3), 128, dtype=torch.uint8)
    first = draw_binary(gray, 255, 0, 1)
    assert torch.equal(first, draw_binary(gray, 255, 0, 1))
    for other in (draw_binary(gray, 255, 1, 1), draw_binary(gray, 255, 0, 2), draw_binary(gray, 255, 0, 1, 1)):
        assert not torch.equal(first, other)


def test_the_draw_of_a_datum_does_not_depend_on_later_data():
    gray = torch.full((100, 3), 128, dtype=torch.uint8)
    assert torch.equal(draw_binary(gray, 255, 0, 1)[:40], draw_binary(gray[:40], 255, 0, 1))
