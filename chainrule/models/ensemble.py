"""Ensembles: the average of several densities' probabilities, which is a density again."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from chainrule.errors import ChainruleError
from chainrule.models.base import AutoregressiveModel, Density


class Ensemble(Density):
    """p(x) = 1/K Σ_k p_k(x): any densities over one domain, such as models of different orders.

    Probabilities are averaged, not logits: an average of logits is not a density. It has no order of its own, and so no
    conditionals; a datum is drawn from one member, and what is missing from one drawn with p(k | evidence).
    Source: MADE (arXiv:1502.03509), section 4.2.

    Args:
        models: the members; they may share weights.

    Raises:
        ChainruleError: no models, models of different domains, or what is no model.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.made import MADE
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
    def kept(self) -> int:
        return max(model.kept for model in self.members)

    @property
    def members(self) -> list[Density]:
        """The models, as what they are."""
        return cast("list[Density]", list(self.models))

    def log_prob(self, x: Tensor) -> Tensor:
        return self._mean([model.log_prob(x) for model in self.members])

    def log_marginal(self, x: Tensor, evidence: Tensor) -> Tensor:
        return self._mean([model.log_marginal(x, evidence) for model in self.members])

    def given(self, evidence: Tensor, members: int = 1, seed: int = 0) -> Density | None:
        """The average of what its members give; None where one of them cannot: the others are not this density."""
        found = [model.given(evidence, members, seed) for model in self.members]
        return None if None in found else self._of([model for model in found if model is not None])

    def fitting(self, evidence: Tensor, members: int = 1, seed: int = 0) -> Density | None:
        found = [model.fitting(evidence, members, seed) for model in self.members]
        models = [model for model in found if model is not None]
        return self._of(models) if models else None

    def _of(self, models: list[Density]) -> Ensemble:
        """An ensemble of these; itself, where they are its own members."""
        same = len(models) == len(self.members) and all(map(operator.is_, models, self.members))
        return self if same else Ensemble(models)

    def drawn(self, x: Tensor, evidence: Tensor, noise: Tensor) -> Iterator[tuple[AutoregressiveModel, Tensor]]:
        log_weights = torch.stack([model.log_marginal(x.to(model.device), evidence) for model in self.members], -1)
        weights = log_weights.cpu().double().softmax(-1)
        ends = weights.cumsum(-1)
        chosen = (noise[:, None] >= ends[:, :-1]).sum(-1)
        for k, model in enumerate(self.members):
            rows = torch.nonzero(chosen == k).flatten()
            # What the choice leaves of the noise is uniform again, for a member that is an ensemble itself.
            rest = ((noise - ends[:, k] + weights[:, k]) / weights[:, k])[rows].clamp(0, 1 - 2**-53)
            for each, its in model.drawn(x[rows], evidence[rows], rest) if len(rows) else ():
                yield each, rows[its]

    def _mean(self, log_probs: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(log_probs)).logsumexp(0) - math.log(len(log_probs))
