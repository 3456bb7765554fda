"""The lesson on autoencoders: copying, and three constraints that prevent it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from matplotlib.figure import Figure
from torch import Tensor

from chainrule.figures import to_png
from chainrule.formatting import percent
from chainrule.learn.autoencoder import Autoencoder, draw_mask, fit_autoencoder
from chainrule.learn.figures.animation import to_gif
from chainrule.learn.figures.autoencoder_figures import plot_codes, plot_image_rows, plot_networks, plot_widths
from chainrule.learn.formulas import add_formulas
from chainrule.learn.lessons.autoencoders_models import (
    CODE,
    CONNECTION_RATE,
    FLIP_RATE,
    NARROW,
    RARE_FREQUENCY,
    UPDATES,
    WIDE,
    Images,
    baseline_errors,
    corrected_rare_fraction,
    count_self_paths,
    find_wrong_pixels,
    load_images,
    nearest_code_accuracy,
    reconstruct,
    reconstruction_errors,
    reconstruction_errors_at,
    sample_random_images,
    sum_claimed_probs,
    train_models,
)
from chainrule.learn.lessons.mean_and_error import format_mean
from chainrule.learn.source_code import read_source
from chainrule.reports import Page, StageProgress
from chainrule.seeding import generator

Models = Mapping[str, Autoencoder]

WIDTHS = (CODE, 8, NARROW, 32, 64, WIDE)
CODE_UPDATES, CODE_LR = 800, 0.03
"""Updates and learning rate of the model with two units, which learns slowly."""
NUM_FRAMES = 8
"""Frames of the animation."""
NUM_DIGITS, NUM_SCRAMBLED = 7, 4
"""Columns of digits and of scrambled digits in the figures."""


def write(page: Page, progress: StageProgress) -> None:
    images = load_images()
    add_introduction(page)
    add_training(page, images)
    models = train_models(images, progress)
    add_copying(page, images, models["wide"])
    add_constraints(page, images, models)
    progress(0.6)
    models["code"] = add_codes(page, images)
    progress(0.8)
    add_widths(page, images, models)
    add_masks(page, models["sparse"])
    progress(0.9)
    add_denoising(page, images, models)
    add_conclusion(page, images, models)
    progress(1.0)


def add_introduction(page: Page) -> None:
    page.paragraph(
        "An autoencoder is a network that is trained to reproduce its input. A copy of the input is not useful in "
        "itself. But if copying is made difficult, the network must learn the structure of the data instead. This "
        "lesson builds an autoencoder, shows that it copies, and then makes copying difficult in three ways. At the "
        "end it asks whether the outputs, numbers between 0 and 1, are probabilities. The next lesson answers this "
        "question."
    )
    page.heading("Two layers")
    page.paragraph(
        "The encoder maps the input x, a vector of D numbers, to a code h(x) of K numbers (a compressed code, if K "
        "is less than D):"
    )
    add_formulas(page, "encoder")
    page.paragraph("The decoder maps the code to the reconstruction x̂, again a vector of D numbers:")
    add_formulas(page, "decoder")
    page.paragraph(
        "W [K, D] and V [D, K] are weights, b and c are biases. g is a nonlinear activation function, here tanh. The "
        "sigmoid function sigm(z) = 1 / (1 + e^{−z}) maps any number to a number between 0 and 1. The program:"
    )
    page.code(
        "\n\n".join(map(read_source, (Autoencoder.encode, Autoencoder.decode_logits, Autoencoder.decode))), "python"
    )
    page.paragraph(
        "`F.linear(x, W, b)` is b + W x for each row x. `check_width` raises an error if the rows have a wrong "
        "width. `masked(W, M_W)` is W times a mask; all entries of this mask are 1 until the chapter on connections "
        "sets some of them to 0."
    )


def add_training(page: Page, images: Images) -> None:
    n, sites = images.train.shape
    page.heading("The training loss")
    page.paragraph(
        f"The data are scikit-learn's handwritten digits: 8×8 pixels, D = {sites}. A pixel is 1 if its intensity is "
        f"at least half of the maximum, else 0. {n:,} digits are training data. {len(images.test)} digits are test "
        "data, which the training never uses; all errors below are errors on test digits. The loss is the "
        "cross-entropy between pixels and outputs:"
    )
    add_formulas(page, "cross-entropy")
    sure, doubtful = -math.log(0.99), -math.log(0.5)
    page.paragraph(
        f"A pixel that is 1 costs −log x̂_{{d}}. With x̂_{{d}} = 0.99 this is {sure:.3f} nats (units of the natural "
        f"logarithm), with x̂_{{d}} = 0.5 it is {doubtful:.3f} nats, and it grows without bound as x̂_{{d}} goes to "
        f"0. The loss of an image is the sum over all {sites} pixels. ± is the standard error over the "
        f"{len(images.test)} images. (Each network is trained once, from one random initialization. ± does not "
        "include the variation between initializations.)"
    )
    page.paragraph(
        "To judge such errors we need a baseline. The baseline ignores the input: its output for each pixel is the "
        "frequency of ones of this pixel in the training data. It costs "
        f"{format_mean(baseline_errors(images, images.test))} nats an image. Now train a network that sees the input:"
    )
    program = f"model = Autoencoder(sites={sites}, hidden={WIDE})\nfit_autoencoder(model, digits, updates={UPDATES})"
    page.code(program, "python")


def add_copying(page: Page, images: Images, wide: Autoencoder) -> None:
    page.heading("Without a constraint, the network copies")
    page.paragraph(
        f"This network has K = {WIDE} hidden units for D = {images.test.shape[1]} pixels, so its code can store "
        "every pixel. And it does: it reconstructs unseen test digits with an error of "
        f"{format_mean(reconstruction_errors(wide, images.test))} nats. Has it learned what digits look like? Test "
        "it on scrambled digits: the values of each pixel are permuted at random among the test images. Every pixel "
        "is 1 as often as before, so the baseline costs the same "
        f"{baseline_errors(images, images.scrambled).mean():.2f} nats. But the pixels of a scrambled image are "
        "independent, so it is not a digit any more. The network reconstructs scrambled digits with an error of "
        f"{format_mean(reconstruction_errors(wide, images.scrambled))} nats, which is almost perfect too."
    )
    white, never = sample_random_images(images), images.train.sum(0) == 0
    everywhere, there = reconstruction_errors(wide, white).mean(), reconstruction_errors_at(wide, white, never).mean()
    page.paragraph(
        "The network has learned to copy pixels, and almost nothing about digits. It fails only where a pixel is 1 "
        f"that was never 1 in training. Images of random pixels, each 1 with probability ½, cost {everywhere:.1f} "
        f"nats, and {there:.1f} of these nats come from the {int(never.sum())} pixels (of {len(never)}) that are 0 "
        "in every training image. No gradient ever taught the network to copy these pixels."
    )


def add_constraints(page: Page, images: Images, models: Models) -> None:
    sites = images.test.shape[1]
    page.heading("Three constraints")
    page.paragraph("So copying must be made impossible, or useless. There are three constraints:")
    page.points([
        f"Fewer nodes: a code of {NARROW} numbers cannot store {sites} separate pixels. Each number of the code must "
        "describe many pixels at once.",
        f"Fewer connections: only {100 * CONNECTION_RATE:.0f} % of the weights of W and of V are used, selected at "
        f"random. Only {count_self_paths(models['sparse'])} of the {sites} pixels still have a path to their own "
        "output. The network must predict the other pixels from their neighbours.",
        f"Noise: during training each pixel of the input is flipped with probability {FLIP_RATE}, and the target is "
        "the clean image. A network that copies also copies the errors. To correct them, it must know which pixels "
        "occur together.",
    ])  # fmt: skip
    page.figure(
        to_png(draw_example_networks()),
        "The part of the network that each constraint changes. The input x is below, the reconstruction x̂ above. "
        "Orange inputs are flipped.",
        "Four small networks: all connections; two hidden units; a third of the connections; two inputs marked",
        "autoencoders-constraints.png",
    )
    page.table(
        ["constraint", "weights", "test digits", "scrambled", "difference"], tabulate_errors(images, models),
        f"Reconstruction error in nats per image, mean of {len(images.test)} images ± its standard error. The inputs "
        "are clean. “Weights” are the connections in use. “Difference” is the error of scrambled digits minus the "
        "error of test digits: it measures how much the network uses the dependence between the pixels of a digit.",
    )  # fmt: skip
    add_reconstructions(page, images, models)


def draw_example_networks() -> Figure:
    """Draw four small networks: without a constraint, and with each of the three constraints."""
    sites, hidden, rng = 6, 8, generator(3)

    def draw_masks(units: int, connection_rate: float = 1.0) -> tuple[Tensor, Tensor]:
        return draw_mask(units, sites, connection_rate, rng), draw_mask(sites, units, connection_rate, rng)

    networks = {
        "no constraint": draw_masks(hidden),
        "fewer nodes": draw_masks(2),
        "fewer connections": draw_masks(hidden, 1 / 3),
        "noise": draw_masks(hidden),
    }
    return plot_networks(networks, {"noise": (1, 4)})


def tabulate_errors(images: Images, models: Models) -> list[list[str]]:
    """Return a table row for each model: its errors on test digits and on scrambled digits."""
    names = {
        "wide": f"none ({WIDE} units)",
        "narrow": f"nodes ({NARROW} units)",
        "sparse": f"connections ({100 * CONNECTION_RATE:.0f} %)",
        "denoising": f"noise ({100 * FLIP_RATE:.0f} % flipped)",
    }
    baseline = (baseline_errors(images, x) for x in (images.test, images.scrambled))
    rows = [["baseline", "–", *format_errors(*baseline)]]
    for key, name in names.items():
        model = models[key]
        both = reconstruction_errors(model, images.test), reconstruction_errors(model, images.scrambled)
        rows.append([name, f"{model.num_connections:,}", *format_errors(*both)])
    return rows


def format_errors(digits: Tensor, scrambled: Tensor) -> list[str]:
    return [format_mean(digits), format_mean(scrambled), f"{(scrambled - digits).mean():.2f}"]


def add_reconstructions(page: Page, images: Images, models: Models) -> None:
    shown = torch.cat([images.test[:NUM_DIGITS], images.scrambled[:NUM_SCRAMBLED]])
    names = {"no constraint": "wide", "fewer nodes": "narrow", "fewer connections": "sparse", "noise": "denoising"}
    rows = {"input": shown, **{name: reconstruct(models[key], shown) for name, key in names.items()}}
    page.figure(
        to_png(plot_image_rows(rows, {"test digits": NUM_DIGITS, "scrambled digits": NUM_SCRAMBLED})),
        "Compare the rows of each column. Without a constraint, the network reconstructs any image. With a "
        "constraint, it reconstructs digits, and its outputs for scrambled digits are smoother than the input.",
        "Rows of test digits and of scrambled digits, and their reconstructions by four autoencoders",
        "autoencoders-reconstructions.png",
    )


def add_codes(page: Page, images: Images) -> Autoencoder:
    """Train a model with two units, and add an animation of its codes during training."""
    model, frames = Autoencoder(images.train.shape[1], CODE), []
    snapshots = {round(CODE_UPDATES * (frame / (NUM_FRAMES - 1)) ** 2.5) for frame in range(NUM_FRAMES)}

    def after(done: int) -> None:
        if done in snapshots:
            title = f"after {done} updates: {reconstruction_errors(model, images.test).mean():.1f} nats"
            with torch.no_grad():
                frames.append(plot_codes(model.encode(images.test), images.labels, model.decode, title))

    fit_autoencoder(model, images.train, updates=CODE_UPDATES, lr=CODE_LR, callback=after)
    page.heading("Fewer nodes: a code of two numbers")
    page.paragraph(
        "Two hidden units are too few for good reconstructions, but a code of two numbers is a point in the plane "
        "and can be plotted. The training did not use the labels. Still, codes of the same digit lie close "
        f"together: for {percent(nearest_code_accuracy(model, images))} of the test digits the nearest other code "
        "belongs to the same digit; by chance it would be about 10 %. The error is "
        f"{format_mean(reconstruction_errors(model, images.test))} nats."
    )
    page.figure(
        to_gif(frames, milliseconds=700, last=4000),
        "The network during training. Left: each test digit at the point of its code. Right: the decoder's outputs "
        "for a grid of codes in the square. Where no digit lies, the decoder was never trained.",
        "A scatter plot of the codes of test digits that spreads out and separates by digit, and images decoded from "
        "a grid of codes",
        "autoencoders-codes.gif",
    )
    return model


def add_widths(page: Page, images: Images, models: Models) -> None:
    known = {WIDE: models["wide"], NARROW: models["narrow"], CODE: models["code"]}
    digits, noise = [], []
    for width in WIDTHS:
        model = known.get(width) or Autoencoder(images.train.shape[1], width)
        if width not in known:
            fit_autoencoder(model, images.train, updates=UPDATES)
        digits.append(reconstruction_errors(model, images.test).mean().item())
        noise.append(reconstruction_errors(model, images.scrambled).mean().item())
    gaps = [more - less for more, less in zip(noise, digits, strict=True)]
    page.paragraph(
        f"With more units the error falls, from {digits[0]:.2f} nats at K = {WIDTHS[0]} to {digits[-1]:.2f} at K = "
        f"{WIDTHS[-1]}. But the difference between digits and scrambled digits is largest in between, "
        f"{max(gaps):.1f} nats at K = {WIDTHS[gaps.index(max(gaps))]}, and falls to {gaps[-1]:.1f} where the network "
        "copies everything. So the error alone does not show which network has learned the structure of the data. "
        "The network with the smallest error has not."
    )
    page.figure(
        to_png(plot_widths(WIDTHS, digits, noise, baseline_errors(images, images.test).mean().item())),
        "Reconstruction error of digits and of scrambled digits. The grey gap between the curves shows how much the "
        "network has learned about digits.",
        "Two falling curves over the number of hidden units, far apart in the middle, close to each other on the right",
        "autoencoders-widths.png",
    )


def add_masks(page: Page, sparse: Autoencoder) -> None:
    stored = sparse.W.numel() + sparse.V.numel()
    page.heading("Fewer connections: a mask")
    page.paragraph(
        "To remove a connection, multiply its weight by 0 each time the weight is used: W ⊙ M^{W} in place of W, "
        f"and likewise for V. All {stored:,} weights stay in memory, and {sparse.num_connections:,} of them are "
        "used. The mask passes no gradient to the other weights, so the training does not change their initial "
        "values. One could also write zeros into the weights themselves, but only if the mask never changes; the "
        "lesson `masks` shows what happens if it changes."
    )
    page.paragraph(
        "Here the mask is random, and it makes copying difficult only because few connections remain. A mask that is "
        "designed well does more: it prevents copying completely, and prevents nothing else. This is the idea of "
        "MADE."
    )


def add_denoising(page: Page, images: Images, models: Models) -> None:
    page.heading("Noise: correct corrupted digits")
    page.paragraph(
        f"Now flip each pixel of the test digits with probability {FLIP_RATE}. This gives "
        f"{images.flipped.sum(1).double().mean():.2f} wrong pixels per image. Three of the networks reconstruct the "
        "corrupted digits, and we compare the outputs with the clean digits. An output above 0.5 counts as a pixel "
        "of 1."
    )
    names = {"no constraint": "wide", f"{NARROW} nodes": "narrow", "trained with noise": "denoising"}
    rows = [[name, *format_correction(images, models[key])] for name, key in names.items()]
    page.table(
        ["network", "error (nats)", "wrong pixels", "corrected", "damaged"],
        [["no network", *format_correction(images, None)], *rows],
        "“Corrected”: the share of the flipped pixels that the network restores. “Damaged”: the share of the other "
        "pixels that the network changes to a wrong value.",
    )
    page.paragraph(
        "The network without a constraint copies the errors too, with great confidence, and each confident error "
        "costs many nats. Of the pixels that it corrects, "
        f"{percent(corrected_rare_fraction(images, models['wide']))} are among the {int(images.rare.sum())} pixels "
        f"that are 1 in fewer than {100 * RARE_FREQUENCY:.0f} % of the training images: it never learned to copy "
        "these. The network with a narrow code corrects many more pixels, but damages many correct ones, as it does "
        "for clean digits. The network that was trained with noise leaves the fewest wrong pixels."
    )
    add_denoising_figure(page, images, models)
    page.paragraph(
        "What is the best possible output here? The mean cross-entropy is smallest where x̂_{d} is p(x_{d} = 1 | "
        "corrupted image). So a denoising network learns conditional probabilities. But its condition contains all "
        "pixels of the corrupted image, also the d-th pixel. In this sense an autoencoder represents a distribution "
        "implicitly: the distribution is in the network, but no formula computes p(x) from it."
    )


def format_correction(images: Images, model: Autoencoder | None) -> list[str]:
    """Return a table row on a model's correction of corrupted digits; without a model the digits stay corrupted."""
    wrong, flipped = find_wrong_pixels(images, model), images.flipped
    shares = (~wrong)[flipped].double().mean().item(), wrong[~flipped].double().mean().item()
    error = "–" if model is None else format_mean(reconstruction_errors(model, images.test, seen=images.corrupted))
    return [error, format_mean(wrong.sum(1).double()), *map(percent, shares)]


