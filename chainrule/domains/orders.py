"""Orders: permutations of the sites, in which the product rule takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from chainrule.domains.domain import Domain
from chainrule.errors import ChainruleError
from chainrule.seeding import Seed, as_seed, generator

Side = Literal["top", "bottom", "left", "right"]
SIDES: tuple[Side, ...] = ("top", "bottom", "left", "right")


@dataclass(frozen=True)
class Order:
    """The order in which the product rule takes the sites: p(x) = ∏ p(x_i | x_<i), with x_<i the sites before i.

    Args:
        permutation: `permutation[k]` is the k-th site of the order.

    Raises:
        ChainruleError: not a permutation of 0 … D-1.

    Example:
        >>> Order((2, 0, 1)).rank.tolist()
        [1, 2, 0]
    """

    permutation: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "permutation", tuple(int(site) for site in self.permutation))
        if sorted(self.permutation) != list(range(len(self.permutation))):
            raise ChainruleError(f"an order must name each site 0 … {len(self.permutation) - 1} once")

    def __len__(self) -> int:
        """Return D, the number of sites."""
        return len(self.permutation)

    @cached_property
    def sites(self) -> Tensor:
        """The permutation as a tensor, int64 [D]: `x.flatten(1)[:, order.sites]` has the sites in this order."""
        return torch.tensor(self.permutation)

    @cached_property
    def rank(self) -> Tensor:
        """The position of each site in the order, from 0, int64 [D]: the inverse of the permutation."""
        return torch.argsort(self.sites)

    @property
    def before(self) -> Tensor:
        """Whether site j comes before site i, bool [D, D] at [i, j]."""
        return self.rank[None, :] < self.rank[:, None]

    def past(self, site: int) -> Tensor:
        """Return which sites come before this one, bool [D]."""
        return self.rank < self.rank[site]

    def past_coverage(self, dependence: Tensor) -> float:
        """Return the share of all pairs of a site and one before it where the conditional of the first depends on it.

        Args:
            dependence: bool [D, D], True at [i, j] where the conditional of site i depends on site j.

        Returns:
            1 where every conditional depends on all of its past, and for a single site.

        Example:
            >>> Order((0, 1, 2)).past_coverage(torch.tensor([[0, 0, 0], [1, 0, 0], [0, 1, 0]]).bool())
            0.6666666666666666
        """
        pairs = len(self) * (len(self) - 1) // 2
        return int((dependence.cpu() & self.before).sum()) / pairs if pairs else 1.0

    def with_first(self, evidence: Tensor) -> Order:
        """Return the same order with the sites of the evidence moved to its beginning.

        Args:
            evidence: bool [D].

        Example:
            >>> Order((2, 0, 1)).with_first(torch.tensor([True, True, False])).permutation
            (0, 1, 2)
        """
        selected = evidence[self.sites]
        return Order(tuple(torch.cat([self.sites[selected], self.sites[~selected]]).tolist()))

    def is_prefix(self, evidence: Tensor) -> Tensor:
        """Return whether the sites of the evidence are the first of the order, bool [...].

        Args:
            evidence: bool [..., D].

        Example:
            >>> Order((2, 0, 1)).is_prefix(torch.tensor([[False, False, True], [True, False, False]])).tolist()
            [True, False]
        """
        in_order = evidence[..., self.sites].int()
        return (in_order.diff(dim=-1) <= 0).all(-1)


def natural(domain: Domain) -> Order:
    """Return the order in which the sites are numbered.

    Example:
        >>> from chainrule.domains import Binary
        >>> natural(Binary((3,))).permutation
        (0, 1, 2)
    """
    return Order(tuple(range(domain.sites)))


def raster(domain: Domain) -> Order:
    """Return raster order: row by row, column by column, channel by channel (R, G, B); the natural order otherwise.

    Source: PixelRNN (arXiv:1601.06759), section 2.

    Example:
        >>> from chainrule.domains import Binary
        >>> raster(Binary((2, 1, 2))).permutation
        (0, 2, 1, 3)
    """
    if not domain.is_image:
        return natural(domain)
    return Order(tuple(torch.arange(domain.sites).view(domain.shape).permute(1, 2, 0).flatten().tolist()))


def shuffled(domain: Domain, *, seed: Seed = 0) -> Order:
    """Return a random order, uniform over all D! permutations.

    Example:
        >>> from chainrule.domains import Binary
        >>> shuffled(Binary((4,)), seed=1) == shuffled(Binary((4,)), seed=1)
        True
    """
    return Order(tuple(torch.randperm(domain.sites, generator=generator(as_seed(seed))).tolist()))


def as_order(order: Order | Sequence[int] | None, domain: Domain) -> Order:
    """Return the order itself, one made from a sequence of sites, or raster order for None.

    Raises:
        ChainruleError: it does not order the sites of `domain`.

    Example:
        >>> from chainrule.domains import Binary
        >>> as_order([1, 0], Binary((2,)))
        Order(permutation=(1, 0))
    """
    if order is None:
        return raster(domain)
    if len(order) != domain.sites:
        sites = f"{domain.sites} ({'·'.join(map(str, domain.shape))})"
        raise ChainruleError(
            f"the order names {len(order)} sites, and the domain has {sites}; give a permutation of 0 … "
            f"{domain.sites - 1}"
        )
    return order if isinstance(order, Order) else Order(tuple(order))


@dataclass(frozen=True)
class Orientation:
    """The rotation or reflection of an image after which raster order begins at one of its sides.

    Args:
        side: where the order begins.

    Example:
        >>> image = torch.tensor([[0, 1], [2, 3]])
        >>> Orientation("left")(image).tolist(), Orientation("bottom")(image).tolist()
        ([[0, 2], [1, 3]], [[2, 3], [0, 1]])
    """

    side: Side

    def __call__(self, x: Tensor) -> Tensor:
        """Return the images [..., H, W] in this orientation."""
        if self.side in ("bottom", "right"):
            x = x.flip(-2 if self.side == "bottom" else -1)
        return x.transpose(-2, -1) if self.side in ("left", "right") else x

    def inverse(self, x: Tensor) -> Tensor:
        """Return images of this orientation in the original one, [..., H, W]."""
        if self.side in ("left", "right"):
            x = x.transpose(-2, -1)
        return x.flip(-2 if self.side == "bottom" else -1) if self.side in ("bottom", "right") else x

    def sites(self, domain: Domain) -> Tensor:
        """Return the site at each entry of an image in this orientation, int64 [C, H', W']."""
        return self(torch.arange(domain.sites).view(domain.shape))

    def order(self, domain: Domain) -> Order:
        """Return the raster order of an image in this orientation, as an order of the original sites."""
        return Order(tuple(self.sites(domain).permute(1, 2, 0).flatten().tolist()))


def as_orientation(order: Order | Sequence[int] | Side | None, domain: Domain) -> Orientation:
    """Return the orientation of an order: from the top for None, from the side named, or one of these four orders.

    Raises:
        ChainruleError: another order.

    Example:
        >>> from chainrule.domains import Binary
        >>> as_orientation([0, 2, 1, 3], Binary((1, 2, 2)))
        Orientation(side='left')
    """
    if order is None or order in SIDES:
        return Orientation("top" if order is None else order)
    if not isinstance(order, str):
        chosen = as_order(order, domain)
        for side in SIDES:
            if Orientation(side).order(domain) == chosen:
                return Orientation(side)
    shown = repr(order) if isinstance(order, str) else "the one given"
    raise ChainruleError(f"an image is taken line by line from {', '.join(SIDES[:-1])} or {SIDES[-1]}, not in {shown}")
