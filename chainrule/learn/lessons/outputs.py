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
from chainrule.inference.evaluate import log_prob_all
from chainrule.learn.formulas import state
from chainrule.learn.lessons.measured import mean_of
from chainrule.learn.lessons.outputs_activations import EDGE, tell_activations
from chainrule.learn.output import (
    GaussianLevels,
    at_the_ends,
    density_nats,
    fitted,
    frequencies,
    level_nats,
    mass_of_levels,
    photo,
    truncated,
)
from chainrule.learn.pictures.outputs import (
    Pixels,
    gaussians_figure,
    likeness_figure,
    vanishing_figure,
)
from chainrule.learn.source import source
from chainrule.models import MADE, PixelCNN
from chainrule.reports import Page
from chainrule.reports.multi_stage_progress import Tell
from chainrule.training import fit

BITS = math.log(2)


def write(page: Page, tell: Tell) -> None:
    page.paragraph(
        "A pixel is a whole number from 0 to 255. It looks like a number on a scale, so a continuous density suggests "
        "itself: let the network say a mean and a width. PixelRNN does not do so. It takes the values for 256 names, "
        "gives each a probability of its own, and lets the data say what is near what. This lesson measures what "
        "either choice costs."
    )
    digits = load_data("digits")
    tell_choices(page)
    tell_beyond(page, digits)
    tell(0.1)
    tell_vanishing(page, digits)
    tell_pixels(page, digits)
    tell(0.25)
    softmax = tell_networks(page, digits, lambda share, more="": tell(0.25 + 0.35 * share, more))
    pixelcnn = tell_activations(page, lambda share, more="": tell(0.6 + 0.3 * share, more))
    tell_order(page, softmax, pixelcnn)
    tell_summary(page)
    tell(1.0)


def tell_choices(page: Page) -> None:
    page.heading("Two outputs")
    page.paragraph("A softmax turns 256 numbers of the network into 256 probabilities:")
    state(page, "softmax")
    page.paragraph(
        "They sum to 1 whatever the network says, and nothing is left for values that no pixel has. A Gaussian is a "
        "density of real numbers. What it gives to a level is its mass within half a level:"
    )
    state(page, "rounded-gaussian")
    page.code(source(mass_of_levels), "python")


def tell_beyond(page: Page, digits: Data) -> None:
    some = [
        Pixels("digits: row 5, column 4 (17 levels)", *described(to_fit(digits)[:, 44:45], 17)),
        Pixels("flower: red (256 levels)", *described(photo("flower")[0:1, :, :EDGE].flatten()[:, None], 256)),
        Pixels("china: blue (256 levels)", *described(photo("china")[2:3, :, :EDGE].flatten()[:, None], 256)),
    ]
    page.heading("What lies beyond the levels")
    page.paragraph(
        "Three kinds of real pixels: one site of scikit-learn's digits, and a colour each of the two photographs that "
        "scikit-learn ships. To each a Gaussian is fitted, by mean and variance."
    )
    rows = []
    for each in some:
        inside, below, above = mass_of_levels(each.mean, each.std, len(each.shares))
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
        "The Gaussian's mass below the lowest level, on the levels, and above the highest. A softmax has 0, 1, 0, "
        "exactly.",
    )
    page.figure(
        to_png(gaussians_figure(some)),
        "Pixels pile up at the ends of the scale: a dark background, a saturated sky. A Gaussian can reach the ends "
        "only by leaning over them.",
        "Three histograms with spikes at the lowest or highest level, and Gaussians whose tails, in orange, lie "
        "beyond.",
        "beyond.png",
    )
    page.paragraph(
        "All mass that lies outside is lost: it is promised to what cannot happen. The probabilities of the levels sum "
        "to less than 1, and all of them could be higher."
    )


def to_fit(digits: Data) -> Tensor:
    """The digits to train on, [n, 64]."""
    assert digits.train is not None, "load_data splits the digits"
    return digits.train.values().flatten(1)


def held_out(digits: Data) -> Tensor:
    assert digits.test is not None, "load_data splits the digits"
    return digits.test.values().flatten(1)


