"""How a walk chooses the values of a group: by drawing them, unless a task has a way of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from chainrule.distributions import Distributions

Choose = Callable[[Tensor, Distributions], Tensor]
"""From the sites of a group [g] and their conditionals [n, g] to their values [n, g]."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """Chooses each value by inverting its distribution function at its noise; the evidence keeps its values.

    A value that says how it chooses, and no closure: a model may have a loop of its own that does the same.

    Args:
        noise: uniform in [0, 1), float64 [n, D].
        temperature: 1 draws from the conditionals themselves.
        given: [n, D], read where there is evidence.
        evidence: bool [n, D]; none unless it is there.

    Example:
        >>> from chainrule.distributions import Conditionals
        >>> coins = Conditionals(torch.zeros(1, 2), binary=True)
        >>> Drawing(torch.tensor([[0.3, 0.9, 0.7]]).double())(torch.tensor([2, 0]), coins).tolist()
        [[1, 0]]
    """

    noise: Tensor
    temperature: float = 1.0
    given: Tensor | None = None
    evidence: Tensor | None = None

    def __call__(self, sites: Tensor, conditionals: Distributions) -> Tensor:
        drawn = conditionals.tempered(self.temperature).icdf(self._by_site.index_select(0, sites).t())
        if self.given is None or self.evidence is None:
            return drawn
        known, theirs = self.evidence.index_select(1, sites), self.given.index_select(1, sites)
        return torch.where(known.to(drawn.device), theirs.to(drawn), drawn)

    @cached_property
    def _by_site(self) -> Tensor:
        """The noise with that of a site in one place: [D, n]."""
        return self.noise.t().contiguous()
