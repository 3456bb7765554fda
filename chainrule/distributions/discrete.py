"""Distributions over levels, the same number of them at every site."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.distributions.distribution import Distributions, check_temperature


class Conditionals(Distributions):
    """One discrete distribution for each site of each datum.

    Source: PixelRNN (arXiv:1601.06759), section 2.2.

    Args:
        logits: [n, *sites] where a site is binary (the logit of 1), else [n, *sites, K], unnormalised.
        binary: which of the two.

    Example:
        >>> coin = Conditionals(torch.zeros(1, 2), binary=True)
        >>> coin.log_prob(torch.tensor([[0, 1]])).exp().tolist()
        [[0.5, 0.5]]
    """

    def __init__(self, logits: Tensor, binary: bool) -> None:
        # Half precision is good enough for a network's features, not for its log-probabilities.
        self._logits = logits if logits.dtype == torch.float64 else logits.float()
        self.binary = binary

    @property
    def logits(self) -> Tensor:
        return self._logits

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x_i | x_<i) in nats, by site: [n, *sites] for values x [n, *sites]."""
        if self.binary:
            return F.logsigmoid((2.0 * x.to(self.logits.dtype) - 1.0) * self.logits)
        return self._log_softmax().gather(-1, x.long().unsqueeze(-1)).squeeze(-1)

    @property
    def log_probs(self) -> Tensor:
        """[n, *sites, K]: the log-probability of each value, in nats."""
        if self.binary:
            return torch.stack([F.logsigmoid(-self.logits), F.logsigmoid(self.logits)], -1)
        return self._log_softmax()

    @property
    def params(self) -> Tensor:
        return self.logits.unsqueeze(-1) if self.binary else self.logits

    @property
    def canonical_params(self) -> Tensor:
        return self.log_probs

    def icdf(self, noise: Tensor) -> Tensor:
        """The value at which the distribution function passes `noise` (uniform in [0, 1), float64 [n, *sites]).

        In float64 and on the CPU, whatever the logits are in: in float32 the last of 256 levels would get what the
        rounding of the others leaves, and no device draws otherwise than another.
        """
        logits, noise = self.logits.detach().cpu().double(), noise.cpu()
        if self.binary:
            return (noise >= (-logits).sigmoid_()).long()
        cumulative = logits.softmax(-1).cumsum(-1)
        wanted = noise.unsqueeze(-1) * cumulative[..., -1:]
        passed = torch.searchsorted(cumulative, wanted.contiguous(), right=True)
        return passed.squeeze(-1).clamp_(max=cumulative.shape[-1] - 1)

    def cdf_bounds(self, x: Tensor) -> tuple[Tensor, Tensor]:
        upto = self.probs.double().cumsum(-1).gather(-1, x.long().unsqueeze(-1)).squeeze(-1)
        return upto - self.log_prob(x).double().exp(), upto

    def tempered(self, temperature: float) -> Conditionals:
        """The distributions p^(1/T), normalised again.

        Raises:
            ChainruleError: a temperature of 0 or less.
        """
        check_temperature(temperature)
        if temperature == 1:
            return self
        highest = 0.0 if self.binary else self.logits.amax(-1, keepdim=True)  # infinities would have no difference
        return Conditionals((self.logits - highest) / temperature, self.binary)

    def select_sites(self, sites: Tensor) -> Conditionals:
        """The distributions of these sites of the flattened datum: [n, g]."""
        flat = self.logits.flatten(1) if self.binary else self.logits.flatten(1, -2)
        return Conditionals(flat[:, sites.to(flat.device)], self.binary)

    def _log_softmax(self) -> Tensor:
        return self.logits.log_softmax(-1)
