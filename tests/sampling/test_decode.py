"""The decode loop visits the groups of a schedule, and reports its progress."""

from __future__ import annotations

import pytest
import torch

from chainrule.checks.variants import random_data
from chainrule.inference import sample
from chainrule.sampling import ImageSampler, decode
from tests.support.models import ZOO
from tests.support.random_models import SOME, some_model


@pytest.mark.parametrize("name", SOME)
def test_decode_visits_the_groups_in_order_with_their_conditionals(name):
    model = some_model(name)
    x, visited = random_data(model, 2, 1), []
    table = model.conditionals(x).log_probs.flatten(1, -2)

    def choose(sites, conditionals):
        visited.extend(sites.tolist())
        torch.testing.assert_close(conditionals.log_probs, table[:, sites], rtol=1e-4, atol=1e-4)
        return x.flatten(1)[:, sites]

    assert torch.equal(decode(model.sampler(), 2, choose), x)
    assert tuple(visited) == model.order.permutation


def test_decode_takes_a_prefix_as_it_is():
    model = some_model("made, shuffled")
    x, visited = random_data(model, 3, 1), []

    def choose(sites, conditionals):
        visited.extend(sites.tolist())
        return torch.zeros(3, len(sites), dtype=torch.int64)

    sampler = model.sampler()
    decoded = decode(sampler, 3, choose, prefix=x, groups=4).flatten(1)
    first = sampler.schedule.sites_before(4)
    assert visited == sampler.schedule.sites_from(4).tolist()
    assert torch.equal(decoded[:, first], x.flatten(1)[:, first])
    assert decoded[:, visited].eq(0).all()


def test_progress_counts_data():
    done = []
    sample(ZOO["made"](), 7, batch_size=3, progress=done.append)
    assert done == [3, 3, 1]


def test_progress_is_reported_within_a_batch():
    done = []
    sample(ZOO["pixelcnn 3x3"](), 18, progress=done.append)
    assert done == [2] * 9


def test_batches_are_smaller_where_a_datum_takes_much_memory(monkeypatch):
    model, sizes = some_model("pixelcnn 3x3"), []
    whole = sample(model, 7, seed=2)
    monkeypatch.setattr("chainrule.sampling.batches.MAX_BYTES", 3 * model.bytes_per_datum)
    init_state = ImageSampler.init_state
    monkeypatch.setattr(
        ImageSampler, "init_state", lambda self, n, context: sizes.append(n) or init_state(self, n, context)
    )
    assert torch.equal(sample(model, 7, seed=2), whole)
    assert sizes == [3, 3, 1]
    assert model.bytes_per_datum == 8 * 9 + 2 * 4 * 9 * 2 * 4  # 9 sites; 2 blocks of 4 features, twice
