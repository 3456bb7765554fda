"""The kernels that are drawn are the masks of the layers, and those of the paper."""

import numpy as np
import pytest

from chainrule.domains import Binary, Levels
from chainrule.errors import ChainruleError
from chainrule.figures import find_masked_convolutions, kernels_figure, pixelcnn_masks_figure, to_png
from chainrule.figures.convolution_masks import full_kernel_mask
from chainrule.models import MADE, PixelCNN
from tests.support.figures import COLOUR, GRAY, images, titles


def test_full_kernel_masks_are_those_of_the_paper():
    model = PixelCNN(Levels((3, 4, 4), 5), blocks=1, features=6)
    a, b = full_kernel_mask(model.first), full_kernel_mask(model.stack[0].spread)
    assert a.shape == (3, 3, 7, 7)
    assert b.shape == (3, 3, 3, 3)
    assert a[:, :, 3, 3].int().tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0]]
    assert b[:, :, 1, 1].int().tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    for kernel, centre in ((a, 3), (b, 1)):
        assert kernel[:, :, :centre].all()
        assert kernel[:, :, centre, :centre].all()
        assert not kernel[:, :, centre, centre + 1 :].any()
        assert not kernel[:, :, centre + 1 :].any()


def test_the_kernels_drawn_are_the_masks_of_the_layers():
    layers = find_masked_convolutions(PixelCNN(COLOUR, blocks=1, features=3))
    assert list(layers) == ["mask A, 7×7", "mask B, 3×3", "mask B, 1×1"]
    shown = iter(images(kernels_figure(layers)))
    for name, layer in layers.items():
        size, centre = layer.mask.shape[3], layer.mask.shape[3] // 2
        for to in range(3):
            for of in range(3):
                kernel = np.asarray(next(shown)) > 0
                pair = layer.mask[layer.out_groups == to][:, layer.in_groups == of]
                assert kernel.shape == (size, size)
                assert (kernel[: centre + 1] == pair[0, 0].numpy()).all()
                assert not kernel[centre + 1 :].any()
                assert kernel[centre, centre] == (of < to if "A" in name else of <= to)


def test_a_single_colour_has_no_name():
    figure = kernels_figure(find_masked_convolutions(PixelCNN(GRAY, blocks=1, features=2)), title="masks")
    assert len(figure.axes) == 3
    assert set(titles(figure)) == {""}


def test_a_model_without_masked_convolutions_has_none():
    assert find_masked_convolutions(MADE(GRAY, hidden=(4,))) == {}


def test_the_masks_of_a_pixelcnn_can_be_drawn():
    colour, gray = PixelCNN(Levels((3, 4, 2), 256), blocks=1, features=6), PixelCNN(GRAY, blocks=1, features=2)
    for figure in (pixelcnn_masks_figure(colour, title="masks"), pixelcnn_masks_figure(gray)):
        assert to_png(figure).startswith(b"\x89PNG")


def test_a_pixelcnn_without_blocks_raises_an_error():
    with pytest.raises(ChainruleError, match="no 3×3 layer"):
        pixelcnn_masks_figure(PixelCNN(Binary((1, 5, 5)), blocks=0, features=2))
