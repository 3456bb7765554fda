"""Some models of several kinds, with perturbed weights."""

from __future__ import annotations

from chainrule.checks.variants import perturbed_copy
from tests.support.models import ZOO

SOME = (
    "made, shuffled",
    "made, shuffled, direct, levels",
    "pixelcnn 3x3",
    "pixelcnn 2x2, colour",
    "pixelcnn 3x5, 256 levels",
)


def some_model(name):
    return perturbed_copy(ZOO[name](), 7)
