"""Receptive fields of masked convolutions, the blind spot, and the conditionals of colours."""

from __future__ import annotations

import pytest
import torch

import chainrule as cr
from chainrule.layers.convolution import MaskedConv2d
from chainrule.learn.causal_convolution import blind_spot, colour_log_probs, stacked_receptive_field
from chainrule.seeding import generator
from tests.learn.formula_checks import randomize_weights


@pytest.mark.parametrize("kinds", ["A", "B", "AB", "BB", "AA", "ABB"])
@pytest.mark.parametrize("shape", [(1, 4, 5), (3, 2, 3), (2, 1, 1)])
def test_the_receptive_field_of_a_stack_equals_its_jacobian(kinds, shape):
    groups = torch.arange(shape[0])
    layers = [MaskedConv2d(groups, groups, 3, kind, generator(0)).double() for kind in kinds]
    for layer in layers:
        layer.weight.data = torch.rand(layer.weight.shape, generator=generator(2), dtype=torch.float64) + 0.1

    def through(x):
        for layer in layers:
            x = layer(x)
        return x.flatten()

    jacobian = torch.autograd.functional.jacobian(through, torch.zeros(1, *shape, dtype=torch.float64))
    assert torch.equal(stacked_receptive_field(kinds, kernel=3, shape=shape), jacobian.flatten(1) != 0)


@pytest.mark.parametrize("shape", [(4, 9), (7, 5), (1, 3)])
def test_a_deep_model_does_not_see_the_blind_spot(shape):
    model = cr.PixelCNN(cr.Binary((1, *shape)), blocks=sum(shape), features=1)
    seen, before = model.receptive_field(), model.order.before
    for site in range(shape[0] * shape[1]):
        unseen = (before & ~seen)[site].view(shape)
        assert torch.equal(blind_spot(shape, row=site // shape[1], column=site % shape[1]), unseen)


def colour_model():
    return randomize_weights(cr.PixelCNN(cr.Binary((3, 1, 2)), blocks=1, features=6))


def test_colour_conditionals_equal_enumeration():
    """By enumeration: p(x_i | before) is the mass of what agrees up to i, over that of what agrees up to i − 1."""
    model = colour_model()
    x = torch.cat(list(model.domain.outcomes()))
    p = model.log_prob(x).exp().detach()
    assert p.sum() == pytest.approx(1)
    order = model.order.sites
    flat = x.flatten(1)[:, order]  # pixel 0: R, G, B; pixel 1: R, G, B
    for column in (0, 1):
        found = colour_log_probs(model, x, row=0, column=column).detach()
        for colour in range(3):
            place = 3 * column + colour
            agree = (flat[:, None, :] == flat[None]).int().cumprod(2).bool()
            upto = (agree[:, :, place] * p).sum(1)
            without = (agree[:, :, place - 1] * p).sum(1) if place else torch.ones(len(x))
            torch.testing.assert_close(found[:, colour].exp(), upto / without)


@pytest.mark.parametrize("shape", [(1, 3, 2), (3, 2, 3), (5, 1, 2)])
def test_the_colour_conditionals_of_all_pixels_sum_to_the_log_likelihood(shape):
    model = randomize_weights(cr.PixelCNN(cr.Levels(shape, 4), blocks=1, features=7))
    x = model.domain.random_data(6, generator(0))
    pixels = [(row, column) for row in range(shape[1]) for column in range(shape[2])]
    parts = [colour_log_probs(model, x, row=row, column=column) for row, column in pixels]
    torch.testing.assert_close(sum(part.sum(1) for part in parts), model.log_prob(x))
    by_site = model.conditionals(x).log_prob(x)
    for part, (row, column) in zip(parts, pixels, strict=True):
        assert torch.equal(part, by_site[:, :, row, column])


def test_a_colour_conditional_does_not_depend_on_later_colours():
    model = randomize_weights(cr.PixelCNN(cr.Levels((3, 2, 2), 4), blocks=1, features=6))
    x = model.domain.random_data(5, generator(0))
    for colour in range(3):
        other = x.clone()
        other[:, colour + 1 :, 1, 0] = 3 - other[:, colour + 1 :, 1, 0]
        other[:, :, 1, 1] = 3 - other[:, :, 1, 1]
        same, changed = (colour_log_probs(model, images, row=1, column=0) for images in (x, other))
        assert torch.equal(same[:, : colour + 1], changed[:, : colour + 1])
        assert (same[:, colour + 1 :] != changed[:, colour + 1 :]).any() or colour == 2


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: stacked_receptive_field("", kernel=3, shape=(1, 3, 3)), "each layer has mask A or B, not"),
        (
            lambda: stacked_receptive_field("AC", kernel=3, shape=(1, 3, 3)),
            r"each layer has mask A or B, not \['A', 'C'\]",
        ),
        (lambda: stacked_receptive_field("A", kernel=2, shape=(1, 3, 3)), "its size must be odd, not 2"),
        (lambda: blind_spot((3, 3), row=3, column=0), "do not fit an image of 3×3"),
        (
            lambda: colour_log_probs(cr.MADE(cr.Binary((4,))), torch.zeros(1, 4), row=0, column=0),
            "give a model of images",
        ),
        (
            lambda: colour_log_probs(colour_model(), torch.zeros(1, 3, 1, 2), row=0, column=2),
            "1×2 pixels have no pixel at row 0, column 2",
        ),
    ],
)
def test_bad_input_is_refused_in_one_line(call, words):
    with pytest.raises(ValueError, match=words) as error:
        call()
    assert "\n" not in str(error.value)
