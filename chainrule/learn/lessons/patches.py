"""The models of the lesson on distributions: of patches so small that all inputs can be tried."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from chainrule.checks.normalization import SLACK
from chainrule.data import load_data
from chainrule.data.load import DIGITS
from chainrule.data.splits import Split
from chainrule.domains import Binary
from chainrule.learn.autoencoder import Autoencoder, fit_autoencoder
from chainrule.learn.distribution import cross_entropy, frequencies, total
from chainrule.models import MADE, Independent
from chainrule.reports.multi_stage_progress import Tell
from chainrule.training import fit

TOP, LEFT, SIDE = 2, 2, 3
"""The patch: rows and columns 2, 3, 4 of the 8×8 pixels, so that D = 9."""
WIDE, NARROW, FLIPPED = 64, 3, 0.2
"""Hidden units of autoencoders, and the share of flipped pixels of the denoising one."""
UPDATES, FEWER = 600, 300
"""Of models of whole patches, and of a part of them."""

LogProb = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Patches:
    """Rows of D zeros and ones: train [n, D], test [m, D]. Each is of another digit."""

    train: Tensor
    test: Tensor

    @property
    def sites(self) -> int:
        return self.train.shape[1]

    def part(self, sites: list[int]) -> Patches:
        """The same of some sites alone."""
        return Patches(self.train[:, sites], self.test[:, sites])


@dataclass(frozen=True)
class Row:
    """A model in the table.

    Attributes:
        name: what it is called.
        total: Σ over all 2^D inputs of what it gives for p(x).
        train, test: −log of the same, in nats, of each datum.
    """

    name: str
    total: float
    train: Tensor
    test: Tensor

    @property
    def proper(self) -> bool:
        """Does it sum to 1, up to rounding?"""
        return abs(self.total - 1) < SLACK


def load() -> Patches:
    """Patches of scikit-learn's digits, binarized. No epoch is chosen, so the validation images train, too."""
    data = load_data(DIGITS, binarize="threshold")
    return Patches(torch.cat([patches_of(data.train), patches_of(data.valid)]), patches_of(data.test))


def patches_of(split: Split | None) -> Tensor:
    """The patch of each image of a split, which digits have."""
    assert split is not None
    return split.values()[:, 0, TOP : TOP + SIDE, LEFT : LEFT + SIDE].flatten(1).long()


def autoencoder(patches: Patches, hidden: int = WIDE, noise: float = 0.0, updates: int = UPDATES) -> Autoencoder:
    model = Autoencoder(patches.sites, hidden)
    fit_autoencoder(model, patches.train, updates, noise)
    return model


def made(patches: Patches, updates: int = UPDATES) -> MADE:
    model = MADE(Binary((patches.sites,)), hidden=(WIDE,))
    fit(model, patches.train, updates=updates, lr=0.01, ema=0.99, precision="float32", device="cpu", progress=False)
    return model


def independent(patches: Patches) -> Independent:
    """The best of its kind on the training data: each site as often 1 as there."""
    model = Independent(Binary((patches.sites,)))
    with torch.no_grad():
        model.logits.copy_(patches.train.double().mean(0).logit()[:, None])
    return model


def read_as_log_prob(model: Autoencoder) -> LogProb:
    """What an autoencoder's cross-entropy would be the negative of, were it a likelihood."""
    return lambda x: -cross_entropy(x, model.logits(x), logits=True)


def table_of(p: Tensor, domain: Binary) -> LogProb:
    """log p looked up among those of all inputs."""
    return lambda x: p.log()[domain.number_of(x)]


@torch.no_grad()
def row(patches: Patches, name: str, log_prob: LogProb) -> Row:
    return Row(
        name, total(log_prob, patches.sites), -log_prob(patches.train).double(), -log_prob(patches.test).double()
    )


def autoencoders_of(patches: Patches) -> dict[str, Autoencoder]:
    return {
        f"autoencoder, {WIDE} units": autoencoder(patches),
        f"autoencoder, {NARROW} units": autoencoder(patches, NARROW),
        "autoencoder, noise": autoencoder(patches, noise=FLIPPED),
    }


def rows_of(patches: Patches, coders: dict[str, Autoencoder], model: MADE, tell: Tell) -> list[Row]:
    """All models of the table: first those that are no distributions, then those that are."""
    place = partial(row, patches)
    rows = [place(name, read_as_log_prob(each)) for name, each in coders.items()]
    tell(0.6)
    log_total, domain = math.log(rows[0].total), Binary((patches.sites,))
    divided = read_as_log_prob(next(iter(coders.values())))
    counted = table_of(frequencies(patches.train), domain)
    return [
        *rows,
        place("autoencoder / its sum", lambda x: divided(x) - log_total),
        place("fair coins", lambda x: torch.full((len(x),), -patches.sites * math.log(2))),
        place("Independent", independent(patches).log_prob),
        place("MADE", model.log_prob),
        place("frequencies counted", counted),
    ]
