"""The claims of the lesson on convolution."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d

import chainrule as cr
from chainrule.learn.causal_convolution import blind_spot, colour_log_probs, stacked_receptive_field
from chainrule.learn.convolution_arithmetic import convolve, flip_kernel
from chainrule.learn.lessons import convolution_colours as causal
from chainrule.learn.lessons import convolution_depth as depth
from chainrule.learn.lessons.convolution_lesson import EDGE_KERNEL, count_weights, max_difference, max_layer_difference
from chainrule.learn.pixelcnn_variants import (
    randomize_block_outputs,
)
from chainrule.seeding import generator

IMAGE, KERNEL = np.arange(9).reshape(3, 3), np.arange(4).reshape(2, 2)


def test_the_rotated_kernel_gives_the_mathematical_convolution():
    rng = np.random.default_rng(0)
    x, k = rng.normal(size=(4, 6)), rng.normal(size=(2, 3))
    np.testing.assert_allclose(convolve(x, flip_kernel(k)), convolve2d(x, k, "valid"), rtol=1e-12)
    np.testing.assert_allclose(convolve(x, k, padding=0), convolve2d(x, flip_kernel(k), "valid"), rtol=1e-12)
    assert convolve(IMAGE, flip_kernel(KERNEL)).tolist() == [[5, 11], [23, 29]]
    np.testing.assert_array_equal(convolve(x, flip_kernel(EDGE_KERNEL)), -convolve(x, EDGE_KERNEL))


def test_one_layer_with_mask_a_is_necessary_and_sufficient():
    shape, site = (1, 7, 7), 24
    before = cr.Order(tuple(range(49))).before
    seen = {name: stacked_receptive_field(kinds, kernel=3, shape=shape) for name, kinds in causal.STACKS.items()}
    assert not (seen["A, then B"] & ~before).any()
    assert torch.equal(seen["B, then B"] & ~before, torch.eye(49).bool())
    assert not (seen["A, then A"] & ~before).any()
    assert seen["A, then B"][site, site - 1]
    lost = (seen["A, then B"] & ~seen["A, then A"])[site]
    assert lost.nonzero().flatten().tolist() == [site - 6, site - 1]


def test_the_masks_leave_the_stated_numbers_of_weights():
    assert [count_weights("A", 7), count_weights("B", 7), count_weights("A", 3), count_weights("B", 3)] == [
        24,
        25,
        4,
        5,
    ]


def test_only_rounding_errors_differ():
    assert max_layer_difference() < 1e-13
    assert max_difference() < 1e-13


def test_the_receptive_field_counts_of_the_lesson():
    domain = cr.Binary((1, depth.SIDE, depth.SIDE))
    seen = [int(cr.PixelCNN(domain, blocks, 1).receptive_field()[depth.SITE].sum()) for blocks in (0, 8, 40)]
    blind, past = int(blind_spot((depth.SIDE, depth.SIDE), row=10, column=10).sum()), 220
    # Of the 10 columns on its right, m + 2 are seen m rows up.
    assert blind == sum(10 - (m + 2) for m in range(1, 9)) == 28
    assert seen == [24, past - blind, past - blind]
    row = cr.PixelRNN(domain, "row", layers=9, features=1).receptive_field()[depth.SITE].view(21, 21)
    assert int(row.sum()) == past - blind  # however many layers, the wedge on the right stays
    assert not (row & blind_spot((21, 21), row=10, column=10)).any()
    diagonal = cr.PixelRNN(domain, "diagonal", layers=1, features=1).receptive_field()[depth.SITE]
    assert int(diagonal.sum()) == past - 1


def test_the_photograph_is_split_and_green_depends_on_red():
    train, test = causal.load_photograph_patches()
    assert train.shape[1:] == test.shape[1:] == (3, causal.PATCH, causal.PATCH)
    assert len(train) + len(test) == (213 // causal.PATCH) * (320 // causal.PATCH)
    assert train.min() >= 0
    assert train.max() < causal.LEVELS
    model = cr.PixelCNN(cr.Levels((3, causal.PATCH, causal.PATCH), causal.LEVELS), blocks=0, features=18)
    cr.fit(model, train, updates=causal.UPDATES, **{**causal.FIT_SETTINGS, "batch_size": 20, "lr": 0.03})
    with torch.no_grad():
        nll = -colour_log_probs(model, test, row=causal.PIXEL[0], column=causal.PIXEL[1])
        misled = causal.nll_with_wrong_red(model, test)
    assert nll.mean(0).max() < np.log(causal.LEVELS)
    gain = misled - nll[:, 1]
    assert gain.mean() > 4 * gain.std() / len(gain) ** 0.5


def test_mask_b_in_the_first_layer_leaks_only_each_sites_own_value():
    report = causal.find_planted_leak()
    assert report.leaks == tuple((site, site) for site in range(36))
    assert report.leaks_by_channel.tolist() == [[12, 0, 0], [0, 12, 0], [0, 0, 12]]


def test_a_leak_gives_a_sum_above_1_and_an_nll_below_the_entropy():
    digits = cr.load_data("digits", binarize="threshold")
    train, test = digits.train.values(), digits.test.values()
    right, wrong = causal.tabulate_leaky_nlls(train, test)
    patterns = {}
    for pattern in map(tuple, causal.crop_middle(test).flatten(1).tolist()):
        patterns[pattern] = patterns.get(pattern, 0) + 1
    by_hand = -sum(count / len(test) * np.log(count / len(test)) for count in patterns.values())
    assert causal.entropy(causal.crop_middle(test)) == pytest.approx(by_hand)
    assert right[2] == "1.00"
    assert float(right[1].split()[0]) > by_hand
    assert float(wrong[1].split()[0]) < by_hand / 2
    assert float(wrong[2]) > 500


def test_blocks_that_start_at_zero_change_no_feature():
    model = cr.PixelCNN(cr.Binary((1, 5, 4)), blocks=5, features=3)
    h = torch.randn(2, 6, 5, 4, generator=generator(0))
    assert torch.equal(model.stack(h), h)
    assert not torch.equal(randomize_block_outputs(model).stack(h), h)
    assert depth.max_feature_difference(torch.ones(3, 1, 8, 8)) == 0


def test_without_the_addition_the_gradient_vanishes(monkeypatch):
    monkeypatch.setattr(depth, "TRAINED_DEPTHS", (1, 8))
    digits = cr.load_data("digits", binarize="threshold")
    train, test = digits.train.values(), digits.test.values()
    zero, random, alone = (depth.measure_depths(make, train, test) for make in depth.BLOCK_KINDS.values())
    assert 0.1 < zero.gradients[32] / zero.gradients[1] < 10
    assert random.gradients[32] / random.gradients[1] > 30
    assert alone.gradients[32] / alone.gradients[1] < 1e-5
    assert zero.nats[8][0] < zero.nats[1][0] - 3 * zero.nats[1][1]  # deeper is better
    for blocks in (1, 8):
        assert zero.nats[blocks][0] < alone.nats[blocks][0] - 3 * alone.nats[blocks][1]
        assert random.nats[blocks][0] < alone.nats[blocks][0] - 3 * alone.nats[blocks][1]
