"""Masked convolutions: their receptive fields, their blind spot, and the conditionals of the colours of a pixel.

van den Oord, Kalchbrenner, Kavukcuoglu: Pixel Recurrent Neural Networks. 2016, arXiv:1601.06759.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import torch
from torch import Tensor

from chainrule.errors import ChainruleError
from chainrule.layers.convolution import MaskedConv2d
from chainrule.layers.receptive_field import identity_field
from chainrule.models import AutoregressiveModel
from chainrule.seeding import generator

MASK_TYPES = ("A", "B")


def stacked_receptive_field(mask_types: Sequence[str], *, kernel: int, shape: tuple[int, int, int]) -> Tensor:
    """Return the receptive field of each site after a stack of masked convolutions: bool [D, D].

    Row i is True at the sites that value i of the last map can depend on. It is computed with one feature map for each
    colour, since all features of a colour have the same receptive field.
    Source: PixelRNN (arXiv:1601.06759), section 3.4.

    Args:
        mask_types: the mask of each layer, "A" or "B", from the first layer to the last.
        kernel: the size of all kernels, an odd number.
        shape: (C, H, W) of the image.

    Raises:
        ValueError: no layers, another mask type, or an even kernel.

    Example:
        >>> stacked_receptive_field("AB", kernel=3, shape=(1, 1, 4)).int().tolist()
        [[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0]]
    """
    if not mask_types or not set(mask_types) <= set(MASK_TYPES):
        raise ValueError(f"each layer has mask A or B, not {list(mask_types)}")
    if kernel < 1 or kernel % 2 == 0:
        raise ValueError(f"a masked kernel has a centre; its size must be odd, not {kernel}")
    groups, field = torch.arange(shape[0]), identity_field(shape)
    for mask_type in cast("Sequence[Literal['A', 'B']]", mask_types):
        field = MaskedConv2d(groups, groups, kernel, mask_type, generator(0)).receptive_field(field)
    return field.flatten(0, 2)


def blind_spot(shape: tuple[int, int], *, row: int, column: int, first_radius: int = 3) -> Tensor:
    """Return the pixels before one pixel that no number of 3×3 masked convolutions can reach: bool [H, W].

    The first layer reaches `first_radius` columns to the right, in the row above; each 3×3 layer reaches one more
    column, one more row up. So m rows up, nothing to the right of column + m − 1 + first_radius is reached.
    Source: Gated PixelCNN (arXiv:1606.05328), section 2.2 and figure 1, which describes the blind spot first.

    Args:
        shape: (H, W) of the image.
        row, column: of the pixel, from 0.
        first_radius: half the size of the first kernel, rounded down: 3 for the paper's 7×7.

    Raises:
        ValueError: a pixel outside the image, or a negative radius.

    Example:
        >>> blind_spot((3, 6), row=2, column=1, first_radius=1).int().tolist()
        [[0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 0]]
    """
    height, width = shape
    if not (0 <= row < height and 0 <= column < width) or first_radius < 0:
        raise ValueError(
            f"row {row}, column {column} and first_radius {first_radius} do not fit an image of {height}×{width}"
        )
    up, right = row - torch.arange(height)[:, None], torch.arange(width)[None] - column
    return (up > 0) & (right > up - 1 + first_radius)


def colour_log_probs(model: AutoregressiveModel, x: Tensor, *, row: int, column: int) -> Tensor:
    """Return log p(R | before), log p(G | before, R) and log p(B | before, R, G) of one pixel.

    Their sum is the pixel's part of log p(x).
    Source: PixelRNN (arXiv:1601.06759), equation 2.

    Args:
        model: a model of images (C, H, W), in any order.
        x: images, [n, C, H, W].
        row, column: of the pixel, from 0.

    Returns:
        nats, float64 [n, C].

    Raises:
        ChainruleError: a model of other data, data outside the model's domain, or a pixel outside the image.

    Example:
        >>> from chainrule.domains import Levels
        >>> from chainrule.models import PixelCNN
        >>> model = PixelCNN(Levels((3, 2, 2), 4), blocks=0, features=3)  # untrained: still uniform
        >>> colour_log_probs(model, torch.zeros(1, 3, 2, 2), row=1, column=0).exp().round(decimals=6).tolist()
        [[0.25, 0.25, 0.25]]
    """
    if not model.domain.is_image:
        raise ChainruleError(f"data of shape {list(model.domain.shape)} have no pixels; give a model of images")
    height, width = model.domain.shape[1:]
    if not (0 <= row < height and 0 <= column < width):
        raise ChainruleError(f"images of {height}×{width} pixels have no pixel at row {row}, column {column}")
    return model.conditionals(model.domain.check(x)).log_prob(x)[:, :, row, column].double()
