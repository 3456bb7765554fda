"""What outputs sum to: against loops, torch's own cross-entropy and NumPy; and what the lesson claims."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from chainrule.checks import check_leak
from chainrule.domains import Binary
from chainrule.errors import ChainruleError
from chainrule.learn.autoencoder import Autoencoder
from chainrule.learn.distribution import (
    cross_entropy,
    entropy,
    every_input,
    frequencies,
    read_as_probabilities,
    reconstruction_table,
    total,
)
from chainrule.learn.lessons import distributions, patches
from chainrule.models import MADE, Independent
from chainrule.seeding import generator


def bits(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(2, shape, generator=generator(seed))


@pytest.mark.parametrize("shape", [(4, 1), (3, 7), (2, 1, 3, 2), (0, 3)])
def test_cross_entropy_is_the_sum_that_the_formula_says(shape):
    x, z = bits(*shape), torch.randn(shape, generator=generator(1), dtype=torch.float64)
    x_hat = z.sigmoid()
    wanted = F.binary_cross_entropy(x_hat, x.double(), reduction="none").flatten(1).sum(1)
    assert cross_entropy(x, x_hat).tolist() == pytest.approx(wanted.tolist(), abs=1e-12)
    assert cross_entropy(x, z, logits=True).tolist() == pytest.approx(wanted.tolist(), abs=1e-12)


def test_cross_entropy_by_hand():
    x, x_hat = torch.tensor([[1, 0, 1]]), torch.tensor([[0.5, 0.25, 1.0]], dtype=torch.float64)
    assert cross_entropy(x, x_hat).item() == pytest.approx(-math.log(0.5) - math.log(0.75) - math.log(1.0))


def test_logits_stay_finite_where_probabilities_are_rounded():
    x, z = torch.tensor([[0], [1]]), torch.tensor([[200.0], [200.0]])
    assert cross_entropy(x, z.sigmoid()).tolist() == [math.inf, 0.0]
    assert cross_entropy(x, z, logits=True).tolist() == pytest.approx([200.0, 0.0], abs=1e-12)
    z.requires_grad_()
    cross_entropy(x, z, logits=True).sum().backward()
    assert z.grad.flatten().tolist() == pytest.approx([1.0, 0.0])


@pytest.mark.parametrize(
    ("x", "x_hat", "words"),
    [
        (torch.zeros(2, 3), torch.zeros(2, 2), r"they have \[2, 3\] and \[2, 2\]"),
        (torch.zeros(3), torch.zeros(3), "need the shape"),
        (torch.full((1, 2), 2), torch.zeros(1, 2), "0 … 1"),
        (torch.full((1, 2), 0.5), torch.zeros(1, 2), "whole numbers"),
        (torch.zeros(1, 2), torch.full((1, 2), 1.5), "logits=True"),
        (torch.zeros(1, 2), torch.full((1, 2), math.nan), "logits=True"),
    ],
)
def test_outputs_that_do_not_fit(x, x_hat, words):
    for function in (cross_entropy, read_as_probabilities):
        with pytest.raises(ChainruleError, match=words):
            function(x, x_hat)


def test_probabilities_are_those_of_the_values():
    x, x_hat = bits(5, 4), torch.rand(5, 4, generator=generator(1), dtype=torch.float64)
    p = read_as_probabilities(x, x_hat)
    for place in np.ndindex(5, 4):
        assert p[place] == (x_hat[place] if x[place] else 1 - x_hat[place])
    assert (-p.log().sum(1)).tolist() == pytest.approx(cross_entropy(x, x_hat).tolist())


@pytest.mark.parametrize("sites", [1, 2, 5, 13])
def test_every_input_is_listed_once_and_in_order(sites):
    assert every_input(sites).tolist() == [list(each) for each in product((0, 1), repeat=sites)]


@pytest.mark.parametrize("sites", [0, -3, 21])
def test_inputs_that_cannot_be_listed(sites):
    with pytest.raises(ChainruleError, match=f"not of {sites}"):
        every_input(sites)


def copier(x: torch.Tensor) -> torch.Tensor:
    return 50.0 * (2.0 * x - 1)


@pytest.mark.parametrize("sites", [1, 2, 6])
def test_totals_of_distributions_and_of_others(sites):
    for model in (MADE(Binary((sites,)), hidden=(9,)), Independent(Binary((sites,)))):
        with torch.no_grad():
            for weight in model.parameters():
                weight.normal_(generator=generator(4))
        assert total(model.log_prob, sites) == pytest.approx(1, abs=1e-5)
    assert total(lambda x: -cross_entropy(x, copier(x), logits=True), sites) == pytest.approx(2**sites)
    fool = total(lambda x: -cross_entropy(x, -copier(x), logits=True), sites)
    assert fool == pytest.approx(0, abs=1e-9)  # it denies each input: a sum may be too small as well


def test_one_site_by_hand():
    model = Autoencoder(1, 3, seed=2)
    no, yes = model(torch.tensor([[0], [1]])).flatten().tolist()
    found = total(lambda x: -cross_entropy(x, model.logits(x), logits=True), 1)
    assert found == pytest.approx(1 - no + yes, abs=1e-6)


@pytest.mark.parametrize("shape", [(8, 1), (7,), ()])
def test_a_total_needs_one_number_for_each_input(shape):
    with pytest.raises(ChainruleError, match="for 8 inputs"):
        total(lambda x: torch.zeros(shape), 3)


@pytest.mark.parametrize("sites", [1, 3, 4])
def test_the_table_is_that_of_each_pair(sites):
    model = Autoencoder(sites, 5, seed=1).double()
    table, every = reconstruction_table(model.logits, sites), every_input(sites)
    for place, x in enumerate(every):
        outputs = model(x[None])[0].tolist()
        for other, y in enumerate(every.tolist()):
            wanted = math.prod(output if value else 1 - output for output, value in zip(outputs, y, strict=True))
            assert table[place, other].item() == pytest.approx(wanted)
    assert table.sum(1).tolist() == pytest.approx([1.0] * 2**sites)
    found = total(lambda x: -cross_entropy(x, model.logits(x), logits=True), sites)
    assert table.trace().item() == pytest.approx(found)


def test_tables_of_too_many_pairs():
    with pytest.raises(ChainruleError, match="take 10 at most"):
        reconstruction_table(copier, 11)


def test_frequencies_and_their_entropy():
    x = bits(300, 3)
    p = frequencies(x)
    rows = x.tolist()
    assert p.tolist() == pytest.approx([rows.count(each) / 300 for each in every_input(3).tolist()])
    assert entropy(p) == pytest.approx(-sum(share * math.log(share) for share in p.tolist() if share))
    assert entropy(torch.full((8,), 1 / 8)) == pytest.approx(3 * math.log(2))
    assert entropy(torch.tensor([1.0, 0.0])) == 0
    for seed in range(20):  # Gibbs' inequality
        q = torch.rand(8, generator=generator(seed), dtype=torch.float64)
        assert -(p * (q / q.sum()).log()).sum().item() > entropy(p)


@pytest.mark.parametrize("p", [[0.5, 0.4], [1.5, -0.5], [math.nan, 1.0]])
def test_an_entropy_of_no_distribution(p):
    with pytest.raises(ChainruleError, match="sum to 1"):
        entropy(torch.tensor(p))


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (torch.zeros(0, 3), "no data"),
        (torch.full((2, 3), 3), "0 … 1"),
        (torch.zeros(2, 2, 3), "data of shape"),
        (torch.zeros(2, 40), "not of 40"),
    ],
)
def test_data_that_cannot_be_counted(x, words):
    with pytest.raises(ChainruleError, match=words):
        frequencies(x)


@pytest.mark.parametrize("sites", [1, 4, 9])
def test_with_outputs_that_see_what_is_before_them_the_loss_is_the_likelihood(sites):
    model = MADE(Binary((sites,)), hidden=(11, 7)).double()
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(generator=generator(sites))
    x = every_input(sites)[:: max(1, 2**sites // 40)]
    by_step = torch.zeros(len(x), dtype=torch.float64)
    for site in range(sites):  # with nothing given but the sites before it
        canvas = torch.where(torch.arange(sites) < site, x, torch.zeros_like(x))
        share = model.conditionals(canvas).logits[:, site].sigmoid()
        by_step -= torch.where(x[:, site] == 1, share, 1 - share).log()
    ways = distributions.three_ways(x, model)
    for way in ways:
        assert way.tolist() == pytest.approx(by_step.tolist(), abs=1e-9)
    assert distributions.spread(ways) < 1e-9


# What the lesson claims.


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
    floors = entropy(frequencies(data.train)), entropy(frequencies(data.test))
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
    price = alone - entropy(frequencies(data.train))
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
    report = check_leak(next(iter(coders.values())).logits, (sites,), 2, layout="n,d")
    assert len(report.leaks) == sites * (sites + 1) // 2
    assert check_leak(distributions.outputs_of(made), (sites,), 2, layout="n,d", scale="integers").passed


def test_the_strongest_pair_is_the_one_that_differs_most():
    x = bits(500, 5).double()
    x[:, 3] = x[:, 1]
    assert distributions.strongest_pair(x) == (1, 3)


def test_patches_are_cut_from_the_middle(data):
    assert data.train.shape == (1547, 9)
    assert data.test.shape == (250, 9)
    assert data.part([4]).train.equal(data.train[:, [4]])
