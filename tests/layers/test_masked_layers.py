"""Masks against their definitions, and masked layers against plain ones."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F

from chainrule.layers.convolution import MaskedConv2d
from chainrule.layers.linear import MaskedLinear
from chainrule.layers.masks import colour_groups, convolution_mask, degree_mask
from chainrule.layers.residual import ResidualBlock
from chainrule.layers.weights import he_init
from chainrule.seeding import generator


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=generator(0, *shape))


def test_degree_mask_is_the_inequality_of_degrees():
    outputs, inputs = torch.tensor([1, 3, 2]), torch.tensor([2, 1, 3, 3])
    for strict in (True, False):
        mask = degree_mask(outputs, inputs, strict)
        for (row, d), (column, m) in itertools.product(enumerate([1, 3, 2]), enumerate([2, 1, 3, 3])):
            assert bool(mask[row, column]) == (d > m if strict else d >= m)


@pytest.mark.parametrize(("features", "colours"), [(6, 3), (7, 3), (8, 3), (3, 3), (32, 1), (5, 2)])
def test_features_are_split_over_colours_as_evenly_as_it_goes(features, colours):
    groups = colour_groups(features, colours)
    sizes = torch.bincount(groups, minlength=colours)
    assert len(groups) == features
    assert groups.tolist() == sorted(groups.tolist())
    assert len(sizes) == colours
    assert sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize("kind", ["A", "B"])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (7, 7), (1, 5), (5, 3)])
def test_convolution_mask_is_raster_order(kernel, kind):
    out_groups, in_groups = torch.tensor([0, 0, 1, 2]), torch.tensor([0, 1, 2])
    mask = convolution_mask(out_groups, in_groups, kernel, kind)
    assert mask.shape == (4, 3, *kernel)
    rows, columns = kernel
    centre = (rows // 2, columns // 2)
    for output, given, row, column in itertools.product(range(4), range(3), range(rows), range(columns)):
        own, other = int(out_groups[output]), int(in_groups[given])
        earlier_colour = other < own or (kind == "B" and other == own)
        seen = (row, column) < centre or ((row, column) == centre and earlier_colour)
        assert bool(mask[output, given, row, column]) == seen


def test_masked_linear_is_a_linear_layer_with_some_weights_gone():
    mask = torch.tensor([[True, False, True], [False, False, False]])
    layer, x = MaskedLinear(mask, generator(0)), normal(4, 3)
    expected = x[:, 0] * layer.weight[0, 0] + x[:, 2] * layer.weight[0, 2] + layer.bias[0]
    torch.testing.assert_close(layer(x)[:, 0], expected)
    assert layer(x)[:, 1].tolist() == [0.0] * 4


@pytest.mark.parametrize("kind", ["A", "B"])
@pytest.mark.parametrize("kernel", [1, 3, 7])
@pytest.mark.parametrize("size", [(1, 1), (1, 6), (6, 1), (4, 5)])
def test_masked_convolution_is_a_convolution_with_the_whole_masked_kernel(size, kernel, kind):
    in_groups, out_groups = torch.tensor([0, 1]), torch.tensor([0, 1, 1])
    layer, x = MaskedConv2d(in_groups, out_groups, kernel, kind, generator(1)), normal(2, 2, *size)
    torch.nn.init.constant_(layer.bias, 0.5)
    whole = torch.zeros(3, 2, kernel, kernel)
    whole[:, :, : kernel // 2 + 1] = layer.weight.detach()
    mask = convolution_mask(out_groups, in_groups, (kernel, kernel), kind)
    torch.testing.assert_close(layer(x), F.conv2d(x, whole * mask, layer.bias, padding=kernel // 2))


@pytest.mark.parametrize(
    "layer",
    [
        MaskedLinear(degree_mask(torch.arange(5), torch.arange(5), strict=True), generator(2)),
        MaskedConv2d(torch.arange(5), torch.arange(5), 3, "A", generator(2)),
    ],
)
def test_masks_multiply_and_never_alter_the_weights(layer):
    before = layer.weight.detach().clone()
    x, masks = normal(2, 5) if layer.weight.ndim == 2 else normal(2, 5, 4, 4), (~layer.mask, layer.mask)
    for mask in masks * 3:
        layer.mask = mask
        layer(x).sum().backward()
    assert torch.equal(layer.weight, before)
    layer.weight.grad = None
    layer(x).sum().backward()
    assert layer.weight.grad[layer.mask].ne(0).any()
    assert layer.weight.grad[~layer.mask].eq(0).all()


def test_weights_start_with_a_variance_of_two_over_the_open_taps():
    mask = torch.arange(400)[None, :] < torch.tensor([[400], [100], [0]])
    weight = he_init(torch.empty(3, 400), mask, generator(3))
    assert weight[0].var().item() == pytest.approx(2 / 400, rel=0.2)
    assert weight[1].var().item() == pytest.approx(2 / 100, rel=0.2)
    assert weight.isfinite().all()


def test_a_residual_block_starts_as_the_identity():
    x = normal(2, 8, 3, 4)
    assert torch.equal(ResidualBlock(4, 1, generator(4))(x), x)


def test_a_residual_block_adds_its_input_once_and_leaves_it_as_it_was():
    block, x = ResidualBlock(4, 1, generator(5)), normal(2, 8, 3, 4)
    with torch.no_grad():
        block.expand.weight.normal_(generator=generator(6))
    before = x.clone()
    change = block.expand(F.relu(block.spread(F.relu(block.reduce(F.relu(x))))))
    torch.testing.assert_close(block(x), x + change)
    assert change.ne(0).any()
    assert torch.equal(x, before)


def test_a_residual_block_keeps_colours_apart():
    block = ResidualBlock(3, 3, generator(7))
    with torch.no_grad():
        block.expand.weight.normal_(generator=generator(8))
    x = normal(1, 6, 1, 1).requires_grad_()
    groups = colour_groups(6, 3)
    for feature, colour in enumerate(groups.tolist()):
        (gradient,) = torch.autograd.grad(block(x)[0, feature, 0, 0], x)
        assert gradient[0, groups > colour].eq(0).all()
