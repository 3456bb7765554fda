"""The chapters on colours, on the order of the masks and on leaks, in the lesson on convolutions."""

from __future__ import annotations

import math
from textwrap import fill
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.checks import LeakReport, check_autoregressive_property, check_leak
from chainrule.domains import Binary, Levels, as_order, channel_name
from chainrule.figures import leak_figure, pixelcnn_masks_figure, receptive_field_comparison_figure, to_png
from chainrule.formatting import magnitude, with_error
from chainrule.inference import evaluate
from chainrule.learn.causal_convolution import colour_log_probs, stacked_receptive_field
from chainrule.learn.figures.convolution_figures import plot_colour_conditionals
from chainrule.learn.formulas import add_formulas
from chainrule.learn.lessons.mean_and_error import format_mean
from chainrule.learn.photographs import cut_patches, load_photograph
from chainrule.learn.pixelcnn_variants import use_mask_b_first
from chainrule.models.pixelcnn import PixelCNN
from chainrule.reports import Page
from chainrule.training import fit

LEVELS, PATCH, TEST_STRIDE = 8, 6, 5
"""Levels of a colour, side of a patch in pixels, and the stride of the test patches."""
PIXEL = (3, 3)
"""The row and column of the pixel whose factors are shown."""
NUM_SUMMED = 40
"""Number of patches whose factors are summed over all pixels."""
UPDATES, LEAKY_UPDATES = 140, 60
FIT_SETTINGS: dict[str, Any] = {
    "batch_size": 50, "lr": 0.01, "warmup": 10, "ema": 0.9, "precision": "float32", "progress": False,
}  # fmt: skip
"""Settings of a training that takes at most a second."""
STACKS = {"A, then B": "AB", "B, then B": "BB", "A, then A": "AA"}


def add_colours(page: Page) -> None:
    page.heading("Three factors for each pixel")
    page.paragraph("In a colour image the factor of each pixel is a product of three factors:")
    add_formulas(page, "colours")
    page.paragraph(
        "The features of every layer are split into three groups, one for each colour. At the centre of the kernel "
        "the masks define which group may read which: mask A permits only the colours before the group's own colour, "
        "mask B also permits the own colour. At all other permitted positions every group reads every group, because "
        "the pixels at these positions come before."
    )
    domain = Levels((3, PATCH, PATCH), LEVELS)
    page.figure(
        to_png(pixelcnn_masks_figure(PixelCNN(domain, blocks=1, features=3))),
        "Masks for colour images. Below: the colours that each colour reads at the centre. The diagonal is 0 in mask "
        "A and 1 in mask B.",
        "Kernels whose centre permits some colours, and two 3×3 tables of which colour reads which.",
        "colour-masks.png",
    )
    train, test = load_photograph_patches()
    model = PixelCNN(domain, blocks=0, features=18)
    fit(model, train, updates=UPDATES, **{**FIT_SETTINGS, "batch_size": 20, "lr": 0.03})
    page.paragraph(
        f"To show the factors we train a small PixelCNN (mask A, then 1×1 convolutions with mask B) for {UPDATES} "
        f"updates. The training data are {len(train)} patches of a photograph, of {PATCH}×{PATCH} pixels with "
        f"{LEVELS} levels for each colour. Another {len(test)} patches are test data: they share no pixel with the "
        "training patches, but lie between them. The factors of one pixel of a test patch:"
    )
    with torch.no_grad():
        add_colour_factors(page, model, test)
        add_colour_costs(page, model, test)


def load_photograph_patches() -> tuple[Tensor, Tensor]:
    """Return training and test patches [n, 3, PATCH, PATCH] of a photograph of scikit-learn at half its size."""
    halved = F.avg_pool2d(load_photograph("china").double(), 2)
    parts = cut_patches((halved * (LEVELS - 1) / 255).round().long(), PATCH)
    testing = torch.arange(len(parts)) % TEST_STRIDE == TEST_STRIDE // 2
    return parts[~testing], parts[testing]


