"""Domains, data and models for the tests of figures and reports, and what a figure shows."""

from __future__ import annotations

import math

import numpy as np
import torch

from chainrule.domains import Binary, Levels
from chainrule.training import EpochMetrics, History

GRAY = Binary((1, 5, 6))
COLOUR = Levels((3, 4, 5), 5)
ROWS = Binary((6,))


def draw(domain, *, n=None, seed=0):
    """Random data [n, *shape], or a random datum [*shape] without n."""
    shape = domain.shape if n is None else (n, *domain.shape)
    return torch.randint(domain.levels, shape, generator=torch.Generator().manual_seed(seed))


def perturbed(model, seed=0):
    """The model with random weights, so that its conditionals are not uniform."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.3 * torch.randn(weight.shape, generator=generator)
    return model.eval()


def history_by_minutes(*nats):
    """A history with these validation NLLs, one epoch each half minute."""
    rows = [EpochMetrics(e, e, math.nan, value, value, 0.1, 1.0, 30.0 * e) for e, value in enumerate(nats, 1)]
    return History(rows, best=1 + min(range(len(nats)), key=nats.__getitem__))


def images(figure):
    """The image of each visible panel as an array."""
    return [axes.images[0].get_array() for axes in figure.axes if axes.images and axes.get_visible()]


def open_cells(figure):
    """The cells of each visible panel that are not closed, as nested lists of booleans."""
    return [(np.asarray(image) > 0).tolist() for image in images(figure)]


def titles(figure):
    """The title of each panel."""
    return [axes.get_title() for axes in figure.axes]


def legend_labels(figure):
    """The labels of the figure's legend."""
    return [text.get_text() for text in figure.legends[0].get_texts()]
