"""Models that define their conditionals and nothing else, as a user writes them."""

from __future__ import annotations

import torch

from chainrule.domains import Order
from chainrule.models import AutoregressiveModel


class LastToFirst(AutoregressiveModel):
    """Conditionals that depend on the site before them, in the order from last to first; no known receptive field."""

    def __init__(self, domain):
        super().__init__()
        self.domain, self.order = domain, Order(tuple(reversed(range(domain.sites))))
        self.scale = torch.nn.Parameter(torch.ones(1))

    def conditionals(self, x):
        flat = self.encode(x).flatten(1)
        after = torch.nn.functional.pad(flat[:, 1:], (0, 1))
        return self.domain.conditionals((self.scale * after).view(len(x), *self.domain.shape, 1))


class SeesItself(LastToFirst):
    """Each conditional depends on its own site: a leak."""

    def conditionals(self, x):
        return self.domain.conditionals((self.scale * self.encode(x)).unsqueeze(-1))
