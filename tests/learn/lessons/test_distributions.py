"""The claims of the lesson on outputs that are not a distribution."""

from __future__ import annotations

import math

import pytest
import torch

from chainrule.checks import check_leak
from chainrule.domains import Binary
from chainrule.learn.binary_likelihoods import (
    empirical_probs,
    entropy,
    enumerate_inputs,
)
from chainrule.learn.lessons import distributions, patches
from chainrule.models import MADE
from chainrule.seeding import generator


def bits(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(2, shape, generator=generator(seed))


@pytest.mark.parametrize("sites", [1, 4, 9])
def test_with_outputs_that_see_what_is_before_them_the_loss_is_the_likelihood(sites):
    model = MADE(Binary((sites,)), hidden=(11, 7)).double()
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(generator=generator(sites))
    x = enumerate_inputs(sites)[:: max(1, 2**sites // 40)]
    by_step = torch.zeros(len(x), dtype=torch.float64)
    for site in range(sites):  # with nothing given but the sites before it
        canvas = torch.where(torch.arange(sites) < site, x, torch.zeros_like(x))
        share = model.conditionals(canvas).logits[:, site].sigmoid()
        by_step -= torch.where(x[:, site] == 1, share, 1 - share).log()
    ways = distributions.three_ways(x, model)
    for way in ways:
        assert way.tolist() == pytest.approx(by_step.tolist(), abs=1e-9)
    assert distributions.spread(ways) < 1e-9


@pytest.fixture(scope="module")
def data():
    return patches.load()


@pytest.fixture(scope="module")
def coders(data):
    return patches.autoencoders_of(data)


@pytest.fixture(scope="module")
def made(data):
    return patches.made(data)


@pytest.fixture(scope="module")
def rows(data, coders, made):
    return {row.name: row for row in patches.rows_of(data, coders, made, lambda share, more="": None)}


def test_only_what_is_no_distribution_lies_below_the_entropy(data, rows):
    floors = entropy(empirical_probs(data.train)), entropy(empirical_probs(data.test))
    assert [row.proper for row in rows.values()] == [False] * 3 + [True] * 5
    for row in rows.values():
        for nats, floor in zip((row.train, row.test), floors, strict=True):
            assert (nats.mean().item() >= floor - 1e-9) == row.proper
    assert rows["frequencies counted"].train.mean().item() == pytest.approx(floors[0])


def test_autoencoders_sum_to_far_more_than_1(data, coders, rows):
    copies, narrow, noise = (rows[name].total for name in coders)
    assert 0.9 * 2**data.sites < copies <= 2**data.sites
    assert narrow > 5
    assert noise > 5


def test_divided_by_its_sum_the_copier_knows_next_to_nothing(data, rows):
    coins = data.sites * math.log(2)
    assert rows["fair coins"].test.mean().item() == pytest.approx(coins, abs=1e-5)
    assert rows["autoencoder / its sum"].test.mean().item() == pytest.approx(coins, abs=0.1)
    assert rows["Independent"].test.mean() < rows["autoencoder / its sum"].test.mean()


def test_made_tells_what_pixels_say_of_each_other(rows):
    gain = rows["Independent"].test - rows["MADE"].test
    assert gain.mean() > 4 * gain.std() / math.sqrt(len(gain))


def test_blindness_costs_the_entropies_of_the_sites_less_that_of_all(data, rows):
    share = data.train.double().mean(0)
    alone = sum(entropy(torch.stack([each, 1 - each])) for each in share)
    price = alone - entropy(empirical_probs(data.train))
    found = rows["Independent"].train.mean() - rows["frequencies counted"].train.mean()
    assert found.item() == pytest.approx(price, abs=1e-5)
    assert price > 0.5


def test_only_the_outputs_of_distributions_have_not_seen_their_own_site(data, coders, made):
    for coder in coders.values():
        no, yes, both = map(float, distributions.own_value(coder.forward, data.test[0]))
        assert both == pytest.approx(1 - no + yes, abs=2e-4)
        assert both > 1.05
    for model in (made, patches.independent(data)):
        no, yes, both = distributions.own_value(distributions.outputs_of(model), data.test[0])
        assert no == yes
        assert both == "1.0000"


def test_the_leak_is_found_without_listing_inputs(data, coders, made):
    sites = data.sites
    report = check_leak(next(iter(coders.values())).logits, (sites,), levels=2, layout="n,d")
    assert len(report.leaks) == sites * (sites + 1) // 2
    assert check_leak(distributions.outputs_of(made), (sites,), levels=2, layout="n,d", scale="integers").passed


def test_the_strongest_pair_is_the_one_that_differs_most():
    x = bits(500, 5).double()
    x[:, 3] = x[:, 1]
    assert distributions.strongest_pair(x) == (1, 3)


def test_patches_are_cut_from_the_middle(data):
    assert data.train.shape == (1547, 9)
    assert data.test.shape == (250, 9)
    assert data.part([4]).train.equal(data.train[:, [4]])
