"""Autoencoders: against formulas written out in NumPy, by hand, and what their lesson claims."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from chainrule.errors import ChainruleError
from chainrule.learn.autoencoder import Autoencoder, connections, corrupted, fit_autoencoder, scrambled
from chainrule.learn.lessons import autoencoders as lesson
from chainrule.learn.lessons import autoencoders_copies as copies
from chainrule.seeding import generator

SIZES = [(1, 1, 1.0), (5, 3, 1.0), (3, 7, 0.4), (4, 4, 0.01)]


@pytest.mark.parametrize(("sites", "hidden", "kept"), SIZES)
def test_it_is_what_the_formulas_say(sites, hidden, kept):
    model = Autoencoder(sites, hidden, kept, seed=3).double()
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
def test_it_needs_sites_and_units(sites, hidden):
    with pytest.raises(ChainruleError, match=f"not {hidden} and {sites}"):
        Autoencoder(sites, hidden)


@pytest.mark.parametrize("shape", [(2, 4), (5,), (2, 1, 5)])
def test_data_that_do_not_fit(shape):
    model = Autoencoder(5, 3)
    for function in (model, model.encode, model.decode, model.logits):
        with pytest.raises(ChainruleError, match=r"takes rows \[n, [35]\]"):
            function(torch.zeros(shape))


def test_scrambling_takes_rows():
    with pytest.raises(ChainruleError, match="flatten"):
        scrambled(torch.zeros(2, 3, 3), generator(0))


@pytest.mark.parametrize(("kept", "count"), [(1.0, 12), (0.5, 6), (0.3, 4), (1e-9, 1)])
def test_a_fixed_share_of_connections_is_kept(kept, count):
    mask = connections(3, 4, kept, generator(0))
    assert mask.shape == (3, 4)
    assert int(mask.sum()) == count
    assert torch.equal(mask, connections(3, 4, kept, generator(0)))


def test_another_seed_keeps_other_connections():
    assert not torch.equal(connections(8, 8, 0.3, generator(0)), connections(8, 8, 0.3, generator(1)))


@pytest.mark.parametrize("kept", [0.0, -0.1, 1.1, float("nan")])
def test_a_share_of_connections_that_is_none(kept):
    with pytest.raises(ChainruleError, match="share of connections"):
        connections(3, 4, kept, generator(0))


def test_closed_weights_are_never_read_and_never_changed():
    x = torch.randint(2, (50, 6), generator=generator(0))
    model = Autoencoder(6, 8, kept=0.3)
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
    assert model.open_connections == 15 + 15  # 0.3 of 48 is 14.4, rounded up


def test_an_output_sees_an_input_where_a_path_is_left():
    model = Autoencoder(7, 9, kept=0.15).double()
    x = torch.full((1, 7), 0.3, dtype=torch.float64)
    seen = torch.autograd.functional.jacobian(model.logits, x)[0, :, 0] != 0
    paths = [[any(model.M_V[d, k] and model.M_W[k, e] for k in range(9)) for e in range(7)] for d in range(7)]
    assert seen.tolist() == paths
    assert copies.own_paths(model) == sum(paths[d][d] for d in range(7))
    assert 0 < seen.sum() < 49


def test_corruption_flips_so_many():
    x = torch.randint(2, (400, 30), generator=generator(0)).byte()
    for share in (0.0, 0.1, 0.5, 1.0):
        dirty = corrupted(x, share, generator(1))
        assert dirty.dtype == x.dtype
        assert set(dirty.unique().tolist()) <= {0, 1}
        assert (dirty != x).double().mean().item() == pytest.approx(share, abs=0.012)  # four standard errors at 0.5
    assert torch.equal(corrupted(x, 0.1, generator(1)), corrupted(x, 0.1, generator(1)))


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_of_flips_that_is_none(share):
    with pytest.raises(ChainruleError, match="share of sites to flip"):
        corrupted(torch.zeros(2, 3), share, generator(0))


def test_scrambling_keeps_each_site_and_breaks_their_ties():
    x = torch.randint(2, (2000, 1), generator=generator(0)).expand(-1, 3)  # three sites that always agree
    mixed = scrambled(x, generator(1))
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


def test_training_says_after_how_many_updates():
    heard = []
    fit_autoencoder(Autoencoder(2, 1), torch.tensor([[0, 1]]), updates=3, after=heard.append)
    assert heard == [0, 1, 2, 3]


def test_the_target_stays_clean():
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
def test_data_that_cannot_be_trained_on(x, updates, words):
    with pytest.raises(ChainruleError, match=words):
        fit_autoencoder(Autoencoder(3, 2), x, updates=updates)


# What the lesson claims.


@pytest.fixture(scope="module")
def images():
    return copies.load()


@pytest.fixture(scope="module")
def models(images):
    return copies.trained(images, lambda share, more="": None)


def test_the_labels_are_those_of_the_images(images):
    raw = load_digits()
    whole = {bytes(image.flatten() >= 8): set() for image in raw.images}
    for image, label in zip(raw.images, raw.target, strict=True):
        whole[bytes(image.flatten() >= 8)].add(int(label))
    found = [
        label in whole[bytes(row.bool().numpy())]
        for row, label in zip(images.test, images.labels.tolist(), strict=True)
    ]
    assert all(found)
    assert len(set(images.labels.tolist())) == 10


def test_outputs_that_ignore_the_input_cannot_tell_digits_from_scrambled_ones(images):
    digits, noise = (copies.frequencies_only(images, x).mean().item() for x in (images.test, images.noise))
    assert digits == pytest.approx(noise, abs=1e-9)


def test_without_a_constraint_anything_is_copied(images, models):
    wide = models["wide"]
    digits, noise = (copies.errors(wide, x).mean().item() for x in (images.test, images.noise))
    assert digits < noise < 1.0
    white, never = copies.white_noise(images), images.train.sum(0) == 0
    everywhere, there = copies.errors(wide, white).mean(), copies.errors_at(wide, white, never).mean()
    assert there > 0.5 * everywhere


@pytest.mark.parametrize("name", ["narrow", "sparse", "denoising"])
def test_a_constraint_makes_what_is_no_digit_cost_more(name, images, models):
    gaps = {
        each: (copies.errors(models[each], images.noise) - copies.errors(models[each], images.test)).mean().item()
        for each in ("wide", name)
    }
    assert gaps[name] > 4
    assert gaps["wide"] < 1


def test_the_one_trained_with_noise_mends_best(images, models):
    wrong = {name: copies.wrong_pixels(images, model).sum().item() for name, model in models.items()}
    assert min(wrong, key=wrong.get) == "denoising"
    assert wrong["denoising"] < 0.6 * images.flipped.sum().item()
    assert copies.wrong_pixels(images, None).equal(images.flipped)
    assert copies.mended_where_bare(images, models["wide"]) > 0.8
    costs = {name: copies.errors(model, images.test, images.dirty).mean().item() for name, model in models.items()}
    assert costs["denoising"] == min(costs.values())
    assert costs["wide"] == max(costs.values())


def test_the_bottleneck_mends_more_than_the_copier_and_spoils_more(images, models):
    mended, spoiled = {}, {}
    for name in ("wide", "narrow", "denoising"):
        wrong = copies.wrong_pixels(images, models[name])
        mended[name] = (~wrong)[images.flipped].double().mean().item()
        spoiled[name] = wrong[~images.flipped].double().mean().item()
    assert mended["narrow"] > 1.5 * mended["wide"]
    assert spoiled["narrow"] > 2 * spoiled["denoising"]
    clean = copies.reconstructed(models["narrow"], images.test).round() != images.test
    assert clean.double().mean().item() > 0.02


def test_more_units_copy_better_and_tell_digits_best_in_between(images, models):
    two = Autoencoder(images.test.shape[1], copies.CODE)
    fit_autoencoder(two, images.train, lesson.LONGER, lr=lesson.FASTER)
    each = (two, models["narrow"], models["wide"])
    digits, noise = ([copies.errors(model, x).mean().item() for model in each] for x in (images.test, images.noise))
    assert digits == sorted(digits, reverse=True)
    gaps = [more - less for more, less in zip(noise, digits, strict=True)]
    assert gaps[1] > 1.5 * max(gaps[0], gaps[2])
    assert copies.alike(two, images) > 0.25


def test_what_is_claimed_for_test_digits_is_no_probability(images, models):
    several = torch.unique(images.test, dim=0)
    for name in ("wide", "denoising"):
        assert copies.claimed(models[name], several) > 1
    p = (-copies.frequencies_only(images, several)).exp().sum().item()
    assert p < 1  # those are a distribution
