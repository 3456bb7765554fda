"""Outputs of a model of pixels: a probability for each level, or a continuous density read at the levels.

A pixel has one of 256 values (one of 17 in scikit-learn's digits). A softmax gives each value a probability. A Gaussian
gives all real numbers a density; the probability of a level is its mass within half a level, and the rest of the mass
lies outside the levels.
Source: PixelRNN (arXiv:1601.06759), section 2.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from chainrule.distributions import Conditionals
from chainrule.domains import Levels
from chainrule.errors import ChainruleError

LevelMasses = tuple[Tensor, Tensor, Tensor]
"""The masses of the levels [*n, K], and the masses below and above all levels, [*n] each."""
MIN_STD = 0.05
"""The smallest standard deviation of `GaussianLevels`, in levels; it puts all mass on one level."""


def discretize_gaussian(
    mean: Tensor,
    std: Tensor,
    levels: int,
) -> LevelMasses:
    """Return the mass of a Gaussian within half a level of each level, and its masses below and above all levels.

    P(v) = Φ((v + ½ − μ)/σ) − Φ((v − ½ − μ)/σ). All masses together sum to 1.
    Source: PixelCNN++ (arXiv:1701.05517), section 2.1, which discretizes logistics.

    Args:
        mean: μ, [*n], on the scale of the levels 0 … levels - 1.
        std: σ, [*n], above 0.
        levels: K, such as 256.

    Returns:
        The masses of the levels [*n, K]; those below the lowest level and above the highest level, [*n] each.

    Raises:
        ChainruleError: fewer than 1 level, or a standard deviation that is not above 0.

    Example:
        >>> inside, below, above = discretize_gaussian(torch.tensor(0.0), torch.tensor(1.0), 256)
        >>> [round(float(part), 3) for part in (inside.sum(), below, above)]
        [0.691, 0.309, 0.0]
    """
    check_gaussian(std, levels)
    edges = torch.arange(levels + 1).to(mean) - 0.5
    z = (edges - mean.unsqueeze(-1)) / std.unsqueeze(-1)
    below, above = torch.special.ndtr(z), torch.special.ndtr(-z)
    # Right of the mean, take differences of the mass above:
    # values close to 1 would have lost their digits.
    left, right = below.diff(dim=-1), -above.diff(dim=-1)
    inside = torch.where(z[..., 1:] < 0, left, right)
    return inside, below[..., 0], above[..., -1]


def gaussian_nll(x: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Return −log of a Gaussian's density at x, in nats per level; it is negative where the density is above 1.

    Raises:
        ChainruleError: a standard deviation that is not above 0.

    Example:
        >>> zero = torch.tensor(0.0)
        >>> round(gaussian_nll(zero, zero, torch.tensor(0.001)).item(), 2)
        -5.99
    """
    check_gaussian(std, 1)
    return 0.5 * ((x - mean) / std) ** 2 + std.log() + 0.5 * math.log(2 * math.pi)


def level_nll(x: Tensor, probs: Tensor) -> Tensor:
    """Return −log p of each value: [n, *sites] nats.

    Args:
        x: levels, [n, *sites].
        probs: the probabilities of the levels of each site, [*sites, K]; they may sum to less than 1.
    """
    log_probs = probs.log().expand(*x.shape, -1)
    return -log_probs.gather(-1, x.long().unsqueeze(-1)).squeeze(-1)


def smoothed_frequencies(x: Tensor, levels: int) -> Tensor:
    """Return the frequency of each level at each site, with one added to each count: float64 [*sites, levels].

    It is close to what a softmax with a free logit for each level learns, and it is never 0.

    Args:
        x: levels, [n, *sites].
        levels: K, the number of levels.

    Raises:
        ChainruleError: no values, or values outside 0 … levels - 1.

    Example:
        >>> smoothed_frequencies(torch.tensor([0, 0, 2]), 3)
        tensor([0.5000, 0.1667, 0.3333], dtype=torch.float64)
    """
    x = x.long()
    if x.numel() == 0 or int(x.min()) < 0 or int(x.max()) >= levels:
        raise ChainruleError(f"frequencies need at least one value, and values in 0 … {levels - 1}; give such values")
    sites = x[0].numel()
    indices = x.flatten(1) + levels * torch.arange(sites) if x.ndim > 1 else x
    counts = torch.bincount(indices.flatten(), minlength=sites * levels).view(*x.shape[1:], levels)
    return (counts.double() + 1) / (len(x) + levels)


