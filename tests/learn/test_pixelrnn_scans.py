"""The recurrent layers written step by step, against the library's layers."""

from __future__ import annotations

import pytest
import torch

from chainrule.domains import Binary, Levels
from chainrule.learn.pixelrnn_scans import (
    PlainDiagonalBiLSTM,
    PlainRowLSTM,
    replace_layers,
    skew,
    to_pixel_grid,
    unskew,
)
from chainrule.models.pixelrnn import PixelRNN
from chainrule.seeding import generator
from tests.learn.formula_checks import randomize_weights

KINDS = {"row": PlainRowLSTM, "diagonal": PlainDiagonalBiLSTM}

SIZES = [(1, 1), (1, 4), (4, 1), (2, 3), (3, 2), (4, 5)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_skewing_turns_diagonals_into_columns_and_can_be_undone(size):
    x = torch.randn(*size, 2, generator=generator(0))
    skewed = skew(x)
    for row in range(size[0]):
        for column in range(size[1]):
            assert torch.equal(skewed[row, row + column], x[row, column])
    assert torch.equal(unskew(skewed, size[1]), x)
    torch.testing.assert_close(skewed.sum(), x.sum())  # zeros elsewhere


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("cell", KINDS)
def test_replaced_layers_give_the_same_model(cell, size):
    domain = Binary((1, *size))
    model = randomize_weights(PixelRNN(domain, cell, layers=2, features=3))
    x = domain.random_data(5, generator(1))
    torch.testing.assert_close(
        replace_layers(model, KINDS[cell]).log_prob(x), model.log_prob(x), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize(
    ("cell", "more"),
    [("row", {"order": "left"}), ("diagonal", {"full_context": True}), ("diagonal", {"order": "right"})],
)
def test_replaced_layers_give_the_same_gradients_in_colour_and_any_order(cell, more):
    domain = Levels((3, 2, 4), 5)
    model = randomize_weights(PixelRNN(domain, cell, layers=2, features=4, **more))
    told, x = replace_layers(model, KINDS[cell]), domain.random_data(3, generator(1))
    log_probs = [each.log_prob(x) for each in (model, told)]
    torch.testing.assert_close(*log_probs, rtol=1e-12, atol=1e-12)
    gradients = [
        torch.autograd.grad(p.sum(), each.parameters()) for p, each in zip(log_probs, (model, told), strict=True)
    ]
    named = [
        {name: gradient for (name, _), gradient in zip(each.named_parameters(), some, strict=True)}
        for each, some in zip((model, told), gradients, strict=True)
    ]
    torch.testing.assert_close(named[0], named[1])


def test_replacing_layers_copies_the_model():
    model = PixelRNN(Binary((1, 2, 3)), "row", layers=1, features=2)
    assert type(replace_layers(model, PlainRowLSTM).stack.blocks[0].lstm) is PlainRowLSTM
    assert type(model.stack.blocks[0].lstm) is not PlainRowLSTM


def test_bad_input_is_refused_in_one_line():
    with pytest.raises(ValueError, match="2 × 3 is skewed to 4 columns, not 5"):
        unskew(torch.zeros(2, 5), 3)
    with pytest.raises(ValueError, match="7 pixels is not 2 × 3"):
        to_pixel_grid(torch.zeros(4, 7, 1), 2, 3)
    with pytest.raises(ValueError, match="PlainRowLSTM is not a DiagonalBiLSTM; give a class for cell='diagonal'"):
        replace_layers(PixelRNN(Binary((1, 2, 3)), "diagonal", layers=1, features=2), PlainRowLSTM)
