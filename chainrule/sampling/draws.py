"""Draw the values of a group of sites from their conditionals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from chainrule.distributions import Distributions

ChooseValues = Callable[[Tensor, Distributions], Tensor]
"""Chooses the values [n, g] of a group from its sites [g] and their conditionals [n, g]."""


@dataclass(frozen=True, eq=False)
class InverseCDFDraw:
    """Draw each value by inverting its distribution function at uniform noise; evidence keeps its values.

    It is an object with attributes and not a closure, so that a compiled loop can read how values are drawn.

    Args:
        noise: uniform in [0, 1), float64 [n, D].
        temperature: 1 draws from the conditionals themselves.
        values: [n, D], read where there is evidence.
        evidence: bool [n, D]; no evidence unless given.

    Example:
        >>> from chainrule.distributions import Conditionals
        >>> coins = Conditionals(torch.zeros(1, 2), binary=True)
        >>> InverseCDFDraw(torch.tensor([[0.3, 0.9, 0.7]]).double())(torch.tensor([2, 0]), coins).tolist()
        [[1, 0]]
    """

    noise: Tensor
    temperature: float = 1.0
    values: Tensor | None = None
    evidence: Tensor | None = None

    def __call__(self, sites: Tensor, conditionals: Distributions) -> Tensor:
        drawn = conditionals.tempered(self.temperature).icdf(self._noise_by_site.index_select(0, sites).t())
        if self.values is None or self.evidence is None:
            return drawn
        known, values = self.evidence.index_select(1, sites), self.values.index_select(1, sites)
        return torch.where(known.to(drawn.device), values.to(drawn), drawn)

    @cached_property
    def _noise_by_site(self) -> Tensor:
        """The noise transposed, so that the noise of a site is contiguous: [D, n]."""
        return self.noise.t().contiguous()
