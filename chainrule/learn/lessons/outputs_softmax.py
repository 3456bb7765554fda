"""The chapter on softmax distributions of a small PixelCNN, in the lesson on outputs."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from chainrule.domains import Levels
from chainrule.figures import to_png
from chainrule.formatting import percent
from chainrule.inference import compute_log_probs
from chainrule.learn.figures.pixel_output_figures import LevelPrediction, plot_softmax
from chainrule.learn.photographs import cut_patches, load_photograph
from chainrule.learn.pixel_outputs import discretize_gaussian, level_nll, smoothed_frequencies
from chainrule.models import PixelCNN
from chainrule.reports import Page, StageProgress
from chainrule.sampling import evaluating
from chainrule.training import fit

SIZE = 8
"""The side of a patch of a photograph, in pixels."""
TEST_COLUMN = 54 * SIZE
"""The first column of the test part of a photograph."""
COLOURS = ("red", "green", "blue")


def add_softmax_examples(page: Page, progress: StageProgress) -> PixelCNN:
    page.heading("Softmax distributions of a trained model")
    pictures = [load_photograph(name) for name in ("china", "flower")]
    train = torch.cat([cut_patches(picture[..., :TEST_COLUMN], SIZE) for picture in pictures])
    test = torch.cat([cut_patches(picture[..., TEST_COLUMN:], SIZE) for picture in pictures])[::12]
    model = PixelCNN(Levels((3, SIZE, SIZE), 256), blocks=1, features=48)
    fit(model, train, updates=120, batch_size=16, lr=1e-2, warmup=30, ema=0.98, precision="float32", progress=False)
    progress(0.9)
    nats = -compute_log_probs(model, test)
    alone = level_nll(
        test.movedim(1, -1).flatten(0, -2), smoothed_frequencies(train.movedim(1, -1).flatten(0, -2), 256)
    )
    bit = test[0].numel() * math.log(2)
    page.paragraph(
        f"A small PixelCNN with 256 levels for each colour is trained for a few seconds on {len(train):,} patches of "
        f"{SIZE}×{SIZE} pixels from the two photographs. On {len(test)} patches of the held-out parts it needs "
        f"{float(nats.mean()) / bit:.2f} bits per colour value. The frequencies of each colour alone need "
        f"{float(alone.mean()) / math.log(2):.2f} bits. The model is far from fully trained, but its distributions "
        "have many different shapes, as in figure 6 of the paper:"
    )
    some = select_examples(model, test)
    page.figure(
        to_png(plot_softmax(some)),
        "The softmax distributions over 256 levels for the framed pixels, given all earlier values; the triangle is "
        "the true value. The distribution of the first value depends on nothing, and shows about how often each "
        "level of red occurs in the photographs.",
        "Six small patches with a framed pixel, and below each a histogram over 256 levels: broad, peaked, with spikes "
        "at 0 or 255.",
        "activations.png",
    )
    lost = [sum(map(float, discretize_gaussian(*moments(each.probs), 256)[1:])) for each in some]
    page.paragraph(
        "Each distribution has all of its mass on the levels. A Gaussian with the same mean and standard deviation "
        f"would have up to {percent(max(lost))} of its mass outside, and it cannot have a spike at an end with a "
        "tail beside it."
    )
    return model


def moments(shares: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and standard deviation of levels with probabilities [K], each spread over one level's width."""
    levels, shares = torch.arange(len(shares), dtype=torch.float64), shares.double()
    mean = (levels * shares).sum()
    return mean, (((levels - mean) ** 2 * shares).sum() + 1 / 12).sqrt()


def select_examples(model: PixelCNN, test: Tensor) -> list[LevelPrediction]:
    """Return six example pixels: the first, two with an uncertain end level, and three of decreasing entropy.

    All but the second and third are from patches with large variation.
    """
    varied = test.double().flatten(2).std(2).mean(1).argsort(descending=True)[: len(test) // 3]  # within each colour
    with evaluating(model):
        table = model.conditionals(test).probs.flatten(1, 3)
    flat, some = table.flatten(0, 1), table[varied]
    entropy = -(some * some.clamp(min=1e-12).log()).sum(-1)
    entropy[some[..., 0] + some[..., -1] > 0.01] = math.nan  # other panels show the end levels
    ranked = entropy.flatten().argsort()[: int((~entropy.isnan()).sum())]

    def quantile(share: float) -> int:
        datum, site = divmod(int(ranked[int(share * len(ranked))]), table.shape[1])
        return int(varied[datum]) * table.shape[1] + site

    chosen = {
        "the first red": int(varied[0]) * table.shape[1],
        "black in doubt": int((flat[:, 0] - 0.5).abs().argmin()),
        "white in doubt": int((flat[:, 255] - 0.5).abs().argmin()),
        "unsure": quantile(0.9),
        "half sure": quantile(0.5),
        "sure": quantile(0.02),
    }
    return [make_example(title, test, flat, number) for title, number in chosen.items()]


def make_example(title: str, test: Tensor, table: Tensor, number: int) -> LevelPrediction:
    datum, site = divmod(number, test[0].numel())
    colour, pixel = divmod(site, SIZE * SIZE)
    title = title if title.endswith("red") else f"{title}: {COLOURS[colour]}"
    truth = int(test[datum].flatten()[site])
    return LevelPrediction(title, test[datum], pixel // SIZE, pixel % SIZE, table[number], truth)