def add_colour_factors(page: Page, model: PixelCNN, test: Tensor) -> None:
    """Add the factors of one pixel, and check their sum over all pixels and that R does not depend on G and B."""
    x, (row, column) = test[:1], PIXEL
    factors = colour_log_probs(model, x, row=row, column=column)[0]
    names = ["log p(R | before)", "log p(G | before, R)", "log p(B | before, R, G)"]
    by_colour = [[name, str(int(x[0, c, row, column])), f"{factors[c]:.3f}"] for c, name in enumerate(names)]
    rows = [*by_colour, ["sum: log p(pixel | before)", "–", f"{factors.sum():.3f}"]]
    page.table(["factor", "value", "nats"], [[cell.replace("-", "−") for cell in each] for each in rows])
    some = test[:NUM_SUMMED]
    every = sum(
        colour_log_probs(model, some, row=pixel // PATCH, column=pixel % PATCH).sum(1) for pixel in range(PATCH**2)
    )
    gap = float((every - model.log_prob(some)).abs().max())
    others = x.clone()
    others[:, 1:, row, column] = LEVELS - 1 - others[:, 1:, row, column]
    moved = float((colour_log_probs(model, others, row=row, column=column)[0, 0] - factors[0]).abs())
    page.paragraph(
        f"The sum over all {PATCH**2} pixels is log p(x): over {NUM_SUMMED} patches the largest difference is "
        f"{magnitude(gap)} nats. If the pixel's own G and B get other values, its first factor changes by "
        f"{magnitude(moved)}: R does not depend on them. But G depends on R:"
    )


def add_colour_costs(page: Page, model: PixelCNN, test: Tensor) -> None:
    """Add p(R) and p(G | R) of one pixel, the NLL of each colour, and the NLL of G given a wrong R."""
    row, column = PIXEL
    red, green = (int(level) for level in test[0, :2, row, column])
    each_red = test[:1].repeat(LEVELS, 1, 1, 1)
    each_red[:, 0, row, column] = torch.arange(LEVELS)
    table = model.conditionals(each_red).probs[:, :, row, column]
    nll = -colour_log_probs(model, test, row=row, column=column)
    page.figure(
        to_png(plot_colour_conditionals(table[0, 0], table[:, 1], true=(red, green), nats=nll.mean(0).tolist())),
        "The same pixel. Left: the distribution of R, before any of its colours is known (orange: its true level). "
        "Middle: each row is the distribution of G for one level of R; the true pair is framed. Right: the mean NLL "
        "of this pixel's colours over the test patches, in nats.",
        "A bar chart of R, a map of the distributions of G for each R, and bars of the mean nats of R, G and B.",
        "colours.png",
    )
    costs = ", ".join(f"{channel_name(c, 3)} {format_mean(nll[:, c])}" for c in range(3))
    page.paragraph(
        f"The mean NLL of this pixel's colours over the test patches (n = {len(test)}) is, in nats: {costs}. A "
        f"uniform distribution over {LEVELS} levels costs log {LEVELS} = {math.log(LEVELS):.2f} nats. If the R of "
        "the pixel is replaced by the R of another patch, its G costs "
        f"{format_mean(nll_with_wrong_red(model, test))} nats: the model uses R to predict G. (The standard "
        "errors assume that the patches are independent. They are parts of one photograph, so the true standard "
        "errors are probably larger.)"
    )


def nll_with_wrong_red(model: PixelCNN, test: Tensor) -> Tensor:
    """Return the NLL [n], in nats, of a pixel's G if its R is replaced by the R of the patch before."""
    row, column = PIXEL
    wrong = test.clone()
    wrong[:, 0, row, column] = test[:, 0, row, column].roll(1)
    return -colour_log_probs(model, wrong, row=row, column=column)[:, 1]


def add_mask_order(page: Page) -> None:
    page.heading("First A, then B")
    page.paragraph(
        "Why are there two masks? Follow a path from a site j through the layers to the factor of site i. In a layer "
        "with mask B the path goes from a site to the same site or to a later site. In a layer with mask A it always "
        "goes to a later site. So one layer with mask A is enough: then j < i on every path, and nothing leaks. "
        "Without mask A, the path from i to i exists. With mask A in every layer nothing leaks either, but every "
        "layer must go to a later site, and the model loses near pixels: the first layer reaches the left neighbour, "
        "and the second layer must leave it again."
    )
    shape, site = (1, 7, 7), 24
    order = as_order(None, Binary(shape))
    seen = {name: stacked_receptive_field(kinds, kernel=3, shape=shape) for name, kinds in STACKS.items()}
    page.figure(
        to_png(receptive_field_comparison_figure(seen, order, Binary(shape), site)),
        "What the middle pixel sees through two 3×3 layers. With mask B twice it sees itself. With mask A twice it "
        "does not see its left neighbour, nor the pixel above on the right.",
        "Three maps of the pixels that the middle pixel of a 7×7 image sees through two masked layers.",
        "two-layers.png",
    )
    rows = [
        [name, str(int((each & ~order.before).sum())), str(int((each & order.before)[site].sum())),
         "yes" if bool(each[site, site - 1]) else "no"]
        for name, each in seen.items()
    ]  # fmt: skip
    page.table(
        ["masks", "pairs that leak", "past pixels seen", "left neighbour seen"], rows,
        "The pairs are counted over all 49 sites; the other columns are for the middle pixel.",
    )  # fmt: skip
    finding = check_autoregressive_property(PixelCNN(Levels((3, 3, 4), 4), blocks=1, features=6))
    page.paragraph(
        f"This is the proof. The library's first law tests a real PixelCNN for colour images: {finding.status}, "
        f"{finding.detail}."
    )


def add_leak(page: Page, train: Tensor, test: Tensor) -> None:
    page.heading("An example of a leak")
    page.paragraph(
        "Now make a mistake on purpose: use mask B in the first layer too. The program raises no error, and the loss "
        "falls faster than before. `check_leak` finds the leak without training. (“Once the weights are perturbed”: "
        "the output layer starts at zero, and this hides the layers before it.)"
    )
    report = find_planted_leak()
    page.code("\n".join(fill(line, 76, subsequent_indent="    ") for line in str(report).splitlines()))
    page.figure(
        to_png(leak_figure(report)),
        f"All {len(report.leaks)} leaking pairs: each site sees itself, and no other forbidden site.",
        "For each colour what the worst output sees, all outputs together, and which colours see which within a pixel.",
        "leak.png",
    )
    page.paragraph(
        f"What is the effect on the likelihood? We train a model with each mask for {LEAKY_UPDATES} updates. The "
        f"data are 3×3 pixels from the middle of each digit, so that all {2**9} possible images can be listed."
    )
    page.table(
        ["first layer", "“NLL” of test data, nats", "sum of “p” over all images"], tabulate_leaky_nlls(train, test)
    )
    page.paragraph(
        f"The empirical distribution of the {len(test)} test images has an entropy of {entropy(crop_middle(test)):.2f} "
        "nats. No distribution has a lower mean NLL on them, so a lower value is not a likelihood. The sum shows "
        "the same. It must be 1, but with mask B nearly every image gets a “probability” near 1, because each site "
        "sees its own value."
    )


def find_planted_leak() -> LeakReport:
    """Return the leak report of a PixelCNN for colour images whose first layer has mask B."""
    model = use_mask_b_first(PixelCNN(Levels((3, 3, 4), 4), blocks=1, features=6))

    def planted(x: Tensor) -> Tensor:
        return model.conditionals(x).params

    return check_leak(planted, (3, 3, 4), levels=4, layout="n,c,h,w,k", scale="levels")


def tabulate_leaky_nlls(train: Tensor, test: Tensor) -> list[list[str]]:
    """Return table rows for mask A and for mask B in the first layer: the NLL, and the sum of p over all images."""
    rows = []
    for name in ("mask A", "mask B"):
        model = PixelCNN(Binary((1, 3, 3)), blocks=1, features=8)
        fit(
            model if name == "mask A" else use_mask_b_first(model),
            crop_middle(train),
            updates=LEAKY_UPDATES,
            **FIT_SETTINGS,
        )
        with torch.no_grad():
            total = sum(float(model.log_prob(x).exp().sum()) for x in model.domain.outcomes())
        found = evaluate(model, crop_middle(test))
        rows.append([name, with_error(found.nats, found.stderr, 2), f"{total:.2f}"])
    return rows


def crop_middle(digits: Tensor) -> Tensor:
    """Return the 3×3 pixels near the middle of digits [n, 1, 8, 8]."""
    return digits[:, :, 2:5, 3:6]


def entropy(x: Tensor) -> float:
    """Return the entropy, in nats, of the empirical distribution of binary data [n, *shape].

    It is the lowest mean NLL of these data under any distribution.
    """
    format_array = Binary(tuple(x.shape[1:])).outcome_index(x)
    shares = format_array.bincount().double() / len(x)
    return float(-torch.xlogy(shares, shares).sum())
