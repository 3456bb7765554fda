"""Of the lesson on convolutions: the colours of a pixel, why mask A comes first, and what a leak looks like."""

from __future__ import annotations

import math
from textwrap import fill
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.checks import LeakReport, check_leak, no_leak
from chainrule.domains import Binary, Levels, channel_name
from chainrule.domains.orders import as_order
from chainrule.figures import growth_figure, leak_figure, pixelcnn_masks_figure, to_png
from chainrule.formatting import magnitude, with_error
from chainrule.inference.evaluate import evaluate
from chainrule.learn.convolution import colour_factors, layers_reach, plant_mask_b
from chainrule.learn.formulas import state
from chainrule.learn.lessons.measured import mean_of
from chainrule.learn.output import patches, photo
from chainrule.learn.pictures.convolution import followed_figure
from chainrule.models.pixelcnn import PixelCNN
from chainrule.reports import Page
from chainrule.training import fit

LEVELS, PATCH, EVERY = 8, 6, 5
"""Levels of a colour, pixels of a patch's side; one patch of so many is for testing."""
PIXEL = (3, 3)
"""The row and column of the pixel whose factors are shown."""
SUMMED = 40
"""Patches of which the factors of all pixels are summed."""
UPDATES, LEAKY_UPDATES = 140, 60
BRIEF: dict[str, Any] = {
    "batch_size": 50, "lr": 0.01, "warmup": 10, "ema": 0.9, "precision": "float32", "progress": False,
}  # fmt: skip
"""Settings of a training that takes a second or less."""
STACKS = {"A, then B": "AB", "B, then B": "BB", "A, then A": "AA"}


def colours(page: Page) -> None:
    page.heading("Three factors a pixel")
    page.paragraph("In colour, each factor of the long product is itself a product of three:")
    state(page, "colours")
    page.paragraph(
        "The features of every layer are split into three groups, one a colour, and the masks say at the centre which "
        "group may read which: under A only the colours before its own, under B also its own. At all other open taps "
        "every group reads every group, since those pixels come before."
    )
    domain = Levels((3, PATCH, PATCH), LEVELS)
    page.figure(
        to_png(pixelcnn_masks_figure(PixelCNN(domain, blocks=1, features=3))),
        "Masks in colour. Below: who reads whom at the centre. A's diagonal is closed, B's is open.",
        "Kernels with a centre that is open to some colours, and two 3×3 tables of which colour sees which.",
        "colour-masks.png",
    )
    train, test = photograph()
    model = PixelCNN(domain, blocks=0, features=18)
    fit(model, train, updates=UPDATES, **{**BRIEF, "batch_size": 20, "lr": 0.03})
    page.paragraph(
        f"To see the factors we train a small PixelCNN (mask A, then 1×1 convolutions with mask B) for {UPDATES} "
        f"updates on {len(train)} patches of a photograph, of {PATCH}×{PATCH} pixels with {LEVELS} levels a colour. "
        f"Another {len(test)} patches are for testing: they share no pixel with those, but lie between them. Of one "
        "pixel of one of them:"
    )
    with torch.no_grad():
        one_pixel(page, model, test)
        what_colours_cost(page, model, test)


def photograph() -> tuple[Tensor, Tensor]:
    """Patches of a photograph that scikit-learn ships, halved in size: to train and to test, [n, 3, PATCH, PATCH]."""
    halved = F.avg_pool2d(photo("china").double(), 2)
    parts = patches((halved * (LEVELS - 1) / 255).round().long(), PATCH)
    testing = torch.arange(len(parts)) % EVERY == EVERY // 2
    return parts[~testing], parts[testing]


