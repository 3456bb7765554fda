"""The figures of the scans of PixelRNN show the steps of its plans."""

import numpy as np
import pytest
import torch

from chainrule.figures import (
    EMPTY,
    path_lengths,
    row_steps_figure,
    skew,
    skewing_figure,
    state_sources,
    step_map,
    to_png,
)
from chainrule.layers.scan_plan import diagonal_plan, row_plan
from tests.support.figures import images


def arrows(axes):
    return [patch for patch in axes.patches if type(patch).__name__ == "FancyArrowPatch"]


@pytest.mark.parametrize(("height", "width"), [(4, 4), (3, 5), (5, 2), (1, 3), (3, 1)])
def test_the_step_of_a_pixel_is_its_row_or_its_row_plus_column(height, width):
    steps = step_map(diagonal_plan(height, width), height, width)
    assert steps.tolist() == [[row + column for column in range(width)] for row in range(height)]
    skewed = skew(steps)
    assert skewed.shape == (height, height + width - 1)
    for row in range(height):
        assert skewed[row].tolist() == [EMPTY] * row + list(range(row, row + width)) + [EMPTY] * (height - 1 - row)
    rows = step_map(row_plan(height, width), height, width)
    assert rows.tolist() == [[row] * width for row in range(height)]


def test_states_come_from_left_and_above_or_from_three_pixels_above():
    assert set(state_sources(diagonal_plan(4, 4), (2, 1), 4)) == {(2, 0), (1, 1)}
    assert set(state_sources(diagonal_plan(4, 4), (2, 1), 4, direction=1)) == {(2, 2), (1, 1)}
    assert set(state_sources(row_plan(4, 4), (2, 1), 4)) == {(1, 0), (1, 1), (1, 2)}
    assert state_sources(row_plan(4, 4), (0, 1), 4) == []


def test_the_skewing_figure_numbers_both_directions():
    figure = skewing_figure(3, 4)
    left, moved, right, moved_too = (np.ma.filled(image, EMPTY) for image in images(figure))
    assert left.tolist() == [[0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5]]
    assert right.tolist() == [row[::-1] for row in left.tolist()]
    for each in (moved, moved_too):
        assert each.tolist() == skew(torch.tensor(left).long()).tolist()
    assert [len(arrows(axes)) for axes in figure.axes] == [2, 2, 2, 2]
    numbers = [text.get_text() for text in figure.axes[0].texts]
    assert numbers == [str(int(step)) for step in left.flatten()]
    assert [axes.patches[0].get_xy() for axes in figure.axes[::2]] == [(1.5, 0.5)] * 2
    to_png(skewing_figure(1, 1, title="one pixel"))


def test_the_figure_of_rows_has_three_arrows_and_a_triangle():
    figure = row_steps_figure(3, 5)
    steps, back = images(figure)
    assert steps.tolist() == [[0.0] * 5, [1.0] * 5, [2.0] * 5]
    wanted = [[2, 2, 2, 2, 2], [EMPTY, 1, 1, 1, EMPTY], [EMPTY, EMPTY, 0, EMPTY, EMPTY]]
    assert path_lengths(row_plan(3, 5), (2, 2), (3, 5)).tolist() == wanted
    assert np.ma.filled(back, EMPTY).tolist() == wanted
    assert [len(arrows(axes)) for axes in figure.axes] == [3, 0]
    assert images(row_steps_figure(100, 100))[0].shape == (6, 7)