def add_tails_to_ends(inside: Tensor, below: Tensor, above: Tensor) -> Tensor:
    """Return the masses of the levels with the mass below added to the lowest level, and the mass above to the highest.

    The result sums to 1.

    Args:
        inside, below, above: the masses that `discretize_gaussian` returns.
    """
    tails = torch.zeros_like(inside)
    tails[..., 0] += below
    tails[..., -1] += above
    return inside + tails


def fit_gaussian(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and the standard deviation of each site of data [n, *sites]: float64 [*sites] each.

    A level stands for all values within half a level, so the variance is that of the levels plus 1/12, and never 0.

    Example:
        >>> mean, std = fit_gaussian(torch.tensor([0, 0, 0, 0]))
        >>> mean.item(), round(std.item() ** 2 * 12, 6)
        (0.0, 1.0)
    """
    x = x.double()
    return x.mean(0), (x.var(0, correction=0) + 1 / 12).sqrt()


def truncate(inside: Tensor) -> Tensor:
    """Return the masses of the levels, divided by their sum."""
    return inside / inside.sum(-1, keepdim=True)


@dataclass(frozen=True)
class GaussianLevels(Levels):
    """Represent levels whose probabilities are the masses of a mixture of Gaussians; the ends include the tails.

    It gives the same network another output than `Levels`: three parameters for each Gaussian instead of one logit for
    each level. So the two outputs can be compared with everything else equal.

    Args:
        shape: of a datum.
        levels: K, the number of levels.
        components: the number of Gaussians.

    Example:
        >>> domain = GaussianLevels((1, 8, 8), 17, components=2)
        >>> conditionals = domain.conditionals(torch.zeros(1, 1, 8, 8, 6))
        >>> domain.outputs_per_site, conditionals.probs.sum(-1).unique().round(decimals=5)
        (6, tensor([1.]))
    """

    components: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.components < 1:
            raise ChainruleError(f"a mixture needs at least 1 component, not {self.components}")

    @property
    def outputs_per_site(self) -> int:
        return 3 * self.components

    @property
    def initial_params(self) -> Tensor:
        """The initial parameters [*shape, outputs_per_site]: equal weights, means spread over the levels."""
        means = 2 * (torch.arange(self.components) + 0.5) / self.components - 1
        params = torch.cat([torch.zeros(self.components), means, torch.zeros(self.components)])
        return params.expand(*self.shape, -1).clone()

    def gaussians(self, params: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return log-weights, means and standard deviations in levels, [..., components] each.

        Args:
            params: the network's outputs, [..., outputs_per_site].
        """
        weights, means, widths = torch.split(params.float(), self.components, -1)
        half = (self.levels - 1) / 2
        return weights.log_softmax(-1), (means + 1) * half, MIN_STD + half / self.components * widths.exp()

    def conditionals(self, params: Tensor) -> Conditionals:
        log_weights, means, stds = self.gaussians(self._by_site(params))
        masses = add_tails_to_ends(*discretize_gaussian(means, stds, self.levels))
        mixture = (log_weights.exp().unsqueeze(-1) * masses).sum(-2)
        return Conditionals(mixture.clamp(min=1e-30).log(), binary=False)


def check_gaussian(std: Tensor, levels: int) -> None:
    """Raise ChainruleError unless there is at least 1 level, and each standard deviation is above 0."""
    if levels < 1 or not bool((std > 0).all()):
        raise ChainruleError(
            f"a Gaussian over levels needs at least 1 level and a standard deviation above 0, not {levels} and "
            f"{float(std.min()):g}; give sites with constant values a small standard deviation"
        )
