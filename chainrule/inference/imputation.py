"""The result of an imputation: weighted draws, what they are worth, and point estimates from them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from chainrule.domains import Domain
from chainrule.inference.point_estimates import estimate_by_site, half_sample_mode, row_means


@dataclass(frozen=True, eq=False)
class Imputation:
    """Weighted draws of missing values, given the evidence.

    Attributes:
        values: [m, n, *shape]; values of the evidence are kept.
        weights: float64 [m, n]; the weights of each datum sum to 1.
        ess: float64 [m], the effective sample size: the number of independent draws that the weights of the particles
            are worth; n where the draws are exact.
        ancestors: int64 [m], the number of first particles that have descendants among the last particles; n where the
            draws are exact.
        log_evidence: float64 [m], log p(evidence) in nats: exact, or estimated by the particles.
        exact: bool [m], whether the draws come from p(missing | evidence) itself, and not from particles: that of the
            member of a family, or of the components of an ensemble, whose orders begin with the evidence. At another
            temperature than 1 they are decoded alike, from the conditionals at this temperature.
        domain: of the data.
    """

    values: Tensor
    weights: Tensor
    ess: Tensor
    ancestors: Tensor
    log_evidence: Tensor
    exact: Tensor
    domain: Domain

    def most_likely(self) -> Tensor:
        """Return the most likely value of each site by itself: [m, *shape]; values of the evidence are kept.

        Of levels it is the level with the most weight; of numbers the half-sample mode.

        Example:
            >>> import torch
            >>> import chainrule as cr
            >>> model = cr.Independent(cr.Binary((2,)))
            >>> _ = torch.nn.init.constant_(model.logits, 3.0)  # ones are likelier
            >>> cr.impute(model, torch.tensor([[0, 0]]), torch.tensor([True, False])).most_likely().tolist()
            [[0, 1]]
        """
        return estimate_by_site(self.values, self.weights, self.domain, half_sample_mode)

    def mean(self) -> Tensor:
        """Return the mean of each number, rounded where it is whole, and the most likely level: [m, *shape].

        One value hides what is not known. Source: Rubin: Multiple Imputation for Nonresponse in Surveys. 1987.
        """
        return estimate_by_site(self.values, self.weights, self.domain, row_means)
