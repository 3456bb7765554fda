"""Masks, paths and planted mistakes, against paths that are walked one by one, laws, and sums over all inputs."""

from __future__ import annotations

import itertools

import pytest
import torch

from chainrule.checks import check_leak, dependence, no_leak
from chainrule.checks.receptive_fields import jacobian
from chainrule.domains import Binary, Column, Levels, Table
from chainrule.errors import ChainruleError
from chainrule.learn.distribution import entropy, frequencies, total
from chainrule.learn.lessons import masks as lesson
from chainrule.learn.lessons import masks_mistakes as mistakes
from chainrule.learn.lessons.patches import load
from chainrule.learn.masks import between, masks_in, masks_of, paths, weights_left, with_comparisons
from chainrule.learn.source import source
from chainrule.models.made import MADE, hidden_degrees
from chainrule.seeding import generator

SHAPES = [(1, (3,)), (2, (1,)), (4, (5,)), (5, (3, 4)), (6, (4, 1, 7)), (3, ())]


def degrees_of(sites, hidden, seed=0):
    return torch.arange(1, sites + 1), hidden_degrees(sites, hidden, generator(seed))


def walked(masks):
    """The number of paths, each of them walked."""
    found = torch.zeros(len(masks[-1]), masks[0].shape[1], dtype=torch.int64)
    for way in itertools.product(*(range(size) for size in [masks[0].shape[1], *map(len, masks)])):
        found[way[-1], way[0]] += all(bool(mask[j, k]) for mask, k, j in zip(masks, way, way[1:], strict=False))
    return found


@pytest.mark.parametrize(("sites", "hidden"), SHAPES)
def test_masks_are_those_of_the_model(sites, hidden):
    inputs, units = degrees_of(sites, hidden)
    mine, _ = masks_in(MADE(Binary((sites,)), hidden=hidden))
    assert len(mine) == len(hidden) + 1
    assert all(torch.equal(a, b) for a, b in zip(masks_of(inputs, units), mine, strict=True))


@pytest.mark.parametrize(("sites", "hidden"), SHAPES)
def test_the_product_counts_paths(sites, hidden):
    masks = masks_of(*degrees_of(sites, hidden, seed=3))
    assert torch.equal(paths(masks), walked(masks))
    assert not paths(masks).triu().any()


def test_one_entry_of_each_mask_by_hand():
    w, v = masks_of(torch.arange(1, 5), [torch.tensor([3, 1])])
    assert w.int().tolist() == [[1, 1, 1, 0], [1, 0, 0, 0]]
    assert v.int().tolist() == [[0, 0], [0, 1], [0, 1], [1, 1]]
    assert paths([w, v]).tolist() == [[0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [2, 1, 1, 0]]


def test_the_units_of_the_proof_are_the_paths():
    inputs, (m,) = degrees_of(6, (20,), seed=1)
    found = paths(masks_of(inputs, [m]))
    for output, site in itertools.product(range(1, 7), repeat=2):
        units = between(m, output, site)
        assert len(units) == found[output - 1, site - 1]
        assert all(output > m[k] >= site for k in units)
        assert (output <= site) <= (not units)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 0, 3, 1), (3, 2, 1, 0)])
@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("hidden", [(2,), (5,), (4, 3)])
def test_paths_prediction_jacobian_and_changes_agree(order, direct, hidden):
    model = MADE(Binary((4,)), hidden=hidden, direct_connections=direct, order=order, seed=5)
    found = paths(*masks_in(model)) > 0
    assert torch.equal(found, model.receptive_field())
    assert torch.equal(found, jacobian(model, torch.arange(4), seed=0))
    assert not (dependence(model).ever & ~found).any()
    assert not (found & ~model.order.before).any()
    if direct:
        assert torch.equal(found, model.order.before)


def test_another_order_permutes_the_masks():
    natural, other = (MADE(Binary((4,)), hidden=(5, 3), order=order) for order in (None, lesson.ORDER))
    mine, theirs = masks_in(natural)[0], masks_in(other)[0]
    sites = list(lesson.ORDER)
    assert torch.equal(theirs[0][:, sites], mine[0])
    assert torch.equal(theirs[1], mine[1])
    assert torch.equal(theirs[2][sites], mine[2])


# What goes wrong.


def test_made_as_it_is_comes_back_unchanged():
    model = MADE(Levels((3,), 4), hidden=(7, 5), order=(1, 2, 0), seed=2)
    same = with_comparisons(model, hidden=False, output=True)
    assert all(torch.equal(a, b) for a, b in zip(masks_in(model)[0], masks_in(same)[0], strict=True))
    x = model.domain.random(5, generator(0))
    assert torch.equal(model.log_prob(x), same.log_prob(x))


