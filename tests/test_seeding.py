"""Seeds and noise: keyed by datum and site, independent of batches and of the global generator."""

from __future__ import annotations

import pytest
import torch

from chainrule.checks import check_model
from chainrule.domains import shuffled
from chainrule.inference import complete, sample
from chainrule.seeding import as_seed, generator, site_noise
from tests.support.models import ZOO


def make_keys(*span):
    return [(datum,) for datum in range(*span)]


def test_noise_of_a_datum_does_not_depend_on_its_batch():
    whole = site_noise(3, make_keys(10), 4)
    parts = torch.cat([site_noise(3, make_keys(first, first + 2), 4) for first in range(0, 10, 2)])
    assert torch.equal(whole, parts)
    assert torch.equal(site_noise(3, make_keys(7, 8), 4)[0], whole[7])


def test_noise_is_uniform_and_differs_by_seed_and_datum():
    noise = torch.cat([site_noise(seed, make_keys(50), 40) for seed in range(5)])
    assert noise.dtype == torch.float64
    assert 0 <= noise.min() < noise.max() < 1
    assert len(noise.unique()) == noise.numel()
    counts = torch.histc(noise, 10, 0, 1)
    assert counts.tolist() == pytest.approx([1000] * 10, rel=0.15)
    assert torch.corrcoef(noise).triu(1).abs().max() < 0.75


def test_noise_of_no_data_is_empty():
    assert site_noise(0, make_keys(0), 3).shape == (0, 3)


SEEDS = (0, 1, 5, -1, -5, 2**32, 2**32 + 5, 2**62)
KEYS = ((), (0,), (1,), (0, 0), (0, 1), (1, 0))


def test_every_seed_and_key_has_a_different_stream():
    firsts = [torch.rand((), generator=generator(seed, *key)).item() for seed in SEEDS for key in KEYS]
    assert len(set(firsts)) == len(SEEDS) * len(KEYS)
    assert torch.rand((), generator=generator(5, 1)).item() in firsts


def test_an_integer_seed_is_returned_and_a_generator_advances():
    rng = torch.Generator().manual_seed(0)
    assert as_seed(11) == 11
    assert as_seed(rng) != as_seed(rng)


@pytest.mark.parametrize("name", ["independent", "made, direct", "pixelcnn 2x2, colour"])
def test_nothing_draws_from_the_global_generator(name):
    before = torch.get_rng_state()
    model = ZOO[name]()
    shuffled(model.domain, seed=1)
    check_model(model)
    x = sample(model, 3, seed=1)
    complete(model, x, torch.zeros(model.domain.shape, dtype=torch.bool), seed=2)
    model.conditionals(x).sample(generator(0))
    assert torch.equal(torch.get_rng_state(), before)
