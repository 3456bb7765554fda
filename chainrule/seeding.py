"""Randomness without global state: every draw is a function of a seed and of what it is drawn for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

Seed = int | torch.Generator


def as_seed(seed: Seed) -> int:
    """The integer that stands for `seed`; a generator gives one up and moves on.

    Example:
        >>> as_seed(7), as_seed(torch.Generator().manual_seed(0)) == as_seed(torch.Generator().manual_seed(0))
        (7, True)
    """
    if isinstance(seed, torch.Generator):
        return int(torch.randint(2**62, (), generator=seed, device=seed.device))
    return int(seed)


def generator(seed: int, *key: int) -> torch.Generator:
    """A torch generator on the CPU for this seed and key; other keys give independent streams."""
    words = _sequence(seed, *key).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(words[0] >> np.uint64(1)))


def site_noise(seed: int, data: Sequence[tuple[int, ...]], sites: int) -> Tensor:
    """Uniform numbers in [0, 1) keyed by (datum, site): row i belongs to the datum of key `data[i]` alone.

    So neither the size of a chunk nor the order in which sites are visited changes what is drawn.

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
    # The sign stands first, since numpy pads with zeros what it is given: at the end it would run into long seeds. The
    # key is a spawn key, which numpy keeps apart from that padding, or a key of 0 would be no key at all.
    return np.random.SeedSequence([int(seed < 0), abs(seed)], spawn_key=key)
