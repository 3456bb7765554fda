"""The checks of `speed.py`: plain PyTorch and chainrule compute the same function, and draw the same images."""

from __future__ import annotations

import numpy as np
import torch
from plain_pytorch import invert_cdf, log_prob
from speed_cases import Case
from speed_runs import make_images, make_model, make_noise, make_plain_model

MAX_SHARE_OF_FLIPPED_SITES = 1e-4
"""The share of sites whose values may differ: there the noise is at a threshold, and rounding decides."""


def check_log_prob(case: Case) -> None:
    """Check that log p agrees, in float64.

    Raises:
        AssertionError: it does not.
    """
    model = make_model(case).double()
    plain, x = make_plain_model(model), make_images(model, 2).double()
    if isinstance(plain, torch.nn.Module):
        plain.double()
    with torch.no_grad():
        torch.testing.assert_close(log_prob(plain(x), x), model.log_prob(x))


def count_flipped_sites(case: Case, samples: np.ndarray) -> int:
    """Return the number of sites where the plain model draws another value, given the sites before and the same noise.

    Args:
        samples: the images that chainrule drew, [n, C, H, W].

    Raises:
        AssertionError: more sites than rounding explains, or samples that have one value everywhere.
    """
    model, x = make_model(case), torch.from_numpy(samples).float()
    with torch.no_grad():
        plain = invert_cdf(make_plain_model(model)(x), make_noise(case, model).view(x.shape))
    flipped = int((plain != x).sum())
    most = max(1, MAX_SHARE_OF_FLIPPED_SITES * x.numel())
    assert flipped <= most, f"{case.name}: plain PyTorch draws other values at {flipped} of {x.numel()} sites"
    assert x.min() < x.max(), f"{case.name}: all sites have one value, so that the check shows nothing"
    return flipped