@pytest.mark.parametrize("domain", [Binary((5,)), Levels((5,), 3)])
@pytest.mark.parametrize("order", [None, (4, 0, 3, 1, 2)])
def test_an_output_that_is_not_strict_sees_itself(domain, order):
    model = MADE(domain, hidden=(40,), order=order)
    before = masks_in(model)[0][1].clone()
    leaky = with_comparisons(model, hidden=False, output=False)
    wrong = leaky.receptive_field() & ~leaky.order.before
    last = int(model.order.sites[-1])
    assert wrong.nonzero().tolist() == [[site, site] for site in range(5) if site != last]
    assert torch.equal(masks_in(model)[0][1], before)
    assert not no_leak(leaky).passed


def test_a_hidden_layer_that_is_strict_is_blind_and_does_not_leak():
    blind = with_comparisons(MADE(Binary((5,)), hidden=(40,)), hidden=True, output=True)
    assert torch.equal(blind.receptive_field(), torch.ones(5, 5, dtype=torch.bool).tril(-2))


def test_tables_have_several_inputs_a_site():
    real = [Column(name, "real", quantiles=tuple(range(32))) for name in "bc"]
    table = Table((Column("a", "categorical", ("x", "y", "z")), *real))
    leaky = with_comparisons(MADE(table, hidden=(30,)), hidden=False, output=False)
    assert (leaky.receptive_field() & ~leaky.order.before).nonzero().tolist() == [[0, 0], [1, 1]]


def test_the_leak_is_found_from_outside_and_makes_likelihoods_that_are_none():
    patches = load()
    honest = MADE(Binary((mistakes.SITES,)), hidden=(mistakes.HIDDEN,), seed=0)
    nats, sums, pairs = [], [], []
    for strict in mistakes.COMPARISONS.values():
        model = with_comparisons(honest, *strict)
        pairs.append(len(mistakes.found_in(model).leaks))
        mistakes.learn(model, patches.train)
        with torch.no_grad():
            nats.append(-float(model.log_prob(patches.test).mean()))
            sums.append(total(model.log_prob, mistakes.SITES))
    floor = entropy(frequencies(patches.test))
    assert pairs == [0, mistakes.SITES - 1, 0]
    assert nats[1] < floor < nats[0] < nats[2]
    assert sums[0] == pytest.approx(1, abs=1e-5)
    assert sums[1] > 10
    assert sums[2] == pytest.approx(1, abs=1e-5)


def test_an_autoencoder_sees_everything():
    plain = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.ReLU(), torch.nn.Linear(5, 4))
    assert len(check_leak(plain, (4,), levels=2, layout="n,d").leaks) == 4 * 5 // 2


def test_degrees_of_zero_and_of_all_sites_are_wasted():
    w, v = masks_of(torch.arange(1, 5), [torch.arange(5)])
    assert [mistakes.verdict(w[k], v[:, k]) for k in range(5)] == ["a constant", "", "", "", "nobody reads it"]
    assert mistakes.told(w[0]) == "none"
    assert mistakes.told(v[:, 1]) == "2, 3, 4"


def test_multiplied_into_the_weights_masks_leave_less_and_less():
    members = MADE(Binary((9,)), hidden=(32,), agnostic="both").members(mistakes.PASSES)
    masks = [masks_in(member)[0][0] for member in members]
    weight, left = torch.rand(32, 9) + 1, []
    for mask in masks:
        weight *= mask
        left.append(int(weight.count_nonzero()))
    assert weights_left(masks) == left
    assert left == sorted(left, reverse=True)
    assert left[-1] < left[0] / 10
    assert weights_left([]) == []
    assert weights_left([masks[0]] * 3) == [left[0]] * 3


def test_of_the_first_network_hardly_a_path_is_left():
    (first, last), *others = [
        masks_in(member)[0] for member in MADE(Binary((9,)), hidden=(32,), agnostic="both").members(mistakes.PASSES)
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


# The page.


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
    assert max(map(len, source(masks_of).splitlines())) <= 76


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: paths([]), "there are no masks"),
        (lambda: paths([torch.ones(3, 2), torch.ones(2, 4)]), "mask 2 reads 4 units, and the layer below has 3"),
        (
            lambda: paths([torch.ones(2, 2)], torch.ones(3, 3)),
            "the direct mask is \\[3, 3\\], and leads from 2 inputs to 2",
        ),
    ],
)
def test_bad_input_is_said(call, words):
    with pytest.raises(ChainruleError, match=words):
        call()
