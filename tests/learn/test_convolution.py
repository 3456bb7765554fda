"""Convolutions, masked and not, against numbers worked out another way; and what the lesson says of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.signal import convolve2d

import chainrule as cr
from chainrule.layers.masked import MaskedConv2d, he_init
from chainrule.layers.residual import ResidualBlock
from chainrule.learn.convolution import (
    PlainBlock,
    PlainPixelCNN,
    blind_spot,
    change,
    colour_factors,
    convolve,
    convolve_maps,
    first_gradient,
    flipped,
    layers_reach,
    output_size,
    plant_mask_b,
    products,
    start_at_random,
)
from chainrule.learn.lessons import convolution_depth as depth
from chainrule.learn.lessons import convolution_masks as causal
from chainrule.learn.lessons.convolution import EDGES, layer_difference, taps, worst_difference
from chainrule.learn.pictures.convolution import convolution_frames
from chainrule.seeding import generator
from tests.learn.checks import moved

IMAGE, KERNEL = np.arange(9).reshape(3, 3), np.arange(4).reshape(2, 2)
SIZES = [
    ((3, 3), (2, 2), 1, 0),
    ((1, 1), (1, 1), 1, 0),
    ((5, 2), (1, 2), 3, 0),
    ((4, 7), (3, 5), 2, 2),
    ((1, 6), (4, 3), 1, 2),
]


# The sum.


def test_the_example_by_hand():
    assert convolve(IMAGE, KERNEL).tolist() == [[19, 25], [37, 43]]
    assert products(IMAGE, KERNEL, 1, 0) == [(0, 3), (1, 4), (2, 6), (3, 7)]
    assert products(IMAGE, KERNEL, 1, 1, stride=2, padding=1) == [(0, 4), (1, 5), (2, 7), (3, 8)]
    assert convolve(IMAGE, KERNEL, stride=2, padding=1).tolist() == [[0, 8], [21, 43]]


@pytest.mark.parametrize(("image", "kernel", "stride", "padding"), SIZES)
def test_the_loops_are_what_torch_computes(image, kernel, stride, padding):
    rng = np.random.default_rng(0)
    x, k = rng.normal(size=image), rng.normal(size=kernel)
    theirs = F.conv2d(torch.from_numpy(x)[None, None], torch.from_numpy(k)[None, None], stride=stride, padding=padding)
    np.testing.assert_allclose(convolve(x, k, stride, padding), theirs[0, 0], rtol=1e-12, atol=1e-12)
    for (i, j), total in np.ndenumerate(convolve(x, k, stride, padding)):
        assert sum(a * b for a, b in products(x, k, i, j, stride, padding)) == pytest.approx(total)


def test_turned_round_it_is_the_convolution_of_mathematics():
    rng = np.random.default_rng(0)
    x, k = rng.normal(size=(4, 6)), rng.normal(size=(2, 3))
    np.testing.assert_allclose(convolve(x, flipped(k)), convolve2d(x, k, "valid"), rtol=1e-12)
    np.testing.assert_allclose(convolve(x, k, padding=0), convolve2d(x, flipped(k), "valid"), rtol=1e-12)
    assert convolve(IMAGE, flipped(KERNEL)).tolist() == [[5, 11], [23, 29]]
    np.testing.assert_array_equal(convolve(x, flipped(EDGES)), -convolve(x, EDGES))


def test_several_maps_are_added():
    rng = np.random.default_rng(0)
    x, k = rng.normal(size=(3, 4, 5)), rng.normal(size=(2, 3, 3, 2))
    theirs = F.conv2d(torch.from_numpy(x)[None], torch.from_numpy(k), stride=2, padding=1)
    np.testing.assert_allclose(convolve_maps(x, k, 2, 1), theirs[0], rtol=1e-12, atol=1e-12)


def test_the_size_is_the_number_of_places():
    for size in range(1, 8):
        for kernel in range(1, size + 1):
            for stride in (1, 2, 3):
                for padding in (0, 1, 2):
                    there = [a for a in range(0, size + 2 * padding, stride) if a + kernel <= size + 2 * padding]
                    assert output_size(size, kernel, stride, padding) == len(there)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: output_size(3, 4), "a kernel of 4 does not fit into 3 [+] 2 · 0 pixels; give more padding"),
        (lambda: output_size(3, 2, stride=0), "stride must be a whole number of at least 1, not 0"),
        (lambda: output_size(3, 2, padding=-1), "padding must be a whole number of at least 0, not -1"),
        (lambda: convolve(IMAGE, KERNEL, stride=1.5), "stride must be a whole number of at least 1, not 1.5"),
        (lambda: convolve(IMAGE, KERNEL, padding=0.5), "padding must be a whole number of at least 0, not 0.5"),
        (lambda: convolve([1, 2, 3], KERNEL), r"the image must have rows and columns, not the shape \(3,\)"),
        (lambda: convolve(IMAGE, []), r"the kernel must have rows and columns, not the shape \(0,\)"),
        (lambda: convolve(IMAGE, np.ones((2, 5))), "a kernel of 5 does not fit into 3"),
        (lambda: flipped(np.ones((1, 2, 2))), "the kernel must have rows and columns"),
        (lambda: products(IMAGE, KERNEL, 2, 0), "2×2 numbers; there is none at row 2, column 0"),
        (lambda: convolve_maps(np.ones((2, 3, 3)), np.ones((1, 3, 2, 2))), r"maps \[in, H, W\] need kernels"),
        (lambda: layers_reach("", 3, (1, 3, 3)), "each layer has mask A or B, not"),
        (lambda: layers_reach("AC", 3, (1, 3, 3)), r"each layer has mask A or B, not \['A', 'C'\]"),
        (lambda: layers_reach("A", 2, (1, 3, 3)), "its size must be odd, not 2"),
        (lambda: blind_spot((3, 3), 3, 0), "belong to no pixel of an image 3×3"),
        (lambda: colour_factors(cr.MADE(cr.Binary((4,))), torch.zeros(1, 4), 0, 0), "give a model of images"),
        (
            lambda: colour_factors(colour_model(), torch.zeros(1, 3, 1, 2), 0, 2),
            "1×2 pixels have none at row 0, column 2",
        ),
    ],
)
def test_bad_input_is_said_in_one_line(call, words):
    with pytest.raises(ValueError, match=words) as error:
        call()
    assert "\n" not in str(error.value)


def test_a_frame_for_each_number_with_its_sum():
    frames = list(convolution_frames(IMAGE.astype(float), KERNEL.astype(float)))
    assert [frame.texts[0].get_text() for frame in frames] == [
        "0·0 + 1·1 + 2·3 + 3·4 = 19",
        "0·1 + 1·2 + 2·4 + 3·5 = 25",
        "0·3 + 1·4 + 2·6 + 3·7 = 37",
        "0·4 + 1·5 + 2·7 + 3·8 = 43",
    ]
    outputs = [[text.get_text() for text in frame.axes[2].texts] for frame in frames]
    assert outputs == [["19"], ["19", "25"], ["19", "25", "37"], ["19", "25", "37", "43"]]


# Masks.


@pytest.mark.parametrize("kinds", ["A", "B", "AB", "BB", "AA", "ABB"])
@pytest.mark.parametrize("shape", [(1, 4, 5), (3, 2, 3), (2, 1, 1)])
def test_what_layers_reach_is_their_jacobian(kinds, shape):
    groups = torch.arange(shape[0])
    layers = [MaskedConv2d(groups, groups, 3, kind, generator(0)).double() for kind in kinds]
    for layer in layers:
        layer.weight.data = torch.rand(layer.weight.shape, generator=generator(2), dtype=torch.float64) + 0.1

    def through(x):
        for layer in layers:
            x = layer(x)
        return x.flatten()

    jacobian = torch.autograd.functional.jacobian(through, torch.zeros(1, *shape, dtype=torch.float64))
    assert torch.equal(layers_reach(kinds, 3, shape), jacobian.flatten(1) != 0)


def test_one_a_is_needed_and_one_is_enough():
    shape, site = (1, 7, 7), 24
    before = cr.Order(tuple(range(49))).before
    seen = {name: layers_reach(kinds, 3, shape) for name, kinds in causal.STACKS.items()}
    assert not (seen["A, then B"] & ~before).any()
    assert torch.equal(seen["B, then B"] & ~before, torch.eye(49).bool())
    assert not (seen["A, then A"] & ~before).any()
    assert seen["A, then B"][site, site - 1]
    lost = (seen["A, then B"] & ~seen["A, then A"])[site]
    assert lost.nonzero().flatten().tolist() == [site - 6, site - 1]


def test_the_numbers_of_open_taps():
    assert [taps("A", 7), taps("B", 7), taps("A", 3), taps("B", 3)] == [24, 25, 4, 5]


def test_rounding_is_all_that_differs():
    assert layer_difference() < 1e-13
    assert worst_difference() < 1e-13


@pytest.mark.parametrize("shape", [(4, 9), (7, 5), (1, 3)])
def test_the_blind_spot_is_what_a_deep_model_does_not_see(shape):
    model = cr.PixelCNN(cr.Binary((1, *shape)), blocks=sum(shape), features=1)
    seen, before = model.receptive_field(), model.order.before
    for site in range(shape[0] * shape[1]):
        unseen = (before & ~seen)[site].view(shape)
        assert torch.equal(blind_spot(shape, *divmod(site, shape[1])), unseen)


def test_the_counts_of_the_lesson():
    domain = cr.Binary((1, depth.SIDE, depth.SIDE))
    seen = [int(cr.PixelCNN(domain, blocks, 1).receptive_field()[depth.SITE].sum()) for blocks in (0, 8, 40)]
    blind, past = int(blind_spot((depth.SIDE, depth.SIDE), 10, 10).sum()), 220
    # Of the 10 columns on its right, m + 2 are seen m rows up.
    assert blind == sum(10 - (m + 2) for m in range(1, 9)) == 28
    assert seen == [24, past - blind, past - blind]
    row = cr.PixelRNN(domain, "row", layers=9, features=1).receptive_field()[depth.SITE].view(21, 21)
    assert int(row.sum()) == past - blind  # however many layers, the wedge on the right stays
    assert not (row & blind_spot((21, 21), 10, 10)).any()
    diagonal = cr.PixelRNN(domain, "diagonal", layers=1, features=1).receptive_field()[depth.SITE]
    assert int(diagonal.sum()) == past - 1


# Colours.


def colour_model():
    return moved(cr.PixelCNN(cr.Binary((3, 1, 2)), blocks=1, features=6))


def test_the_factors_are_those_of_the_whole_distribution():
    """By enumeration: p(x_i | before) is the mass of what agrees up to i, over that of what agrees up to i − 1."""
    model = colour_model()
    x = torch.cat(list(model.domain.outcomes()))
    p = model.log_prob(x).exp().detach()
    assert p.sum() == pytest.approx(1)
    order = model.order.sites
    flat = x.flatten(1)[:, order]  # pixel 0: R, G, B; pixel 1: R, G, B
    for column in (0, 1):
        found = colour_factors(model, x, 0, column).detach()
        for colour in range(3):
            place = 3 * column + colour
            agree = (flat[:, None, :] == flat[None]).int().cumprod(2).bool()
            upto = (agree[:, :, place] * p).sum(1)
            without = (agree[:, :, place - 1] * p).sum(1) if place else torch.ones(len(x))
            torch.testing.assert_close(found[:, colour].exp(), upto / without)


@pytest.mark.parametrize("shape", [(1, 3, 2), (3, 2, 3), (5, 1, 2)])
def test_the_factors_of_all_pixels_are_the_likelihood(shape):
    model = moved(cr.PixelCNN(cr.Levels(shape, 4), blocks=1, features=7))
    x = model.domain.random(6, generator(0))
    pixels = [(row, column) for row in range(shape[1]) for column in range(shape[2])]
    parts = [colour_factors(model, x, *pixel) for pixel in pixels]
    torch.testing.assert_close(sum(part.sum(1) for part in parts), model.log_prob(x))
    by_site = model.conditionals(x).log_prob(x)
    for part, (row, column) in zip(parts, pixels, strict=True):
        assert torch.equal(part, by_site[:, :, row, column])


def test_a_factor_does_not_see_the_colours_after_it():
    model = moved(cr.PixelCNN(cr.Levels((3, 2, 2), 4), blocks=1, features=6))
    x = model.domain.random(5, generator(0))
    for colour in range(3):
        other = x.clone()
        other[:, colour + 1 :, 1, 0] = 3 - other[:, colour + 1 :, 1, 0]
        other[:, :, 1, 1] = 3 - other[:, :, 1, 1]
        same, changed = colour_factors(model, x, 1, 0), colour_factors(model, other, 1, 0)
        assert torch.equal(same[:, : colour + 1], changed[:, : colour + 1])
        assert (same[:, colour + 1 :] != changed[:, colour + 1 :]).any() or colour == 2


def test_the_photograph_is_parted_and_green_relies_on_red():
    train, test = causal.photograph()
    assert train.shape[1:] == test.shape[1:] == (3, causal.PATCH, causal.PATCH)
    assert len(train) + len(test) == (213 // causal.PATCH) * (320 // causal.PATCH)
    assert train.min() >= 0
    assert train.max() < causal.LEVELS
    model = cr.PixelCNN(cr.Levels((3, causal.PATCH, causal.PATCH), causal.LEVELS), blocks=0, features=18)
    cr.fit(model, train, updates=causal.UPDATES, **{**causal.BRIEF, "batch_size": 20, "lr": 0.03})
    with torch.no_grad():
        told = -colour_factors(model, test, *causal.PIXEL)
        misled = causal.misled(model, test)
    assert told.mean(0).max() < np.log(causal.LEVELS)
    gain = misled - told[:, 1]
    assert gain.mean() > 4 * gain.std() / len(gain) ** 0.5


# Leaks.


def test_mask_b_at_first_leaks_each_site_to_itself_and_no_more():
    report = causal.planted_leak()
    assert report.leaks == tuple((site, site) for site in range(36))
    assert report.colours.tolist() == [[12, 0, 0], [0, 12, 0], [0, 0, 12]]


def test_a_leak_shows_in_the_sum_and_below_the_entropy():
    digits = cr.load_data("digits", binarize="threshold")
    train, test = digits.train.values(), digits.test.values()
    right, wrong = causal.leaky_likelihoods(train, test)
    patterns = {}
    for pattern in map(tuple, causal.middle(test).flatten(1).tolist()):
        patterns[pattern] = patterns.get(pattern, 0) + 1
    by_hand = -sum(count / len(test) * np.log(count / len(test)) for count in patterns.values())
    assert causal.entropy(causal.middle(test)) == pytest.approx(by_hand)
    assert right[2] == "1.00"
    assert float(right[1].split()[0]) > by_hand
    assert float(wrong[1].split()[0]) < by_hand / 2
    assert float(wrong[2]) > 500


# Residual blocks.


def test_a_block_is_its_input_and_the_change():
    block, x = ResidualBlock(3, 1, generator(0)).double(), torch.randn(2, 6, 4, 3, generator=generator(1)).double()
    torch.nn.init.normal_(block.expand.weight, generator=generator(2))
    assert change(block, x).abs().max() > 0.1
    torch.testing.assert_close(block(x), x + change(block, x))
    plain = PlainBlock(3, 1, generator(0)).double()
    plain.load_state_dict(block.state_dict())
    torch.testing.assert_close(plain(x), block(x) - x)


def test_blocks_that_start_at_zero_change_nothing():
    model = cr.PixelCNN(cr.Binary((1, 5, 4)), blocks=5, features=3)
    h = torch.randn(2, 6, 5, 4, generator=generator(0))
    assert torch.equal(model.stack(h), h)
    assert not torch.equal(start_at_random(model).stack(h), h)
    assert depth.first_difference(torch.ones(3, 1, 8, 8)) == 0


@pytest.mark.parametrize("shape", [(1, 2, 3), (3, 1, 2)])
def test_a_model_without_additions_keeps_all_laws(shape):
    report = cr.check_model(PlainPixelCNN(cr.Binary(shape), blocks=2, features=4))
    assert report.passed, report
    assert all(finding.status == "passed" for finding in report.findings)


def test_planting_leaves_the_rest_of_the_model():
    model, other = (cr.PixelCNN(cr.Binary((1, 3, 3)), blocks=1, features=3) for _ in range(2))
    assert plant_mask_b(model) is model
    assert torch.equal(model.head.weight, other.head.weight)
    assert model.first.weight.shape == other.first.weight.shape


def test_the_gradient_is_the_slope_along_itself():
    """Finite differences in float64: a step of ε along the gradient raises the NLL by ε times the gradient's norm."""
    model = start_at_random(cr.PixelCNN(cr.Binary((1, 4, 4)), blocks=2, features=4)).double()
    x = model.domain.random(5, generator(0))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    norm = first_gradient(model, x, seed=3)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    he_init(model.output.weight, model.output.mask, generator(3, 3))
    loss = -model.log_prob(x).mean()
    (gradient,) = torch.autograd.grad(loss, model.first.weight)
    step = 1e-6 * gradient / gradient.norm()
    with torch.no_grad():
        model.first.weight += step
        up = -model.log_prob(x).mean()
        model.first.weight -= 2 * step
        down = -model.log_prob(x).mean()
    assert float(up - down) / 2e-6 == pytest.approx(norm, rel=1e-5)


def test_what_the_addition_does(monkeypatch):
    monkeypatch.setattr(depth, "TRAINED_DEPTHS", (1, 8))
    digits = cr.load_data("digits", binarize="threshold")
    train, test = digits.train.values(), digits.test.values()
    zero, random, alone = (depth.measured_arm(make, train, test) for make in depth.ARMS.values())
    assert 0.1 < zero.gradients[32] / zero.gradients[1] < 10
    assert random.gradients[32] / random.gradients[1] > 30
    assert alone.gradients[32] / alone.gradients[1] < 1e-5
    assert zero.nats[8][0] < zero.nats[1][0] - 3 * zero.nats[1][1]  # deeper is better
    for blocks in (1, 8):
        assert zero.nats[blocks][0] < alone.nats[blocks][0] - 3 * alone.nats[blocks][1]
        assert random.nats[blocks][0] < alone.nats[blocks][0] - 3 * alone.nats[blocks][1]
