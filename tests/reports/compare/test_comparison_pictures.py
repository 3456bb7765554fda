"""The pixel whose receptive fields are compared, and the caption of its picture."""

from __future__ import annotations

import pytest
import torch

import chainrule as cr
from chainrule.domains import raster
from chainrule.reports.compare.comparison_pictures import choose_pixel, receptive_field_section


def test_the_chosen_pixel_has_receptive_fields_that_differ():
    domain = cr.Binary((1, 8, 8))
    full = torch.ones(64, 64).tril(-1).bool()
    order = cr.Order(tuple(range(64)))
    assert choose_pixel({"all": full}, order, domain) == (5, 2)
    less = full.clone()
    less[4 * 8 + 4, 0] = False
    assert choose_pixel({"all": full, "less": less}, order, domain) == (4, 4)


@pytest.mark.parametrize(("shape", "last"), [((1, 1, 9), (0, 8)), ((1, 9, 1), (8, 0))])
def test_the_chosen_pixel_of_a_single_row_or_column_is_the_last(shape, last):
    assert choose_pixel({"all": torch.ones(9, 9).tril(-1).bool()}, cr.Order(tuple(range(9))), cr.Binary(shape)) == last


@pytest.mark.parametrize(("channels", "in_colour"), [(1, False), (3, True)])
def test_the_caption_says_which_colour_is_predicted(channels, in_colour):
    domain = cr.Binary((channels, 2, 8))
    field = torch.zeros(domain.sites, domain.sites, dtype=torch.bool)
    caption = receptive_field_section({"all": field}, raster(domain), domain).pictures[0].caption
    assert ("the last of its colours, B, that is predicted" in caption) == in_colour
    assert ("seen where at least one of its colours is" in caption) == in_colour


def test_models_that_do_not_know_their_receptive_field_have_no_picture():
    domain = cr.Binary((1, 2, 8))
    assert receptive_field_section({"own": None}, raster(domain), domain) is None
