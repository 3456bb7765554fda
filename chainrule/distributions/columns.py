"""Distributions of columns of several kinds, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from chainrule.distributions.distribution import Distributions


class Columns(Distributions):
    """One distribution for each column of each row, in blocks of columns of one kind.

    Args:
        blocks: the columns of each block, int64 [g], all sorted into 0 … D-1 together; and their distributions.

    Example:
        >>> from chainrule.distributions.discrete import Conditionals
        >>> coin, die = Conditionals(torch.zeros(1, 1), binary=True), Conditionals(torch.zeros(1, 1, 6), binary=False)
        >>> both = Columns([(torch.tensor([1]), coin), (torch.tensor([0]), die)])
        >>> both.log_prob(torch.tensor([[5, 1]])).exp()
        tensor([[0.1667, 0.5000]], dtype=torch.float64)
    """

    def __init__(self, blocks: Sequence[tuple[Tensor, Distributions]]) -> None:
        self.blocks = list(blocks)
        self.count = sum(len(columns) for columns, _ in blocks)

    def log_prob(self, x: Tensor) -> Tensor:
        """[n, D] nats for values x [n, D]; of reals, by a unit of the column."""
        return self._side_by_side([block.log_prob(x[:, columns.to(x.device)]) for columns, block in self.blocks])

    def icdf(self, noise: Tensor) -> Tensor:
        return self._side_by_side([block.icdf(noise[:, columns]) for columns, block in self.blocks])

    def cdf_bounds(self, x: Tensor) -> tuple[Tensor, Tensor]:
        below, upto = zip(
            *(block.cdf_bounds(x[:, columns.to(x.device)]) for columns, block in self.blocks), strict=True
        )
        return self._side_by_side(below), self._side_by_side(upto)

    def tempered(self, temperature: float) -> Columns:
        return Columns([(columns, block.tempered(temperature)) for columns, block in self.blocks])

    def select_sites(self, sites: Tensor) -> Columns:
        sites = sites.cpu()
        found = [(sites[None, :] == columns[:, None]).nonzero() for columns, _ in self.blocks]
        return Columns(
            [
                (where[:, 1], block.select_sites(where[:, 0]))
                for where, (_, block) in zip(found, self.blocks, strict=True)
                if len(where)
            ]
        )

    @property
    def params(self) -> Tensor:
        return self._side_by_side(_padded([block.params for _, block in self.blocks]))

    @property
    def canonical_params(self) -> Tensor:
        return self._side_by_side(_padded([block.canonical_params for _, block in self.blocks]))

    @property
    def shape(self) -> torch.Size:
        return torch.Size([self.blocks[0][1].shape[0], self.count])

    @property
    def device(self) -> torch.device:
        return self.blocks[0][1].device

    def _side_by_side(self, parts: Sequence[Tensor]) -> Tensor:
        """What each block has of its columns [n, g, ...], at the place of each column: [n, D, ...], in float64."""
        places = torch.cat([columns for columns, _ in self.blocks]).argsort().to(parts[0].device)
        return torch.cat([part.double() for part in parts], 1)[:, places]


def _padded(parts: Sequence[Tensor]) -> list[Tensor]:
    """Numbers [n, g, k] with zeros up to the largest k."""
    most = max(part.shape[-1] for part in parts)
    return [torch.nn.functional.pad(part, (0, most - part.shape[-1])) for part in parts]
