"""Schedules: their groups, and the sites before and after a step."""

from __future__ import annotations

import pytest
import torch

from chainrule.domains import Order
from chainrule.sampling import Schedule, sequential_schedule

PAIRS = Schedule((torch.tensor([3, 1]), torch.tensor([0]), torch.tensor([2, 4])))


def test_a_sequential_schedule_has_the_sites_in_their_order():
    order = Order((2, 0, 1))
    assert [group.tolist() for group in sequential_schedule(order)] == [[2], [0], [1]]


def test_a_schedule_lists_the_sites_before_and_from_a_step():
    assert len(PAIRS) == 3
    assert [PAIRS.sites_before(step).tolist() for step in range(4)] == [[], [3, 1], [3, 1, 0], [3, 1, 0, 2, 4]]
    assert [PAIRS.sites_from(step).tolist() for step in (0, 2, 3)] == [[3, 1, 0, 2, 4], [2, 4], []]
    assert PAIRS[1].tolist() == [0]


@pytest.mark.parametrize(
    ("rows", "groups"),
    [
        (["00000"], 0),
        (["01010"], 1),
        (["01000"], 0),
        (["11010", "11111"], 2),
        (["11111", "01010"], 1),
        (["11111"], 3),
        (["10101"], 0),
    ],
)
def test_prefix_length_counts_the_first_groups_that_are_evidence_in_every_datum(rows, groups):
    assert PAIRS.prefix_length(torch.tensor([[site == "1" for site in row] for row in rows])) == groups
