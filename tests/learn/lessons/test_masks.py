"""The claims of the lesson on masks."""

from __future__ import annotations

import pytest
import torch

from chainrule.domains import Binary
from chainrule.learn.binary_likelihoods import empirical_probs, entropy, sum_over_inputs
from chainrule.learn.lessons import masks as lesson
from chainrule.learn.lessons import masks_mistakes as mistakes
from chainrule.learn.lessons.patches import load
from chainrule.learn.made_masks import (
    build_masks,
    count_nonzero_weights,
    get_masks,
    replace_comparisons,
)
from chainrule.learn.source_code import read_source
from chainrule.models.made import MADE


def test_another_order_permutes_the_masks():
    natural, other = (MADE(Binary((4,)), hidden=(5, 3), order=order) for order in (None, lesson.ORDER))
    mine, theirs = get_masks(natural)[0], get_masks(other)[0]
    sites = list(lesson.ORDER)
    assert torch.equal(theirs[0][:, sites], mine[0])
    assert torch.equal(theirs[1], mine[1])
    assert torch.equal(theirs[2][sites], mine[2])


def test_the_leak_is_found_from_outside_and_makes_likelihoods_that_are_none():
    patches = load()
    honest = MADE(Binary((mistakes.SITES,)), hidden=(mistakes.HIDDEN,), seed=0)
    nats, sums, pairs = [], [], []
    for strict_hidden, strict_output in mistakes.COMPARISONS.values():
        model = replace_comparisons(honest, strict_hidden=strict_hidden, strict_output=strict_output)
        pairs.append(len(mistakes.found_in(model).leaks))
        mistakes.learn(model, patches.train)
        with torch.no_grad():
            nats.append(-float(model.log_prob(patches.test).mean()))
            sums.append(sum_over_inputs(model.log_prob, mistakes.SITES))
    floor = entropy(empirical_probs(patches.test))
    assert pairs == [0, mistakes.SITES - 1, 0]
    assert nats[1] < floor < nats[0] < nats[2]
    assert sums[0] == pytest.approx(1, abs=1e-5)
    assert sums[1] > 10
    assert sums[2] == pytest.approx(1, abs=1e-5)


def test_degrees_of_zero_and_of_all_sites_are_wasted():
    w, v = build_masks(torch.arange(1, 5), [torch.arange(5)])
    assert [mistakes.verdict(w[k], v[:, k]) for k in range(5)] == ["a constant", "", "", "", "nobody reads it"]
    assert mistakes.told(w[0]) == "none"
    assert mistakes.told(v[:, 1]) == "2, 3, 4"


def test_multiplied_into_the_weights_masks_leave_less_and_less():
    members = MADE(Binary((9,)), hidden=(32,), agnostic="both").members(mistakes.PASSES)
    masks = [get_masks(member)[0][0] for member in members]
    weight, left = torch.rand(32, 9) + 1, []
    for mask in masks:
        weight *= mask
        left.append(int(weight.count_nonzero()))
    assert count_nonzero_weights(masks) == left
    assert left == sorted(left, reverse=True)
    assert left[-1] < left[0] / 10
    assert count_nonzero_weights([]) == []
    assert count_nonzero_weights([masks[0]] * 3) == [left[0]] * 3


def test_of_the_first_network_hardly_a_path_is_left():
    (first, last), *others = [
        get_masks(member)[0] for member in MADE(Binary((9,)), hidden=(32,), agnostic="both").members(mistakes.PASSES)
    ]
    weight = first.double()
    for mask, _ in others:
        weight *= mask
    whole, still = (int((last.double() @ each > 0).sum()) for each in (first.double(), weight))
    assert whole == 36
    assert still < whole / 4


def test_more_hidden_units_leave_fewer_pairs_without_a_path():
    shares = [lesson.share_of_pairs(width) for width in (1, 4, 16)]
    assert shares == sorted(shares)
    # One unit has degree D − 1: D − 1 inputs reach the last output, of D (D − 1) / 2 pairs.
    assert shares[0] == 2 / lesson.SITES
    assert 0.9 < shares[2] < 1


def test_the_lesson_says_that_all_three_ways_agree():
    told = {name: lesson.compared(model) for name, model in lesson.some_models().items()}
    assert all(row[3:] == ["yes", "0"] for row in told.values())
    assert told["one hidden layer"][:3] == ["6"] * 3
    assert int(told["narrow"][0]) < int(told["narrow, with direct weights"][0]) == 6


def test_a_mask_is_shown_with_its_rows_and_columns():
    told = lesson.matrix(torch.tensor([[True, False], [True, True]]), ["d = 1", "d = 2"], "m(k)", [2, 1])
    assert told.splitlines() == ["m(k) =   2 1", " d = 1   1 0", " d = 2   1 1"]
    assert lesson.comparison(2, 3, 1) == "M^{W}_{2,3} = 0, since m(2) = 1 is not at least d = 3"


def test_the_program_fits_a_terminal():
    assert max(map(len, read_source(build_masks).splitlines())) <= 76
