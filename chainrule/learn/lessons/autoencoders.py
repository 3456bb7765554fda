"""The lesson on autoencoders: what they learn, and what keeps them from copying."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from matplotlib.figure import Figure
from torch import Tensor

from chainrule.figures import to_png
from chainrule.formatting import percent
from chainrule.learn.autoencoder import Autoencoder, connections, fit_autoencoder
from chainrule.learn.formulas import state
from chainrule.learn.lessons.autoencoders_copies import (
    CODE,
    FLIPPED,
    KEPT,
    NARROW,
    RARE,
    UPDATES,
    WIDE,
    Images,
    alike,
    claimed,
    errors,
    errors_at,
    frequencies_only,
    load,
    mended_where_bare,
    own_paths,
    reconstructed,
    trained,
    white_noise,
    wrong_pixels,
)
from chainrule.learn.lessons.measured import mean_of
from chainrule.learn.pictures.animation import to_gif
from chainrule.learn.pictures.autoencoders import codes_figure, networks_figure, rows_figure, widths_figure
from chainrule.learn.source import source
from chainrule.reports import Page
from chainrule.reports.multi_stage_progress import Tell
from chainrule.seeding import generator

Models = Mapping[str, Autoencoder]

WIDTHS = (CODE, 8, NARROW, 32, 64, WIDE)
LONGER, FASTER = 800, 0.03
"""Updates and learning rate of the model with two units, which is slow to learn."""
FRAMES = 8
"""Of the animation."""
SHOWN, NOISES = 7, 4
"""Columns of digits, and of scrambled ones, in the pictures."""


def write(page: Page, tell: Tell) -> None:
    images = load()
    explain(page)
    explain_training(page, images)
    models = trained(images, tell)
    show_copying(page, images, models["wide"])
    show_constraints(page, images, models)
    tell(0.6)
    models["code"] = show_codes(page, images)
    tell(0.8)
    show_widths(page, images, models)
    explain_masks(page, models["sparse"])
    tell(0.9)
    show_noise(page, images, models)
    end(page, images, models)
    tell(1.0)


def explain(page: Page) -> None:
    page.paragraph(
        "An autoencoder is a network that is trained to give back its input. That is no use in itself: a copy is had "
        "more cheaply. The use is in what the network must find out about the data when copying is made hard. This "
        "lesson builds one, lets it copy, and then makes it hard in three ways. At the end it asks whether the "
        "outputs, numbers between 0 and 1, are the probabilities of anything. The next lesson answers."
    )
    page.heading("Two layers")
    page.paragraph(
        "The encoder turns the input x, of D numbers, into a code h(x) of K numbers (compressed, if K is less than D):"
    )
    state(page, "encoder")
    page.paragraph("The decoder turns the code into the reconstruction x̂, of D numbers again:")
    state(page, "decoder")
    page.paragraph(
        "W [K, D] and V [D, K] are weights, b and c biases. g bends each number; here it is tanh. sigm(z) = 1 / (1 + "
        "e^{−z}) makes of any number one between 0 and 1. As a program:"
    )
    page.code("\n\n".join(map(source, (Autoencoder.encode, Autoencoder.before_sigm, Autoencoder.decode))), "python")
    page.paragraph(
        "`F.linear(x, W, b)` is b + W x for each row x; `check_width` refuses rows of another width. `masked(W, M_W)` "
        "is W times a mask of ones, until the chapter on connections closes some of them."
    )


def explain_training(page: Page, images: Images) -> None:
    n, sites = images.train.shape
    page.heading("What it is trained for")
    page.paragraph(
        f"The data are scikit-learn's handwritten digits: 8×8 pixels, D = {sites}, each pixel 1 from half of full ink "
        f"on and else 0. {n:,} of them train. {len(images.test)} test digits are looked at only afterwards, and all "
        "errors below are theirs. The loss is the cross-entropy between pixels and outputs:"
    )
    state(page, "cross-entropy")
    sure, doubtful = -math.log(0.99), -math.log(0.5)
    page.paragraph(
        f"A pixel that is 1 costs −log x̂_{{d}}: with x̂_{{d}} = 0.99 that is {sure:.3f} nats (units of the natural "
        f"logarithm), with 0.5 it is {doubtful:.3f}, and towards 0 it grows without bound. The sum goes over all "
        f"{sites} pixels, so it is told per image. ± is the standard error over the {len(images.test)} images. (Each "
        "network is trained once, from one start; how far another start would lead elsewhere, ± does not say.)"
    )
    page.paragraph(
        "To read such numbers one needs a yardstick. Outputs that ignore the input do best as the share of ones of "
        f"each pixel. They cost {mean_of(frequencies_only(images, images.test))} nats: the price of knowing each pixel "
        "by itself, and nothing of this image. Now train a network that sees it:"
    )
    program = f"model = Autoencoder(sites={sites}, hidden={WIDE})\nfit_autoencoder(model, digits, updates={UPDATES})"
    page.code(program, "python")


def show_copying(page: Page, images: Images, wide: Autoencoder) -> None:
    page.heading("Left alone, it copies")
    page.paragraph(
        f"This network has K = {WIDE} hidden units for D = {images.test.shape[1]} pixels, and so room to carry every "
        "pixel through. It does: test digits that it has never seen come back with an error of "
        f"{mean_of(errors(wide, images.test))} nats. Has it learned what digits look like? Give it images that are "
        "none. The test digits are scrambled: each pixel's values are dealt out anew among the images. Every pixel is "
        "then as often 1 as before, so outputs that ignore the input cost the same "
        f"{frequencies_only(images, images.noise).mean():.2f} nats, but no pixel tells of any other. These come back "
        f"with an error of {mean_of(errors(wide, images.noise))} nats: as good as perfect, too."
    )
    white, never = white_noise(images), images.train.sum(0) == 0
    everywhere, there = errors(wide, white).mean(), errors_at(wide, white, never).mean()
    page.paragraph(
        "It has learned to copy pixels, and next to nothing about digits. What it cannot copy is ink where training "
        f"had none: images of fair coins cost it {everywhere:.1f} nats, of which {there:.1f} are due to the "
        f"{int(never.sum())} pixels (of {len(never)}) that are 0 in every training image. No gradient ever asked to "
        "copy those."
    )


def show_constraints(page: Page, images: Images, models: Models) -> None:
    sites = images.test.shape[1]
    page.heading("Three constraints")
    page.paragraph("So copying must be made impossible, or useless. Each of three constraints does it in its own way:")
    page.points([
        f"Fewer nodes: a code of {NARROW} numbers has no room for {sites} pixels. What goes through must say much "
        "about many pixels at once.",
        f"Fewer connections: of W and of V only {100 * KEPT:.0f} % are kept, drawn by chance. "
        f"{own_paths(models['sparse'])} of the {sites} pixels then have a path left to their own output; the others "
        "must be guessed.",
        f"Noise: in training each pixel of the input is flipped with probability {FLIPPED}, and the target stays as "
        "it was. Copying now copies the errors; to mend them, the network must know which pixels go together.",
    ])  # fmt: skip
    page.figure(
        to_png(small_networks()),
        "Where each constraint takes hold. The input x is below, the reconstruction x̂ above. Orange inputs are "
        "flipped.",
        "Four small networks: all connections; two hidden units; a third of the connections; two inputs marked",
        "autoencoders-constraints.png",
    )
    page.table(
        ["constraint", "weights", "test digits", "scrambled", "more"], table_of(images, models),
        f"Reconstruction error in nats per image, mean of {len(images.test)} images ± its standard error; inputs are "
        "clean here. “Weights” are the connections in use. “More” is how much more scrambled digits cost: what the "
        "network uses of the way in which a digit's pixels go together.",
    )  # fmt: skip
    show_reconstructions(page, images, models)


def small_networks() -> Figure:
    sites, hidden, rng = 6, 8, generator(3)

    def masks(units: int, kept: float = 1.0) -> tuple[Tensor, Tensor]:
        return connections(units, sites, kept, rng), connections(sites, units, kept, rng)

    networks = {
        "no constraint": masks(hidden),
        "fewer nodes": masks(2),
        "fewer connections": masks(hidden, 1 / 3),
        "noise": masks(hidden),
    }
    return networks_figure(networks, {"noise": (1, 4)})


def table_of(images: Images, models: Models) -> list[list[str]]:
    """Rows: how well each model gives back digits, and what is none."""
    names = {
        "wide": f"none ({WIDE} units)",
        "narrow": f"nodes ({NARROW} units)",
        "sparse": f"connections ({100 * KEPT:.0f} %)",
        "denoising": f"noise ({100 * FLIPPED:.0f} % flipped)",
    }
    yardstick = (frequencies_only(images, x) for x in (images.test, images.noise))
    rows = [["outputs ignore the input", "–", *compared(*yardstick)]]
    for key, name in names.items():
        model = models[key]
        both = errors(model, images.test), errors(model, images.noise)
        rows.append([name, f"{model.open_connections:,}", *compared(*both)])
    return rows


def compared(digits: Tensor, noise: Tensor) -> list[str]:
    return [mean_of(digits), mean_of(noise), f"{(noise - digits).mean():.2f}"]


def show_reconstructions(page: Page, images: Images, models: Models) -> None:
    shown = torch.cat([images.test[:SHOWN], images.noise[:NOISES]])
    names = {"no constraint": "wide", "fewer nodes": "narrow", "fewer connections": "sparse", "noise": "denoising"}
    rows = {"input": shown, **{name: reconstructed(models[key], shown) for name, key in names.items()}}
    page.figure(
        to_png(rows_figure(rows, {"test digits": SHOWN, "scrambled digits": NOISES})),
        "Look down the columns. Without a constraint, anything comes back. With one, digits come back, and of the "
        "scrambled ones something smoother than the input.",
        "Rows of test digits and of scrambled digits, and what four autoencoders make of them",
        "autoencoders-reconstructions.png",
    )


def show_codes(page: Page, images: Images) -> Autoencoder:
    """Trains a model with two units, and draws its codes on the way."""
    model, frames = Autoencoder(images.train.shape[1], CODE), []
    moments = {round(LONGER * (place / (FRAMES - 1)) ** 2.5) for place in range(FRAMES)}

    def after(done: int) -> None:
        if done in moments:
            title = f"after {done} updates: {errors(model, images.test).mean():.1f} nats"
            with torch.no_grad():
                frames.append(codes_figure(model.encode(images.test), images.labels, model.decode, title))

    fit_autoencoder(model, images.train, LONGER, lr=FASTER, after=after)
    page.heading("Fewer nodes: a code of two numbers")
    page.paragraph(
        "Two hidden units are too few for good pictures, but a code of two numbers is a point, and points can be "
        "drawn. The labels were not used in training. Still, digits of a kind come to lie together: of "
        f"{percent(alike(model, images))} of the test digits the nearest other one is the same digit, where chance "
        f"would make it about one in ten. The error is {mean_of(errors(model, images.test))} nats."
    )
    page.figure(
        to_gif(frames, 700, last=4000),
        "While it trains. Left: each test digit at its code. Right: what the decoder makes of the codes in the square; "
        "where no digit lies, it was never asked for anything.",
        "A scatter of test digits by their codes that spreads out and sorts itself by digit, and images decoded from a "
        "grid of codes",
        "autoencoders-codes.gif",
    )
    return model


def show_widths(page: Page, images: Images, models: Models) -> None:
    known = {WIDE: models["wide"], NARROW: models["narrow"], CODE: models["code"]}
    digits, noise = [], []
    for width in WIDTHS:
        model = known.get(width) or Autoencoder(images.train.shape[1], width)
        if width not in known:
            fit_autoencoder(model, images.train, UPDATES)
        digits.append(errors(model, images.test).mean().item())
        noise.append(errors(model, images.noise).mean().item())
    gaps = [more - less for more, less in zip(noise, digits, strict=True)]
    page.paragraph(
        f"With more units the error falls, from {digits[0]:.2f} nats at K = {WIDTHS[0]} to {digits[-1]:.2f} at K = "
        f"{WIDTHS[-1]}. But what tells digits from scrambled ones is largest in between, {max(gaps):.1f} nats at K = "
        f"{WIDTHS[gaps.index(max(gaps))]}, and shrinks to {gaps[-1]:.1f} where everything is copied. The error alone "
        "does not say which network has understood the data; where it is smallest, it has not."
    )
    page.figure(
        to_png(widths_figure(WIDTHS, digits, noise, frequencies_only(images, images.test).mean().item())),
        "Reconstruction error of digits and of scrambled digits. The grey gap between them is what was learned about "
        "digits.",
        "Two falling curves over the number of hidden units, far apart in the middle, close to each other on the right",
        "autoencoders-widths.png",
    )


def explain_masks(page: Page, sparse: Autoencoder) -> None:
    stored = sparse.W.numel() + sparse.V.numel()
    page.heading("Fewer connections: a mask")
    page.paragraph(
        "A connection is taken out by multiplying its weight with 0 each time it is used: W ⊙ M^{W} in place of W, and "
        f"likewise V. All {stored:,} weights stay stored, and {sparse.open_connections:,} of them count. The mask "
        "passes no gradient to the others, so training leaves them as they were drawn. Writing zeros into the weights "
        "themselves would do as long as the mask never changes; the lesson `masks` shows what it does when it does."
    )
    page.paragraph(
        "Here chance chooses the mask, and it hinders copying only because little is left. The same product with "
        "a mask that is chosen well does more: it can forbid copying altogether, and nothing else. That will be MADE."
    )


def show_noise(page: Page, images: Images, models: Models) -> None:
    page.heading("Noise: mending digits")
    page.paragraph(
        f"The same test digits, each pixel flipped with probability {FLIPPED}: "
        f"{images.flipped.sum(1).double().mean():.2f} wrong pixels per image. They are given to three of the networks, "
        "and what comes out is held against the clean digit. An output counts as a pixel by rounding: 1 above 0.5."
    )
    names = {"no constraint": "wide", f"{NARROW} nodes": "narrow", "trained with noise": "denoising"}
    rows = [[name, *mending(images, models[key])] for name, key in names.items()]
    page.table(
        ["network", "error (nats)", "wrong pixels", "mended", "spoiled"],
        [["as they are", *mending(images, None)], *rows],
        "“Mended”: which share of the flipped pixels came back right. “Spoiled”: which share of the others came back "
        "wrong.",
    )
    page.paragraph(
        "The copier copies the errors too, and is sure of them: a wrong pixel of which it is sure costs many nats. Of "
        f"what it mends, {percent(mended_where_bare(images, models['wide']))} lies in the {int(images.bare.sum())} "
        f"pixels that have ink in fewer than {100 * RARE:.0f} % of the training images: there it never learned to "
        "copy. The bottleneck mends many more pixels and spoils many good ones, as it does with clean digits. The "
        "network that was trained for it leaves the fewest wrong."
    )
    show_mending(page, images, models)
    page.paragraph(
        "What is the best possible output here? The mean cross-entropy is smallest where x̂_{d} is p(x_{d} = 1 | what "
        "was seen). So a denoising network learns conditional probabilities, given the corrupted image; only that "
        "this shows all pixels, the d-th among them. That is how an autoencoder holds a distribution implicitly: it "
        "is in there, but nothing says how to get p(x) out."
    )


def mending(images: Images, model: Autoencoder | None) -> list[str]:
    """How far a model mends corrupted digits; without one they stay as they are."""
    wrong, flipped = wrong_pixels(images, model), images.flipped
    shares = (~wrong)[flipped].double().mean().item(), wrong[~flipped].double().mean().item()
    error = "–" if model is None else mean_of(errors(model, images.test, seen=images.dirty))
    return [error, mean_of(wrong.sum(1).double()), *map(percent, shares)]


def show_mending(page: Page, images: Images, models: Models) -> None:
    shown = slice(0, SHOWN + NOISES)
    rows = {"clean": images.test[shown], "given": images.dirty[shown]}
    for name, key in (("no constraint", "wide"), ("fewer nodes", "narrow"), ("noise", "denoising")):
        rows[name] = reconstructed(models[key], images.dirty[shown])
    page.figure(
        to_png(rows_figure(rows, {"test digits, some pixels flipped": SHOWN + NOISES})),
        "The second row is given; the rows below are what the networks make of it. Compare them with the first.",
        "Rows of clean digits, of corrupted digits, and of what three autoencoders make of these",
        "autoencoders-mending.png",
    )


def end(page: Page, images: Images, models: Models) -> None:
    page.heading("A small error is no large likelihood")
    several = torch.unique(images.test, dim=0)
    page.paragraph(
        "The outputs look like probabilities, and e^{−ℓ(x)}, the product of x̂_{d} or 1 − x̂_{d} over all pixels, "
        f"looks like a probability of the image. Add it up over the {len(several)} different images among the test "
        "digits. The probabilities of different images cannot sum to more than 1. The copier gives these "
        f"{claimed(models['wide'], several):.0f}, the denoising network {claimed(models['denoising'], several):.0f}; "
        f"and of the 2^{{{images.test.shape[1]}}} images that there are, they are a handful."
    )
    page.paragraph(
        "So −ℓ(x) is not log p(x), and a smaller reconstruction error says nothing about likelihood. The next lesson, "
        "`distributions`, takes the sum over all images, finds why it is wrong, and what an output may see so that it "
        "is 1."
    )
