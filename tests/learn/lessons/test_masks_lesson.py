"""The claims of the lesson on masks."""

from __future__ import annotations

import pytest
import torch

from chainrule.domains import Binary
from chainrule.learn.binary_likelihoods import empirical_probs, entropy, sum_over_inputs
from chainrule.learn.lessons import masks_lesson as lesson
from chainrule.learn.lessons import masks_mistakes as mistakes
from chainrule.learn.lessons.patch_models import load_patches
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


def test_the_leak_is_found_from_the_outputs_and_gives_invalid_likelihoods():
    patches = load_patches()
    honest = MADE(Binary((mistakes.SITES,)), hidden=(mistakes.HIDDEN,), seed=0)
    nats, sums, pairs = [], [], []
    for strict_hidden, strict_output in mistakes.COMPARISONS.values():
        model = replace_comparisons(honest, strict_hidden=strict_hidden, strict_output=strict_output)
        pairs.append(len(mistakes.find_leaks(model).leaks))
        mistakes.train(model, patches.train)
        with torch.no_grad():
            nats.append(-float(model.log_prob(patches.test).mean()))
            sums.append(sum_over_inputs(model.log_prob, mistakes.SITES))
    floor = entropy(empirical_probs(patches.test))
    assert pairs == [0, mistakes.SITES - 1, 0]
    assert nats[1] < floor < nats[0] < nats[2]
    assert sums[0] == pytest.approx(1, abs=1e-5)
    assert sums[1] > 10
    assert sums[2] == pytest.approx(1, abs=1e-5)


def test_units_of_degree_0_and_d_are_useless():
    w, v = build_masks(torch.arange(1, 5), [torch.arange(5)])
    assert [mistakes.describe_use(w[k], v[:, k]) for k in range(5)] == ["a constant", "", "", "", "no output reads it"]
    assert mistakes.format_open_entries(w[0]) == "none"
    assert mistakes.format_open_entries(v[:, 1]) == "2, 3, 4"


def test_masks_that_overwrite_weights_leave_fewer_weights_each_pass():
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


def test_few_paths_of_the_first_network_remain():
    (first, last), *others = [
        get_masks(member)[0] for member in MADE(Binary((9,)), hidden=(32,), agnostic="both").members(mistakes.PASSES)
    ]
    weight = first.double()
    for mask, _ in others:
        weight *= mask
    whole, still = (int((last.double() @ each > 0).sum()) for each in (first.double(), weight))
    assert whole == 36
    assert still < whole / 4


def test_more_hidden_units_connect_more_pairs():
    shares = [lesson.pair_fraction(width) for width in (1, 4, 16)]
    assert shares == sorted(shares)
    # One unit has degree D − 1: D − 1 inputs reach the last output, of D (D − 1) / 2 pairs.
    assert shares[0] == 2 / lesson.SITES
    assert 0.9 < shares[2] < 1


def test_the_lesson_states_that_all_three_ways_agree():
    rows = {name: lesson.format_dependences(model) for name, model in lesson.make_models().items()}
    assert all(row[3:] == ["yes", "0"] for row in rows.values())
    assert rows["one hidden layer"][:3] == ["6"] * 3
    assert int(rows["narrow"][0]) < int(rows["narrow, with direct weights"][0]) == 6


def test_a_mask_is_formatted_with_its_rows_and_columns():
    lines = lesson.format_mask(torch.tensor([[True, False], [True, True]]), ["d = 1", "d = 2"], "m(k)", [2, 1])
    assert lines.splitlines() == ["m(k) =   2 1", " d = 1   1 0", " d = 2   1 1"]
    assert lesson.format_comparison(2, 3, 1) == "M^{W}_{2,3} = 0, since m(2) = 1 is not at least d = 3"


def test_the_program_fits_a_terminal():
    assert max(map(len, read_source(build_masks).splitlines())) <= 76