def described(x: Tensor, levels: int) -> tuple[Tensor, Tensor, Tensor]:
    """The share of each level, and the Gaussian fitted to the same pixels [n, 1]."""
    mean, std = fitted(x)
    return torch.bincount(x.flatten().long(), minlength=levels) / len(x), mean[0], std[0]


def tell_vanishing(page: Page, digits: Data) -> None:
    train, zero = to_fit(digits), torch.zeros((), dtype=torch.float64)
    constant = int((train == 0).all(0).sum())
    within = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000 - 0.5  # evenly over the level 0
    page.heading("A density is no probability")
    page.paragraph(
        "A density may be above 1, so −log of it may be below 0, and there is no end to it. In the digits' training "
        f"images {constant} of the 64 pixels are always 0. Put a Gaussian at 0 on such a pixel, and make it narrow:"
    )

    def three(sigma: float) -> tuple[float, float, float]:
        std = torch.tensor(sigma, dtype=torch.float64)
        mass = mass_of_levels(zero, std, 17)[0][0]
        noisy = density_nats(within, zero, std).mean()
        return float(density_nats(zero, zero, std)), float(-mass.log()), float(noisy)

    rows = [[f"{sigma:g}", *(_signed(number) for number in three(sigma))] for sigma in (1.0, 0.3, 0.1, 0.01, 0.001)]
    page.table(
        ["σ, in levels", "density at 0", "mass of level 0", "density, with noise"], rows,
        "−log of each, in nats. With noise: a uniform number from −½ to ½ is added to the pixel, and the mean taken.",
    )  # fmt: skip
    stds = torch.logspace(0.5, -4, 200, dtype=torch.float64).tolist()
    curves = dict(zip(("density", "mass", "density, with noise"), zip(*map(three, stds), strict=True), strict=True))
    page.figure(
        to_png(vanishing_figure(stds, curves)),
        "One pixel that is always 0. The density's “likelihood” grows without end; the mass of the level ends at 0 "
        "nats, since a probability cannot exceed 1.",
        "Three curves over a shrinking standard deviation: one falls without end, one settles near zero, one turns up "
        "steeply.",
        "vanishing.png",
    )
    lost = constant * float(density_nats(zero, zero, torch.tensor(1e-6, dtype=torch.float64)))
    page.paragraph(
        f"The first column is the classic mistake. With σ = 10^{{−6}} these {constant} pixels alone are worth "
        f"{_signed(lost)} nats an image, and nothing was learned of any digit. Two remedies are honest. Take the mass "
        "of the level, as in the second column. Or add noise as wide as a level before reading the density: by "
        "Jensen's inequality the result is never below the mass's, so it cannot cheat, and a narrow σ is punished."
    )


def _signed(number: float) -> str:
    """A number with two decimals, large ones without."""
    return (f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.2f}").replace("-", "−").replace("−0.00", "0.00")


