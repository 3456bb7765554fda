"""Randomness without global state: every draw is a function of a seed and a key.

The keys in use. Draws of one row of the table have one seed, so that no two of them share a key:

    what is drawn                                      key
    -------------------------------------------------  -------------------------------------------------------
    weights and connectivity of a model                (); (1,) for the scan from the right of PixelRNN
    a shuffled order                                   ()
    a member of a family                               (1, number) its order, (2, number) its connectivity
    training: the order of the data in an epoch        (epoch,)
    training: dropout in an update                     (epoch, update in the epoch, process)
    data: split, fixed and per-epoch binarization      (1,), (2, split), (3, split, epoch + 1)
    estimators of scikit-learn: validation rows        (3, 0)
    `sample`, and `impute` with a prefix as evidence   (datum, draw), where `sample` has draw 0
    particles of `impute`                              (datum, particle)
    the choice among particles                         (datum, number of particles, 2)
    checks                                             (0,) to (8,)

Keys of draws and particles give one row of `site_noise`: a number for each site, and for some a last one that chooses
the component of an ensemble.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

Seed = int | torch.Generator


def as_seed(seed: Seed) -> int:
    """Return `seed` as an integer; a generator draws the integer, and so advances.

    Example:
        >>> as_seed(7), as_seed(torch.Generator().manual_seed(0)) == as_seed(torch.Generator().manual_seed(0))
        (7, True)
    """
    if isinstance(seed, torch.Generator):
        return int(torch.randint(2**62, (), generator=seed, device=seed.device))
    return int(seed)


def generator(seed: int, *key: int) -> torch.Generator:
    """Return a torch generator on the CPU for this seed and key; other keys give independent streams."""
    words = _sequence(seed, *key).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(words[0] >> np.uint64(1)))


def site_noise(seed: int, keys: Sequence[tuple[int, ...]], sites: int) -> Tensor:
    """Draw uniform numbers in [0, 1), one row of noise for each key: row i depends on the seed and `keys[i]` alone.

    So neither the batch size nor the order of the sites changes what is drawn for a datum.

    Returns:
        float64 [len(keys), sites]

    Example:
        >>> whole, part = site_noise(0, [(0,), (1,), (2,)], 3), site_noise(0, [(2,)], 3)
        >>> bool((whole[2:] == part).all())
        True
    """
    rows = [np.random.default_rng(_sequence(seed, *key)).random(sites) for key in keys]
    return torch.from_numpy(np.stack(rows)) if rows else torch.empty(0, sites, dtype=torch.float64)


def _sequence(seed: int, *key: int) -> np.random.SeedSequence:
    # The sign comes first because numpy pads the entropy with zeros: at the end it would collide with long seeds. The
    # key is a spawn key, which numpy separates from the padding; otherwise a key of 0 would equal no key.
    return np.random.SeedSequence([int(seed < 0), abs(seed)], spawn_key=key)
