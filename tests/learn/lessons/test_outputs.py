"""The claims of the lesson on outputs."""

from __future__ import annotations

import math

import pytest
import torch

import chainrule as cr
from chainrule.learn.lessons.outputs import OUTPUTS, bits_of_outputs, halves, held_out, likeness_of, to_fit, trained_on
from chainrule.learn.lessons.outputs_activations import moments
from chainrule.learn.photographs import load_photograph
from chainrule.learn.pixel_outputs import (
    discretize_gaussian,
    fit_gaussian,
)


def test_the_mass_outside_is_what_the_gaussian_loses_to_its_truncated_self():
    train, test = halves(load_photograph("flower"))
    bits = bits_of_outputs(train, test, 256)
    inside, _, _ = discretize_gaussian(*fit_gaussian(train), 256)
    assert bits[0] - bits[1] == pytest.approx(float(-inside.sum(-1).log2().mean()))
    assert float(inside.sum(-1).min()) < 0.8


def test_the_softmax_is_ahead_where_pixels_pile_up_and_behind_where_they_are_new():
    digits = cr.load_data("digits")
    as_it_is, cut, ends, softmax = bits_of_outputs(to_fit(digits), held_out(digits), 17)
    assert softmax < ends < cut < as_it_is
    for name, ahead in (("flower", True), ("china", False)):
        grey = load_photograph(name).double().mean(0, keepdim=True).round().long()
        *gaussians, softmax = bits_of_outputs(*halves(grey), 256)
        assert (softmax < min(gaussians)) == ahead
    grey = load_photograph("china").double().mean(0, keepdim=True).round().long()
    for picture in (load_photograph("china"), grey):
        assert min(bits_of_outputs(*halves(picture), 256)) > 8  # worse than a uniform guess
    sky = load_photograph("china")[:, :100].double()
    assert sky[..., 432:].mean() > sky[..., :432].mean() + 20


def test_names_of_levels_matter_to_a_gaussian_and_not_to_a_softmax():
    train, test = halves(load_photograph("flower")[:1])
    names = torch.randperm(256, generator=torch.Generator().manual_seed(0))
    plain, shuffled = bits_of_outputs(train, test, 256), bits_of_outputs(names[train.long()], names[test.long()], 256)
    assert shuffled[3] == pytest.approx(plain[3])
    assert shuffled[2] > plain[2] + 1


def test_three_pixels_of_the_digits_are_always_0():
    assert int((to_fit(cr.load_data("digits")) == 0).all(0).sum()) == 3


def test_the_moments_of_a_distribution_of_levels():
    mean, std = moments(torch.tensor([0.5, 0.0, 0.5]))
    assert float(mean) == 1
    assert float(std) ** 2 == pytest.approx(1 + 1 / 12)


def test_a_mixture_with_ends_beats_a_softmax_of_few_images_which_learns_the_order():
    digits = cr.load_data("digits")
    models = {output.name: trained_on(digits, output.domain) for output in OUTPUTS if output.name != "1 Gaussian"}
    x = held_out(digits).view(-1, 1, 8, 8)
    with torch.no_grad():
        behind = models["softmax"].log_prob(x) - models["3 Gaussians"].log_prob(x)
    assert float(behind.mean()) < -5 * float(behind.std()) / math.sqrt(len(x))
    cosines = likeness_of(models["softmax"])
    assert torch.equal(cosines.diagonal().round(decimals=6), torch.ones(17).double())
    assert float(cosines.diagonal(1).mean()) > 0.1 > -0.1 > float(cosines[:4, -4:].mean())