def tell_pixels(page: Page, digits: Data) -> None:
    page.heading("Real pixels, one by one")
    page.paragraph(
        "Now compare, on pixels that were not fitted. No context yet: each site of the digits, each colour of a "
        "photograph has one distribution. The Gaussian comes as it is (what lies outside is lost), truncated (divided "
        "by what lies inside), and with all that lies outside given to the two ends. The softmax has a free logit for "
        "each level, so it learns the frequencies: here those of the pixels to fit on, with one more of each level "
        "counted, or a level never seen would cost ∞."
    )
    sets = {"digits, 64 sites": (to_fit(digits), held_out(digits), 17)}
    for name in ("china", "flower"):
        picture = photo(name)
        sets[f"{name}, 3 colours"] = (*halves(picture), 256)
        sets[f"{name}, grey"] = (*halves(picture.double().mean(0, keepdim=True).round().long()), 256)
    page.table(
        ["pixels", "as it is", "truncated", "ends", "softmax"],
        [[name, *(f"{number:.2f}" for number in bits_of_outputs(*each))] for name, each in sets.items()],
        f"Bits per value on held-out pixels: of {len(held_out(digits))} digits, and of the part of each photograph "
        f"from column {EDGE} on. Each colour of a pixel counts as a value. No standard errors: the pixels of one "
        "photograph are no independent data.",
    )
    page.paragraph(
        "As it is, the Gaussian loses to its truncated self by just −log_{2} of its mass inside. The softmax is far "
        "ahead where "
        "pixels pile up: the digits, the flower. It is behind where held-out pixels have other values than "
        "those to fit on: the sky of `china` is brighter on its right side, and a level that was hardly seen is, to a "
        "softmax, near to nothing. This is the price of names. A uniform guess would take "
        f"{math.log2(256):.0f} bits: on the right side of `china` all that was learned on its left is worse than none."
    )
    page.paragraph(
        "The denominators matter as much as the models. A colour pixel is three values: nats are divided by 3 · 64 · "
        "ln 2 for a patch of 8×8, not by 64 · ln 2, which would triple them all. And bits of 17 levels are not to be "
        f"compared with bits of 256: a uniform guess costs {math.log2(17):.2f} and {math.log2(256):.0f}."
    )


def halves(picture: Tensor) -> tuple[Tensor, Tensor]:
    """The pixels of a photograph to fit on and those held out, [n, C] each: parts that do not touch, not a shuffle."""
    return tuple(part.flatten(1).T for part in (picture[..., :EDGE], picture[..., EDGE:]))  # type: ignore[return-value]


def bits_of_outputs(train: Tensor, test: Tensor, levels: int) -> list[float]:
    """Bits per value of data [n, sites]: of a Gaussian as it is, truncated, with ends, and of a softmax."""
    inside, below, above = mass_of_levels(*fitted(train), levels)
    tables = [inside, truncated(inside), at_the_ends(inside, below, above), frequencies(train, levels)]
    return [float(level_nats(test, table.clamp(min=1e-300)).mean()) / BITS for table in tables]


@dataclass(frozen=True)
class Output:
    """A kind of output: its name, and the domain that gives a network this output."""

    name: str
    domain: Levels


OUTPUTS = (
    Output("softmax", Levels((1, 8, 8), 17)),
    Output("1 Gaussian", GaussianLevels((1, 8, 8), 17)),
    Output("3 Gaussians", GaussianLevels((1, 8, 8), 17, components=3)),
)


def tell_networks(page: Page, digits: Data, tell: Tell) -> MADE:
    page.heading("The same network, three outputs")
    page.paragraph(
        "With context, a distribution can be narrow where it should be, and the output matters in another way. Here is "
        "one MADE with a hidden layer of 100 units, trained alike on the digits with three last layers: 17 numbers a "
        "pixel for a softmax; or a weight, a mean and a width for each of one or three Gaussians, whose mass beyond "
        "the levels goes to the ends. All give probabilities to the same 17 levels, so their likelihoods may be "
        "compared."
    )
    models, test = {}, held_out(digits).view(-1, 1, 8, 8)
    for number, output in enumerate(OUTPUTS, 1):
        models[output.name] = trained_on(digits, output.domain)
        tell(number / len(OUTPUTS))
    nats = {name: -log_prob_all(model, test) for name, model in models.items()}
    rows = []
    for output in OUTPUTS:
        mine, apart = nats[output.name], nats[output.name] - nats["softmax"]
        bits, behind = float(mine.mean()) / 64 / BITS, mean_of(apart, 1)
        rows.append([output.name, str(output.domain.outputs_per_site), mean_of(mine, 1), f"{bits:.2f}",
                     "0" if output.name == "softmax" else behind])  # fmt: skip
    page.table(
        ["output", "numbers a pixel", "nats", "bits a pixel", "behind softmax"],
        rows,
        f"−log p of a held-out digit ± standard error over {len(test)}; bits a pixel are nats / (64 ln 2). Behind: the "
        "mean difference, digit by digit; below 0 is ahead. One run each.",
    )
    page.paragraph(
        f"So the softmax is not simply the better one. Of {len(to_fit(digits)):,} images it has to learn what a "
        "Gaussian has built in: that 7 is near 8. A mixture of densities that owns the two ends is strong where data "
        "are few, and later models took it up (PixelCNN++). The paper's own comparison, with far more data, came out "
        "the other way: on CIFAR-10 its softmax had the better likelihood. What the softmax needs in data it gives "
        "back in freedom: no form is assumed, nothing lies outside, and no end of the scale needs a rule of its own."
    )
    return models["softmax"]


