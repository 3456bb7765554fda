"""The lesson on convolutions: what they are, and the masks that make them see only the past.

Colours and leaks are told in `convolution_masks.py`, what deep models see and how they are trained in
`convolution_depth.py`.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from chainrule.data import load_data
from chainrule.domains import Binary
from chainrule.figures import pixelcnn_masks_figure, to_png
from chainrule.formatting import magnitude
from chainrule.layers.masked import MaskedConv2d
from chainrule.learn.convolution import (
    Array,
    convolve,
    convolve_maps,
    flipped,
    layers_reach,
    output_size,
    products,
)
from chainrule.learn.formulas import state
from chainrule.learn.lessons.convolution_depth import residual_blocks, the_way_out, what_a_pixel_sees
from chainrule.learn.lessons.convolution_masks import a_leak, colours, first_a_then_b
from chainrule.learn.pictures.animation import to_gif
from chainrule.learn.pictures.convolution import as_gray, convolution_frames, edges_figure, raster_figure
from chainrule.learn.source import source
from chainrule.models.pixelcnn import PixelCNN
from chainrule.reports import Page
from chainrule.reports.multi_stage_progress import Tell
from chainrule.seeding import generator

IMAGE, KERNEL = np.arange(9.0).reshape(3, 3), np.arange(4.0).reshape(2, 2)
"""0 … 8 and 0 … 3: numbers that tell where they came from."""
EDGES = np.array([[-1.0, 1.0], [-1.0, 1.0]])
SIZES = ((3, 2, 1, 0), (3, 2, 2, 1), (5, 3, 1, 1), (5, 3, 2, 0), (7, 3, 2, 1), (28, 7, 1, 3), (28, 4, 3, 2))
"""(size, kernel, stride, padding)."""


def write(page: Page, tell: Tell) -> None:
    page.paragraph(
        "The masks of the lesson before are for vectors. An image is more than a vector: what stands beside what "
        "matters, and an edge is an edge wherever it is. Convolutions know that. This lesson says what they are, "
        "makes them see only the past, and looks at how far back that past reaches."
    )
    grays, digits = load_data("digits"), load_data("digits", binarize="threshold")
    assert grays.test is not None
    assert digits.train is not None
    assert digits.test is not None
    train, test = digits.train.values(), digits.test.values()
    the_product(page)
    the_sum(page)
    turned_round(page, as_gray(grays.test.values()[0]))
    stride_and_padding(page)
    tell(0.15)
    masks(page)
    tell(0.2)
    colours(page)
    tell(0.35)
    first_a_then_b(page)
    a_leak(page, train, test)
    tell(0.5)
    what_a_pixel_sees(page)
    tell(0.6)
    residual_blocks(page, train, test, lambda share: tell(0.6 + 0.35 * share))
    the_way_out(page)
    tell(1.0)


def the_product(page: Page) -> None:
    page.heading("An image is one long product")
    page.paragraph(
        "The product rule wants the sites in an order. For an image of n × n pixels the usual one is raster order: "
        "row by row from the top, each row from the left. Pixel x_{i} is predicted from all pixels above it, and from "
        "those to its left in its own row:"
    )
    state(page, "image")
    page.paragraph(
        "In colour a pixel is three numbers, so there are D = 3n² sites. The three have an order too: R, then G, which "
        "may see R, then B, which may see both. Any order would do, as long as it is kept."
    )
    side, at = 4, 7
    page.figure(
        to_png(raster_figure(side, at)),
        f"Raster order. The factor of pixel {at} may read the {at - 1} before it. In colour, its G may also read its "
        "R.",
        f"A {side}×{side} image with its sites numbered, grey on the left and with three colours a pixel on the right.",
        "raster.png",
    )


def the_sum(page: Page) -> None:
    page.heading("A convolution is a sum of products")
    page.paragraph(
        "A kernel (or filter) is a small matrix of weights. It is laid over the image at one place, the numbers that "
        "lie on each other are multiplied, and the products are added up. That is one number of the output. Then the "
        "kernel moves on, by s pixels, the stride."
    )
    state(page, "convolution")
    page.paragraph(
        "As a program, the formula and nothing else (`x` is the image with its padding, of which more below):"
    )
    page.code(source(convolve), "python")
    y = convolve(IMAGE, KERNEL)
    page.paragraph(
        f"Take the image 0 … {IMAGE.max():.0f} and the kernel 0 … {KERNEL.max():.0f}. The kernel fits at {y.size} "
        "places:"
    )
    page.table(["place", "products, row by row", "sum"], sums(y), "Kernel times image: each product of each place.")
    page.figure(
        to_gif(list(convolution_frames(IMAGE, KERNEL)), 1600),
        "The kernel goes over the image. Watch which four numbers of the image it lies on.",
        "A 2×2 kernel moves over a 3×3 image in four steps; each step fills one number of the 2×2 output.",
        "convolution.gif",
    )
    page.paragraph(
        f"A fully connected layer from {IMAGE.size} numbers to {y.size} has {IMAGE.size * y.size} weights. This one "
        f"has {KERNEL.size}, used {y.size} times. It cannot learn one thing for the left and another for the right: "
        "that is its strength, since it needs fewer data, and its limit."
    )


def sums(y: Array) -> list[list[str]]:
    """A row for each number of the output: where, its products, and their sum."""
    rows = []
    for (i, j), total in np.ndenumerate(y):
        pairs = products(IMAGE, KERNEL, i, j)
        rows.append([f"y_{{{i},{j}}}", " + ".join(f"{k:g}·{x:g}" for k, x in pairs), f"{total:g}"])
    return rows


def turned_round(page: Page, digit: Array) -> None:
    page.heading("Turned round, or not", 3)
    turned = convolve(IMAGE, flipped(KERNEL))
    page.paragraph(
        "In mathematics a convolution turns the kernel by 180° first; what networks compute is called "
        f"cross-correlation there. With the kernel turned, the same image gives {numbers(turned)} instead of "
        f"{numbers(convolve(IMAGE, KERNEL))}. For a network it makes no difference: its kernels are learned, and "
        "would be learned turned. It matters when weights go from one program to another, and for a kernel written by "
        "hand:"
    )
    maps = {"as it is": convolve(digit, EDGES), "turned": convolve(digit, flipped(EDGES))}
    page.figure(
        to_png(edges_figure(digit, EDGES, maps)),
        "A kernel that subtracts the left from the right: blue where a stroke begins, red where it ends. Turned round, "
        "the signs change places.",
        "A handwritten digit, a 2×2 kernel, and the two maps that the kernel and its turned copy make of the digit.",
        "edges.png",
    )


def numbers(each: Array) -> str:
    """All of them in words: row by row."""
    return " ".join(f"{value:g}" for value in each.flatten())


def stride_and_padding(page: Page) -> None:
    page.heading("Stride and padding")
    page.paragraph(
        "The output is smaller than the image, since the kernel has to fit. Padding adds p zeros on each side, so that "
        "it fits at more places; a stride of s > 1 leaves places out. Along one side of m pixels, a kernel of k taps "
        "gives"
    )
    page.formula(
        "⌊(m + 2p − k) / s⌋ + 1 numbers", r"\left\lfloor \frac{m + 2p - k}{s} \right\rfloor + 1 \text{ numbers}"
    )
    page.figure(
        to_gif(list(convolution_frames(IMAGE, KERNEL, 2, 1)), 1600),
        "Stride 2, padding 1. The last row and column of zeros are never read: the division is rounded down.",
        "A 2×2 kernel moves in steps of two over a 3×3 image that has a border of zeros.",
        "stride.gif",
    )
    page.table(
        ["image m", "kernel k", "stride s", "padding p", "formula", "loops", "torch"],
        [[str(number) for number in (*sizes, *measured(*sizes))] for sizes in SIZES],
        "Along one side. On random images the loops and torch's `conv2d` differ by at most "
        f"{magnitude(worst_difference())}.",
    )
    page.paragraph(
        "A model of pixels needs one number of the output for each pixel, at its place. So its layers have stride 1, "
        "an odd kernel and p = (k − 1) / 2: the formula then gives m again."
    )


def measured(size: int, kernel: int, stride: int, padding: int) -> tuple[int, int, int]:
    """How long the output is: by the formula, by the loops, and by torch."""
    ours, theirs = both(size, kernel, stride, padding)
    return output_size(size, kernel, stride, padding), len(ours), len(theirs)


def both(size: int, kernel: int, stride: int, padding: int) -> tuple[Array, Array]:
    """A random image and kernel, convolved by the loops and by torch."""
    rng = np.random.default_rng(size)
    x, k = rng.normal(size=(size, size)), rng.normal(size=(kernel, kernel))
    theirs = F.conv2d(torch.from_numpy(x)[None, None], torch.from_numpy(k)[None, None], stride=stride, padding=padding)
    return convolve(x, k, stride, padding), theirs[0, 0].numpy()


def worst_difference() -> float:
    """The largest difference between the loops and torch, over all sizes of the table."""
    return max(float(np.abs(np.subtract(*both(*sizes))).max()) for sizes in SIZES)


def masks(page: Page) -> None:
    page.heading("Masks A and B")
    page.paragraph(
        "Such a kernel is centred on its pixel, and reads it, and what comes after it: the right half of its row and "
        "all rows below. A model that sees what it should predict has nothing to learn. So a mask sets the weights of "
        "the future to zero. What stands before the centre in raster order stays open. The centre itself is the "
        "question, and has two answers: mask A closes it, mask B opens it. (With colours, c' is the one that is made "
        "and c the one that is read; grey is one colour, for which A is 0 at the centre and B is 1.)"
    )
    state(page, "mask-a", "mask-b")
    first, later = taps("A", 7), taps("B", 3)
    page.figure(
        to_png(pixelcnn_masks_figure(PixelCNN(Binary((1, 8, 8)), blocks=1, features=2))),
        f"The masks of a PixelCNN of the library. Of the 49 taps of a 7×7 kernel mask A leaves {first}; of the 9 of a "
        f"3×3 kernel mask B leaves {later}.",
        "Kernels of 7×7 and 3×3 taps: all above the centre and left of it is open; at the centre mask B is open.",
        "masks.png",
    )
    page.paragraph(
        "`MaskedConv2d` multiplies its weights by the mask each time they are used. It does not store the rows below "
        "the centre, which are zero, and pads above instead. That is the same sum: with several maps the convolutions "
        "of all of them are added, and our loops, given the whole masked kernel, differ from it by at most "
        f"{magnitude(layer_difference())}."
    )


def taps(kind: str, kernel: int) -> int:
    """How many taps of a grey kernel are open: as many as pixels that the middle of such an image sees."""
    sites = kernel**2
    return int(layers_reach(kind, kernel, (1, kernel, kernel))[sites // 2].sum())


def layer_difference() -> float:
    """The largest difference between a masked layer, and loops with the whole kernel times its mask; in float64."""
    layer = MaskedConv2d(torch.arange(3), torch.arange(3), 3, "A", generator(0)).double()
    x = torch.randn(1, 3, 5, 4, generator=generator(1), dtype=torch.float64)
    whole = F.pad(layer.weight * layer.mask, (0, 0, 0, 1)).detach().numpy()
    ours = convolve_maps(x[0].numpy(), whole, padding=1)
    return float(np.abs(layer(x)[0].detach().numpy() - ours).max())
