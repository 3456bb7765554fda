"""The data and models of the lesson on autoencoders, and measures of the models."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from sklearn.datasets import load_digits
from torch import Tensor

from chainrule.data import DIGITS, TEST, UNSPLIT, Split, load_data, read_digits, split_data
from chainrule.learn.autoencoder import Autoencoder, corrupt, fit_autoencoder, scramble
from chainrule.learn.binary_likelihoods import cross_entropy
from chainrule.reports import StageProgress
from chainrule.seeding import generator

WIDE, NARROW, CODE = 256, 16, 2
"""Numbers of hidden units: more than pixels, fewer than pixels, and two, so that codes can be plotted."""
CONNECTION_RATE, FLIP_RATE = 0.05, 0.1
"""The shares of connections that are used, and of pixels that are flipped."""
UPDATES = 500
"""Training updates of all models except the model with two units."""
RARE_FREQUENCY = 0.02
"""A pixel is rare if it is 1 in a smaller share of the training images."""
SCRAMBLE_KEY, FLIP_KEY, RANDOM_KEY = 1, 2, 3  # keys of the random generators


@dataclass(frozen=True)
class Images:
    """Hold binary images as rows of 64 zeros and ones.

    Attributes:
        train: training digits [n, 64].
        test: test digits [n, 64].
        scrambled: the test digits with the values of each pixel permuted among the images.
        corrupted: the test digits with some pixels flipped.
        labels: the digit class of each row of `test`.
    """

    train: Tensor
    test: Tensor
    scrambled: Tensor
    corrupted: Tensor
    labels: Tensor

    @property
    def flipped(self) -> Tensor:
        """Return the mask of the flipped pixels of `corrupted`, bool [n, 64]."""
        return self.corrupted != self.test

    @property
    def rare(self) -> Tensor:
        """Return the mask of the pixels that are rarely 1 in the training images, bool [64]."""
        return self.train.double().mean(0) < RARE_FREQUENCY


def load_images(seed: int = 0) -> Images:
    """Load scikit-learn's binarized digits."""
    data = load_data(DIGITS, binarize="threshold", seed=seed)
    train, test = flatten_images(data.train), flatten_images(data.test)
    labels = torch.from_numpy(load_digits().target)
    parts, _ = split_data({UNSPLIT: labels}, read_digits().held_out_size, seed, DIGITS)  # the same split as the images
    scrambled, corrupted = (
        scramble(test, generator(seed, SCRAMBLE_KEY)),
        corrupt(test, FLIP_RATE, generator(seed, FLIP_KEY)),
    )
    return Images(train, test, scrambled, corrupted, parts[TEST])


def flatten_images(split: Split | None) -> Tensor:
    """Return the images of a split as rows; the digits have all splits."""
    assert split is not None
    return split.values().flatten(1)


def train_models(images: Images, progress: StageProgress) -> dict[str, Autoencoder]:
    """Train the four compared models, and return them by name; this is half of the lesson's work."""
    sites = images.train.shape[1]
    models = {
        "wide": Autoencoder(sites, WIDE),
        "narrow": Autoencoder(sites, NARROW),
        "sparse": Autoencoder(sites, WIDE, connection_rate=CONNECTION_RATE),
        "denoising": Autoencoder(sites, WIDE),
    }
    for done, (name, model) in enumerate(models.items(), 1):
        fit_autoencoder(model, images.train, updates=UPDATES, noise=FLIP_RATE if name == "denoising" else 0.0)
        progress(0.5 * done / len(models))
    return models


@torch.no_grad()
def reconstruction_errors(model: Autoencoder, x: Tensor, seen: Tensor | None = None) -> Tensor:
    """Return the cross-entropy [n], in nats, between data x and their reconstruction from x or from `seen`."""
    return cross_entropy(x, model.logits(x if seen is None else seen), logits=True)


@torch.no_grad()
def reconstruction_errors_at(model: Autoencoder, x: Tensor, sites: Tensor) -> Tensor:
    """Return the part [n] of the reconstruction errors at the sites of a mask, bool [D]."""
    return cross_entropy(x[:, sites], model.logits(x)[:, sites], logits=True)


@torch.no_grad()
def reconstruct(model: Autoencoder, x: Tensor) -> Tensor:
    """Return the reconstruction x̂ [n, D] of data x."""
    output: Tensor = model(x)
    return output


def baseline_errors(images: Images, x: Tensor) -> Tensor:
    """Return the cross-entropy [n] of outputs that ignore the input: the frequency of ones of each pixel."""
    frequency = (images.train.sum(0) + 0.5) / (len(images.train) + 1)  # never 0: the pixel may be 1 in a test digit
    return cross_entropy(x, frequency.expand(x.shape))


def sample_random_images(images: Images) -> Tensor:
    """Sample one image of random pixels, each 1 with probability ½, for each test digit."""
    return corrupt(torch.zeros_like(images.test), 0.5, generator(0, RANDOM_KEY))


def count_self_paths(model: Autoencoder) -> int:
    """Return the number of outputs with a path from their own input."""
    return int((model.M_V.int() @ model.M_W.int()).diagonal().count_nonzero())


@torch.no_grad()
def nearest_code_accuracy(model: Autoencoder, images: Images) -> float:
    """Return the share of test digits whose nearest neighbour in the space of codes has the same label."""
    codes = model.encode(images.test)
    nearest = torch.cdist(codes, codes).fill_diagonal_(math.inf).argmin(1)
    return (images.labels[nearest] == images.labels).double().mean().item()


def find_wrong_pixels(images: Images, model: Autoencoder | None) -> Tensor:
    """Return the mask of wrong pixels, bool [n, 64], after a model's correction of `corrupted`, or without a model."""
    output = images.corrupted.double() if model is None else reconstruct(model, images.corrupted)
    return (output > 0.5) != images.test


def corrected_rare_fraction(images: Images, model: Autoencoder) -> float:
    """Return the share of rare pixels among the pixels that a model corrects."""
    fixed = images.flipped & ~find_wrong_pixels(images, model)
    return images.rare.expand(fixed.shape)[fixed].double().mean().item()


def sum_claimed_probs(model: Autoencoder, several: Tensor) -> float:
    """Return Σ e^(−ℓ(x)) over different images [n, 64]; a sum of probabilities would be at most 1."""
    return (-reconstruction_errors(model, several)).exp().sum().item()
