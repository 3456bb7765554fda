"""Samples depend on the seed and on the index of the datum alone, and lie in the domain."""

from __future__ import annotations

import math

import pytest
import torch

from chainrule.checks.variants import perturbed_copy
from chainrule.domains import Levels
from chainrule.errors import ChainruleError
from chainrule.inference import sample
from chainrule.models import Independent
from chainrule.sampling import RecomputingSampler, Schedule
from tests.support.models import ZOO
from tests.support.random_models import SOME, some_model


class RowByRow(Independent):
    """The same distribution as `Independent`, with one group a row."""

    def fast_sampler(self):
        groups = torch.arange(self.domain.sites).view(self.domain.shape[-2:])
        return RecomputingSampler(self, Schedule(tuple(groups)))


@pytest.mark.parametrize("name", SOME)
def test_a_draw_depends_on_the_seed_and_its_index_alone(name):
    model = some_model(name)
    draws = sample(model, 12, seed=5)
    assert torch.equal(sample(model, 12, seed=5, batch_size=5), draws)
    assert torch.equal(sample(model, 12, seed=5, batch_size=1), draws)
    assert torch.equal(sample(model, 7, seed=5), draws[:7])
    assert not torch.equal(sample(model, 12, seed=6), draws)
    assert len(draws.flatten(1).unique(dim=0)) > 1


@pytest.mark.parametrize("name", SOME)
def test_draws_lie_on_the_grid_of_the_domain(name):
    model = some_model(name)
    draws = sample(model, 12)
    assert draws.dtype == torch.int64
    assert draws.shape == (12, *model.domain.shape)
    assert model.domain.check(draws) is draws


def test_the_schedule_does_not_change_the_draws():
    domain = Levels((3, 4), 5)
    assert torch.equal(
        sample(perturbed_copy(RowByRow(domain), 1), 20, seed=3),
        sample(perturbed_copy(Independent(domain), 1), 20, seed=3),
    )


def test_all_256_levels_are_drawn():
    assert len(sample(Independent(Levels((64, 64), 256)), 2).unique()) == 256


def test_a_low_temperature_draws_the_likeliest_values():
    model = perturbed_copy(Independent(Levels((6,), 4)), 2)
    likeliest = model.conditionals(torch.zeros(1, 6)).probs.argmax(-1)
    assert torch.equal(sample(model, 9, temperature=1e-3), likeliest.expand(9, 6))
    assert not torch.equal(sample(model, 9), likeliest.expand(9, 6))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n": 0}, "number of samples must be at least 1, not 0"),
        ({"n": 1, "temperature": 0}, "temperature must be above 0, not 0"),
        ({"n": 1, "temperature": -1.0}, "temperature must be above 0"),
        ({"n": 1, "temperature": math.nan}, "temperature must be above 0"),
    ],
)
def test_bad_arguments_are_refused(options, words):
    with pytest.raises(ChainruleError, match=words):
        sample(ZOO["made"](), **options)
