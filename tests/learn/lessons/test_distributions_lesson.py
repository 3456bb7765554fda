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
from chainrule.learn.lessons import distributions_lesson as lesson
from chainrule.learn.lessons import patch_models
from chainrule.models import MADE
from chainrule.seeding import generator


def bits(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(2, shape, generator=generator(seed))


@pytest.mark.parametrize("sites", [1, 4, 9])
def test_the_loss_is_the_nll_if_outputs_depend_on_earlier_sites_only(sites):
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
    ways = lesson.compute_nlls(x, model)
    for way in ways:
        assert way.tolist() == pytest.approx(by_step.tolist(), abs=1e-9)
    assert lesson.max_difference(ways) < 1e-9


@pytest.fixture(scope="module")
def data():
    return patch_models.load_patches()


@pytest.fixture(scope="module")
def autoencoders(data):
    return patch_models.train_autoencoders(data)


@pytest.fixture(scope="module")
def made(data):
    return patch_models.train_made(data)


@pytest.fixture(scope="module")
def rows(data, autoencoders, made):
    return {
        row.name: row for row in patch_models.evaluate_models(data, autoencoders, made, lambda share, more="": None)
    }


def test_only_functions_that_are_not_distributions_are_below_the_entropy(data, rows):
    floors = entropy(empirical_probs(data.train)), entropy(empirical_probs(data.test))
    assert [row.is_normalized for row in rows.values()] == [False] * 3 + [True] * 5
    for row in rows.values():
        for nats, floor in zip((row.train, row.test), floors, strict=True):
            assert (nats.mean().item() >= floor - 1e-9) == row.is_normalized
    assert rows["empirical frequencies"].train.mean().item() == pytest.approx(floors[0])


def test_autoencoders_sum_to_far_more_than_1(data, autoencoders, rows):
    copies, narrow, noise = (rows[name].total for name in autoencoders)
    assert 0.9 * 2**data.sites < copies <= 2**data.sites
    assert narrow > 5
    assert noise > 5


def test_an_autoencoder_divided_by_its_sum_is_about_as_bad_as_uniform(data, rows):
    uniform = data.sites * math.log(2)
    assert rows["uniform"].test.mean().item() == pytest.approx(uniform, abs=1e-5)
    assert rows["autoencoder / its sum"].test.mean().item() == pytest.approx(uniform, abs=0.1)
    assert rows["Independent"].test.mean() < rows["autoencoder / its sum"].test.mean()


def test_made_uses_the_dependence_between_pixels(rows):
    gain = rows["Independent"].test - rows["MADE"].test
    assert gain.mean() > 4 * gain.std() / math.sqrt(len(gain))


def test_independent_sites_cost_the_sum_of_entropies_minus_the_joint_entropy(data, rows):
    share = data.train.double().mean(0)
    alone = sum(entropy(torch.stack([each, 1 - each])) for each in share)
    price = alone - entropy(empirical_probs(data.train))
    found = rows["Independent"].train.mean() - rows["empirical frequencies"].train.mean()
    assert found.item() == pytest.approx(price, abs=1e-5)
    assert price > 0.5


def test_only_the_outputs_of_distributions_ignore_their_own_site(data, autoencoders, made):
    for autoencoder in autoencoders.values():
        no, yes, both = map(float, lesson.format_site_sum(autoencoder.forward, data.test[0]))
        assert both == pytest.approx(1 - no + yes, abs=2e-4)
        assert both > 1.05
    for model in (made, patch_models.fit_independent(data)):
        no, yes, both = lesson.format_site_sum(lesson.output_probs(model), data.test[0])
        assert no == yes
        assert both == "1.0000"


def test_check_leak_finds_the_leak_without_a_list_of_inputs(data, autoencoders, made):
    sites = data.sites
    report = check_leak(next(iter(autoencoders.values())).logits, (sites,), levels=2, layout="n,d")
    assert len(report.leaks) == sites * (sites + 1) // 2
    assert check_leak(lesson.output_probs(made), (sites,), levels=2, layout="n,d", scale="integers").passed


def test_the_dependent_pair_has_the_largest_difference():
    x = bits(500, 5).double()
    x[:, 3] = x[:, 1]
    assert lesson.find_dependent_pair(x) == (1, 3)


def test_patches_are_cropped_from_the_middle(data):
    assert data.train.shape == (1547, 9)
    assert data.test.shape == (250, 9)
    assert data.select([4]).train.equal(data.train[:, [4]])
