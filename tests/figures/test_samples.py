"""The figures of samples and completions can be drawn, and show the data."""

import numpy as np
import pytest
import torch

from chainrule.domains import Binary, Levels
from chainrule.figures import (
    completions_figure,
    find_nearest,
    image_grid,
    sample_grids_figure,
    samples_figure,
    to_png,
)
from tests.support.figures import draw

COLOUR = Levels((3, 4, 2), 256)


def test_samples_stand_beside_their_nearest_training_data():
    samples, train = draw(COLOUR, n=4), draw(COLOUR, n=5)
    figure = samples_figure(samples, train, COLOUR, title="samples")
    assert to_png(figure).startswith(b"\x89PNG")
    right = figure.axes[1].images[0].get_array()
    near = train[find_nearest(samples, train, COLOUR)[0]]
    assert (np.asarray(right) == np.asarray(image_grid(near, COLOUR))).all()


def test_completions_can_be_drawn():
    train, evidence = draw(COLOUR, n=5), torch.ones(COLOUR.shape, dtype=torch.bool)
    figure = completions_figure(train[:2], evidence, train[:2, None], COLOUR, title="completions")
    assert to_png(figure).startswith(b"\x89PNG")


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6])
def test_each_entry_has_a_grid(count):
    x = torch.zeros(4, 1, 3, 5, dtype=torch.uint8)
    figure = sample_grids_figure({f"model {number}": x for number in range(count)}, Binary((1, 3, 5)))
    assert [axes.get_title() for axes in figure.axes if axes.images] == [f"model {number}" for number in range(count)]


def test_a_grid_of_one_tall_column_has_a_limited_height():
    figure = sample_grids_figure({"one": torch.zeros(1, 1, 90, 1, dtype=torch.uint8)}, Binary((1, 90, 1)))
    assert figure.get_figheight() < 4 * figure.get_figwidth()
