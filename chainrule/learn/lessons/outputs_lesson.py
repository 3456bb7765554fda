"""The lesson on outputs: a softmax over the levels of a pixel, or a continuous density."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.data import Data, load_data
from chainrule.domains import Levels
from chainrule.figures import to_png
from chainrule.formatting import fixed
from chainrule.inference import compute_log_probs
from chainrule.learn.figures.pixel_output_figures import (
    PixelHistogram,
    plot_gaussians,
    plot_vanishing_std,
    plot_weight_similarity,
)
from chainrule.learn.formulas import add_formulas
from chainrule.learn.lessons.mean_and_error import format_mean
from chainrule.learn.lessons.outputs_softmax import TEST_COLUMN, add_softmax_examples
from chainrule.learn.photographs import load_photograph
from chainrule.learn.pixel_outputs import (
    GaussianLevels,
    add_tails_to_ends,
    discretize_gaussian,
    fit_gaussian,
    gaussian_nll,
    level_nll,
    smoothed_frequencies,
    truncate,
)
from chainrule.learn.source_code import read_source
from chainrule.models import MADE, PixelCNN
from chainrule.reports import Page, StageProgress
from chainrule.training import fit

BITS = math.log(2)


def write(page: Page, progress: StageProgress) -> None:
    page.paragraph(
        "The value of a pixel is an integer from 0 to 255, on a scale from dark to bright. So a continuous density "
        "seems natural: the network outputs a mean and a standard deviation. PixelRNN does not do this. It treats "
        "the 256 values as separate classes, gives each class its own probability, and learns from the data which "
        "classes are similar. This lesson measures the advantages and disadvantages of both outputs."
    )
    digits = load_data("digits")
    add_two_outputs(page)
    add_outside_mass(page, digits)
    progress(0.1)
    add_density_mistake(page, digits)
    add_pixel_comparison(page, digits)
    progress(0.25)
    softmax = add_network_comparison(page, digits, lambda share, more="": progress(0.25 + 0.35 * share, more))
    pixelcnn = add_softmax_examples(page, lambda share, more="": progress(0.6 + 0.3 * share, more))
    add_level_order(page, softmax, pixelcnn)
    add_summary(page)
    progress(1.0)


def add_two_outputs(page: Page) -> None:
    page.heading("Two outputs")
    page.paragraph("A softmax converts 256 outputs of the network into 256 probabilities:")
    add_formulas(page, "softmax")
    page.paragraph(
        "The probabilities always sum to 1, and values outside 0 to 255 have no probability. A Gaussian is a density "
        "of real numbers. The probability of a level is its mass within half a level of this level:"
    )
    add_formulas(page, "rounded-gaussian")
    page.code(read_source(discretize_gaussian), "python")


def add_outside_mass(page: Page, digits: Data) -> None:
    some = [
        PixelHistogram("digits: row 5, column 4 (17 levels)", *fit_pixels(get_training_rows(digits)[:, 44:45], 17)),
        PixelHistogram(
            "flower: red (256 levels)",
            *fit_pixels(load_photograph("flower")[0:1, :, :TEST_COLUMN].flatten()[:, None], 256),
        ),
        PixelHistogram(
            "china: blue (256 levels)",
            *fit_pixels(load_photograph("china")[2:3, :, :TEST_COLUMN].flatten()[:, None], 256),
        ),
    ]
    page.heading("Probability mass outside the levels")
    page.paragraph(
        "There are three sets of real pixels: one site of scikit-learn's digits, and one colour of each of the two "
        "photographs of scikit-learn. A Gaussian is fitted to each set, by mean and variance."
    )
    rows = []
    for each in some:
        inside, below, above = discretize_gaussian(each.mean, each.std, len(each.frequencies))
        rows.append(
            [
                each.name.partition(" (")[0],
                f"{each.mean:.1f}",
                f"{each.std:.1f}",
                f"{below:.3f}",
                f"{inside.sum():.3f}",
                f"{above:.3f}",
            ]
        )
    page.table(
        ["pixels", "mean", "std", "below", "inside", "above"],
        rows,
        "The mass of the Gaussian below the lowest level, on the levels, and above the highest level. For a softmax "
        "these masses are exactly 0, 1 and 0.",
    )
    page.figure(
        to_png(plot_gaussians(some)),
        "Many pixels are at the ends of the scale: a dark background, a saturated sky. A Gaussian with much mass at "
        "an end also has much mass outside.",
        "Three histograms with spikes at the lowest or highest level, and Gaussians whose tails, in orange, lie "
        "outside the levels.",
        "beyond.png",
    )
    page.paragraph(
        "The mass outside is lost: it is the probability of impossible values. The probabilities of the levels sum "
        "to less than 1, and all of them could be higher."
    )


def get_training_rows(digits: Data) -> Tensor:
    """Return the training digits [n, 64]."""
    assert digits.train is not None, "load_data splits the digits"
    return digits.train.values().flatten(1)


def get_test_rows(digits: Data) -> Tensor:
    assert digits.test is not None, "load_data splits the digits"
    return digits.test.values().flatten(1)


def fit_pixels(x: Tensor, levels: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the frequency of each level of pixels [n, 1], and the mean and standard deviation of a fitted Gaussian."""
    mean, std = fit_gaussian(x)
    return torch.bincount(x.flatten().long(), minlength=levels) / len(x), mean[0], std[0]


