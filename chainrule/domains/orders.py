"""Orders: permutations of the sites. x_<i are the sites visited before i."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from chainrule.domains import Domain
from chainrule.errors import ChainruleError
from chainrule.seeding import Seed, as_seed, generator


@dataclass(frozen=True)
class Order:
    """The order in which the product rule takes the sites: `permutation[k]` is the k-th site visited.

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
        return len(self.permutation)

    @cached_property
    def sites(self) -> Tensor:
        """The permutation as a tensor [D]."""
        return torch.tensor(self.permutation)

    @cached_property
    def rank(self) -> Tensor:
        """[D]: the place of each site in the order, from 0."""
        return torch.argsort(self.sites)

    @property
    def before(self) -> Tensor:
        """bool [D, D]: True at [i, j] where site j comes before site i."""
        return self.rank[None, :] < self.rank[:, None]

    def past(self, site: int) -> Tensor:
        """bool [D]: the sites before this one."""
        return self.rank < self.rank[site]

    def past_seen(self, seen: Tensor) -> float:
        """The share of all pairs of a site and one before it where the first sees the second, by `seen` bool [D, D].

        It is 1 where every conditional sees all of its past, and where there is none.

        Example:
            >>> Order((0, 1, 2)).past_seen(torch.tensor([[0, 0, 0], [1, 0, 0], [0, 1, 0]]).bool())
            0.6666666666666666
        """
        pairs = len(self) * (len(self) - 1) // 2
        return int((seen.cpu() & self.before).sum()) / pairs if pairs else 1.0

    def first(self, evidence: Tensor) -> Order:
        """The same order with the sites of `evidence` (bool [D]) moved to its beginning.

        Example:
            >>> Order((2, 0, 1)).first(torch.tensor([True, True, False])).permutation
            (0, 1, 2)
        """
        mine = evidence[self.sites]
        return Order(tuple(torch.cat([self.sites[mine], self.sites[~mine]]).tolist()))

    def is_prefix(self, evidence: Tensor) -> Tensor:
        """For each row of `evidence` (bool [..., D], True where given): are the given sites the first of the order?"""
        visited = evidence[..., self.sites].int()
        return (visited.diff(dim=-1) <= 0).all(-1)


def natural(domain: Domain) -> Order:
    """Sites as they are numbered: first to last."""
    return Order(tuple(range(domain.sites)))


def raster(domain: Domain) -> Order:
    """Row by row, column by column, and at each pixel channel by channel (R, G, B); other shapes: natural.

    Source: PixelRNN (arXiv:1601.06759), section 2.

    Example:
        >>> from chainrule.domains import Binary
        >>> raster(Binary((2, 1, 2))).permutation
        (0, 2, 1, 3)
    """
    if not domain.is_image:
        return natural(domain)
    return Order(tuple(torch.arange(domain.sites).view(domain.shape).permute(1, 2, 0).flatten().tolist()))


Side = Literal["top", "bottom", "left", "right"]
SIDES: tuple[Side, ...] = ("top", "bottom", "left", "right")


@dataclass(frozen=True)
class Turn:
    """How an image is turned so that raster order begins with a side of it, and goes on line by line.

    Example:
        >>> image = torch.tensor([[0, 1], [2, 3]])
        >>> Turn("left")(image).tolist(), Turn("bottom")(image).tolist()
        ([[0, 2], [1, 3]], [[2, 3], [0, 1]])
    """

    side: Side

    def __call__(self, x: Tensor) -> Tensor:
        """[..., H, W] to the turned image."""
        if self.side in ("bottom", "right"):
            x = x.flip(-2 if self.side == "bottom" else -1)
        return x.transpose(-2, -1) if self.side in ("left", "right") else x

    def back(self, x: Tensor) -> Tensor:
        """The turned image to [..., H, W]."""
        if self.side in ("left", "right"):
            x = x.transpose(-2, -1)
        return x.flip(-2 if self.side == "bottom" else -1) if self.side in ("bottom", "right") else x

    def sites(self, domain: Domain) -> Tensor:
        """[C, H', W']: the site that comes to stand at each place."""
        return self(torch.arange(domain.sites).view(domain.shape))

    def order(self, domain: Domain) -> Order:
        """Raster order of the turned image."""
        return Order(tuple(self.sites(domain).permute(1, 2, 0).flatten().tolist()))


def as_turn(order: Order | Sequence[int] | Side | None, domain: Domain) -> Turn:
    """The turn whose order this is: from the top unless given, from a side by its name, or one of these four orders.

    Raises:
        ChainruleError: another order.
    """
    if order is None or order in SIDES:
        return Turn("top" if order is None else order)
    if not isinstance(order, str):
        given = as_order(order, domain)
        for side in SIDES:
            if Turn(side).order(domain) == given:
                return Turn(side)
    shown = repr(order) if isinstance(order, str) else "the one given"
    raise ChainruleError(f"an image is taken line by line from {', '.join(SIDES[:-1])} or {SIDES[-1]}, not in {shown}")


def shuffled(domain: Domain, seed: Seed = 0) -> Order:
    """A random order, uniform over all D! permutations."""
    return Order(tuple(torch.randperm(domain.sites, generator=generator(as_seed(seed))).tolist()))


def as_order(order: Order | Sequence[int] | None, domain: Domain) -> Order:
    """`order` itself, or made from the sites named, or raster where none is given.

    Raises:
        ChainruleError: it does not order the sites of `domain`.
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
