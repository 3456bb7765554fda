"""The pictures of the demo with their captions; every number in them is measured here."""

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
from chainrule.inference import complete, sample
from chainrule.models import MADE, PixelCNN
from chainrule.reports.demo.demo_training import DemoRun
from chainrule.reports.sections import Picture, Section
from chainrule.reports.trained_model import likelihoods_section, split_values

SAMPLES, SHOWN_SAMPLES = 100, 36
"""The number of samples that are compared with the training images, and the number that is shown."""
COMPLETED_IMAGES, COMPLETIONS = 6, 5
"""The number of test images that are completed, and the number of completions of each."""
PREDICTED_PIXEL = (5, 2)
"""The row and column of the pixel whose receptive fields are shown: low and left, where there is a blind spot."""

SectionMaker = Callable[[], Section]


def dataset_sections(runs: Sequence[DemoRun], data: Data, seed: int) -> list[SectionMaker]:
    """Return functions that draw the sections of one data set.

    Args:
        runs: the models; the last one is shown in more detail.
        data: the data set.
        seed: draws samples and completions.
    """
    train, test = split_values(data.train), split_values(data.test)
    return [
        partial(likelihoods_section, runs, f"{runs[0].dataset}-likelihoods"),
        partial(learning_curves_section, runs),
        partial(samples_section, runs, train, test, seed),
        partial(completions_section, runs, test, seed),
        partial(distributions_section, runs[-1], test),
    ]


def mask_sections(runs: Sequence[DemoRun], seed: int) -> list[SectionMaker]:
    """Return functions that draw the sections on masks and receptive fields."""
    return [
        partial(made_masks_section, seed),
        pixelcnn_masks_section,
        partial(receptive_fields_section, runs),
    ]


def learning_curves_section(runs: Sequence[DemoRun]) -> Section:
    """Draw the NLL by epoch."""
    text = (
        "After each epoch the validation images were scored, and the weights of the epoch with the lowest "
        "validation NLL were kept. Where a solid line turns up while its dashed one still falls, the model learns "
        "its training images by heart."
    )
    picture = Picture(
        f"{runs[0].dataset}-learning-curves",
        to_png(learning_curves_figure({run.name: run.history for run in runs})),
        "NLL by epoch; the first epochs are cut off. Dashed: training images, each batch with the weights of its "
        "update. Solid: validation images, with a moving average of the weights, which is what is kept.",
        "Training and validation NLL by epoch",
    )
    return Section("Learning curves", text, [picture])


def samples_section(runs: Sequence[DemoRun], train: Tensor, test: Tensor, seed: int) -> Section:
    """Draw samples of each model beside the training images nearest to them."""
    domain = runs[0].model.domain
    unit = "number of pixels that differ" if isinstance(domain, Binary) else "Euclidean distance, in gray levels"
    distances = find_nearest(test, train, domain)[1]
    text = (
        "Each model draws images pixel after pixel: the first from p(x_{1}), the second from "
        "p(x_{2}\u00a0∣\u00a0x_{1}), and so on. The draws shown are the first ones, not selected. At the same place "
        f"on the right stands the training image nearest to each ({unit}): a model that only repeats what it was "
        f"shown would have the same image on both sides. For comparison, the {len(test)} test images, which are "
        f"real: {describe_distances(distances)}."
    )
    pictures = [_samples_picture(run, train, seed) for run in runs]
    return Section("Samples, and the nearest training images", text, pictures)


def describe_distances(distances: Tensor) -> str:
    """Return the distances of images to their nearest training images in words.

    Example:
        >>> describe_distances(torch.tensor([0.0, 3.0, 4.0]))
        'median distance to the nearest training image 3.0; exact copies of a training image: 1'
    """
    median = torch.quantile(distances, 0.5)
    copies = int((distances == 0).sum())
    return f"median distance to the nearest training image {median:.1f}; exact copies of a training image: {copies}"


def completions_section(runs: Sequence[DemoRun], test: Tensor, seed: int) -> Section:
    """Draw completions of the lower halves of test images."""
    x, shape = test[:COMPLETED_IMAGES], runs[0].model.domain.shape
    evidence = torch.zeros(shape, dtype=torch.bool)
    evidence[:, : shape[1] // 2] = True
    text = (
        f"The models get the upper half of an image and draw the lower half, {COMPLETIONS} times. The upper half is "
        f"the first {int(evidence.sum())} pixels of the order, so drawing the others one after the other is drawing "
        f"from p(missing\u00a0∣\u00a0given), exactly. The images are the first {len(x)} of the test set."
    )
    return Section("Completions", text, [_completions_picture(run, x, evidence, seed) for run in runs])


def distributions_section(run: DemoRun, test: Tensor) -> Section:
    """Draw the conditionals of some pixels of the test image with the median NLL."""
    median = int(run.test_nats.argsort()[len(test) // 2])
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
        to_png(distributions_figure(run.model, test[median])),
        f"{run.name}, on the test image in the middle when all are ranked by NLL ({run.test_nats[median]:.1f} nats).",
        f"The distributions that {run.name} gives to six pixels of a test image",
    )
    return Section("What the model expects, pixel by pixel", text, [picture])


def made_masks_section(seed: int) -> Section:
    """Draw the masks of a MADE that is small enough to be drawn as a network."""
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


def pixelcnn_masks_section() -> Section:
    """Draw the masks of a PixelCNN for colour images, where masks A and B differ more than for gray images."""
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


def receptive_fields_section(runs: Sequence[DemoRun]) -> Section:
    """Draw the measured receptive field of one pixel in each model."""
    order, (_, _, width) = runs[0].model.order, runs[0].model.domain.shape
    row, column = PREDICTED_PIXEL
    site = row * width + column
    before = order.past(site).view(-1, width)
    seen = {run.name: measure_receptive_field(run.model, site) for run in runs}
    counts = "; ".join(f"{name} {int((field & before).sum())}" for name, field in seen.items())
    later = sum(int((field & ~before).sum()) for field in seen.values())
    text = (
        f"Which pixels can change what a model predicts in row {row}, column {column}? This is not read "
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


def _samples_picture(run: DemoRun, train: Tensor, seed: int) -> Picture:
    draws = sample(run.model, SAMPLES, seed=seed)
    distances = describe_distances(find_nearest(draws, train, run.model.domain)[1])
    return Picture(
        f"{run.folder.name}-samples",
        to_png(samples_figure(draws[:SHOWN_SAMPLES], train, run.model.domain)),
        f"{run.name}: {SHOWN_SAMPLES} of {SAMPLES} draws. Of all {SAMPLES}: {distances}.",
        f"Samples from {run.name} beside their nearest training images",
    )


def _completions_picture(run: DemoRun, x: Tensor, evidence: Tensor, seed: int) -> Picture:
    draws = complete(run.model, x, evidence, n=COMPLETIONS, seed=seed)
    return Picture(
        f"{run.folder.name}-completions",
        to_png(completions_figure(x, evidence, draws, run.model.domain)),
        f"{run.name}: the original, what the model is given (the rest blue), and {COMPLETIONS} completions.",
        f"Completions of test images by {run.name}",
    )
