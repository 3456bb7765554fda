"""Cross-entropies and sums over all inputs, against loops, torch's own cross-entropy and NumPy."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from chainrule.domains import Binary
from chainrule.errors import ChainruleError
from chainrule.learn.autoencoder import Autoencoder
from chainrule.learn.binary_likelihoods import (
    bernoulli_probs,
    cross_entropy,
    empirical_probs,
    entropy,
    enumerate_inputs,
    reconstruction_probs,
    sum_over_inputs,
)
from chainrule.models import MADE, Independent
from chainrule.seeding import generator


def bits(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(2, shape, generator=generator(seed))


@pytest.mark.parametrize("shape", [(4, 1), (3, 7), (2, 1, 3, 2), (0, 3)])
def test_the_cross_entropy_equals_that_of_torch(shape):
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
def test_invalid_outputs_are_refused(x, x_hat, words):
    for function in (cross_entropy, bernoulli_probs):
        with pytest.raises(ChainruleError, match=words):
            function(x, x_hat)


def test_bernoulli_probabilities_are_those_of_the_values():
    x, x_hat = bits(5, 4), torch.rand(5, 4, generator=generator(1), dtype=torch.float64)
    p = bernoulli_probs(x, x_hat)
    for place in np.ndindex(5, 4):
        assert p[place] == (x_hat[place] if x[place] else 1 - x_hat[place])
    assert (-p.log().sum(1)).tolist() == pytest.approx(cross_entropy(x, x_hat).tolist())


@pytest.mark.parametrize("sites", [1, 2, 5, 13])
def test_every_input_is_enumerated_once_and_in_order(sites):
    assert enumerate_inputs(sites).tolist() == [list(each) for each in product((0, 1), repeat=sites)]


@pytest.mark.parametrize("sites", [0, -3, 21])
def test_too_many_inputs_are_refused(sites):
    with pytest.raises(ChainruleError, match=f"not of {sites}"):
        enumerate_inputs(sites)


def copier(x: torch.Tensor) -> torch.Tensor:
    return 50.0 * (2.0 * x - 1)


@pytest.mark.parametrize("sites", [1, 2, 6])
def test_distributions_sum_to_1_and_other_functions_do_not(sites):
    for model in (MADE(Binary((sites,)), hidden=(9,)), Independent(Binary((sites,)))):
        with torch.no_grad():
            for weight in model.parameters():
                weight.normal_(generator=generator(4))
        assert sum_over_inputs(model.log_prob, sites) == pytest.approx(1, abs=1e-5)
    assert sum_over_inputs(lambda x: -cross_entropy(x, copier(x), logits=True), sites) == pytest.approx(2**sites)
    fool = sum_over_inputs(lambda x: -cross_entropy(x, -copier(x), logits=True), sites)
    assert fool == pytest.approx(0, abs=1e-9)  # it denies each input: a sum may be too small as well


def test_the_sum_over_one_site_by_hand():
    model = Autoencoder(1, 3, seed=2)
    no, yes = model(torch.tensor([[0], [1]])).flatten().tolist()
    found = sum_over_inputs(lambda x: -cross_entropy(x, model.logits(x), logits=True), 1)
    assert found == pytest.approx(1 - no + yes, abs=1e-6)


@pytest.mark.parametrize("shape", [(8, 1), (7,), ()])
def test_a_log_prob_of_another_shape_is_refused(shape):
    with pytest.raises(ChainruleError, match="for 8 inputs"):
        sum_over_inputs(lambda x: torch.zeros(shape), 3)


@pytest.mark.parametrize("sites", [1, 3, 4])
def test_the_reconstruction_table_has_the_probability_of_each_pair(sites):
    model = Autoencoder(sites, 5, seed=1).double()
    table, every = reconstruction_probs(model.logits, sites), enumerate_inputs(sites)
    for place, x in enumerate(every):
        outputs = model(x[None])[0].tolist()
        for other, y in enumerate(every.tolist()):
            wanted = math.prod(output if value else 1 - output for output, value in zip(outputs, y, strict=True))
            assert table[place, other].item() == pytest.approx(wanted)
    assert table.sum(1).tolist() == pytest.approx([1.0] * 2**sites)
    found = sum_over_inputs(lambda x: -cross_entropy(x, model.logits(x), logits=True), sites)
    assert table.trace().item() == pytest.approx(found)


def test_a_reconstruction_table_of_too_many_sites_is_refused():
    with pytest.raises(ChainruleError, match="take 10 at most"):
        reconstruction_probs(copier, 11)


def test_frequencies_and_their_entropy():
    x = bits(300, 3)
    p = empirical_probs(x)
    rows = x.tolist()
    assert p.tolist() == pytest.approx([rows.count(each) / 300 for each in enumerate_inputs(3).tolist()])
    assert entropy(p) == pytest.approx(-sum(share * math.log(share) for share in p.tolist() if share))
    assert entropy(torch.full((8,), 1 / 8)) == pytest.approx(3 * math.log(2))
    assert entropy(torch.tensor([1.0, 0.0])) == 0
    for seed in range(20):  # Gibbs' inequality
        q = torch.rand(8, generator=generator(seed), dtype=torch.float64)
        assert -(p * (q / q.sum()).log()).sum().item() > entropy(p)


@pytest.mark.parametrize("p", [[0.5, 0.4], [1.5, -0.5], [math.nan, 1.0]])
def test_the_entropy_of_other_vectors_is_refused(p):
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
def test_invalid_data_are_not_counted(x, words):
    with pytest.raises(ChainruleError, match=words):
        empirical_probs(x)
