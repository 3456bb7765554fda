"""The claims of the lesson on autoencoders."""

from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits

from chainrule.learn.autoencoder import Autoencoder, fit_autoencoder
from chainrule.learn.lessons import autoencoders as lesson
from chainrule.learn.lessons import autoencoders_copies as copies


def test_an_output_sees_an_input_where_a_path_is_left():
    model = Autoencoder(7, 9, connection_rate=0.15).double()
    x = torch.full((1, 7), 0.3, dtype=torch.float64)
    seen = torch.autograd.functional.jacobian(model.logits, x)[0, :, 0] != 0
    paths = [[any(model.M_V[d, k] and model.M_W[k, e] for k in range(9)) for e in range(7)] for d in range(7)]
    assert seen.tolist() == paths
    assert copies.own_paths(model) == sum(paths[d][d] for d in range(7))
    assert 0 < seen.sum() < 49


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
    fit_autoencoder(two, images.train, updates=lesson.LONGER, lr=lesson.FASTER)
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
