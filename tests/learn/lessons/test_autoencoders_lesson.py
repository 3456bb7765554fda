"""The claims of the lesson on autoencoders."""

from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits

from chainrule.learn.autoencoder import Autoencoder, fit_autoencoder
from chainrule.learn.lessons import autoencoders_lesson as lesson
from chainrule.learn.lessons import autoencoders_models as copies


def test_an_output_depends_on_an_input_if_a_path_connects_them():
    model = Autoencoder(7, 9, connection_rate=0.15).double()
    x = torch.full((1, 7), 0.3, dtype=torch.float64)
    seen = torch.autograd.functional.jacobian(model.logits, x)[0, :, 0] != 0
    paths = [[any(model.M_V[d, k] and model.M_W[k, e] for k in range(9)) for e in range(7)] for d in range(7)]
    assert seen.tolist() == paths
    assert copies.count_self_paths(model) == sum(paths[d][d] for d in range(7))
    assert 0 < seen.sum() < 49


@pytest.fixture(scope="module")
def images():
    return copies.load_images()


@pytest.fixture(scope="module")
def models(images):
    return copies.train_models(images, lambda share, more="": None)


def test_the_labels_match_the_images(images):
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


def test_outputs_that_ignore_the_input_cost_the_same_on_scrambled_digits(images):
    digits, scrambled = (copies.baseline_errors(images, x).mean().item() for x in (images.test, images.scrambled))
    assert digits == pytest.approx(scrambled, abs=1e-9)


def test_an_autoencoder_without_a_constraint_copies_any_image(images, models):
    wide = models["wide"]
    digits, scrambled = (copies.reconstruction_errors(wide, x).mean().item() for x in (images.test, images.scrambled))
    assert digits < scrambled < 1.0
    white, never = copies.sample_random_images(images), images.train.sum(0) == 0
    everywhere, there = (
        copies.reconstruction_errors(wide, white).mean(),
        copies.reconstruction_errors_at(wide, white, never).mean(),
    )
    assert there > 0.5 * everywhere


@pytest.mark.parametrize("name", ["narrow", "sparse", "denoising"])
def test_a_constraint_makes_scrambled_digits_cost_more(name, images, models):
    gaps = {
        each: (
            copies.reconstruction_errors(models[each], images.scrambled)
            - copies.reconstruction_errors(models[each], images.test)
        )
        .mean()
        .item()
        for each in ("wide", name)
    }
    assert gaps[name] > 4
    assert gaps["wide"] < 1


def test_the_network_trained_with_noise_corrects_best(images, models):
    wrong = {name: copies.find_wrong_pixels(images, model).sum().item() for name, model in models.items()}
    assert min(wrong, key=wrong.get) == "denoising"
    assert wrong["denoising"] < 0.6 * images.flipped.sum().item()
    assert copies.find_wrong_pixels(images, None).equal(images.flipped)
    assert copies.corrected_rare_fraction(images, models["wide"]) > 0.8
    costs = {
        name: copies.reconstruction_errors(model, images.test, images.corrupted).mean().item()
        for name, model in models.items()
    }
    assert costs["denoising"] == min(costs.values())
    assert costs["wide"] == max(costs.values())


def test_the_narrow_network_corrects_more_and_damages_more(images, models):
    corrected, damaged = {}, {}
    for name in ("wide", "narrow", "denoising"):
        wrong = copies.find_wrong_pixels(images, models[name])
        corrected[name] = (~wrong)[images.flipped].double().mean().item()
        damaged[name] = wrong[~images.flipped].double().mean().item()
    assert corrected["narrow"] > 1.5 * corrected["wide"]
    assert damaged["narrow"] > 2 * damaged["denoising"]
    clean = copies.reconstruct(models["narrow"], images.test).round() != images.test
    assert clean.double().mean().item() > 0.02


def test_more_units_copy_better_and_a_medium_width_separates_digits_best(images, models):
    two = Autoencoder(images.test.shape[1], copies.CODE)
    fit_autoencoder(two, images.train, updates=lesson.CODE_UPDATES, lr=lesson.CODE_LR)
    each = (two, models["narrow"], models["wide"])
    digits, scrambled = (
        [copies.reconstruction_errors(model, x).mean().item() for model in each]
        for x in (images.test, images.scrambled)
    )
    assert digits == sorted(digits, reverse=True)
    gaps = [more - less for more, less in zip(scrambled, digits, strict=True)]
    assert gaps[1] > 1.5 * max(gaps[0], gaps[2])
    assert copies.nearest_code_accuracy(two, images) > 0.25


def test_the_claimed_probabilities_of_test_digits_sum_to_more_than_1(images, models):
    several = torch.unique(images.test, dim=0)
    for name in ("wide", "denoising"):
        assert copies.sum_claimed_probs(models[name], several) > 1
    p = (-copies.baseline_errors(images, several)).exp().sum().item()
    assert p < 1  # those are a distribution