def add_density_mistake(page: Page, digits: Data) -> None:
    train, zero = get_training_rows(digits), torch.zeros((), dtype=torch.float64)
    constant = int((train == 0).all(0).sum())
    within = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000 - 0.5  # evenly over the level 0
    page.heading("A density is not a probability")
    page.paragraph(
        "A density can be above 1, so its −log can be below 0, without a lower bound. In the training images of the "
        f"digits {constant} of the 64 pixels are always 0. Fit a Gaussian with mean 0 to such a pixel, and decrease "
        "its standard deviation:"
    )

    def compute_nlls(sigma: float) -> tuple[float, float, float]:
        std = torch.tensor(sigma, dtype=torch.float64)
        mass = discretize_gaussian(zero, std, 17)[0][0]
        noisy = gaussian_nll(within, zero, std).mean()
        return float(gaussian_nll(zero, zero, std)), float(-mass.log()), float(noisy)

    rows = [
        [f"{sigma:g}", *(_format_signed(number) for number in compute_nlls(sigma))]
        for sigma in (1.0, 0.3, 0.1, 0.01, 0.001)
    ]
    page.table(
        ["σ, in levels", "density at 0", "mass of level 0", "density, with noise"], rows,
        "The −log of each quantity, in nats. With noise: a uniform random number from −½ to ½ is added to the pixel, "
        "and the column is the mean over this number.",
    )  # fmt: skip
    stds = torch.logspace(0.5, -4, 200, dtype=torch.float64).tolist()
    curves = dict(
        zip(("density", "mass", "density, with noise"), zip(*map(compute_nlls, stds), strict=True), strict=True)
    )
    page.figure(
        to_png(plot_vanishing_std(stds, curves)),
        "One pixel that is always 0. The “likelihood” of the density grows without bound. The −log of the mass of "
        "the level stops at 0 nats, because a probability is at most 1.",
        "Three curves over a decreasing standard deviation: one falls without bound, one approaches zero, one rises "
        "steeply.",
        "vanishing.png",
    )
    lost = constant * float(gaussian_nll(zero, zero, torch.tensor(1e-6, dtype=torch.float64)))
    page.paragraph(
        f"The first column is a well-known mistake. With σ = 10^{{−6}} these {constant} pixels alone contribute "
        f"{_format_signed(lost)} nats to the NLL (negative log-likelihood) of an image, although the model has learned "
        "nothing about any digit. There are two correct methods. The first: use the mass of the level, as in the "
        "second column. The second: add uniform noise as wide as a level before the density is evaluated. By "
        "Jensen's inequality the result is never below the −log of the mass, so it is a valid upper bound, and a "
        "small σ has a high cost."
    )


def _format_signed(number: float) -> str:
    """Format a number with two decimals, or without decimals from 1000 on."""
    return (f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.2f}").replace("-", "−").replace("−0.00", "0.00")


