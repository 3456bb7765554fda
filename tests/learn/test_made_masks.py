"""MADE's masks against paths that are followed one by one, Jacobians, and the library's checks."""

from __future__ import annotations

import itertools

import pytest
import torch

from chainrule.checks import check_autoregressive_property, check_leak, measure_dependence, measure_jacobian
from chainrule.domains import Binary, Column, Levels, Table
from chainrule.errors import ChainruleError
from chainrule.learn.made_masks import (
    build_masks,
    count_paths,
    find_units_between,
    get_masks,
    replace_comparisons,
)
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
def test_the_masks_equal_those_of_the_model(sites, hidden):
    inputs, units = degrees_of(sites, hidden)
    mine, _ = get_masks(MADE(Binary((sites,)), hidden=hidden))
    assert len(mine) == len(hidden) + 1
    assert all(torch.equal(a, b) for a, b in zip(build_masks(inputs, units), mine, strict=True))


@pytest.mark.parametrize(("sites", "hidden"), SHAPES)
def test_the_product_counts_paths(sites, hidden):
    masks = build_masks(*degrees_of(sites, hidden, seed=3))
    assert torch.equal(count_paths(masks), walked(masks))
    assert not count_paths(masks).triu().any()


def test_one_entry_of_each_mask_by_hand():
    w, v = build_masks(torch.arange(1, 5), [torch.tensor([3, 1])])
    assert w.int().tolist() == [[1, 1, 1, 0], [1, 0, 0, 0]]
    assert v.int().tolist() == [[0, 0], [0, 1], [0, 1], [1, 1]]
    assert count_paths([w, v]).tolist() == [[0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [2, 1, 1, 0]]


def test_the_units_between_two_degrees_are_on_the_paths():
    inputs, (m,) = degrees_of(6, (20,), seed=1)
    found = count_paths(build_masks(inputs, [m]))
    for output, site in itertools.product(range(1, 7), repeat=2):
        units = find_units_between(m, output=output, site=site)
        assert len(units) == found[output - 1, site - 1]
        assert all(output > m[k] >= site for k in units)
        assert (output <= site) <= (not units)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 0, 3, 1), (3, 2, 1, 0)])
@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("hidden", [(2,), (5,), (4, 3)])
def test_paths_receptive_field_jacobian_and_dependence_agree(order, direct, hidden):
    model = MADE(Binary((4,)), hidden=hidden, direct_connections=direct, order=order, seed=5)
    found = count_paths(*get_masks(model)) > 0
    assert torch.equal(found, model.receptive_field())
    assert torch.equal(found, measure_jacobian(model, torch.arange(4), seed=0))
    assert not (measure_dependence(model).matrix & ~found).any()
    assert not (found & ~model.order.before).any()
    if direct:
        assert torch.equal(found, model.order.before)


def test_the_right_comparisons_change_nothing():
    model = MADE(Levels((3,), 4), hidden=(7, 5), order=(1, 2, 0), seed=2)
    same = replace_comparisons(model, strict_hidden=False, strict_output=True)
    assert all(torch.equal(a, b) for a, b in zip(get_masks(model)[0], get_masks(same)[0], strict=True))
    x = model.domain.random_data(5, generator(0))
    assert torch.equal(model.log_prob(x), same.log_prob(x))


@pytest.mark.parametrize("domain", [Binary((5,)), Levels((5,), 3)])
@pytest.mark.parametrize("order", [None, (4, 0, 3, 1, 2)])
def test_with_an_output_comparison_that_is_not_strict_sites_see_themselves(domain, order):
    model = MADE(domain, hidden=(40,), order=order)
    before = get_masks(model)[0][1].clone()
    leaky = replace_comparisons(model, strict_hidden=False, strict_output=False)
    wrong = leaky.receptive_field() & ~leaky.order.before
    last = int(model.order.sites[-1])
    assert wrong.nonzero().tolist() == [[site, site] for site in range(5) if site != last]
    assert torch.equal(get_masks(model)[0][1], before)
    assert not check_autoregressive_property(leaky).passed


def test_a_strict_hidden_comparison_narrows_the_receptive_field():
    blind = replace_comparisons(MADE(Binary((5,)), hidden=(40,)), strict_hidden=True, strict_output=True)
    assert torch.equal(blind.receptive_field(), torch.ones(5, 5, dtype=torch.bool).tril(-2))


def test_tables_have_several_inputs_a_site():
    real = [Column(name, "real", quantiles=tuple(range(32))) for name in "bc"]
    table = Table((Column("a", "categorical", ("x", "y", "z")), *real))
    leaky = replace_comparisons(MADE(table, hidden=(30,)), strict_hidden=False, strict_output=False)
    assert (leaky.receptive_field() & ~leaky.order.before).nonzero().tolist() == [[0, 0], [1, 1]]


def test_an_autoencoder_sees_everything():
    plain = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.ReLU(), torch.nn.Linear(5, 4))
    assert len(check_leak(plain, (4,), levels=2, layout="n,d").leaks) == 4 * 5 // 2


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: count_paths([]), "there are no masks"),
        (lambda: count_paths([torch.ones(3, 2), torch.ones(2, 4)]), "mask 2 reads 4 units, and the layer below has 3"),
        (
            lambda: count_paths([torch.ones(2, 2)], torch.ones(3, 3)),
            "the direct mask must be \\[2, 2\\], not \\[3, 3\\]",
        ),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ChainruleError, match=words):
        call()
