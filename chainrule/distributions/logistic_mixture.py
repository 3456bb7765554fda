"""Mixtures of logistic distributions: densities of real values, and probabilities of whole numbers.

Salimans, Karpathy, Chen, Kingma: PixelCNN++. 2017, arXiv:1701.05517, section 2.1, has the mixture on whole numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.distributions.distribution import Distributions, check_temperature
from chainrule.errors import ChainruleError

NUM_COMPONENTS = 10
NUM_PARAMS = 3 * NUM_COMPONENTS
"""Parameters of each site: the weights, locations and scales of the components."""
BISECTION_STEPS = 64
"""Bisections of the interval of a quantile. They halve the number of float64 in it, so that 64 bits need 64 steps."""
MAX_EXACT_INTEGER = 2.0**53
"""Whole numbers up to this one are exact in float64."""
TAIL_WIDTH = 36.0
"""In scales: beyond this distance from its location a logistic has less than 1e-15 of its mass."""

NumericKind = Literal["count", "integer", "real"]


@dataclass(frozen=True, eq=False)
class Standardization:
    """The standardization z = (x - shift) / scale of each site, float64 [g].

    Attributes:
        shift: a whole number near the middle of the data.
        scale: the spread of the data.
        min_scale: the least scale of a component, in units of x: it bounds the density at a value that data repeat.
    """

    shift: Tensor
    scale: Tensor
    min_scale: Tensor

    def select_sites(self, sites: Tensor) -> Standardization:
        """Return the standardization of some sites, int64 [h]."""
        return Standardization(self.shift[sites], self.scale[sites], self.min_scale[sites])

    def to(self, device: torch.device) -> Standardization:
        """Return the standardization on a device."""
        return Standardization(self.shift.to(device), self.scale.to(device), self.min_scale.to(device))


class LogisticMixture(Distributions):
    """A mixture of logistic distributions for each site of each datum, in the units of its column.

    A real value has a density. A whole number k has the mass of [k - 1/2, k + 1/2]; a count of 0 has all mass below
    1/2. Computed in float64, so that large whole numbers keep their digits.
    Source: PixelCNN++ (arXiv:1701.05517), section 2.1.

    Args:
        params: [n, g, NUM_PARAMS]: unnormalised log-weights, then locations, then scales before a softplus, all of the
            standardised values.
        standardization: of the g sites.
        kind: `count` for the whole numbers from 0 on, `integer` for all whole numbers, or `real`.

    Example:
        >>> ages = Standardization(*torch.tensor([[100.0], [5.0], [0.05]]).double())
        >>> mixture = LogisticMixture(torch.zeros(1, 1, NUM_PARAMS), ages, kind="count")
        >>> total = mixture.log_prob(torch.arange(1000.0).view(-1, 1)).exp().sum()
        >>> round(total.item(), 6)
        1.0
    """

    def __init__(self, params: Tensor, standardization: Standardization, *, kind: NumericKind) -> None:
        self._params, self.standardization, self.kind = params, standardization.to(params.device), kind
        weights, means, scales = torch.split(params.double(), NUM_COMPONENTS, -1)
        lowest = (self.standardization.min_scale / self.standardization.scale).log().unsqueeze(-1)
        self.log_weights: Tensor = weights.log_softmax(-1)
        self.means: Tensor = means
        self.log_scales: Tensor = lowest + F.softplus(scales - lowest)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x_i | x_<i), float64 [..., n, g].

        Args:
            x: values [..., n, g].

        Returns:
            nats; for real values, nats per unit of the column.
        """
        x, scale = x.double(), self.standardization.scale
        z, s = ((x - self.standardization.shift) / scale).unsqueeze(-1) - self.means, self.log_scales.exp()
        if self.kind == "real":
            by_component = F.logsigmoid(z / s) + F.logsigmoid(-z / s) - self.log_scales
            return (self.log_weights + by_component).logsumexp(-1) - scale.log()
        half = (0.5 / scale).unsqueeze(-1)
        below_upper, above_lower = F.logsigmoid((z + half) / s), F.logsigmoid((half - z) / s)
        # σ(a) - σ(b) = σ(a) σ(-b) (1 - e^(b-a)): no digits are lost where both are near 0 or 1.
        mass = below_upper + above_lower + (-torch.expm1(-2 * half / s)).log()
        if self.kind == "count":
            mass = torch.where((x == 0).unsqueeze(-1), below_upper, mass)
        return (self.log_weights + mass).logsumexp(-1)

    def icdf(self, noise: Tensor) -> Tensor:
        """Return the quantile of each mixture by bisection, float64 [n, g] on the CPU; whole unless `kind` is real.

        Args:
            noise: uniform in [0, 1), float64 [n, g].
        """
        log_weights, means, s = (each.detach().cpu() for each in (self.log_weights, self.means, self.log_scales.exp()))
        noise = noise.cpu().clamp(1e-15, 1 - 1e-15).unsqueeze(-1)
        low = _float_to_index((means - TAIL_WIDTH * s).amin(-1, keepdim=True).expand(*noise.shape))
        high = _float_to_index((means + TAIL_WIDTH * s).amax(-1, keepdim=True).expand(*noise.shape))
        for _ in range(BISECTION_STEPS):
            middle = (low >> 1) + (high >> 1) + (low & high & 1)  # half of the sum, which itself may overflow
            cdf = (log_weights.exp() * ((_index_to_float(middle) - means) / s).sigmoid()).sum(-1, keepdim=True)
            low, high = torch.where(cdf < noise, middle, low), torch.where(cdf < noise, high, middle)
        shift, scale = self.standardization.shift.cpu(), self.standardization.scale.cpu()
        offset = scale * _index_to_float(high).squeeze(-1)
        if self.kind == "real":
            return shift + offset
        rounded = shift + (offset - 0.5).ceil()  # the shift is whole, so that no digit is lost
        return rounded.clamp(0 if self.kind == "count" else -MAX_EXACT_INTEGER, MAX_EXACT_INTEGER)

    def cdf_bounds(self, x: Tensor) -> tuple[Tensor, Tensor]:
        half = 0.0 if self.kind == "real" else 0.5
        offset = x.double() - self.standardization.shift
        lower, upper = self._cdf(offset - half), self._cdf(offset + half)
        return (torch.where(x > 0, lower, torch.zeros_like(lower)) if self.kind == "count" else lower), upper

    def _cdf(self, offset: Tensor) -> Tensor:
        """Return the distribution function of the continuous mixture at shift + offset, [n, g]."""
        z = (offset / self.standardization.scale).unsqueeze(-1) - self.means
        return (self.log_weights.exp() * (z / self.log_scales.exp()).sigmoid()).sum(-1)

    def quadrature_points(self, num_points: int) -> Tensor:
        """Return points at which to integrate the density, or to sum the probabilities: sorted, float64 [n, g, m].

        The points of a component lie close together near its location and further apart in its tails.

        Args:
            num_points: points for each component; whole numbers have three times as many, with their neighbours.
        """
        grid = torch.linspace(-1, 1, num_points, dtype=torch.float64, device=self.device)
        distance = TAIL_WIDTH * (5 * grid).sinh() / math.sinh(5)
        z = self.means.unsqueeze(-1) + self.log_scales.exp().unsqueeze(-1) * distance
        x = self.standardization.shift[:, None] + self.standardization.scale[:, None] * z.flatten(-2)
        if self.kind == "real":
            return x.sort(-1).values
        lowest = 0 if self.kind == "count" else -math.inf
        neighbours = [x.round().clamp(min=lowest) + step for step in (-1, 0, 1)]
        return torch.cat(neighbours, -1).clamp(min=lowest).sort(-1).values

    def tempered(self, temperature: float) -> LogisticMixture:
        """Return the mixtures themselves: p^(1/T) of a mixture is no mixture of logistics.

        Raises:
            ChainruleError: a temperature other than 1.
        """
        check_temperature(temperature)
        if temperature != 1:
            raise ChainruleError(f"columns of numbers are drawn at temperature 1 alone, not {temperature:g}")
        return self

    def select_sites(self, sites: Tensor) -> LogisticMixture:
        sites = sites.to(self.device)
        return LogisticMixture(self._params[:, sites], self.standardization.select_sites(sites), kind=self.kind)

    @property
    def params(self) -> Tensor:
        return self._params

    @property
    def canonical_params(self) -> Tensor:
        return torch.cat([self.log_weights, self.means, self.log_scales], -1)


def _float_to_index(values: Tensor) -> Tensor:
    """Return the index of each float64 among all float64 in increasing order, int64."""
    bits = values.contiguous().view(torch.int64)
    return torch.where(bits < 0, torch.iinfo(torch.int64).min - bits, bits)


def _index_to_float(index: Tensor) -> Tensor:
    """Return the float64 of each index: the inverse of `_float_to_index`."""
    bits = torch.where(index < 0, torch.iinfo(torch.int64).min - index, index)
    return bits.view(torch.float64)