def trained_on(digits: Data, domain: Levels) -> MADE:
    """A small MADE with the output of this domain."""
    assert digits.train is not None
    assert digits.valid is not None
    model = MADE(domain, hidden=(100,))
    fit(
        model, digits.train.values(), digits.valid.values(), updates=150, batch_size=50, lr=1e-2, warmup=30, ema=0.98,
        precision="float32", progress=False,
    )  # fmt: skip
    return model


def tell_order(page: Page, softmax: MADE, pixelcnn: PixelCNN) -> None:
    page.heading("It does not know that 7 is near 8")
    train, test = halves(photo("flower")[:1])
    names = torch.randperm(256, generator=torch.Generator().manual_seed(0))
    plain, shuffled = bits_of_outputs(train, test, 256), bits_of_outputs(names[train.long()], names[test.long()], 256)
    page.paragraph(
        "To a softmax the levels are names. Rename them at random in all data, and nothing changes for it, while a "
        f"Gaussian loses its ground. The flower's red: the softmax takes {plain[3]:.2f} bits before and "
        f"{shuffled[3]:.2f} after; the Gaussian with ends {plain[2]:.2f} before and {shuffled[2]:.2f} after."
    )
    likeness = {"digits, MADE": likeness_of(softmax), "photographs, red": likeness_of(pixelcnn)}
    near = [f"{fixed(float(each.diagonal(1).mean()), 2)} ({name})" for name, each in likeness.items()]
    far = [fixed(float(each[: len(each) // 4, -(len(each) // 4) :].mean()), 2) for each in likeness.values()]
    page.paragraph(
        "What it knows of the order, it has learned. Each level has its own weights from the last hidden layer. They "
        "began at zero, with no level like any other. After training (and without what all levels have in common, to "
        "which a softmax is blind), those of neighbours are alike, with a mean "
        f"cosine of {' and '.join(near)}; those of the lowest and the highest quarter of the scale are opposed, with "
        f"{' and '.join(far)}."
    )
    page.figure(
        to_png(likeness_figure(likeness)),
        "How alike the output weights of two levels are. The diagonal is a level with itself. The band around it is "
        "the order of the levels, found in the data.",
        "Two square matrices of cosines with a warm band along the diagonal.",
        "likeness.png",
    )


def likeness_of(model: MADE | PixelCNN) -> Tensor:
    """Cosines between the output weights of any two levels, of a MADE's sites, or a PixelCNN's reds: [K, K].

    What all levels have in common is taken out: a softmax is blind to it.
    """
    levels, weight = model.domain.levels, model.output.weight.detach().double().flatten(1)
    if isinstance(model, PixelCNN):
        weight = weight[:levels]
    by_level = weight.view(-1, levels, weight.shape[1])
    apart = F.normalize((by_level - by_level.mean(1, keepdim=True)).movedim(1, 0).flatten(1), dim=1)
    return apart @ apart.T


def tell_summary(page: Page) -> None:
    page.heading("In short")
    page.points(
        [
            "A softmax is a distribution over the levels and nothing else: no mass outside, any shape, spikes at the "
            "ends. It learns the order of the levels, and needs data for it.",
            "A continuous density has to be turned into probabilities of levels first, and what to do with the mass "
            "beyond the ends has to be said.",
            "A density read at the levels is no likelihood: with a narrow width it is as good as one likes.",
        ]
    )
    page.paragraph(
        "With this the way is at its end, from one neuron to a density of images. The page of all formulas gathers "
        "what was used on it, and says for each formula where it is computed."
    )
