"""A chapter of the lesson on outputs: a small PixelCNN, and the softmax activations that it gives for photographs."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from chainrule.domains import Levels
from chainrule.figures import to_png
from chainrule.formatting import percent
from chainrule.inference.evaluate import log_prob_all
from chainrule.learn.output import frequencies, level_nats, mass_of_levels, patches, photo
from chainrule.learn.pictures.outputs import Predicted, softmax_figure
from chainrule.models import PixelCNN
from chainrule.models.base import evaluating
from chainrule.reports import Page
from chainrule.reports.multi_stage_progress import Tell
from chainrule.training import fit

SIZE = 8
"""Pixels a side of the patches that photographs are cut into."""
EDGE = 54 * SIZE
"""The column of a photograph where what is held out begins."""
COLOURS = ("red", "green", "blue")


def tell_activations(page: Page, tell: Tell) -> PixelCNN:
    page.heading("What a softmax says")
    pictures = [photo(name) for name in ("china", "flower")]
    train = torch.cat([patches(picture[..., :EDGE], SIZE) for picture in pictures])
    test = torch.cat([patches(picture[..., EDGE:], SIZE) for picture in pictures])[::12]
    model = PixelCNN(Levels((3, SIZE, SIZE), 256), blocks=1, features=48)
    fit(model, train, updates=120, batch_size=16, lr=1e-2, warmup=30, ema=0.98, precision="float32", progress=False)
    tell(0.9)
    nats = -log_prob_all(model, test)
    alone = level_nats(test.movedim(1, -1).flatten(0, -2), frequencies(train.movedim(1, -1).flatten(0, -2), 256))
    bit = test[0].numel() * math.log(2)
    page.paragraph(
        f"A small PixelCNN of 256 levels a colour, trained for a few seconds on {len(train):,} patches of "
        f"{SIZE}×{SIZE} from the two photographs. On {len(test)} patches of the parts held out it takes "
        f"{float(nats.mean()) / bit:.2f} bits a colour, where the frequencies of each colour alone take "
        f"{float(alone.mean()) / math.log(2):.2f}. It is far from trained, and still its distributions are of many "
        "shapes, as in figure 6 of the paper:"
    )
    some = telling(model, test)
    page.figure(
        to_png(softmax_figure(some)),
        "256-way softmax activations for the framed pixels, given all that comes before; the triangle is the true "
        "value. The first value to sample has seen nothing, and shows about how often each red occurs in the "
        "photographs.",
        "Six small patches with a framed pixel, and below each a histogram over 256 levels: broad, peaked, with spikes "
        "at 0 or 255.",
        "activations.png",
    )
    lost = [sum(map(float, mass_of_levels(*moments(each.shares), 256)[1:])) for each in some]
    page.paragraph(
        f"All of each lies on the levels. A Gaussian of the same mean and width would put up to {percent(max(lost))} "
        "of its mass outside, and it could be no spike at an end with a tail beside it."
    )
    return model


def moments(shares: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of levels with these probabilities [K], each within half a level."""
    levels, shares = torch.arange(len(shares), dtype=torch.float64), shares.double()
    mean = (levels * shares).sum()
    return mean, (((levels - mean) ** 2 * shares).sum() + 1 / 12).sqrt()


def telling(model: PixelCNN, test: Tensor) -> list[Predicted]:
    """Six pixels that are worth a look: the first, two with an end in doubt, and three from unsure to sure.

    All but the second and third are of patches in which there is something to see.
    """
    varied = test.double().flatten(2).std(2).mean(1).argsort(descending=True)[: len(test) // 3]  # within each colour
    with evaluating(model):
        table = model.conditionals(test).probs.flatten(1, 3)
    flat, some = table.flatten(0, 1), table[varied]
    entropy = -(some * some.clamp(min=1e-12).log()).sum(-1)
    entropy[some[..., 0] + some[..., -1] > 0.01] = math.nan  # the ends have panels of their own
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
    return [predicted(title, test, flat, number) for title, number in chosen.items()]


def predicted(title: str, test: Tensor, table: Tensor, number: int) -> Predicted:
    datum, site = divmod(number, test[0].numel())
    colour, pixel = divmod(site, SIZE * SIZE)
    title = title if title.endswith("red") else f"{title}: {COLOURS[colour]}"
    truth = int(test[datum].flatten()[site])
    return Predicted(title, test[datum], pixel // SIZE, pixel % SIZE, table[number], truth)
