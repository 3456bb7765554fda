"""The caches of image layers compute, pixel by pixel, the features that the layers compute for whole images."""

from __future__ import annotations

import pytest
import torch

from chainrule.checks.variants import perturbed_copy, random_data
from chainrule.domains import Levels
from chainrule.layers.convolution import MaskedConv2d, add_position_bias
from chainrule.layers.masks import colour_groups
from chainrule.models import PixelCNN, PixelRNN
from chainrule.sampling.image_sampler import RowConv
from chainrule.sampling.stack_cache import (
    centre_weights,
    colour_slices,
    gather,
    gather_indices,
    neighbour_weights,
    split_by_colour,
)
from chainrule.sampling.wavefront import neighbours

COLOUR = Levels((3, 4, 5), 4)
GENERATOR = torch.Generator().manual_seed(0)


@pytest.fixture
def conv():
    groups = torch.arange(3), colour_groups(7, 3)
    layer = MaskedConv2d(*groups, 5, "B", torch.Generator().manual_seed(1)).double()
    torch.nn.init.normal_(layer.bias, generator=torch.Generator().manual_seed(2))
    return layer


@torch.no_grad()
def test_neighbour_and_centre_weights_make_a_convolution(conv):
    image = torch.randn(2, 3, 4, 5, generator=GENERATOR, dtype=torch.float64)
    x = torch.nn.functional.pad(image.flatten(2).mT, (0, 0, 0, 1))  # [n, P + 1, colours]
    (indices,) = gather_indices(neighbours(4, 5, conv.offsets), [torch.arange(20)])
    from_neighbours = gather(x[None], indices, 20)[0] @ neighbour_weights(conv)
    centre = x[:, :-1].flatten(0, 1)
    features = torch.cat([centre @ weight + bias for bias, weight in centre_weights(conv)], 1) + from_neighbours
    expected = conv(image).flatten(2).mT.flatten(0, 1)
    torch.testing.assert_close(features, expected, rtol=1e-12, atol=1e-12)


@torch.no_grad()
def test_a_row_convolution_equals_the_convolution_of_the_image(conv):
    image = torch.randn(2, 3, 4, 5, generator=GENERATOR, dtype=torch.float64)
    x = torch.nn.functional.pad(image.flatten(2).mT, (0, 0, 0, 1))
    for row in range(4):
        features = RowConv(conv, 4, 5).features_of_row(x, row)
        torch.testing.assert_close(features, conv(image)[:, :, row].mT, rtol=1e-12, atol=1e-12)


def test_colours_split_a_weight_into_its_rows():
    weight, bias = torch.randn(5, 4, generator=GENERATOR), torch.randn(5, generator=GENERATOR)
    parts = split_by_colour(weight, bias, colour_groups(5, 3))
    assert torch.equal(torch.cat([part.weight for part in parts], 1), weight.T)
    assert torch.equal(torch.cat([part.bias for part in parts]), bias)
    assert [part.weight.shape[1] for part in parts] == [2, 2, 1]
    assert colour_slices(torch.tensor([0, 1, 1, 2])) == [slice(0, 1), slice(1, 3), slice(3, 4)]


MODELS = {
    "residual blocks": lambda: PixelCNN(COLOUR, blocks=2, features=6),
    "residual blocks, position bias": lambda: PixelCNN(COLOUR, blocks=1, features=5, position_bias=True),
    "row": lambda: PixelRNN(COLOUR, "row", layers=2, features=6),
    "row, skip, no residual": lambda: PixelRNN(COLOUR, "row", layers=2, features=5, skip=True, residual=False),
    "diagonal": lambda: PixelRNN(COLOUR, "diagonal", layers=2, features=6),
    "diagonal, full context, skip": lambda: PixelRNN(
        COLOUR, "diagonal", layers=2, features=5, full_context=True, skip=True, position_bias=True
    ),
    "no layers": lambda: PixelCNN(COLOUR, blocks=0, features=3),
}


@pytest.fixture(params=MODELS)
def model(request):
    return perturbed_copy(MODELS[request.param](), 2).double()


def stack_inputs(model, x):
    """Return the maps that enter the stack [n, 2h, H, W]."""
    image = model.orientation(model.encode(x))
    return [add_position_bias(layer(image), model.position) for layer in model.input_layers]


@torch.no_grad()
def test_a_stack_cache_computes_the_features_of_the_whole_image(model):
    x, sampler = random_data(model, 2, 0), model.sampler()
    inputs, outputs = stack_inputs(model, x), model.stack(*stack_inputs(model, x))
    maps, buffers, wide = sampler.stack.init_maps(2), {}, colour_slices(model.first.out_groups)
    for step, pixels in enumerate(sampler.pixels):
        right = None
        if len(inputs) > 1 and step % 5 == 0 and step:
            right = inputs[1][:, :, step // 5 - 1].mT
        maps, buffers[len(pixels)] = sampler.stack.begin_step(maps, step, right, buffers.get(len(pixels)))
        columns = [each.flatten(2).mT[:, pixels].flatten(0, 1) for each in (inputs[0], outputs)]
        for colour, mine in enumerate(wide):
            z = sampler.stack.forward(buffers[len(pixels)], colour, columns[0][:, mine].contiguous())
            torch.testing.assert_close(z, columns[1][:, mine], rtol=1e-11, atol=1e-11)
        sampler.stack.end_step(maps, buffers[len(pixels)], pixels)


@torch.no_grad()
def test_a_step_reads_only_the_pixels_before_it(model):
    x, sampler = random_data(model, 2, 0), model.sampler()
    other = model.domain.perturb(x, torch.Generator().manual_seed(1))[0]
    half = len(sampler.schedule) // 2
    later = sampler.schedule.sites_from(half)
    mixed = x.clone()
    mixed.flatten(1)[:, later] = other.flatten(1)[:, later]
    mine, theirs = (sampler.predict(sampler.prefill(each, half)).logits for each in (x, mixed))
    assert torch.equal(mine, theirs)
