"""What the distributions p(x_i | x_<i) can be asked, whatever the kind of their sites."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from chainrule.errors import ChainruleError


class Distributions(ABC):
    """One distribution for each site of each datum: [n, *sites] of them."""

    @abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x_i | x_<i) in nats, by site: [n, *sites] for values x [n, *sites]."""

    @abstractmethod
    def icdf(self, noise: Tensor) -> Tensor:
        """The value at which the distribution function passes `noise` (uniform in [0, 1), float64 [n, *sites]).

        In float64 and on the CPU, whatever the model computes in, so that no device draws otherwise than another.
        """

    @abstractmethod
    def cdf_bounds(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """P(X < x) and P(X ≤ x) by site, float64 [n, *sites] each: between them a whole value has its probability."""

    @abstractmethod
    def tempered(self, temperature: float) -> Distributions:
        """The distributions p^(1/T), normalised again.

        Raises:
            ChainruleError: a temperature of 0 or less, or one other than 1 where the values are not among levels.
        """

    @abstractmethod
    def select_sites(self, sites: Tensor) -> Distributions:
        """The distributions of these sites of the flattened datum: [n, g]."""

    @property
    @abstractmethod
    def params(self) -> Tensor:
        """[n, *sites, k]: the numbers that the network gave; zero where a site has fewer than another."""

    @property
    @abstractmethod
    def canonical_params(self) -> Tensor:
        """[n, *sites, k]: equal where the distributions are, and only there; zero where a site has fewer numbers."""

    @property
    def shape(self) -> torch.Size:
        """[n, *sites]"""
        return self.params.shape[:-1]

    @property
    def device(self) -> torch.device:
        """Where the numbers are, and values must be."""
        return self.params.device

    @property
    def logits(self) -> Tensor:
        """Where all sites are of one number of levels, `Conditionals.logits`.

        Raises:
            ChainruleError: they are not.
        """
        raise ChainruleError("columns of a table have no logits in common; ask for log_prob")

    @property
    def log_probs(self) -> Tensor:
        """[n, *sites, K]: the log-probability of each value, in nats, where all sites are of K levels.

        Raises:
            ChainruleError: they are not.
        """
        raise ChainruleError("columns of a table have no values in common; ask for log_prob")

    @property
    def probs(self) -> Tensor:
        """[n, *sites, K]: the probability of each value; sums to 1 over the last axis."""
        return self.log_probs.exp()

    def sample(self, generator: torch.Generator | None = None, temperature: float = 1.0) -> Tensor:
        """One draw at each site: [n, *sites]. Below temperature 1, likelier values become likelier still."""
        device = generator.device if generator else "cpu"
        noise = torch.rand(self.shape, generator=generator, dtype=torch.float64, device=device)
        return self.tempered(temperature).icdf(noise)


def check_temperature(temperature: float) -> None:
    """Raises ChainruleError for a temperature of 0 or less."""
    if not temperature > 0:
        raise ChainruleError(f"the temperature must be above 0, not {temperature}; 1 draws from the model itself")
