"""Small patches of digits, and models of them, for the lessons on distributions and on masks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from chainrule.checks import TOTAL_TOLERANCE
from chainrule.data import DIGITS, Split, load_data
from chainrule.domains import Binary
from chainrule.learn.autoencoder import Autoencoder, fit_autoencoder
from chainrule.learn.binary_likelihoods import cross_entropy, empirical_probs, sum_over_inputs
from chainrule.models import MADE, Independent
from chainrule.reports import StageProgress
from chainrule.training import fit

TOP, LEFT, SIDE = 2, 2, 3
"""The first row, the first column and the side of a patch of the 8×8 pixels; D = 9."""
WIDE, NARROW, FLIP_RATE = 64, 3, 0.2
"""Hidden units of the autoencoders, and the share of flipped pixels for the denoising autoencoder."""
UPDATES, FEWER_UPDATES = 600, 300
"""Training updates of the models of whole patches, and of the models of some of their sites."""

LogProb = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Patches:
    """Hold patches as rows of D zeros and ones: train [n, D] and test [m, D]. Each row comes from a different digit."""

    train: Tensor
    test: Tensor

    @property
    def sites(self) -> int:
        return self.train.shape[1]

    def select(self, sites: list[int]) -> Patches:
        """Return the patches restricted to some sites."""
        return Patches(self.train[:, sites], self.test[:, sites])


@dataclass(frozen=True)
class Row:
    """Hold the results of one model for the table.

    Attributes:
        name: the name of the model.
        total: the sum of p(x) over all 2^D inputs.
        train: −log p(x) of each training patch, in nats.
        test: −log p(x) of each test patch, in nats.
    """

    name: str
    total: float
    train: Tensor
    test: Tensor

    @property
    def is_normalized(self) -> bool:
        """Return whether the sum is 1 up to rounding errors."""
        return abs(self.total - 1) < TOTAL_TOLERANCE


def load_patches() -> Patches:
    """Load patches of scikit-learn's binarized digits; the validation images are part of the training data."""
    data = load_data(DIGITS, binarize="threshold")
    return Patches(torch.cat([crop_patches(data.train), crop_patches(data.valid)]), crop_patches(data.test))


def crop_patches(split: Split | None) -> Tensor:
    """Return the patch of each image of a split; the digits have all splits."""
    assert split is not None
    return split.values()[:, 0, TOP : TOP + SIDE, LEFT : LEFT + SIDE].flatten(1).long()


def train_autoencoder(patches: Patches, hidden: int = WIDE, noise: float = 0.0, updates: int = UPDATES) -> Autoencoder:
    model = Autoencoder(patches.sites, hidden)
    fit_autoencoder(model, patches.train, updates=updates, noise=noise)
    return model


def train_made(patches: Patches, updates: int = UPDATES) -> MADE:
    model = MADE(Binary((patches.sites,)), hidden=(WIDE,))
    fit(model, patches.train, updates=updates, lr=0.01, ema=0.99, precision="float32", device="cpu", progress=False)
    return model


def fit_independent(patches: Patches) -> Independent:
    """Return the model of independent sites with maximum likelihood on the training data."""
    model = Independent(Binary((patches.sites,)))
    with torch.no_grad():
        model.logits.copy_(patches.train.double().mean(0).logit()[:, None])
    return model


def read_as_log_prob(model: Autoencoder) -> LogProb:
    """Return minus the cross-entropy of an autoencoder as a function of data, as if it were a log-probability."""
    return lambda x: -cross_entropy(x, model.logits(x), logits=True)


def look_up(p: Tensor, domain: Binary) -> LogProb:
    """Return log p as a function of data, from the probabilities of all inputs."""
    return lambda x: p.log()[domain.outcome_index(x)]


@torch.no_grad()
def evaluate_row(patches: Patches, name: str, log_prob: LogProb) -> Row:
    return Row(
        name,
        sum_over_inputs(log_prob, patches.sites),
        -log_prob(patches.train).double(),
        -log_prob(patches.test).double(),
    )


def train_autoencoders(patches: Patches) -> dict[str, Autoencoder]:
    return {
        f"autoencoder, {WIDE} units": train_autoencoder(patches),
        f"autoencoder, {NARROW} units": train_autoencoder(patches, NARROW),
        "autoencoder, noise": train_autoencoder(patches, noise=FLIP_RATE),
    }


def evaluate_models(
    patches: Patches, autoencoders: dict[str, Autoencoder], model: MADE, progress: StageProgress
) -> list[Row]:
    """Evaluate all models of the table: first the autoencoders, then the distributions."""
    evaluate = partial(evaluate_row, patches)
    rows = [evaluate(name, read_as_log_prob(each)) for name, each in autoencoders.items()]
    progress(0.6)
    log_total, domain = math.log(rows[0].total), Binary((patches.sites,))
    divided = read_as_log_prob(next(iter(autoencoders.values())))
    empirical = look_up(empirical_probs(patches.train), domain)
    return [
        *rows,
        evaluate("autoencoder / its sum", lambda x: divided(x) - log_total),
        evaluate("uniform", lambda x: torch.full((len(x),), -patches.sites * math.log(2))),
        evaluate("Independent", fit_independent(patches).log_prob),
        evaluate("MADE", model.log_prob),
        evaluate("empirical frequencies", empirical),
    ]
