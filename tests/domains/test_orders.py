"""Orders of the sites, and orientations of images."""

from __future__ import annotations

import itertools

import pytest
import torch

from chainrule.domains import (
    SIDES,
    Binary,
    Order,
    Orientation,
    as_order,
    as_orientation,
    natural,
    raster,
    shuffled,
)
from chainrule.errors import ChainruleError


def test_raster_order_is_rows_then_columns_then_channels():
    colours, height, width = 3, 2, 4
    expected = [
        channel * height * width + row * width + column
        for row in range(height)
        for column in range(width)
        for channel in range(colours)
    ]
    assert list(raster(Binary((colours, height, width))).permutation) == expected


def test_raster_order_of_rows_is_the_natural_order():
    assert raster(Binary((2, 3))) == natural(Binary((2, 3))) == Order(range(6))


def test_rank_is_the_inverse_of_the_permutation():
    order = shuffled(Binary((9,)), seed=4)
    assert [order.permutation.index(site) for site in range(9)] == order.rank.tolist()
    assert torch.equal(order.sites[order.rank], torch.arange(9))


def test_is_prefix_is_true_for_the_first_sites_of_an_order_alone():
    order = Order((2, 0, 3, 1))
    prefixes = [set(order.permutation[:length]) for length in range(5)]
    for mask in itertools.product([False, True], repeat=4):
        evidence = torch.tensor(mask)
        assert bool(order.is_prefix(evidence)) == ({site for site in range(4) if mask[site]} in prefixes)


def test_is_prefix_answers_for_each_row():
    evidence = torch.tensor([[True, True, False], [False, True, True]])
    assert natural(Binary((3,))).is_prefix(evidence).tolist() == [True, False]


def test_shuffled_orders_are_uniform_and_repeat_for_a_seed():
    domain = Binary((3,))
    counts = dict.fromkeys(itertools.permutations(range(3)), 0)
    for seed in range(600):
        counts[shuffled(domain, seed=seed).permutation] += 1
    assert list(counts.values()) == pytest.approx([100] * 6, abs=40)
    assert shuffled(domain, seed=5) == shuffled(domain, seed=5)


@pytest.mark.parametrize("permutation", [(0, 0), (1, 2), (0, 2), (-1, 0)])
def test_an_order_refuses_sites_that_are_no_permutation(permutation):
    with pytest.raises(ChainruleError, match="must name each site 0 … 1 once"):
        Order(permutation)


def test_as_order_takes_a_list_or_none():
    domain = Binary((2, 1, 2))
    assert as_order([3, 1, 0, 2], domain) == Order((3, 1, 0, 2))
    assert as_order(None, domain) == raster(domain)
    with pytest.raises(ChainruleError, match="names 2 sites, and the domain has 4"):
        as_order((0, 1), domain)


def test_with_first_moves_the_evidence_to_the_beginning_and_keeps_the_order_within():
    order = Order((4, 2, 0, 3, 1))
    assert order.with_first(torch.tensor([True, False, False, True, True])).permutation == (4, 0, 3, 2, 1)
    assert order.with_first(torch.zeros(5, dtype=torch.bool)) == order


def test_past_and_before_agree_with_the_permutation():
    order = Order((2, 0, 1))
    assert order.past(1).tolist() == order.before[1].tolist() == [True, False, True]


@pytest.mark.parametrize("side", SIDES)
def test_an_orientation_is_undone_by_its_inverse_and_found_by_its_order(side):
    domain, x = Binary((2, 3, 4)), torch.arange(24).view(1, 2, 3, 4)
    orientation = Orientation(side)
    assert torch.equal(orientation.inverse(orientation(x)), x)
    assert as_orientation(orientation.order(domain), domain) == as_orientation(side, domain) == orientation


def test_as_orientation_refuses_other_orders():
    with pytest.raises(ChainruleError, match="line by line from top, bottom, left or right, not in the one given"):
        as_orientation([3, 1, 0, 2], Binary((1, 2, 2)))
    with pytest.raises(ChainruleError, match="not in 'middle'"):
        as_orientation("middle", Binary((1, 2, 2)))
