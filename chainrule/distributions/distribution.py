"""The interface of the conditional distributions p(x_i | x_<i), whatever the kind of their sites."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from chainrule.errors import ChainruleError


class Distributions(ABC):
    """One distribution for each site of each datum of a batch: `shape` is [n, *sites]."""

    @abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x_i | x_<i) in nats for each site.

        Args:
            x: values [n, *sites].

        Returns:
            [n, *sites]; of a real column a log-density, in nats per unit of the column.
        """

    @abstractmethod
    def icdf(self, noise: Tensor) -> Tensor:
        """Return the quantile of each distribution: the value where its distribution function exceeds the noise.

        Computed in float64 on the CPU, whatever the dtype and device of the model, so that all devices draw alike.

        Args:
            noise: uniform in [0, 1), float64 [n, *sites].

        Returns:
            values [n, *sites] on the CPU.
        """

    @abstractmethod
    def cdf_bounds(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return P(X < x) and P(X ≤ x) of each site, float64 [n, *sites].

        Their difference is the probability of x; it is 0 for a real value.
        """

    @abstractmethod
    def tempered(self, temperature: float) -> Distributions:
        """Return the distributions p^(1/T), normalised again.

        Raises:
            ChainruleError: a temperature of 0 or less, or one other than 1 for numeric columns.
        """

    @abstractmethod
    def select_sites(self, sites: Tensor) -> Distributions:
        """Return the distributions of some sites: `shape` is [n, g].

        Args:
            sites: indices into the flattened datum, int64 [g].
        """

    @property
    @abstractmethod
    def params(self) -> Tensor:
        """The parameters as the network computed them, [n, *sites, k]; padded with zeros where a site has fewer."""

    @property
    @abstractmethod
    def canonical_params(self) -> Tensor:
        """Parameters that are equal where the distributions are equal, and only there: [n, *sites, k].

        A site with fewer than k parameters is padded with zeros.
        """

    @property
    def shape(self) -> torch.Size:
        """The shape of the batch, [n, *sites]."""
        return self.params.shape[:-1]

    @property
    def device(self) -> torch.device:
        """The device of the parameters, on which `log_prob` takes values."""
        return self.params.device

    @property
    def logits(self) -> Tensor:
        """The logits, where all sites have the same number of levels: `Conditionals.logits`.

        Raises:
            ChainruleError: sites of several kinds.
        """
        raise ChainruleError("columns of a table have no logits in common; ask for log_prob")

    @property
    def log_probs(self) -> Tensor:
        """The log-probability of each level in nats, [n, *sites, K], where all sites have K levels.

        Raises:
            ChainruleError: sites of several kinds.
        """
        raise ChainruleError("columns of a table have no values in common; ask for log_prob")

    @property
    def probs(self) -> Tensor:
        """The probability of each level, [n, *sites, K]; sums to 1 over the last axis.

        Raises:
            ChainruleError: sites of several kinds.
        """
        return self.log_probs.exp()

    def sample(self, generator: torch.Generator | None = None, *, temperature: float = 1.0) -> Tensor:
        """Draw one value for each site: [n, *sites].

        Args:
            generator: of the noise; the global generator of torch unless given.
            temperature: below 1, likelier values become likelier still.

        Raises:
            ChainruleError: a temperature of 0 or less, or one other than 1 for numeric columns.
        """
        device = generator.device if generator else "cpu"
        noise = torch.rand(self.shape, generator=generator, dtype=torch.float64, device=device)
        return self.tempered(temperature).icdf(noise)


def check_temperature(temperature: float) -> None:
    """Check a temperature.

    Raises:
        ChainruleError: a temperature of 0 or less.
    """
    if not temperature > 0:
        raise ChainruleError(f"the temperature must be above 0, not {temperature}; 1 draws from the model itself")