def one_pixel(page: Page, model: PixelCNN, test: Tensor) -> None:
    """The factors of one pixel, that all pixels together are log p(x), and that R does not look ahead."""
    x, (row, column) = test[:1], PIXEL
    factors = colour_factors(model, x, row, column)[0]
    names = ["log p(R | before)", "log p(G | before, R)", "log p(B | before, R, G)"]
    told = [[name, str(int(x[0, c, row, column])), f"{factors[c]:.3f}"] for c, name in enumerate(names)]
    rows = [*told, ["the pixel: their sum", "–", f"{factors.sum():.3f}"]]
    page.table(["factor", "value", "nats"], [[cell.replace("-", "−") for cell in each] for each in rows])
    some = test[:SUMMED]
    every = sum(colour_factors(model, some, *divmod(pixel, PATCH)).sum(1) for pixel in range(PATCH**2))
    gap = float((every - model.log_prob(some)).abs().max())
    others = x.clone()
    others[:, 1:, row, column] = LEVELS - 1 - others[:, 1:, row, column]
    moved = float((colour_factors(model, others, row, column)[0, 0] - factors[0]).abs())
    page.paragraph(
        f"Summed over all {PATCH**2} pixels these are log p(x): over {SUMMED} patches the largest difference "
        f"is {magnitude(gap)} nats. With other values for the pixel's own G and B, its first factor changes by "
        f"{magnitude(moved)}: R does not see them. G does see R:"
    )


def what_colours_cost(page: Page, model: PixelCNN, test: Tensor) -> None:
    """p(R) and p(G | R) of one pixel; what each colour costs; and what G costs that is told a wrong R."""
    row, column = PIXEL
    red, green = (int(level) for level in test[0, :2, row, column])
    each_red = test[:1].repeat(LEVELS, 1, 1, 1)
    each_red[:, 0, row, column] = torch.arange(LEVELS)
    table = model.conditionals(each_red).probs[:, :, row, column]
    told = -colour_factors(model, test, row, column)
    page.figure(
        to_png(followed_figure(table[0, 0], table[:, 1], (red, green), told.mean(0).tolist())),
        "That pixel. Left: R, before anything of it is known (orange: its true level). Middle: a row is the "
        "distribution of G, had R been that level; the true pair is framed. Right: what this pixel's colours cost in "
        "nats, in the mean of the test patches.",
        "A bar chart of R, a map of the distributions of G for each R, and bars of the mean nats of R, G and B.",
        "colours.png",
    )
    costs = ", ".join(f"{channel_name(c, 3)} {mean_of(told[:, c])}" for c in range(3))
    page.paragraph(
        f"Over the test patches (n = {len(test)}) this pixel's colours cost, in nats: {costs}. A colour of {LEVELS} "
        f"levels of which nothing is known costs log {LEVELS} = {math.log(LEVELS):.2f}. Put the R of another patch in "
        f"the place of the pixel's own, and its G costs {mean_of(misled(model, test))}: the model relies on R. (The "
        "standard errors take the patches for independent. They are of one photograph, so the true ones are likely "
        "larger.)"
    )


def misled(model: PixelCNN, test: Tensor) -> Tensor:
    """Nats [n] of a pixel's G, when its R is that of the patch before."""
    row, column = PIXEL
    wrong = test.clone()
    wrong[:, 0, row, column] = test[:, 0, row, column].roll(1)
    return -colour_factors(model, wrong, row, column)[:, 1]


def first_a_then_b(page: Page) -> None:
    page.heading("First A, then B")
    page.paragraph(
        "Why two masks? Follow a path from a site j through the layers to a factor i. Under B a layer steps from a "
        "place to itself or to a later one; under A always to a later one. With one A on the way, j < i: nothing "
        "leaks. With none, the path from i to i is open. And with A in every layer nothing leaks either, but each "
        "layer has to step on, and so loses what is near: the left neighbour is reached by the first layer, and the "
        "second may not stay there."
    )
    shape, site = (1, 7, 7), 24
    order = as_order(None, Binary(shape))
    seen = {name: layers_reach(kinds, 3, shape) for name, kinds in STACKS.items()}
    page.figure(
        to_png(growth_figure(seen, order, Binary(shape), site)),
        "Two 3×3 layers and the pixel in the middle. B twice: it sees itself. A twice: it misses its left neighbour, "
        "and the pixel above on the right.",
        "Three maps of what the middle pixel of a 7×7 image sees through two masked layers.",
        "two-layers.png",
    )
    rows = [
        [name, str(int((each & ~order.before).sum())), str(int((each & order.before)[site].sum())),
         "yes" if bool(each[site, site - 1]) else "no"]
        for name, each in seen.items()
    ]  # fmt: skip
    page.table(
        ["masks", "pairs that leak", "past pixels seen", "left neighbour seen"], rows,
        "Pairs are of all 49 sites; the rest is of the middle one.",
    )  # fmt: skip
    finding = no_leak(PixelCNN(Levels((3, 3, 4), 4), blocks=1, features=6))
    page.paragraph(
        f"That is the argument. The library's first law tries it on a real PixelCNN in colour: {finding.status}, "
        f"{finding.detail}."
    )


