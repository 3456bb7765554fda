"""Convolutions against torch, SciPy, and numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import chainrule as cr
from chainrule.learn.convolution_arithmetic import convolve, convolve_channels, flip_kernel, list_products, output_size
from tests.learn.formula_checks import randomize_weights

IMAGE, KERNEL = np.arange(9).reshape(3, 3), np.arange(4).reshape(2, 2)

SIZES = [
    ((3, 3), (2, 2), 1, 0),
    ((1, 1), (1, 1), 1, 0),
    ((5, 2), (1, 2), 3, 0),
    ((4, 7), (3, 5), 2, 2),
    ((1, 6), (4, 3), 1, 2),
]


def test_an_example_by_hand():
    assert convolve(IMAGE, KERNEL).tolist() == [[19, 25], [37, 43]]
    assert list_products(IMAGE, KERNEL, 1, 0) == [(0, 3), (1, 4), (2, 6), (3, 7)]
    assert list_products(IMAGE, KERNEL, 1, 1, stride=2, padding=1) == [(0, 4), (1, 5), (2, 7), (3, 8)]
    assert convolve(IMAGE, KERNEL, stride=2, padding=1).tolist() == [[0, 8], [21, 43]]


@pytest.mark.parametrize(("image", "kernel", "stride", "padding"), SIZES)
def test_the_loops_equal_torch(image, kernel, stride, padding):
    rng = np.random.default_rng(0)
    x, k = rng.normal(size=image), rng.normal(size=kernel)
    theirs = F.conv2d(torch.from_numpy(x)[None, None], torch.from_numpy(k)[None, None], stride=stride, padding=padding)
    np.testing.assert_allclose(convolve(x, k, stride=stride, padding=padding), theirs[0, 0], rtol=1e-12, atol=1e-12)
    for (i, j), total in np.ndenumerate(convolve(x, k, stride=stride, padding=padding)):
        assert sum(a * b for a, b in list_products(x, k, i, j, stride=stride, padding=padding)) == pytest.approx(total)


def test_several_channels_are_added():
    rng = np.random.default_rng(0)
    x, k = rng.normal(size=(3, 4, 5)), rng.normal(size=(2, 3, 3, 2))
    theirs = F.conv2d(torch.from_numpy(x)[None], torch.from_numpy(k), stride=2, padding=1)
    np.testing.assert_allclose(convolve_channels(x, k, stride=2, padding=1), theirs[0], rtol=1e-12, atol=1e-12)


def test_the_output_size_is_the_number_of_positions():
    for size in range(1, 8):
        for kernel in range(1, size + 1):
            for stride in (1, 2, 3):
                for padding in (0, 1, 2):
                    there = [a for a in range(0, size + 2 * padding, stride) if a + kernel <= size + 2 * padding]
                    assert output_size(size, kernel, stride=stride, padding=padding) == len(there)


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
        (lambda: flip_kernel(np.ones((1, 2, 2))), "the kernel must have rows and columns"),
        (lambda: list_products(IMAGE, KERNEL, 2, 0), "2×2 values; there is none at row 2, column 0"),
        (lambda: convolve_channels(np.ones((2, 3, 3)), np.ones((1, 3, 2, 2))), r"maps \[in, H, W\] need kernels"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, words):
    with pytest.raises(ValueError, match=words) as error:
        call()
    assert "\n" not in str(error.value)


def colour_model():
    return randomize_weights(cr.PixelCNN(cr.Binary((3, 1, 2)), blocks=1, features=6))
