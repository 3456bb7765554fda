"""Find faults in models that are written to deceive the checks."""

from __future__ import annotations

from functools import partial

import pytest
import torch

import chainrule as cr
from chainrule.checks import check_model
from chainrule.distributions import Conditionals
from tests.support.findings import failed_laws


class AnotherDensity(cr.MADE):
    """Compute a density, but not that of its conditionals."""

    def log_prob(self, x):
        return super().log_prob(1 - x)


class Better(cr.MADE):
    """Add a little to the sum of its conditionals."""

    def log_prob(self, x):
        return super().log_prob(x) + 0.01


class Remembers(cr.MADE):
    """Remember the data of `log_prob`, and expect them in `conditionals`."""

    last = None

    def log_prob(self, x):
        self.last = x
        return super().log_prob(x)

    def conditionals(self, x):
        conditionals = super().conditionals(x)
        if self.last is not None and self.last.shape == x.shape:
            conditionals = Conditionals(conditionals.logits + 4.0 * (2.0 * self.last - 1.0), binary=True)
        self.last = None
        return conditionals


class Peeking(Conditionals):
    """Add to the log-probability where the next value is the same."""

    def log_prob(self, x):
        right = super().log_prob(x)
        return right + 0.1 * (x.roll(-1, -1) == x)


class Peeks(cr.MADE):
    """Return conditionals whose `log_prob` reads the values after a site."""

    def conditionals(self, x):
        return Peeking(super().conditionals(x).logits, binary=True)


class RareValue(cr.MADE):
    """Depend on whether the next site has the highest level."""

    def conditionals(self, x):
        logits = super().conditionals(x).logits
        white = x.flatten(1).roll(-1, 1) == self.domain.levels - 1
        return Conditionals(logits + white.view(*x.shape, 1) * torch.linspace(0, 1, logits.shape[-1]), binary=False)


class LargeBatchesLeak(cr.MADE):
    """Leak in batches of 64 data and more."""

    def conditionals(self, x):
        conditionals = super().conditionals(x)
        return conditionals if len(x) < 64 else Conditionals(9.0 * (2.0 * x - 1.0), binary=True)


DECEPTIVE_MODELS = {
    "another density": (partial(AnotherDensity, cr.Binary((13,))), "2 normalization"),
    "another density, large": (partial(AnotherDensity, cr.Binary((40,))), "2 normalization"),
    "better": (partial(Better, cr.Binary((1, 28, 28)), hidden=(8,)), "2 normalization"),
    "remembers": (partial(Remembers, cr.Binary((40,))), "2 normalization"),
    "peeks": (partial(Peeks, cr.Binary((40,))), "2 normalization"),
    "rare value": (partial(RareValue, cr.Levels((1, 4, 4), 256), hidden=(8,)), "1 no leak"),
    "large batches": (partial(LargeBatchesLeak, cr.Binary((40,))), "5 batch independence"),
}


@pytest.mark.parametrize("name", DECEPTIVE_MODELS)
def test_the_fault_of_a_deceptive_model_is_found(name):
    make, law = DECEPTIVE_MODELS[name]
    assert law in failed_laws(check_model(make()))


def test_one_wrong_entry_in_the_mask_of_a_large_model_is_found():
    found = 0
    for seed in range(5):
        model = cr.MADE(cr.Binary((100,)), hidden=(100,), seed=seed)
        degrees = model.layers[0].mask.sum(1)
        unit = int(((degrees >= 20) & (degrees <= 50)).nonzero()[0])
        model.layers[0].mask[unit, 60] = True
        found += "1 no leak" in failed_laws(check_model(model))
    assert found >= 4
