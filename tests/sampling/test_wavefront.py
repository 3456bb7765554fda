"""The wavefront computes every pixel once, after all pixels that it reads."""

from __future__ import annotations

import pytest
import torch

from chainrule.sampling import slope, wavefront
from chainrule.sampling.wavefront import neighbours

KERNELS = {
    "7×7": [(down, right) for down in range(-3, 1) for right in range(-3, 4) if down < 0 or right < 0],
    "3×3": [(-1, -1), (-1, 0), (-1, 1), (0, -1)],
    "left and above": [(0, -1), (-1, 0)],
    "far above": [(-2, 3), (0, -2)],
}


@pytest.mark.parametrize("offsets", KERNELS.values(), ids=list(KERNELS))
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 6), (6, 1), (5, 7), (8, 3)])
def test_every_pixel_comes_once_and_after_the_pixels_that_it_reads(offsets, height, width):
    steps = wavefront(height, width, slope(offsets))
    pixels = height * width
    assert sorted(torch.cat(steps).tolist()) == list(range(pixels))
    step_of = torch.full((pixels + 1,), -1)  # outside the image
    for step, group in enumerate(steps):
        step_of[group] = step
    assert bool((step_of[neighbours(height, width, offsets)] < step_of[:pixels, None]).all())


@pytest.mark.parametrize("name", ["7×7", "3×3", "far above"])
def test_a_smaller_slope_would_read_pixels_too_early(name):
    offsets, height, width = KERNELS[name], 6, 12
    steps = wavefront(height, width, slope(offsets) - 1)
    step_of = torch.full((height * width + 1,), -1)
    for step, group in enumerate(steps):
        step_of[group] = step
    assert not bool((step_of[neighbours(height, width, offsets)] < step_of[:-1, None]).all())


def test_neighbours_by_hand():
    assert neighbours(2, 3, [(0, -1), (-1, 1), (0, 0)]).tolist() == [
        [6, 6, 0], [0, 6, 1], [1, 6, 2], [6, 1, 3], [3, 2, 4], [4, 6, 5],
    ]  # fmt: skip
