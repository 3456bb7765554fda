"""The lesson on convolutions: kernels, stride, padding, and masks A and B.

`convolution_colours.py` has the chapters on colours and leaks, `convolution_depth.py` those on depth.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from chainrule.data import load_data
from chainrule.domains import Binary
from chainrule.figures import pixelcnn_masks_figure, to_png
from chainrule.formatting import magnitude
from chainrule.layers.convolution import MaskedConv2d
from chainrule.learn.arrays import FloatArray
from chainrule.learn.causal_convolution import stacked_receptive_field
from chainrule.learn.convolution_arithmetic import convolve, convolve_channels, flip_kernel, list_products, output_size
from chainrule.learn.figures.animation import to_gif
from chainrule.learn.figures.convolution_figures import (
    draw_convolution_frames,
    plot_edge_detection,
    plot_raster_order,
    to_gray_array,
)
from chainrule.learn.formulas import add_formulas
from chainrule.learn.lessons.convolution_colours import add_colours, add_leak, add_mask_order
from chainrule.learn.lessons.convolution_depth import add_receptive_field, add_recurrent_layers, add_residual_blocks
from chainrule.learn.source_code import read_source
from chainrule.models.pixelcnn import PixelCNN
from chainrule.reports import Page, StageProgress
from chainrule.seeding import generator

IMAGE, KERNEL = np.arange(9.0).reshape(3, 3), np.arange(4.0).reshape(2, 2)
"""The values 0 … 8 and 0 … 3, all different, so that each product shows its factors."""
EDGE_KERNEL = np.array([[-1.0, 1.0], [-1.0, 1.0]])
SIZES = ((3, 2, 1, 0), (3, 2, 2, 1), (5, 3, 1, 1), (5, 3, 2, 0), (7, 3, 2, 1), (28, 7, 1, 3), (28, 4, 3, 2))
"""Tuples (size, kernel, stride, padding)."""


def write(page: Page, progress: StageProgress) -> None:
    page.paragraph(
        "The masks of the last lesson are for vectors. In an image the positions of the pixels matter: neighbouring "
        "pixels depend on each other, and an edge looks the same at every place. Convolutions use both properties. "
        "This lesson explains convolutions, masks them so that they depend only on earlier pixels, and measures how "
        "far back such a model sees."
    )
    grays, digits = load_data("digits"), load_data("digits", binarize="threshold")
    assert grays.test is not None
    assert digits.train is not None
    assert digits.test is not None
    train, test = digits.train.values(), digits.test.values()
    add_product_rule(page)
    add_convolution(page)
    add_cross_correlation(page, to_gray_array(grays.test.values()[0]))
    add_stride_and_padding(page)
    progress(0.15)
    add_masks(page)
    progress(0.2)
    add_colours(page)
    progress(0.35)
    add_mask_order(page)
    add_leak(page, train, test)
    progress(0.5)
    add_receptive_field(page)
    progress(0.6)
    add_residual_blocks(page, train, test, lambda share: progress(0.6 + 0.35 * share))
    add_recurrent_layers(page)
    progress(1.0)


def add_product_rule(page: Page) -> None:
    page.heading("The product rule for an image")
    page.paragraph(
        "The product rule needs an order of the sites. For an image of n × n pixels the usual order is raster order: "
        "row by row from the top, and each row from left to right. Pixel x_{i} is predicted from all pixels in the "
        "rows above it, and from the pixels to its left in its own row:"
    )
    add_formulas(page, "image")
    page.paragraph(
        "In a colour image a pixel has three values, so there are D = 3n² sites. The three colours have an order "
        "too: first R, then G, which may depend on R, then B, which may depend on both. Any order of the colours is "
        "valid, but it must be the same everywhere."
    )
    side, at = 4, 7
    page.figure(
        to_png(plot_raster_order(side, pixel=at)),
        f"Raster order. The factor of pixel {at} may depend on the {at - 1} pixels before it. In colour, its G may "
        "also depend on its R.",
        f"A {side}×{side} image with its sites numbered, grey on the left and with three colours a pixel on the right.",
        "raster.png",
    )


def add_convolution(page: Page) -> None:
    page.heading("A convolution is a sum of products")
    page.paragraph(
        "A kernel (or filter) is a small matrix of weights. Place the kernel at one position of the image, multiply "
        "each weight by the pixel below it, and sum the products. The sum is one value of the output. Then move the "
        "kernel by s pixels; s is the stride."
    )
    add_formulas(page, "convolution")
    page.paragraph(
        "This program is a direct translation of the formula (`x` is the image with its padding, which is explained "
        "below):"
    )
    page.code(read_source(convolve), "python")
    y = convolve(IMAGE, KERNEL)
    page.paragraph(
        f"Take the image with the values 0 … {IMAGE.max():.0f} and the kernel with the weights 0 … "
        f"{KERNEL.max():.0f}. The kernel fits at {y.size} positions:"
    )
    page.table(
        ["output", "products, row by row", "sum"],
        tabulate_products(y),
        "Kernel times image: the products at each position.",
    )
    page.figure(
        to_gif(list(draw_convolution_frames(IMAGE, KERNEL)), milliseconds=1600),
        "The kernel moves over the image. At each step it covers four values of the image.",
        "A 2×2 kernel moves over a 3×3 image in four steps; each step fills one number of the 2×2 output.",
        "convolution.gif",
    )
    page.paragraph(
        f"A fully connected layer from {IMAGE.size} inputs to {y.size} outputs has {IMAGE.size * y.size} weights. "
        f"The convolution has {KERNEL.size} weights and uses each of them {y.size} times. So it cannot learn "
        "different weights for the left and the right side of the image. This is its strength, because fewer "
        "weights need less training data, and also its limit."
    )


def tabulate_products(y: FloatArray) -> list[list[str]]:
    """Return a table row for each output value: its index, its products, and their sum."""
    rows = []
    for (i, j), total in np.ndenumerate(y):
        pairs = list_products(IMAGE, KERNEL, i, j)
        rows.append([f"y_{{{i},{j}}}", " + ".join(f"{k:g}·{x:g}" for k, x in pairs), f"{total:g}"])
    return rows


def add_cross_correlation(page: Page, digit: FloatArray) -> None:
    page.heading("Convolution or cross-correlation", 3)
    turned = convolve(IMAGE, flip_kernel(KERNEL))
    page.paragraph(
        "In mathematics a convolution first rotates the kernel by 180°. The operation that neural networks compute "
        "is called cross-correlation in mathematics. With the rotated kernel the result for the same image is "
        f"{format_array(turned)} instead of {format_array(convolve(IMAGE, KERNEL))}. For a network this makes no "
        "difference: it learns its kernels, and would learn the rotated kernels instead. The difference matters "
        "when weights are moved from one program to another, and for a kernel that is written by hand:"
    )
    maps = {"original": convolve(digit, EDGE_KERNEL), "rotated": convolve(digit, flip_kernel(EDGE_KERNEL))}
    page.figure(
        to_png(plot_edge_detection(digit, EDGE_KERNEL, maps)),
        "A kernel that subtracts the left pixel from the right pixel: blue where a stroke begins, red where it ends. "
        "The rotated kernel gives the opposite signs.",
        "A handwritten digit, a 2×2 kernel, and the two maps that the kernel and its rotated copy compute from the "
        "digit.",
        "edges.png",
    )


def format_array(each: FloatArray) -> str:
    """Format the values of an array, row by row."""
    return " ".join(f"{value:g}" for value in each.flatten())


def add_stride_and_padding(page: Page) -> None:
    page.heading("Stride and padding")
    page.paragraph(
        "The output is smaller than the image, because the kernel must lie inside the image. Padding adds p zeros on "
        "each side, so the kernel fits at more positions. A stride of s > 1 skips positions. Along one side of m "
        "pixels, a kernel of size k gives"
    )
    page.formula("⌊(m + 2p − k) / s⌋ + 1 values", r"\left\lfloor \frac{m + 2p - k}{s} \right\rfloor + 1 \text{ values}")
    page.figure(
        to_gif(list(draw_convolution_frames(IMAGE, KERNEL, stride=2, padding=1)), milliseconds=1600),
        "Stride 2, padding 1. The kernel never covers the last row and column of zeros: the division is rounded down.",
        "A 2×2 kernel moves in steps of two over a 3×3 image that has a border of zeros.",
        "stride.gif",
    )
    page.table(
        ["image m", "kernel k", "stride s", "padding p", "formula", "program", "torch"],
        [[str(number) for number in (*sizes, *output_sizes(*sizes))] for sizes in SIZES],
        "The size of the output along one side: by the formula, by our program, and by torch. On random images our "
        f"program and torch's `conv2d` differ by at most {magnitude(max_difference())}.",
    )
    page.paragraph(
        "A model of pixels needs one output value for each pixel, at the same position. So its layers have stride 1, "
        "an odd kernel size and p = (k − 1) / 2: then the formula gives m."
    )


def output_sizes(size: int, kernel: int, stride: int, padding: int) -> tuple[int, int, int]:
    """Return the size of the output by the formula, by our program, and by torch."""
    ours, theirs = convolve_twice(size, kernel, stride, padding)
    return output_size(size, kernel, stride=stride, padding=padding), len(ours), len(theirs)


def convolve_twice(size: int, kernel: int, stride: int, padding: int) -> tuple[FloatArray, FloatArray]:
    """Convolve a random image with a random kernel, by our program and by torch."""
    rng = np.random.default_rng(size)
    x, k = rng.normal(size=(size, size)), rng.normal(size=(kernel, kernel))
    theirs = F.conv2d(torch.from_numpy(x)[None, None], torch.from_numpy(k)[None, None], stride=stride, padding=padding)
    return convolve(x, k, stride=stride, padding=padding), theirs[0, 0].numpy()


def max_difference() -> float:
    """Return the largest difference between our program and torch, over all sizes of the table."""
    return max(float(np.abs(np.subtract(*convolve_twice(*sizes))).max()) for sizes in SIZES)


def add_masks(page: Page) -> None:
    page.heading("Masks A and B")
    page.paragraph(
        "Such a kernel is centred on its pixel. It reads this pixel and also later pixels: the pixels to the right "
        "and all rows below. A model that sees the value it should predict learns nothing. So a mask sets the "
        "weights of later pixels to zero, and leaves the weights of earlier pixels in raster order unchanged. There "
        "are two masks for the centre pixel: mask A sets its weight to zero, mask B does not. (With colours, c' is "
        "the colour of the output and c is the colour of the input. Grey is a single colour: at the centre its mask "
        "A is 0 and its mask B is 1.)"
    )
    add_formulas(page, "mask-a", "mask-b")
    first, later = count_weights("A", 7), count_weights("B", 3)
    page.figure(
        to_png(pixelcnn_masks_figure(PixelCNN(Binary((1, 8, 8)), blocks=1, features=2))),
        f"The masks of a PixelCNN of the library. Mask A leaves {first} of the 49 weights of a 7×7 kernel; mask B "
        f"leaves {later} of the 9 weights of a 3×3 kernel.",
        "Kernels of 7×7 and 3×3 weights: the weights above the centre and to its left are used; mask B also uses the "
        "centre.",
        "masks.png",
    )
    page.paragraph(
        "`MaskedConv2d` multiplies its weights by the mask each time they are used. It does not store the kernel "
        "rows below the centre, which would be zero, and pads the image only at the top instead. The result is the "
        "same. With several feature maps, the convolutions of all maps are summed. Our program, with the whole "
        f"masked kernel, differs from `MaskedConv2d` by at most {magnitude(max_layer_difference())}."
    )


def count_weights(kind: str, kernel: int) -> int:
    """Return the number of weights of a grey kernel that a mask leaves.

    It is the number of pixels that the middle pixel of an image of the kernel's size sees.
    """
    sites = kernel**2
    return int(stacked_receptive_field(kind, kernel=kernel, shape=(1, kernel, kernel))[sites // 2].sum())


def max_layer_difference() -> float:
    """Return the largest difference, in float64, between a masked layer and our program with the masked kernel."""
    layer = MaskedConv2d(torch.arange(3), torch.arange(3), 3, "A", generator(0)).double()
    x = torch.randn(1, 3, 5, 4, generator=generator(1), dtype=torch.float64)
    whole = F.pad(layer.weight * layer.mask, (0, 0, 0, 1)).detach().numpy()
    ours = convolve_channels(x[0].numpy(), whole, padding=1)
    return float(np.abs(layer(x)[0].detach().numpy() - ours).max())
