"""The figure of an LSTM cell shows the mask of its gates, and the neighbouring states that it reads."""

import pytest
import torch

from chainrule.figures import lstm_cell_figure
from chainrule.figures.lstm_cells import gate_mask, state_kernels
from chainrule.models import PixelRNN
from tests.support.figures import COLOUR, GRAY, open_cells


@pytest.mark.parametrize(("cell", "pixels"), [("row", 2), ("diagonal", 1)])
def test_each_gate_is_grouped_by_colour(cell, pixels):
    model = PixelRNN(COLOUR, cell, layers=1, features=7)  # groups of uneven size
    layer = next(each for each in model.modules() if type(each).__name__ in ("RowLSTM", "DiagonalBiLSTM"))
    mask = gate_mask(layer, 3)
    below = torch.ones(3, 3).tril().bool()
    assert torch.equal(mask, torch.cat([below, torch.ones(3, 3).bool()][:pixels], 1).repeat(4, 1))
    figure = lstm_cell_figure(layer, 3)
    matrix, *kernels = open_cells(figure)
    assert matrix == mask.tolist()
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names[:4] == ["output R", "output G", "output B", "input R"]
    assert kernels == [kernel.tolist() for kernel in state_kernels(layer).values()]


def test_the_states_that_are_read_are_those_of_the_paper():
    row, diagonal = (
        next(PixelRNN(GRAY, cell, layers=1, features=2).stack.children())[0].lstm for cell in ("row", "diagonal")
    )
    assert [kernel.int().tolist() for kernel in state_kernels(row).values()] == [[[1, 1, 1], [0, 0, 0], [0, 0, 0]]]
    left, right = (kernel.int().tolist() for kernel in state_kernels(diagonal).values())
    assert left == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert right == [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