def add_pixel_comparison(page: Page, digits: Data) -> None:
    page.heading("Compare the outputs without context")
    page.paragraph(
        "Now compare the outputs on held-out pixels. There is no context yet: each site of the digits and each "
        "colour of a photograph has one distribution. There are three versions of the Gaussian: unchanged (the mass "
        "outside is lost), truncated (divided by the mass inside), and with the mass outside added to the two end "
        "levels. The softmax has a free logit for each level, so it learns the frequencies of the levels: the counts "
        "of the training pixels, plus one for each level. Without the added one, a level that never occurs in "
        "training would cost ∞."
    )
    sets = {"digits, 64 sites": (get_training_rows(digits), get_test_rows(digits), 17)}
    for name in ("china", "flower"):
        picture = load_photograph(name)
        sets[f"{name}, 3 colours"] = (*split_photograph(picture), 256)
        sets[f"{name}, grey"] = (*split_photograph(picture.double().mean(0, keepdim=True).round().long()), 256)
    page.table(
        ["pixels", "unchanged", "truncated", "ends", "softmax"],
        [[name, *(f"{number:.2f}" for number in bits_per_value(*each))] for name, each in sets.items()],
        f"Bits per value on held-out pixels: of {len(get_test_rows(digits))} digits, and of the part of each "
        f"photograph from column {TEST_COLUMN} on. Each colour of a pixel is one value. There are no standard "
        "errors, because the pixels of one photograph are not independent data.",
    )
    page.paragraph(
        "The unchanged Gaussian is worse than the truncated Gaussian by exactly −log_{2} of its mass inside. The "
        "softmax is much better if many pixels are at the ends of the scale: the digits, the flower. It is worse if "
        "held-out pixels have other values than the training pixels: the sky of `china` is brighter on the right "
        "side, and a level that was rare in training has a low probability under the softmax. This is the "
        f"disadvantage of separate classes. A uniform distribution costs {math.log2(256):.0f} bits: on the right "
        "side of `china` the softmax that was trained on the left side is worse than a uniform distribution."
    )
    page.paragraph(
        "The denominator of bits per value matters as much as the model. A colour pixel has three values, so for a "
        "patch of 8×8 the nats are divided by 3 · 64 · ln 2. A division by 64 · ln 2 would make all results three "
        "times as large. Bits for 17 levels must not be compared with bits for 256 levels: a uniform distribution "
        f"costs {math.log2(17):.2f} bits and {math.log2(256):.0f} bits."
    )


