"""Randomness without global state: every draw is a function of a seed and a key."""

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


def site_noise(seed: int, data: Sequence[tuple[int, ...]], sites: int) -> Tensor:
    """Draw uniform numbers in [0, 1), keyed by (datum, site): row i depends on the seed and the key `data[i]` alone.

    So neither the batch size nor the order of the sites changes what is drawn for a datum.

    Returns:
        float64 [len(data), sites]

    Example:
        >>> whole, part = site_noise(0, [(0,), (1,), (2,)], 3), site_noise(0, [(2,)], 3)
        >>> bool((whole[2:] == part).all())
        True
    """
    rows = [np.random.default_rng(_sequence(seed, *datum)).random(sites) for datum in data]
    return torch.from_numpy(np.stack(rows)) if rows else torch.empty(0, sites, dtype=torch.float64)


def _sequence(seed: int, *key: int) -> np.random.SeedSequence:
    # The sign comes first because numpy pads the entropy with zeros: at the end it would collide with long seeds. The
    # key is a spawn key, which numpy separates from the padding; otherwise a key of 0 would equal no key.
    return np.random.SeedSequence([int(seed < 0), abs(seed)], spawn_key=key)