def a_leak(page: Page, train: Tensor, test: Tensor) -> None:
    page.heading("What a leak looks like")
    page.paragraph(
        "Now plant the mistake: mask B in the first layer too. Nothing crashes, and the loss falls faster than ever. "
        "`check_leak` needs no training to find it. (“Once the weights move”: the output layer starts at zero, and "
        "hides what is behind it.)"
    )
    report = planted_leak()
    page.code("\n".join(fill(line, 76, subsequent_indent="    ") for line in str(report).splitlines()))
    page.figure(
        to_png(leak_figure(report)),
        f"All {len(report.leaks)} pairs: each site sees itself, and nothing else that it must not see.",
        "For each colour what the worst output sees, all outputs together, and who sees whom within a pixel.",
        "leak.png",
    )
    page.paragraph(
        f"And what does it do to the likelihood? We train both for {LEAKY_UPDATES} updates on 3×3 pixels from the "
        f"middle of each digit, so small that all {2**9} images can be enumerated."
    )
    page.table(
        ["first layer", "“NLL” of test data, nats", "sum of “p” over all images"], leaky_likelihoods(train, test)
    )
    page.paragraph(
        f"The {len(test)} test images have an entropy of {entropy(middle(test)):.2f} nats. No distribution has a "
        "lower mean NLL on them: what is below is no likelihood. The sum says the same. It must be 1, and here nearly "
        "every image gets probability 1, since each site was told its own value."
    )


def planted_leak() -> LeakReport:
    """What is found of a PixelCNN in colour whose first layer has mask B."""
    model = plant_mask_b(PixelCNN(Levels((3, 3, 4), 4), blocks=1, features=6))

    def planted(x: Tensor) -> Tensor:
        return model.conditionals(x).params

    return check_leak(planted, (3, 3, 4), levels=4, layout="n,c,h,w,k", scale="levels")


def leaky_likelihoods(train: Tensor, test: Tensor) -> list[list[str]]:
    """A row for mask A in the first layer, and one for mask B: the NLL, and the sum of p over all images."""
    rows = []
    for name in ("mask A", "mask B"):
        model = PixelCNN(Binary((1, 3, 3)), blocks=1, features=8)
        fit(model if name == "mask A" else plant_mask_b(model), middle(train), updates=LEAKY_UPDATES, **BRIEF)
        with torch.no_grad():
            total = sum(float(model.log_prob(x).exp().sum()) for x in model.domain.outcomes())
        found = evaluate(model, middle(test))
        rows.append([name, with_error(found.nats, found.stderr, 2), f"{total:.2f}"])
    return rows


def middle(digits: Tensor) -> Tensor:
    """The 3×3 pixels near the middle of digits [n, 1, 8, 8]."""
    return digits[:, :, 2:5, 3:6]


def entropy(x: Tensor) -> float:
    """The entropy in nats of the frequencies of binary data [n, *shape]: the lowest mean NLL that they can have."""
    numbers = Binary(tuple(x.shape[1:])).number_of(x)
    shares = numbers.bincount().double() / len(x)
    return float(-torch.xlogy(shares, shares).sum())