def split_photograph(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Return the training and the test pixels [n, C] of a photograph: its left and its right part."""
    return tuple(part.flatten(1).T for part in (picture[..., :TEST_COLUMN], picture[..., TEST_COLUMN:]))  # type: ignore[return-value]


def bits_per_value(train: Tensor, test: Tensor, levels: int) -> list[float]:
    """Return the bits per value of data [n, sites] for three versions of a Gaussian and for a softmax."""
    inside, below, above = discretize_gaussian(*fit_gaussian(train), levels)
    tables = [inside, truncate(inside), add_tails_to_ends(inside, below, above), smoothed_frequencies(train, levels)]
    return [float(level_nll(test, table.clamp(min=1e-300)).mean()) / BITS for table in tables]


@dataclass(frozen=True)
class Output:
    """Name a kind of output, and hold the domain that gives a network this output."""

    name: str
    domain: Levels


OUTPUTS = (
    Output("softmax", Levels((1, 8, 8), 17)),
    Output("1 Gaussian", GaussianLevels((1, 8, 8), 17)),
    Output("3 Gaussians", GaussianLevels((1, 8, 8), 17, components=3)),
)


def add_network_comparison(page: Page, digits: Data, progress: StageProgress) -> MADE:
    page.heading("Compare three outputs of the same network")
    page.paragraph(
        "With context a distribution can be narrow, and the comparison may change. We train one MADE with a hidden "
        "layer of 100 units on the digits, in the same way with three output layers: 17 logits for each pixel for a "
        "softmax; or a weight, a mean and a scale for each of one or three Gaussians, whose mass outside the levels "
        "is added to the end levels. All outputs give probabilities to the same 17 levels, so their likelihoods can "
        "be compared."
    )
    models, test = {}, get_test_rows(digits).view(-1, 1, 8, 8)
    for number, output in enumerate(OUTPUTS, 1):
        models[output.name] = train_made(digits, output.domain)
        progress(number / len(OUTPUTS))
    nats = {name: -compute_log_probs(model, test) for name, model in models.items()}
    rows = []
    for output in OUTPUTS:
        mine, apart = nats[output.name], nats[output.name] - nats["softmax"]
        bits, behind = float(mine.mean()) / 64 / BITS, format_mean(apart, 1)
        rows.append([output.name, str(output.domain.outputs_per_site), format_mean(mine, 1), f"{bits:.2f}",
                     "0" if output.name == "softmax" else behind])  # fmt: skip
    page.table(
        ["output", "parameters", "nats", "bits per pixel", "minus softmax"],
        rows,
        "The number of output parameters for a pixel; the mean NLL of a held-out digit ± its standard error over "
        f"{len(test)} digits; bits per pixel are nats / (64 ln 2). Last column: the mean difference to the softmax, "
        "digit by digit; below 0 is better. One run for each output.",
    )
    page.paragraph(
        f"So the softmax is not always better. From {len(get_training_rows(digits)):,} images it must learn a fact "
        "that a Gaussian has built in: level 7 is similar to level 8. If there are few data, a mixture of densities "
        "with the outside mass at the end levels is a good output, and later models use one (PixelCNN++). The "
        "comparison of the PixelRNN paper, with far more data, had the opposite result: on CIFAR-10 the softmax had "
        "the better likelihood. The softmax needs more data, but it has advantages: it assumes no shape, it has no "
        "mass outside, and it needs no special rule at the ends of the scale."
    )
    return models["softmax"]


def train_made(digits: Data, domain: Levels) -> MADE:
    """Train a small MADE with the output of a domain."""
    assert digits.train is not None
    assert digits.valid is not None
    model = MADE(domain, hidden=(100,))
    fit(
        model, digits.train.values(), digits.valid.values(), updates=150, batch_size=50, lr=1e-2, warmup=30, ema=0.98,
        precision="float32", progress=False,
    )  # fmt: skip
    return model


def add_level_order(page: Page, softmax: MADE, pixelcnn: PixelCNN) -> None:
    page.heading("A softmax does not know that 7 is near 8")
    train, test = split_photograph(load_photograph("flower")[:1])
    names = torch.randperm(256, generator=torch.Generator().manual_seed(0))
    plain, shuffled = bits_per_value(train, test, 256), bits_per_value(names[train.long()], names[test.long()], 256)
    page.paragraph(
        "To a softmax the levels are classes without an order. If the levels are permuted at random in all data, "
        "nothing changes for the softmax, but the Gaussian becomes worse. For the red values of the flower the "
        f"softmax needs {plain[3]:.2f} bits before and {shuffled[3]:.2f} bits after the permutation; the Gaussian "
        f"with end levels needs {plain[2]:.2f} bits before and {shuffled[2]:.2f} bits after."
    )
    levels = pixelcnn.domain.levels
    cosines = {
        "digits, MADE": weight_cosines(softmax.output.weight, softmax.domain.levels),
        "photographs, red": weight_cosines(pixelcnn.output.weight[:levels], levels),
    }
    near = [f"{fixed(float(each.diagonal(1).mean()), 2)} ({name})" for name, each in cosines.items()]
    far = [fixed(float(each[: len(each) // 4, -(len(each) // 4) :].mean()), 2) for each in cosines.values()]
    page.paragraph(
        "A softmax must learn the order of the levels from data. Each level has its own weights from the last "
        "hidden layer, and all weights start at zero. Compare the trained weights of different levels, after the "
        "mean over all levels is subtracted (it has no effect on a softmax). The weights of neighbouring levels are "
        f"similar: their mean cosine is {' and '.join(near)}. The weights of the lowest and the highest quarter of "
        f"the scale are opposite: their mean cosine is {' and '.join(far)}."
    )
    page.figure(
        to_png(plot_weight_similarity(cosines)),
        "The cosine between the output weights of two levels. The diagonal compares a level with itself. The band "
        "around the diagonal shows the order of the levels, which the network learned from the data.",
        "Two square matrices of cosines with a warm band along the diagonal.",
        "likeness.png",
    )


def weight_cosines(weight: Tensor, levels: int) -> Tensor:
    """Return the cosines [K, K] between the output weights of two levels.

    The mean over all levels is subtracted, because it has no effect on a softmax.

    Args:
        weight: [sites · K, ...], of a layer that gives K logits for each site.
        levels: K.
    """
    weight = weight.detach().double().flatten(1)
    by_level = weight.view(-1, levels, weight.shape[1])
    apart = F.normalize((by_level - by_level.mean(1, keepdim=True)).movedim(1, 0).flatten(1), dim=1)
    return apart @ apart.T


def add_summary(page: Page) -> None:
    page.heading("Summary")
    page.points(
        [
            "A softmax is a distribution over exactly the levels: it has no mass outside, it can have any shape, and "
            "it can have spikes at the ends. It learns the order of the levels, and needs data for this.",
            "A continuous density must first be converted to probabilities of levels. A rule must define what "
            "happens to the mass outside the levels.",
            "The density at a level is not a likelihood: with a small standard deviation it can be arbitrarily high.",
        ]
    )
    page.paragraph(
        "This is the last lesson, from one neuron to a density of images. The page `formulas` lists the formulas of "
        "all lessons, and names for each formula the function that computes it."
    )
