"""Outputs of a model of pixels: a probability for each level, or a continuous density read at the levels.

A pixel is one of 256 values (17 in scikit-learn's digits). A softmax gives each of them a probability. A Gaussian
gives all real numbers a density; what it means for a level is its mass within half a level (`mass_of_levels`), and the
rest lies outside.
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

Masses = tuple[Tensor, Tensor, Tensor]
NARROWEST = 0.05
"""The least standard deviation of a `GaussianLevels`, in levels: all its mass is on one level long before."""


def mass_of_levels(mean: Tensor, std: Tensor, levels: int) -> Masses:
    """How much of a Gaussian's mass lies within half a level of each level, and what lies below and above them all.

    P(v) = Φ((v + ½ − μ)/σ) − Φ((v − ½ − μ)/σ). All of it together is 1.
    Source: PixelCNN++ (arXiv:1701.05517), section 2.1, which has it for logistics.

    Args:
        mean: μ, [*n], on the scale of the levels 0 … levels - 1.
        std: σ, [*n], above 0.
        levels: K, such as 256.

    Returns:
        the masses of the levels [*n, K]; those below the lowest and above the highest, [*n] each.

    Raises:
        ChainruleError: fewer than 1 level, or a standard deviation that is not above 0.

    Example:
        >>> inside, below, above = mass_of_levels(torch.tensor(0.0), torch.tensor(1.0), 256)
        >>> [round(float(part), 3) for part in (inside.sum(), below, above)]
        [0.691, 0.309, 0.0]
    """
    check_gaussian(std, levels)
    edges = torch.arange(levels + 1).to(mean) - 0.5
    z = (edges - mean.unsqueeze(-1)) / std.unsqueeze(-1)
    below, above = torch.special.ndtr(z), torch.special.ndtr(-z)
    # Right of the mean, differences of what lies above: numbers near 1
    # would have lost their digits.
    left, right = below.diff(dim=-1), -above.diff(dim=-1)
    inside = torch.where(z[..., 1:] < 0, left, right)
    return inside, below[..., 0], above[..., -1]


def density_nats(x: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """−log of a Gaussian's density at x, in nats by a level: it is below 0 where the density is above 1.

    Raises:
        ChainruleError: a standard deviation that is not above 0.

    Example:
        >>> zero = torch.tensor(0.0)
        >>> round(density_nats(zero, zero, torch.tensor(0.001)).item(), 2)
        -5.99
    """
    check_gaussian(std, 1)
    return 0.5 * ((x - mean) / std) ** 2 + std.log() + 0.5 * math.log(2 * math.pi)


def level_nats(x: Tensor, probabilities: Tensor) -> Tensor:
    """−log p of each value: [n, *sites] nats.

    Args:
        x: levels, [n, *sites].
        probabilities: of the levels of each site, [*sites, K]; they may sum to less than 1.
    """
    table = probabilities.log().expand(*x.shape, -1)
    return -table.gather(-1, x.long().unsqueeze(-1)).squeeze(-1)


def frequencies(x: Tensor, levels: int) -> Tensor:
    """How often each site has each level, one more of each counted: float64 [*sites, levels], sums to 1.

    It is what a softmax with a free logit for each level would learn of a site by itself, and never 0.

    Args:
        x: levels, [n, *sites].

    Raises:
        ChainruleError: values outside 0 … levels - 1.

    Example:
        >>> frequencies(torch.tensor([0, 0, 2]), 3)
        tensor([0.5000, 0.1667, 0.3333], dtype=torch.float64)
    """
    x = x.long()
    if x.numel() == 0 or int(x.min()) < 0 or int(x.max()) >= levels:
        raise ChainruleError(f"frequencies are of values in 0 … {levels - 1}, at least one; give such values")
    sites = x[0].numel()
    places = x.flatten(1) + levels * torch.arange(sites) if x.ndim > 1 else x
    counts = torch.bincount(places.flatten(), minlength=sites * levels).view(*x.shape[1:], levels)
    return (counts.double() + 1) / (len(x) + levels)


def at_the_ends(inside: Tensor, below: Tensor, above: Tensor) -> Tensor:
    """The masses of the levels, the lowest with all that lies below it, the highest with all above: sums to 1.

    Args:
        inside, below, above: as `mass_of_levels` gives them.
    """
    beyond = torch.zeros_like(inside)
    beyond[..., 0] += below
    beyond[..., -1] += above
    return inside + beyond


def fitted(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each site of data [n, *sites]: float64 [*sites] each.

    A level stands for all values within half of it, so the variance is that of the levels and 1/12 more: never 0.

    Example:
        >>> mean, std = fitted(torch.tensor([0, 0, 0, 0]))
        >>> mean.item(), round(std.item() ** 2 * 12, 6)
        (0.0, 1.0)
    """
    x = x.double()
    return x.mean(0), (x.var(0, correction=0) + 1 / 12).sqrt()


