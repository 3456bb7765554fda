"""Convolution: the sum itself, the masks that make it causal, the colours of a pixel, and residual blocks.

Dumoulin, Visin: A guide to convolution arithmetic for deep learning. 2016, arXiv:1603.07285.
van den Oord, Kalchbrenner, Kavukcuoglu: Pixel Recurrent Neural Networks. 2016, arXiv:1601.06759.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from numbers import Integral
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from chainrule.distributions import Distributions
from chainrule.domains import Domain
from chainrule.errors import ChainruleError
from chainrule.layers.masked import MaskedConv2d, he_init
from chainrule.layers.masks import colour_groups
from chainrule.layers.receptive_field import itself
from chainrule.layers.residual import ResidualBlock, ResidualStack
from chainrule.models.base import AutoregressiveModel
from chainrule.models.pixelcnn import PixelCNN
from chainrule.seeding import Seed, generator

Array = NDArray[np.float64]
KINDS = ("A", "B")


def output_size(size: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """At how many places a kernel fits along one side of an image: ⌊(size + 2 · padding − kernel) / stride⌋ + 1.

    Source: Dumoulin and Visin (arXiv:1603.07285), relationship 6.

    Args:
        size: pixels along that side.
        kernel: taps along it.
        stride: pixels from one place to the next.
        padding: zeros added at each end.

    Raises:
        ValueError: a size, kernel or stride below 1, padding below 0, or a kernel longer than the padded side.

    Example:
        >>> output_size(3, 2), output_size(28, 7, padding=3), output_size(5, 3, stride=2, padding=1)
        (2, 28, 3)
    """
    for name, number in {"size": size, "kernel": kernel, "stride": stride}.items():
        check_whole(name, number, 1)
    check_whole("padding", padding, 0)
    if kernel > size + 2 * padding:
        raise ValueError(f"a kernel of {kernel} does not fit into {size} + 2 · {padding} pixels; give more padding")
    return (size + 2 * padding - kernel) // stride + 1


def places(x: Array, k: Array, stride: int) -> tuple[int, int]:
    """At how many places a kernel [rows, columns] fits on a padded image [rows, columns]: down, and across."""
    rows, columns = x.shape
    return output_size(rows, k.shape[0], stride), output_size(columns, k.shape[1], stride)


def convolve(
    image: ArrayLike,
    kernel: ArrayLike,
    stride: int = 1,
    padding: int = 0,
) -> Array:
    """The formula y_{i,j} = Σ_a Σ_b k_{a,b} x_{s·i+a, s·j+b}, as loops.

    Networks call this a convolution. In mathematics it is the cross-correlation: a convolution would turn the kernel
    round first (`flipped`).

    Args:
        image: one channel, [rows, columns].
        kernel: [kernel rows, kernel columns].
        stride: s, the pixels from one place of the kernel to the next.
        padding: zeros added on all four sides.

    Returns:
        float64 [output rows, output columns], as many as `output_size` says.

    Raises:
        ValueError: an image or a kernel of other than two axes, or sizes that `output_size` refuses.

    Example:
        >>> convolve([[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[0, 1], [2, 3]])
        array([[19., 25.],
               [37., 43.]])
    """
    x, k = padded(image, padding), matrix(kernel, "kernel")
    rows, columns = places(x, k, stride)
    y = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            for a in range(k.shape[0]):
                for b in range(k.shape[1]):
                    y[i, j] += k[a, b] * x[stride * i + a, stride * j + b]
    return y


def products(
    image: ArrayLike, kernel: ArrayLike, row: int, column: int, stride: int = 1, padding: int = 0
) -> list[tuple[float, float]]:
    """The pairs (kernel's number, image's number) whose products add up to one output y_{row,column}.

    Raises:
        ValueError: as `convolve`; or an output that is not there.

    Example:
        >>> products([[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[0, 1], [2, 3]], 0, 1)
        [(0.0, 1.0), (1.0, 2.0), (2.0, 4.0), (3.0, 5.0)]
    """
    x, k = padded(image, padding), matrix(kernel, "kernel")
    rows, columns = places(x, k, stride)
    if not (0 <= row < rows and 0 <= column < columns):
        raise ValueError(f"the output has {rows}×{columns} numbers; there is none at row {row}, column {column}")
    window = x[stride * row :, stride * column :][: k.shape[0], : k.shape[1]]
    return list(zip(k.flatten().tolist(), window.flatten().tolist(), strict=True))


def convolve_maps(maps: ArrayLike, kernels: ArrayLike, stride: int = 1, padding: int = 0) -> Array:
    """The same of several channels: each output map is a sum of convolutions, one for each input map.

    Args:
        maps: [in, rows, columns].
        kernels: [out, in, kernel rows, kernel columns].

    Returns:
        float64 [out, output rows, output columns].

    Raises:
        ValueError: kernels for another number of maps; or as `convolve`.

    Example:
        >>> convolve_maps(np.ones((3, 2, 2)), np.ones((1, 3, 2, 2)))
        array([[[12.]]])
    """
    x, k = np.asarray(maps, dtype=float), np.asarray(kernels, dtype=float)
    if x.ndim != 3 or k.ndim != 4 or len(x) != k.shape[1]:
        raise ValueError(f"maps [in, H, W] need kernels [out, in, rows, columns], not {x.shape} and {k.shape}")
    return np.stack([sum(convolve(*each, stride, padding) for each in zip(x, of, strict=True)) for of in k])


def flipped(kernel: ArrayLike) -> Array:
    """The kernel turned by 180°: `convolve` with it is the convolution of mathematics.

    Raises:
        ValueError: a kernel of other than two axes.

    Example:
        >>> flipped([[0, 1], [2, 3]])
        array([[3., 2.],
               [1., 0.]])
    """
    return matrix(kernel, "kernel")[::-1, ::-1]


def check_whole(name: str, number: object, least: int) -> None:
    """Raises ValueError unless this is a whole number that is not too small."""
    if not isinstance(number, Integral) or int(number) < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, not {number}")


def matrix(numbers: ArrayLike, name: str) -> Array:
    """The numbers as float64 [rows, columns], none of the two zero.

    Raises:
        ValueError: they have another shape.
    """
    found = np.asarray(numbers, dtype=float)
    if found.ndim != 2 or found.size == 0:
        raise ValueError(f"the {name} must have rows and columns, not the shape {found.shape}")
    return found


def padded(image: ArrayLike, padding: int) -> Array:
    """The image [rows, columns] with so many zeros on each side.

    Raises:
        ValueError: an image of another shape, or padding below 0.

    Example:
        >>> padded([[5]], 1)
        array([[0., 0., 0.],
               [0., 5., 0.],
               [0., 0., 0.]])
    """
    check_whole("padding", padding, 0)
    return np.pad(matrix(image, "image"), padding)


def layers_reach(kinds: Sequence[str], kernel: int, shape: tuple[int, int, int]) -> Tensor:
    """What each site can depend on through masked convolutions, one after the other: bool [D, D].

    Row i is True at the sites that number i of the last map can depend on. One feature map a colour is enough to say,
    since all features of a colour see the same.
    Source: PixelRNN (arXiv:1601.06759), section 3.4.

    Args:
        kinds: the mask of each layer, "A" or "B", from the first to the last.
        kernel: the odd size of all kernels.
        shape: (C, H, W) of the image.

    Raises:
        ValueError: no layers, another kind of mask, or an even kernel.

    Example:
        >>> layers_reach("AB", 3, (1, 1, 4)).int().tolist()
        [[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0]]
    """
    if not kinds or not set(kinds) <= set(KINDS):
        raise ValueError(f"each layer has mask A or B, not {list(kinds)}")
    if kernel < 1 or kernel % 2 == 0:
        raise ValueError(f"a masked kernel has a centre; its size must be odd, not {kernel}")
    groups, field = torch.arange(shape[0]), itself(shape)
    for kind in kinds:
        field = MaskedConv2d(groups, groups, kernel, kind, generator(0)).receptive_field(field)
    return field.flatten(0, 2)


def blind_spot(shape: tuple[int, int], row: int, column: int, reach: int = 3) -> Tensor:
    """The pixels before one pixel that it never sees, however many 3×3 layers there are: bool [H, W].

    The first layer reaches so many columns to the right, from the row above on; each 3×3 layer one more, for one row
    more. So m rows up, nothing beyond column + m − 1 + reach is seen.
    Source: Gated PixelCNN (arXiv:1606.05328), section 2.2 and figure 1, where it was noticed.

    Args:
        shape: (H, W) of the image.
        reach: of the first kernel, 3 for the paper's 7×7.

    Raises:
        ValueError: a pixel beside the image, or a negative reach.

    Example:
        >>> blind_spot((3, 6), 2, 1, reach=1).int().tolist()
        [[0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 0]]
    """
    height, width = shape
    if not (0 <= row < height and 0 <= column < width) or reach < 0:
        raise ValueError(f"row {row}, column {column}, reach {reach} belong to no pixel of an image {height}×{width}")
    up, right = row - torch.arange(height)[:, None], torch.arange(width)[None] - column
    return (up > 0) & (right > up - 1 + reach)


def colour_factors(model: AutoregressiveModel, x: Tensor, row: int, column: int) -> Tensor:
    """The factors of one pixel, as logarithms: log p(R | before), log p(G | before, R), log p(B | before, R, G).

    Their sum is the pixel's part of log p(x).
    Source: PixelRNN (arXiv:1601.06759), equation 2.

    Args:
        model: of images (C, H, W), its order raster or any other.
        x: [n, C, H, W].
        row, column: of the pixel, from 0.

    Returns:
        nats, float64 [n, C].

    Raises:
        ChainruleError: a model of other data, data that it does not take, or a pixel beside the image.

    Example:
        >>> from chainrule.domains import Levels
        >>> model = PixelCNN(Levels((3, 2, 2), 4), blocks=0, features=3)
        >>> colour_factors(model, torch.zeros(1, 3, 2, 2), 1, 0).exp().round(decimals=6).tolist()  # still uniform
        [[0.25, 0.25, 0.25]]
    """
    if not model.domain.is_image:
        raise ChainruleError(f"data of shape {list(model.domain.shape)} have no pixels; give a model of images")
    height, width = model.domain.shape[1:]
    if not (0 <= row < height and 0 <= column < width):
        raise ChainruleError(f"images of {height}×{width} pixels have none at row {row}, column {column}")
    return model.conditionals(model.domain.check(x)).log_prob(x)[:, :, row, column].double()


def plant_mask_b(model: PixelCNN, seed: int = 0) -> PixelCNN:
    """Makes a mistake on purpose: mask B in the first layer too, so that each site sees itself.

    Args:
        seed: draws the first layer's new weights.

    Returns:
        the same model, changed.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.checks import no_leak
        >>> no_leak(plant_mask_b(PixelCNN(Binary((1, 2, 2)), blocks=0, features=4))).pairs
        ((0, 0), (1, 1), (2, 2), (3, 3))
    """
    colours = model.domain.shape[0]
    wide = colour_groups(2 * model.features, colours)
    model.first = MaskedConv2d(torch.arange(colours), wide, 7, "B", generator(seed))
    return model


def change(block: ResidualBlock, h: Tensor) -> Tensor:
    """F(h), what a residual block adds to its input: 1×1, 3×3 and 1×1 convolutions, a ReLU before each.

    Source: PixelRNN (arXiv:1601.06759), figure 5, left.

    Args:
        h: [n, 2h, H, W].

    Returns:
        the same shape.

    Example:
        >>> block = ResidualBlock(2, 1, torch.Generator().manual_seed(0))
        >>> change(block, torch.randn(1, 4, 3, 3)).abs().sum().item()  # its last layer starts at zero
        0.0
    """
    narrow = block.spread(F.relu(block.reduce(F.relu(h))))
    return cast("Tensor", block.expand(F.relu(narrow)))


class PlainBlock(ResidualBlock):
    """The same block without its addition: F(h) instead of h + F(h).

    Example:
        >>> block = PlainBlock(2, 1, torch.Generator().manual_seed(0))
        >>> block(torch.randn(1, 4, 3, 3)).abs().sum().item()  # a zero start would pass nothing on, nor any gradient
        0.0
    """

    def forward(self, x: Tensor) -> Tensor:
        """[n, 2h, H, W] to the same."""
        return change(self, x)


class PlainPixelCNN(PixelCNN):
    """A PixelCNN of plain blocks, to see what the additions are good for. Its blocks start at random weights.

    Args:
        domain: images (C, H, W).
        blocks: the number of blocks.
        features: the paper's h.
        seed: draws the weights.

    Example:
        >>> from chainrule.domains import Binary
        >>> PlainPixelCNN(Binary((1, 4, 4)), blocks=2, features=2).log_prob(torch.zeros(1, 1, 4, 4)).item() < 0
        True
    """

    def __init__(self, domain: Domain, blocks: int = 7, features: int = 32, seed: Seed = 0) -> None:
        super().__init__(domain, blocks, features, seed=seed)
        rng = generator(self.seed, 1)
        self.stack = ResidualStack(*(PlainBlock(features, domain.shape[0], rng) for _ in range(blocks)))
        start_at_random(self, self.seed)

    def conditionals(self, x: Tensor) -> Distributions:  # type: ignore[override]
        # Written here so that a walk computes these: the fast steps of a PixelCNN would add each block's input.
        return super().conditionals(x)


def start_at_random(model: PixelCNN, seed: int = 0) -> PixelCNN:
    """Draws the last convolution of each block, which starts at zero otherwise.

    Returns:
        the same model, changed.

    Example:
        >>> from chainrule.domains import Binary
        >>> model = start_at_random(PixelCNN(Binary((1, 4, 4)), blocks=1, features=2))
        >>> bool((model.stack[0].expand.weight != 0).any())
        True
    """
    rng = generator(seed, 2)
    for block in cast("Sequence[ResidualBlock]", model.stack):
        he_init(block.expand.weight, block.expand.mask, rng)
    return model


def first_gradient(model: PixelCNN, x: Tensor, seed: int = 0) -> float:
    """The norm of the mean NLL's gradient by the first layer's weights, before any training.

    Of a copy whose output layer is drawn at random: at its start, zero, nothing below it would have a gradient.

    Args:
        x: [n, C, H, W].
        seed: draws that output layer.

    Example:
        >>> from chainrule.domains import Binary
        >>> first_gradient(PixelCNN(Binary((1, 4, 4)), blocks=1, features=4), torch.ones(2, 1, 4, 4)) > 0
        True
    """
    model = copy.deepcopy(model)
    he_init(model.output.weight, model.output.mask, generator(seed, 3))
    (gradient,) = torch.autograd.grad(-model.log_prob(x).mean(), model.first.weight)
    return float(gradient.norm())
