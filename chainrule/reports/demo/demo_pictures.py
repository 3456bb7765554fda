"""The demo's pictures, each with the words that go with it; every number in them is measured here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from chainrule.data import Data
from chainrule.domains import Binary, Levels
from chainrule.figures import (
    completions_figure,
    distributions_figure,
    find_nearest,
    learning_curves_figure,
    made_masks_figure,
    measure_receptive_field,
    measured_receptive_fields_figure,
    pixelcnn_masks_figure,
    samples_figure,
    to_png,
)
from chainrule.inference.complete import complete
from chainrule.inference.sample import sample
from chainrule.models.made import MADE
from chainrule.models.pixelcnn import PixelCNN
from chainrule.reports import Picture, Section
from chainrule.reports.demo.work import Run
from chainrule.reports.trained_model import likelihoods, values

DRAWN, SHOWN = 100, 36
"""Samples that are compared with the training images, and how many of them are shown."""
COMPLETED, COMPLETIONS = 6, 5
"""Test images that are completed, and how many times each."""
CONTEXT = (5, 2)
"""Row and column of the pixel of which it is shown what each model sees: low and left, where a blind spot shows."""


Maker = Callable[[], Section]


def part_sections(runs: Sequence[Run], data: Data, seed: int) -> list[Maker]:
    """What makes the sections of one data set.

    Args:
        runs: its models; the last one is shown in more detail.
    """
    train, test = values(data.train), values(data.test)
    return [
        partial(likelihoods, runs, f"{runs[0].part}-likelihoods"),
        partial(curves, runs),
        partial(samples, runs, train, test, seed),
        partial(completions, runs, test, seed),
        partial(distributions, runs[-1], test),
    ]


def mask_sections(runs: Sequence[Run], seed: int) -> list[Maker]:
    """What makes the sections on how the models keep from seeing what they are to predict."""
    return [partial(made_masks, seed), pixelcnn_masks, partial(context, runs)]


def curves(runs: Sequence[Run]) -> Section:
    """NLL by epoch."""
    text = (
        "After each epoch the validation images were scored, and the weights of the epoch with the lowest "
        "validation NLL were kept. Where a solid line turns up while its dashed one still falls, the model learns "
        "its training images by heart."
    )
    picture = Picture(
        f"{runs[0].part}-learning-curves",
        to_png(learning_curves_figure({run.name: run.history for run in runs})),
        "NLL by epoch; the first epochs are cut off. Dashed: training images, as they were met, with the weights of "
        "that moment. Solid: validation images, with a moving average of the weights, which is what is kept.",
        "Training and validation NLL by epoch",
    )
    return Section("Learning curves", text, [picture])


def samples(runs: Sequence[Run], train: Tensor, test: Tensor, seed: int) -> Section:
    """Draws beside what is nearest to them in the training set."""
    domain = runs[0].model.domain
    unit = "number of pixels that differ" if isinstance(domain, Binary) else "Euclidean distance, in gray levels"
    real = find_nearest(test, train, domain)[1]
    text = (
        "Each model draws images pixel after pixel: the first from p(x_{1}), the second from "
        "p(x_{2}\u00a0∣\u00a0x_{1}), and so on. The draws shown are the first ones, not selected. At the same place "
        f"on the right stands the training image nearest to each ({unit}): a model that only repeats what it was "
        f"shown would have the same image on both sides. For comparison, the {len(test)} test images, which are "
        f"real: {describe_distances(real)}."
    )
    return Section("Samples, and the nearest training images", text, [sampled(run, train, seed) for run in runs])


def sampled(run: Run, train: Tensor, seed: int) -> Picture:
    draws = sample(run.model, DRAWN, seed=seed)
    distances = describe_distances(find_nearest(draws, train, run.model.domain)[1])
    return Picture(
        f"{run.folder.name}-samples",
        to_png(samples_figure(draws[:SHOWN], train, run.model.domain)),
        f"{run.name}: {SHOWN} of {DRAWN} draws. Of all {DRAWN}: {distances}.",
        f"Samples from {run.name} beside their nearest training images",
    )


def describe_distances(distances: Tensor) -> str:
    """The distances of some images to their nearest training images, in words.

    Example:
        >>> describe_distances(torch.tensor([0.0, 3.0, 4.0]))
        'median distance to the nearest training image 3.0; exact copies of a training image: 1'
    """
    median = torch.quantile(distances, 0.5)
    copies = int((distances == 0).sum())
    return f"median distance to the nearest training image {median:.1f}; exact copies of a training image: {copies}"


def completions(runs: Sequence[Run], test: Tensor, seed: int) -> Section:
    """Test images whose lower half is drawn anew."""
    x, shape = test[:COMPLETED], runs[0].model.domain.shape
    evidence = torch.zeros(shape, dtype=torch.bool)
    evidence[:, : shape[1] // 2] = True
    text = (
        f"The models get the upper half of an image and draw the lower half, {COMPLETIONS} times. The upper half is "
        f"the first {int(evidence.sum())} pixels of the order, so drawing the others one after the other is drawing "
        f"from p(missing\u00a0∣\u00a0given), exactly. The images are the first {len(x)} of the test set."
    )
    return Section("Completions", text, [completed(run, x, evidence, seed) for run in runs])


def completed(run: Run, x: Tensor, evidence: Tensor, seed: int) -> Picture:
    draws = complete(run.model, x, evidence, COMPLETIONS, seed=seed)
    return Picture(
        f"{run.folder.name}-completions",
        to_png(completions_figure(x, evidence, draws, run.model.domain)),
        f"{run.name}: the original, what the model is given (the rest blue), and {COMPLETIONS} completions.",
        f"Completions of test images by {run.name}",
    )


def distributions(run: Run, test: Tensor) -> Section:
    """What the model expects at some pixels of the test image whose NLL is the median."""
    middle = int(run.test_nats.argsort()[len(test) // 2])
    text = (
        "A model does not give a pixel a value, it gives every value a probability. The bars are the distributions "
        "for six pixels of one test image, each knowing the true values of all pixels before it. Pixel 1 is the "
        "first of the order: nothing is known yet. The others come one from each fifth of the rest of the order: "
        "the pixel where the model is closest to half-way between certain and clueless (entropy nearest to ½ ln K). "
        "The map on the right shows what each pixel adds to the NLL, −ln of the probability of the value that it "
        "has: high where the image surprises the model."
    )
    picture = Picture(
        f"{run.folder.name}-distributions",
        to_png(distributions_figure(run.model, test[middle])),
        f"{run.name}, on the test image in the middle when all are ranked by NLL ({run.test_nats[middle]:.1f} nats).",
        f"The distributions that {run.name} gives to six pixels of a test image",
    )
    return Section("What the model expects, pixel by pixel", text, [picture])


def made_masks(seed: int) -> Section:
    """A MADE small enough to be drawn."""
    model = MADE(Binary((5,)), hidden=(8,), seed=seed)
    text = (
        "MADE is an autoencoder with some of its connections cut: h(x) = g(b + (W ⊙ M^{W}) x), and the outputs are "
        "c + (V ⊙ M^{V}) h(x), with masks M of zeros and ones. Every hidden unit k gets a degree m(k), drawn at "
        "random from 1 … D−1, and may see the inputs d with m(k) ≥ d: that is M^{W}. Output d may see the hidden "
        "units with d > m(k): that is M^{V}. So every path to output d starts at an input before d, and the output "
        "can serve as p(x_{d}\u00a0∣\u00a0x_{<d}): one pass through the network gives all D conditionals."
    )
    picture = Picture(
        "made-masks",
        to_png(made_masks_figure(model)),
        "A small MADE with 5 inputs and 8 hidden units, which carry their degrees. Below, its masks (blue: open) "
        "and their product, the number of paths from each input to each output: there are none on the diagonal or "
        "above.",
        "The network, the masks and the paths of a small MADE",
    )
    return Section("MADE", text, [picture])


def pixelcnn_masks() -> Section:
    """The masks of a PixelCNN for colour images, which show more than those for gray ones."""
    model = PixelCNN(Levels((3, 8, 8), 256), blocks=1, features=6)
    text = (
        "PixelCNN is a stack of convolutions whose kernels see only the rows above and the pixels to the left. At "
        "the centre stands the pixel that is to be predicted. Mask A, in the first layer, closes it, except for "
        "colours that come before: G may see R, and B may see R and G. Mask B, in all later layers, lets a colour "
        "also see itself, since what stands there by then was made from earlier pixels and colours only. With a "
        "single gray channel, mask A closes the centre and mask B opens it."
    )
    picture = Picture(
        "pixelcnn-masks",
        to_png(pixelcnn_masks_figure(model)),
        "The masks of a PixelCNN for colour images. Above, the kernels; below, which colour sees which at the centre.",
        "Masks A and B of a PixelCNN",
    )
    return Section("PixelCNN", text, [picture])


def context(runs: Sequence[Run]) -> Section:
    """What each model sees when it predicts one pixel."""
    order, (_, _, width) = runs[0].model.order, runs[0].model.domain.shape
    site = CONTEXT[0] * width + CONTEXT[1]
    before = order.past(site).view(-1, width)
    seen = {run.name: measure_receptive_field(run.model, site) for run in runs}
    counts = "; ".join(f"{name} {int((each & before).sum())}" for name, each in seen.items())
    later = sum(int((each & ~before).sum()) for each in seen.values())
    text = (
        f"Which pixels can change what a model predicts in row {CONTEXT[0]}, column {CONTEXT[1]}? This is not read "
        "off the design but tried: every pixel of random images was changed in turn, and gradients were taken. Of "
        f"the {int(before.sum())} pixels before it, the models see: {counts}. Pixels from it on that any model sees: "
        f"{later}."
    )
    picture = Picture(
        "context",
        to_png(measured_receptive_fields_figure({run.name: run.model for run in runs}, site)),
        "What each model sees of an image when it predicts the orange pixel.",
        "Pixels seen by each model",
    )
    return Section("What each model sees", text, [picture])