def truncated(inside: Tensor) -> Tensor:
    """The masses of the levels as shares of what lies inside: sums to 1."""
    return inside / inside.sum(-1, keepdim=True)


@dataclass(frozen=True)
class GaussianLevels(Levels):
    """Levels whose probabilities are the masses of a mixture of Gaussians; the ends have all that lies beyond.

    In place of `Levels` it gives the same network another output: three numbers for each Gaussian instead of one for
    each level. So the two can be compared with all else equal.

    Args:
        components: how many Gaussians.

    Example:
        >>> domain = GaussianLevels((1, 8, 8), 17, components=2)
        >>> domain.outputs_per_site, domain.conditionals(torch.zeros(1, 1, 8, 8, 6)).probs.sum(-1).unique().round(decimals=5)
        (6, tensor([1.]))
    """

    components: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.components < 1:
            raise ChainruleError(f"a mixture needs at least 1 component, not {self.components}")

    @property
    def parameters(self) -> int:
        return 3 * self.components

    @property
    def initial(self) -> Tensor:
        """[*shape, parameters]: equal weights, the means spread over the levels, widths to match."""
        means = 2 * (torch.arange(self.components) + 0.5) / self.components - 1
        numbers = torch.cat([torch.zeros(self.components), means, torch.zeros(self.components)])
        return numbers.expand(*self.shape, -1).clone()

    def gaussians(self, numbers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log-weights, means and standard deviations, in levels, from numbers [..., parameters]: [..., components]."""
        weights, means, widths = torch.split(numbers.float(), self.components, -1)
        half = (self.levels - 1) / 2
        return weights.log_softmax(-1), (means + 1) * half, NARROWEST + half / self.components * widths.exp()

    def conditionals(self, numbers: Tensor) -> Conditionals:
        log_weights, means, stds = self.gaussians(numbers)
        masses = at_the_ends(*mass_of_levels(means, stds, self.levels))
        mixed = (log_weights.exp().unsqueeze(-1) * masses).sum(-2)
        return Conditionals(mixed.clamp(min=1e-30).log(), binary=False)


def check_gaussian(std: Tensor, levels: int) -> None:
    """Raises ChainruleError unless there are levels, and each standard deviation is above 0."""
    if levels < 1 or not bool((std > 0).all()):
        raise ChainruleError(
            f"a Gaussian over levels needs at least 1 level and a standard deviation above 0, and these are {levels} "
            f"and {float(std.min()):g}; give a site that never varies a least one"
        )


def photo(name: str) -> Tensor:
    """One of the two photographs that scikit-learn ships, 8 bits a colour: uint8 [3, 427, 640].

    Args:
        name: `china`, a temple under a bright sky, or `flower`, a blossom before green.

    Raises:
        ChainruleError: another name.

    Example:
        >>> photo("china").shape
        torch.Size([3, 427, 640])
    """
    if name not in ("china", "flower"):
        raise ChainruleError(f"there is no photograph {name!r}; there are china, flower")
    from sklearn.datasets import load_sample_image

    return torch.tensor(load_sample_image(f"{name}.jpg")).permute(2, 0, 1)


def patches(picture: Tensor, size: int) -> Tensor:
    """A picture [C, H, W] cut into squares that do not overlap, row by row: [n, C, size, size]; the rest is left over.

    Raises:
        ChainruleError: squares that are larger than the picture.

    Example:
        >>> patches(torch.arange(6).view(1, 2, 3), 1).flatten().tolist()
        [0, 1, 2, 3, 4, 5]
    """
    if not 1 <= size <= min(picture.shape[1:]):
        raise ChainruleError(f"squares of {size} pixels do not fit into a picture of shape {list(picture.shape)}")
    squares = picture.unfold(1, size, size).unfold(2, size, size)
    return squares.permute(1, 2, 0, 3, 4).reshape(-1, len(picture), size, size)
