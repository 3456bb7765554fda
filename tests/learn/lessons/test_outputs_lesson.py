"""The claims of the lesson on outputs."""

from __future__ import annotations

import math

import pytest
import torch

import chainrule as cr
from chainrule.learn.lessons.outputs_lesson import (
    OUTPUTS,
    bits_per_value,
    get_test_rows,
    get_training_rows,
    split_photograph,
    train_made,
    weight_cosines,
)
from chainrule.learn.lessons.outputs_softmax import moments
from chainrule.learn.photographs import load_photograph
from chainrule.learn.pixel_outputs import (
    discretize_gaussian,
    fit_gaussian,
)


def test_the_mass_outside_is_the_difference_to_the_truncated_gaussian():
    train, test = split_photograph(load_photograph("flower"))
    bits = bits_per_value(train, test, 256)
    inside, _, _ = discretize_gaussian(*fit_gaussian(train), 256)
    assert bits[0] - bits[1] == pytest.approx(float(-inside.sum(-1).log2().mean()))
    assert float(inside.sum(-1).min()) < 0.8


def test_the_softmax_is_better_for_frequent_end_levels_and_worse_for_new_levels():
    digits = cr.load_data("digits")
    as_it_is, cut, ends, softmax = bits_per_value(get_training_rows(digits), get_test_rows(digits), 17)
    assert softmax < ends < cut < as_it_is
    for name, ahead in (("flower", True), ("china", False)):
        grey = load_photograph(name).double().mean(0, keepdim=True).round().long()
        *gaussians, softmax = bits_per_value(*split_photograph(grey), 256)
        assert (softmax < min(gaussians)) == ahead
    grey = load_photograph("china").double().mean(0, keepdim=True).round().long()
    for picture in (load_photograph("china"), grey):
        assert min(bits_per_value(*split_photograph(picture), 256)) > 8  # worse than a uniform guess
    sky = load_photograph("china")[:, :100].double()
    assert sky[..., 432:].mean() > sky[..., :432].mean() + 20


def test_a_permutation_of_levels_changes_a_gaussian_and_not_a_softmax():
    train, test = split_photograph(load_photograph("flower")[:1])
    names = torch.randperm(256, generator=torch.Generator().manual_seed(0))
    plain, shuffled = bits_per_value(train, test, 256), bits_per_value(names[train.long()], names[test.long()], 256)
    assert shuffled[3] == pytest.approx(plain[3])
    assert shuffled[2] > plain[2] + 1


def test_three_pixels_of_the_digits_are_always_0():
    assert int((get_training_rows(cr.load_data("digits")) == 0).all(0).sum()) == 3


def test_the_moments_of_a_distribution_of_levels():
    mean, std = moments(torch.tensor([0.5, 0.0, 0.5]))
    assert float(mean) == 1
    assert float(std) ** 2 == pytest.approx(1 + 1 / 12)


def test_a_mixture_with_ends_beats_a_softmax_that_learns_the_order_from_few_images():
    digits = cr.load_data("digits")
    models = {output.name: train_made(digits, output.domain) for output in OUTPUTS if output.name != "1 Gaussian"}
    x = get_test_rows(digits).view(-1, 1, 8, 8)
    with torch.no_grad():
        behind = models["softmax"].log_prob(x) - models["3 Gaussians"].log_prob(x)
    assert float(behind.mean()) < -5 * float(behind.std()) / math.sqrt(len(x))
    cosines = weight_cosines(models["softmax"].output.weight, models["softmax"].domain.levels)
    assert torch.equal(cosines.diagonal().round(decimals=6), torch.ones(17).double())
    assert float(cosines.diagonal(1).mean()) > 0.1 > -0.1 > float(cosines[:4, -4:].mean())
