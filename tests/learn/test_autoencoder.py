"""Autoencoders against formulas written out in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from chainrule.errors import ChainruleError
from chainrule.learn.autoencoder import Autoencoder, corrupt, draw_mask, fit_autoencoder, scramble
from chainrule.seeding import generator

SIZES = [(1, 1, 1.0), (5, 3, 1.0), (3, 7, 0.4), (4, 4, 0.01)]


@pytest.mark.parametrize(("sites", "hidden", "connection_rate"), SIZES)
def test_codes_and_outputs_follow_the_formulas(sites, hidden, connection_rate):
    model = Autoencoder(sites, hidden, connection_rate=connection_rate, seed=3).double()
    torch.nn.init.normal_(model.b, generator=generator(1))
    torch.nn.init.normal_(model.c, generator=generator(2))
    x = torch.randint(2, (6, sites), generator=generator(0))
    W, V, b, c, M_W, M_V = (getattr(model, name).detach().numpy() for name in ("W", "V", "b", "c", "M_W", "M_V"))
    for datum, code, output in zip(x.numpy(), model.encode(x), model(x), strict=True):
        h = [np.tanh(b[k] + sum(W[k, d] * M_W[k, d] * datum[d] for d in range(sites))) for k in range(hidden)]
        z = [c[d] + sum(V[d, k] * M_V[d, k] * h[k] for k in range(hidden)) for d in range(sites)]
        assert code.tolist() == pytest.approx(h, abs=1e-12)
        assert output.tolist() == pytest.approx([1 / (1 + np.exp(-each)) for each in z], abs=1e-12)
    assert torch.equal(model(x), model.decode(model.encode(x)))
    assert torch.equal(model(x), model.logits(x).sigmoid())


@pytest.mark.parametrize(("sites", "hidden"), [(0, 3), (3, 0), (-1, 2)])
def test_an_autoencoder_without_sites_or_units_is_refused(sites, hidden):
    with pytest.raises(ChainruleError, match=f"not {hidden} and {sites}"):
        Autoencoder(sites, hidden)


@pytest.mark.parametrize("shape", [(2, 4), (5,), (2, 1, 5)])
def test_data_of_another_width_are_refused(shape):
    model = Autoencoder(5, 3)
    for function in (model, model.encode, model.decode, model.logits):
        with pytest.raises(ChainruleError, match=r"takes rows \[n, [35]\]"):
            function(torch.zeros(shape))


def test_scrambling_refuses_data_that_are_not_rows():
    with pytest.raises(ChainruleError, match="flatten"):
        scramble(torch.zeros(2, 3, 3), generator(0))


@pytest.mark.parametrize(("connection_rate", "count"), [(1.0, 12), (0.5, 6), (0.3, 4), (1e-9, 1)])
def test_a_mask_has_a_fixed_share_of_open_connections(connection_rate, count):
    mask = draw_mask(3, 4, connection_rate, generator(0))
    assert mask.shape == (3, 4)
    assert int(mask.sum()) == count
    assert torch.equal(mask, draw_mask(3, 4, connection_rate, generator(0)))


def test_another_seed_draws_another_mask():
    assert not torch.equal(draw_mask(8, 8, 0.3, generator(0)), draw_mask(8, 8, 0.3, generator(1)))


@pytest.mark.parametrize("connection_rate", [0.0, -0.1, 1.1, float("nan")])
def test_an_invalid_connection_rate_is_refused(connection_rate):
    with pytest.raises(ChainruleError, match="share of open connections"):
        draw_mask(3, 4, connection_rate, generator(0))


def test_masked_weights_are_never_read_and_never_changed():
    x = torch.randint(2, (50, 6), generator=generator(0))
    model = Autoencoder(6, 8, connection_rate=0.3)
    before = model.W.detach().clone(), model.V.detach().clone()
    fit_autoencoder(model, x, updates=30)
    for weight, mask, old in zip((model.W, model.V), (model.M_W, model.M_V), before, strict=True):
        assert torch.equal(weight[~mask], old[~mask])
        assert not torch.equal(weight[mask], old[mask])
    given = model(x)
    with torch.no_grad():
        model.W[~model.M_W] = 1e6
        model.V[~model.M_V] = -1e6
    assert torch.equal(model(x), given)
    assert model.num_connections == 15 + 15  # 0.3 of 48 is 14.4, rounded up


def test_corruption_flips_this_share_of_sites():
    x = torch.randint(2, (400, 30), generator=generator(0)).byte()
    for share in (0.0, 0.1, 0.5, 1.0):
        dirty = corrupt(x, share, generator(1))
        assert dirty.dtype == x.dtype
        assert set(dirty.unique().tolist()) <= {0, 1}
        assert (dirty != x).double().mean().item() == pytest.approx(share, abs=0.012)  # four standard errors at 0.5
    assert torch.equal(corrupt(x, 0.1, generator(1)), corrupt(x, 0.1, generator(1)))


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_an_invalid_flip_rate_is_refused(share):
    with pytest.raises(ChainruleError, match="share of sites to flip"):
        corrupt(torch.zeros(2, 3), share, generator(0))


def test_scrambling_keeps_the_values_of_each_site_and_makes_sites_independent():
    x = torch.randint(2, (2000, 1), generator=generator(0)).expand(-1, 3)  # three sites that always agree
    mixed = scramble(x, generator(1))
    assert torch.equal(mixed.sum(0), x.sum(0))
    agree = (mixed[:, 0] == mixed[:, 1]).double().mean().item()
    assert agree == pytest.approx(0.5, abs=0.05)


def test_training_is_a_function_of_its_seeds():
    x = torch.randint(2, (20, 5), generator=generator(0))

    def weights(seed: int, noise: float = 0.0) -> torch.Tensor:
        model = Autoencoder(5, 3)
        fit_autoencoder(model, x, updates=5, noise=noise, seed=seed)
        return model.W.detach()

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))
    assert not torch.equal(weights(1), weights(1, noise=0.3))


def test_the_callback_takes_the_number_of_updates():
    heard = []
    fit_autoencoder(Autoencoder(2, 1), torch.tensor([[0, 1]]), updates=3, callback=heard.append)
    assert heard == [0, 1, 2, 3]


def test_only_the_input_is_corrupted():
    x = torch.tensor([[1, 1, 0, 0]]).repeat(10, 1)
    x[:3, 2] = 1
    model = Autoencoder(4, 6)
    fit_autoencoder(model, x, updates=600, noise=0.5)  # the input says nothing: the best output is the frequency
    assert model(x).mean(0).tolist() == pytest.approx([1, 1, 0.3, 0], abs=0.05)


@pytest.mark.parametrize(
    ("x", "updates", "words"),
    [
        (torch.zeros(0, 3), 5, "not 0 and 5"),
        (torch.zeros(4, 3), 0, "not 4 and 0"),
        (torch.zeros(4, 2), 5, r"data of shape \[n, 3\]"),
        (torch.full((4, 3), 2), 5, "0 … 1"),
        (torch.full((4, 3), 0.5), 5, "whole numbers"),
        (torch.full((4, 3), float("nan")), 5, "0 … 1"),
    ],
)
def test_invalid_training_data_are_refused(x, updates, words):
    with pytest.raises(ChainruleError, match=words):
        fit_autoencoder(Autoencoder(3, 2), x, updates=updates)
