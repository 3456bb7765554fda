"""The models of the lesson on autoencoders, and what is measured of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from sklearn.datasets import load_digits
from torch import Tensor

from chainrule.data import load_data
from chainrule.data.load import DIGITS, read_digits, with_splits
from chainrule.data.splits import TEST, WHOLE, Split
from chainrule.learn.autoencoder import Autoencoder, corrupted, fit_autoencoder, scrambled
from chainrule.learn.distribution import cross_entropy
from chainrule.reports.multi_stage_progress import Tell
from chainrule.seeding import generator

WIDE, NARROW, CODE = 256, 16, 2
"""Hidden units: more than there are pixels, fewer, and so few that codes can be drawn."""
KEPT, FLIPPED = 0.05, 0.1
"""The share of connections that are kept, and of pixels that are flipped."""
UPDATES = 500
"""Of each model but the one with two units."""
RARE = 0.02
"""Pixels that are less often 1 in training are called bare."""
NOISE, DIRT, WHITE = 1, 2, 3  # what a draw is for: the key of its generator


@dataclass(frozen=True)
class Images:
    """Rows of 64 zeros and ones.

    Attributes:
        train, test: digits, [n, 64].
        noise: the test digits, scrambled.
        dirty: the test digits, with some pixels flipped.
        labels: which digit each of `test` is.
    """

    train: Tensor
    test: Tensor
    noise: Tensor
    dirty: Tensor
    labels: Tensor

    @property
    def flipped(self) -> Tensor:
        """Where the dirty ones are wrong, bool [n, 64]."""
        return self.dirty != self.test

    @property
    def bare(self) -> Tensor:
        """Which pixels hardly ever have ink in training, bool [64]."""
        return self.train.double().mean(0) < RARE


def load(seed: int = 0) -> Images:
    """scikit-learn's digits, binarized."""
    data = load_data(DIGITS, binarize="threshold", seed=seed)
    train, test = rows_of(data.train), rows_of(data.test)
    labels = torch.from_numpy(load_digits().target)
    parts, _ = with_splits({WHOLE: labels}, read_digits().held_out, seed, DIGITS)  # parted as the images are
    noise, dirty = scrambled(test, generator(seed, NOISE)), corrupted(test, FLIPPED, generator(seed, DIRT))
    return Images(train, test, noise, dirty, parts[TEST])


def rows_of(split: Split | None) -> Tensor:
    """The images of a split, which digits have, as rows."""
    assert split is not None
    return split.values().flatten(1)


def trained(images: Images, tell: Tell) -> dict[str, Autoencoder]:
    """The models that are compared, by a short name: half of the lesson's work."""
    sites = images.train.shape[1]
    models = {
        "wide": Autoencoder(sites, WIDE),
        "narrow": Autoencoder(sites, NARROW),
        "sparse": Autoencoder(sites, WIDE, kept=KEPT),
        "denoising": Autoencoder(sites, WIDE),
    }
    for done, (name, model) in enumerate(models.items(), 1):
        fit_autoencoder(model, images.train, UPDATES, noise=FLIPPED if name == "denoising" else 0.0)
        tell(0.5 * done / len(models))
    return models


@torch.no_grad()
def errors(model: Autoencoder, x: Tensor, seen: Tensor | None = None) -> Tensor:
    """The cross-entropy of data x, reconstructed from themselves or from what was seen of them: nats, [n]."""
    return cross_entropy(x, model.logits(x if seen is None else seen), logits=True)


@torch.no_grad()
def errors_at(model: Autoencoder, x: Tensor, sites: Tensor) -> Tensor:
    """The part of the error that is due to some sites, bool [D]."""
    return cross_entropy(x[:, sites], model.logits(x)[:, sites], logits=True)


@torch.no_grad()
def reconstructed(model: Autoencoder, x: Tensor) -> Tensor:
    """x̂ of data, [n, D]."""
    output: Tensor = model(x)
    return output


def frequencies_only(images: Images, x: Tensor) -> Tensor:
    """The cross-entropy where every output is the share of ones of its pixel in training, whatever the input."""
    share = (images.train.sum(0) + 0.5) / (len(images.train) + 1)  # never 0: a test digit may have ink there
    return cross_entropy(x, share.expand(x.shape))


def white_noise(images: Images) -> Tensor:
    """As many images of fair coins as there are test digits."""
    return corrupted(torch.zeros_like(images.test), 0.5, generator(0, WHITE))


def own_paths(model: Autoencoder) -> int:
    """How many outputs a path leads to from their own input."""
    return int((model.M_V.int() @ model.M_W.int()).diagonal().count_nonzero())


@torch.no_grad()
def alike(model: Autoencoder, images: Images) -> float:
    """The share of test digits whose nearest neighbour, by their codes, is the same digit."""
    codes = model.encode(images.test)
    nearest = torch.cdist(codes, codes).fill_diagonal_(math.inf).argmin(1)
    return (images.labels[nearest] == images.labels).double().mean().item()


def wrong_pixels(images: Images, model: Autoencoder | None) -> Tensor:
    """Where the dirty digits are wrong after a model has mended them, or as they are: bool [n, 64]."""
    output = images.dirty.double() if model is None else reconstructed(model, images.dirty)
    return (output > 0.5) != images.test


def mended_where_bare(images: Images, model: Autoencoder) -> float:
    """Of the pixels that a model mends, the share where training images hardly ever have ink."""
    mended = images.flipped & ~wrong_pixels(images, model)
    return images.bare.expand(mended.shape)[mended].double().mean().item()


def claimed(model: Autoencoder, several: Tensor) -> float:
    """Σ e^(−ℓ(x)) over different images [n, 64]: at most 1, were it a sum of probabilities."""
    return (-errors(model, several)).exp().sum().item()
