"""Batches: each datum is decoded by a component that is drawn with p(component | evidence), with noise of its own."""

from __future__ import annotations

import pytest
import torch

from chainrule.checks.variants import perturbed_copy, random_data
from chainrule.domains import Binary
from chainrule.models import MADE, Ensemble, Independent
from chainrule.sampling import choose_components, decode_batches

FIVE = Binary((5,))
N = 20_000


def models(count):
    return [perturbed_copy(MADE(FIVE, hidden=(8,), seed=seed), seed) for seed in range(count)]


def chosen(density, evidence, x, noise):
    """Return the model that decodes each datum, by its index among all modules of the density."""
    order = [each for each in density.modules() if isinstance(each, MADE | Independent)]
    index = torch.full((len(x),), -1)
    for model, rows in choose_components(density, x, evidence, noise):
        assert bool((index[rows] == -1).all()), "no datum has two models"
        index[rows] = next(k for k, each in enumerate(order) if each is model)
    assert bool((index >= 0).all()), "every datum has a model"
    return index


def evenly_spaced(n):
    return (torch.arange(n, dtype=torch.float64) + 0.5) / n


def test_an_autoregressive_model_decodes_all_data():
    (model,) = models(1)
    ((found, rows),) = choose_components(model, torch.zeros(3, 5), torch.zeros(3, 5, dtype=torch.bool), torch.rand(3))
    assert found is model
    assert rows.tolist() == [0, 1, 2]


def test_components_are_chosen_in_proportion_to_their_probability_of_the_evidence():
    ensemble = Ensemble(models(3))
    x, evidence = random_data(ensemble, 1, 0).expand(N, -1), (torch.arange(5) < 2).expand(N, -1)
    index = chosen(ensemble, evidence, x, evenly_spaced(N))
    weights = torch.stack([each.log_marginal(x[:1], evidence[:1])[0] for each in ensemble.components]).softmax(0)
    torch.testing.assert_close(index.bincount(minlength=3) / N, weights.float(), rtol=0, atol=2 / N)


def test_nested_components_share_the_weight_of_their_ensemble():
    first, second, third = models(3)
    nested = Ensemble([first, Ensemble([second, third])])
    nothing = torch.zeros(N, 5, dtype=torch.bool)
    index = chosen(nested, nothing, torch.zeros(N, 5), evenly_spaced(N))
    torch.testing.assert_close(index.bincount(minlength=3) / N, torch.tensor([0.5, 0.25, 0.25]), rtol=0, atol=2 / N)


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_a_datum_depends_on_its_key_alone(batch_size):
    ensemble, keys = Ensemble(models(3)), [(datum, 0) for datum in range(8)]
    blank, nothing = torch.zeros(8, 5, dtype=torch.int64), torch.zeros(8, 5, dtype=torch.bool)
    drawn = decode_batches(ensemble, blank, nothing, keys, seed=3)
    reverse = decode_batches(ensemble, blank, nothing, keys[::-1], seed=3, batch_size=batch_size)
    assert torch.equal(reverse.flip(0), drawn)
    assert not torch.equal(decode_batches(ensemble, blank, nothing, keys, seed=4), drawn)


def test_a_sampler_is_made_once_for_each_model(monkeypatch):
    made, fast_sampler = [], MADE.fast_sampler
    monkeypatch.setattr(MADE, "fast_sampler", lambda self: made.append(self) or fast_sampler(self))
    ensemble = Ensemble(models(2))
    ensemble.sample(50, batch_size=5)
    assert sorted(map(id, made)) == sorted(map(id, ensemble.components))
