"""Discrete distributions with the same number of levels at every site."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.distributions.distribution import Distributions, check_temperature


class Conditionals(Distributions):
    """One Bernoulli or categorical distribution for each site of each datum.

    Source: PixelRNN (arXiv:1601.06759), section 2.2.

    Args:
        logits: [n, *sites], the logit of 1, if `binary`; else [n, *sites, K], unnormalised log-probabilities.
        binary: whether the sites are binary, with one logit each.

    Example:
        >>> coin = Conditionals(torch.zeros(1, 2), binary=True)
        >>> coin.log_prob(torch.tensor([[0, 1]])).exp().tolist()
        [[0.5, 0.5]]
    """

    def __init__(self, logits: Tensor, *, binary: bool) -> None:
        # Half precision is enough for the features of a network, not for its log-probabilities.
        self._logits = logits if logits.dtype == torch.float64 else logits.float()
        self.binary = binary

    @property
    def logits(self) -> Tensor:
        """The logits in float32 or float64: [n, *sites] if `binary`, else [n, *sites, K]."""
        return self._logits

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x_i | x_<i) in nats for each site, [n, *sites].

        Args:
            x: levels 0 … K-1, [n, *sites].
        """
        if self.binary:
            return F.logsigmoid((2.0 * x.to(self.logits.dtype) - 1.0) * self.logits)
        return self._log_softmax().gather(-1, x.long().unsqueeze(-1)).squeeze(-1)

    @property
    def log_probs(self) -> Tensor:
        """The log-probability of each level in nats, [n, *sites, K]."""
        if self.binary:
            return torch.stack([F.logsigmoid(-self.logits), F.logsigmoid(self.logits)], -1)
        return self._log_softmax()

    @property
    def params(self) -> Tensor:
        """The logits, [n, *sites, 1] if `binary`, else [n, *sites, K]."""
        return self.logits.unsqueeze(-1) if self.binary else self.logits

    @property
    def canonical_params(self) -> Tensor:
        """The log-probabilities: logits that differ by a constant give the same distribution."""
        return self.log_probs

    def icdf(self, noise: Tensor) -> Tensor:
        """Return the level where each distribution function exceeds the noise, int64 [n, *sites] on the CPU.

        Computed in float64: in float32 the last of 256 levels would take the rounding errors of all others.

        Args:
            noise: uniform in [0, 1), float64 [n, *sites].
        """
        logits, noise = self.logits.detach().cpu().double(), noise.cpu()
        if self.binary:
            return (noise >= (-logits).sigmoid_()).long()
        cumulative = logits.softmax(-1).cumsum(-1)
        target = noise.unsqueeze(-1) * cumulative[..., -1:]
        index = torch.searchsorted(cumulative, target.contiguous(), right=True)
        return index.squeeze(-1).clamp_(max=cumulative.shape[-1] - 1)

    def cdf_bounds(self, x: Tensor) -> tuple[Tensor, Tensor]:
        upper = self.probs.double().cumsum(-1).gather(-1, x.long().unsqueeze(-1)).squeeze(-1)
        return upper - self.log_prob(x).double().exp(), upper

    def tempered(self, temperature: float) -> Conditionals:
        """Return the distributions p^(1/T), normalised again.

        Raises:
            ChainruleError: a temperature of 0 or less.
        """
        check_temperature(temperature)
        if temperature == 1:
            return self
        highest = 0.0 if self.binary else self.logits.amax(-1, keepdim=True)  # infinities would have no difference
        return Conditionals((self.logits - highest) / temperature, binary=self.binary)

    def select_sites(self, sites: Tensor) -> Conditionals:
        flat = self.logits.flatten(1) if self.binary else self.logits.flatten(1, -2)
        return Conditionals(flat[:, sites.to(flat.device)], binary=self.binary)

    def _log_softmax(self) -> Tensor:
        return self.logits.log_softmax(-1)
