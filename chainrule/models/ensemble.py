"""Ensembles: the average of several densities' probabilities, which is a density again."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from chainrule.domains import ArrayLike
from chainrule.errors import ChainruleError
from chainrule.models.density import Density
from chainrule.sampling import with_context


class Ensemble(Density):
    """Average the probabilities of several densities over one domain: p(x) = 1/K Σ_k p_k(x).

    The densities may be any, such as models of different orders. Probabilities are averaged, not logits: an average of
    logits is not a density. An ensemble has no order of its own, and so no conditionals. A datum is drawn from one
    component, and missing values from a component that is drawn with p(k | evidence).
    Source: MADE (arXiv:1502.03509), section 4.2.

    Args:
        models: the components; they may share weights.

    Raises:
        ChainruleError: no models, models of different domains, or something that is no model.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models import MADE
        >>> ensemble = Ensemble(MADE(Binary((4,)), hidden=(8,), agnostic="both").members(3))
        >>> total = sum(ensemble.log_prob(x).exp().sum() for x in ensemble.domain.outcomes())
        >>> round(total.item(), 5)
        1.0
    """

    def __init__(self, models: Sequence[Density]) -> None:
        super().__init__()
        models = list(models)
        if not models:
            raise ChainruleError("an ensemble needs at least one model")
        for model in models:
            if not isinstance(model, Density):
                raise ChainruleError(f"an ensemble is made of models, and a {type(model).__name__} is none")
            if model.domain != models[0].domain:
                raise ChainruleError(f"an ensemble needs one domain, not {models[0].domain} and {model.domain}")
        self.domain = models[0].domain
        self.models = nn.ModuleList(models)

    @property
    def components(self) -> Sequence[Density]:
        return cast("list[Density]", list(self.models))

    @property
    def has_members(self) -> bool:
        return any(model.has_members for model in self.components)

    def check_members(self, n: int) -> int | None:
        """Check a number of members for every component that has members, and return the least number of members.

        Raises:
            ChainruleError: n < 1, or more members than a component has.
        """
        if n < 1:
            raise ChainruleError(f"the number of members must be at least 1, not {n}")
        counts = [model.check_members(n) for model in self.components if model.has_members]
        return min((count for count in counts if count is not None), default=None)

    @property
    def bytes_per_datum(self) -> int:
        return max(model.bytes_per_datum for model in self.components)

    def log_prob(self, x: ArrayLike, context: Tensor | None = None) -> Tensor:
        return self._average([with_context(model.log_prob, x, context=context) for model in self.components])

    def log_marginal(self, x: ArrayLike, evidence: Tensor, context: Tensor | None = None) -> Tensor:
        return self._average(
            [with_context(model.log_marginal, x, evidence, context=context) for model in self.components]
        )

    def condition(self, evidence: Tensor, *, members: int = 1, seed: int = 0) -> Density | None:
        """Return the average of its conditioned components; None where one of them has no such density."""
        conditioned = [model.condition(evidence, members=members, seed=seed) for model in self.components]
        models = [model for model in conditioned if model is not None]
        if len(models) < len(conditioned):
            return None
        unchanged = all(map(operator.is_, models, self.components))
        return self if unchanged else Ensemble(models)

    def _average(self, log_probs: Sequence[Tensor]) -> Tensor:
        """Return the log of the average probability."""
        return torch.stack(list(log_probs)).logsumexp(0) - math.log(len(log_probs))