def add_denoising_figure(page: Page, images: Images, models: Models) -> None:
    shown = slice(0, NUM_DIGITS + NUM_SCRAMBLED)
    rows = {"clean": images.test[shown], "corrupted": images.corrupted[shown]}
    for name, key in (("no constraint", "wide"), ("fewer nodes", "narrow"), ("noise", "denoising")):
        rows[name] = reconstruct(models[key], images.corrupted[shown])
    page.figure(
        to_png(plot_image_rows(rows, {"test digits, some pixels flipped": NUM_DIGITS + NUM_SCRAMBLED})),
        "The second row is the input; the rows below it are the outputs of the networks. Compare them with the first "
        "row.",
        "Rows of clean digits, of corrupted digits, and of their reconstructions by three autoencoders",
        "autoencoders-mending.png",
    )


def add_conclusion(page: Page, images: Images, models: Models) -> None:
    page.heading("A small error is not a large likelihood")
    several = torch.unique(images.test, dim=0)
    page.paragraph(
        "The outputs look like probabilities, and e^{−ℓ(x)}, the product of x̂_{d} or 1 − x̂_{d} over all pixels, "
        f"looks like the probability of the image. Sum e^{{−ℓ(x)}} over the {len(several)} different images of the "
        "test digits. Probabilities of different images cannot sum to more than 1. But here the sum is "
        f"{sum_claimed_probs(models['wide'], several):.0f} for the network without a constraint and "
        f"{sum_claimed_probs(models['denoising'], several):.0f} for the denoising network, and these images are only "
        f"a few of the 2^{{{images.test.shape[1]}}} possible images."
    )
    page.paragraph(
        "So −ℓ(x) is not log p(x), and a small reconstruction error says nothing about the likelihood. The next "
        "lesson, `distributions`, computes the sum over all possible images, explains why it is not 1, and shows "
        "which inputs an output may depend on so that the sum is 1."
    )
