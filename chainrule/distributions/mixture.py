"""Mixtures of logistic distributions: densities of real values, and their masses on the whole numbers.

Salimans, Karpathy, Chen, Kingma: PixelCNN++. 2017, arXiv:1701.05517, section 2.1, has those on whole numbers.
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

COMPONENTS = 10
PARAMETERS = 3 * COMPONENTS
"""The numbers that a network gives for each site: weights, locations and scales of the components."""
HALVINGS = 64
"""Of the interval in which a quantile lies, in numbers of float64 and not in length: as many as there are bits."""
LARGEST = 2.0**53
"""Whole numbers up to this one are exact in float64."""
FARTHEST = 36.0
"""Scales from its location, a logistic has less than 1e-15 of its mass beyond."""

NumberKind = Literal["count", "integer", "real"]


@dataclass(frozen=True, eq=False)
class Units:
    """The units of each site's values, float64 [g] each: networks give numbers for z = (x - shift) / scale.

    Attributes:
        shift: a whole number, where the values are.
        narrowest: the least scale of a component, in units of x: a density stays finite at a value that is repeated.
    """

    shift: Tensor
    scale: Tensor
    narrowest: Tensor

    def select_sites(self, sites: Tensor) -> Units:
        """Those of these sites."""
        return Units(*(each[sites] for each in (self.shift, self.scale, self.narrowest)))

    def to(self, device: torch.device) -> Units:
        return Units(*(each.to(device) for each in (self.shift, self.scale, self.narrowest)))


class Mixture(Distributions):
    """A mixture of logistics for each site of each datum, in the units of its column.

    A real value has a density; a whole number the mass between its neighbours' midpoints, and a count of 0 all the mass
    below 1/2. Computed in float64: large whole numbers keep their digits.

    Args:
        numbers: [n, g, PARAMETERS], of the standardised values.
        units: of the values.
        kind: counts are the whole numbers from 0 on, integers all of them.

    Example:
        >>> units = Units(*torch.tensor([[100.0], [5.0], [0.05]]).double())
        >>> ages = Mixture(torch.zeros(1, 1, PARAMETERS), units, "count")
        >>> total = ages.log_prob(torch.arange(1000.0).view(-1, 1)).exp().sum()
        >>> round(total.item(), 6)
        1.0
    """

    def __init__(self, numbers: Tensor, units: Units, kind: NumberKind) -> None:
        self._params, self.units, self.kind = numbers, units.to(numbers.device), kind
        weights, means, scales = torch.split(numbers.double(), COMPONENTS, -1)
        least = (self.units.narrowest / self.units.scale).log().unsqueeze(-1)
        self.log_weights: Tensor = weights.log_softmax(-1)
        self.means: Tensor = means
        self.log_scales: Tensor = least + F.softplus(scales - least)

    def log_prob(self, x: Tensor) -> Tensor:
        """[..., n, g] for values x [..., n, g]: nats by a unit of the column for reals, nats for whole numbers."""
        x, scale = x.double(), self.units.scale
        z, s = ((x - self.units.shift) / scale).unsqueeze(-1) - self.means, self.log_scales.exp()
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
        """float64 [n, g], by halving an interval; whole numbers for counts and integers."""
        log_weights, means, s = (each.detach().cpu() for each in (self.log_weights, self.means, self.log_scales.exp()))
        noise = noise.cpu().clamp(1e-15, 1 - 1e-15).unsqueeze(-1)
        low = _place((means - FARTHEST * s).amin(-1, keepdim=True).expand(*noise.shape))
        high = _place((means + FARTHEST * s).amax(-1, keepdim=True).expand(*noise.shape))
        for _ in range(HALVINGS):
            middle = (low >> 1) + (high >> 1) + (low & high & 1)  # of their sum, which may be too large
            below = (log_weights.exp() * ((_number(middle) - means) / s).sigmoid()).sum(-1, keepdim=True) < noise
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        shift, away = self.units.shift.cpu(), self.units.scale.cpu() * _number(high).squeeze(-1)
        if self.kind == "real":
            return shift + away
        whole = shift + (away - 0.5).ceil()  # the shift is whole, so that no digit is lost
        return whole.clamp(0 if self.kind == "count" else -LARGEST, LARGEST)

    def cdf_bounds(self, x: Tensor) -> tuple[Tensor, Tensor]:
        half = 0.0 if self.kind == "real" else 0.5
        away = x.double() - self.units.shift
        below, upto = self._distribution(away - half), self._distribution(away + half)
        return (torch.where(x > 0, below, torch.zeros_like(below)) if self.kind == "count" else below), upto

    def _distribution(self, away: Tensor) -> Tensor:
        """The distribution function of the mixture itself, so far away from the shift [n, g]."""
        z = (away / self.units.scale).unsqueeze(-1) - self.means
        return (self.log_weights.exp() * (z / self.log_scales.exp()).sigmoid()).sum(-1)

    def points(self, count: int) -> Tensor:
        """Values at which a sum over the density, or over the masses, loses nothing: float64 [n, g, points], sorted.

        Around each component there are so many, close to each other within it and further apart away from it.
        """
        around = torch.linspace(-1, 1, count, dtype=torch.float64, device=self.device)
        reach = FARTHEST * (5 * around).sinh() / math.sinh(5)
        z = self.means.unsqueeze(-1) + self.log_scales.exp().unsqueeze(-1) * reach
        x = self.units.shift[:, None] + self.units.scale[:, None] * z.flatten(-2)
        if self.kind == "real":
            return x.sort(-1).values
        least = 0 if self.kind == "count" else -math.inf
        beside = [x.round().clamp(min=least) + step for step in (-1, 0, 1)]
        return torch.cat(beside, -1).clamp(min=least).sort(-1).values

    def tempered(self, temperature: float) -> Mixture:
        check_temperature(temperature)
        if temperature != 1:
            raise ChainruleError(f"columns of numbers are drawn at temperature 1 alone, not {temperature:g}")
        return self

    def select_sites(self, sites: Tensor) -> Mixture:
        sites = sites.to(self.device)
        return Mixture(self._params[:, sites], self.units.select_sites(sites), self.kind)

    @property
    def params(self) -> Tensor:
        return self._params

    @property
    def canonical_params(self) -> Tensor:
        return torch.cat([self.log_weights, self.means, self.log_scales], -1)


def _place(numbers: Tensor) -> Tensor:
    """The place of each float64 among all of them, int64: in their order."""
    bits = numbers.contiguous().view(torch.int64)
    return torch.where(bits < 0, torch.iinfo(torch.int64).min - bits, bits)


def _number(places: Tensor) -> Tensor:
    """The float64 at each place."""
    bits = torch.where(places < 0, torch.iinfo(torch.int64).min - places, places)
    return bits.view(torch.float64)
