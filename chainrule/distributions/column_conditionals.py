"""The distributions of table columns of several kinds."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.distributions.distribution import Distributions


class ColumnConditionals(Distributions):
    """One distribution for each column of each row; columns of the same kind share a block.

    Args:
        blocks: pairs of column indices, int64 [g], and the distributions of these columns. All indices together are
            0 … D-1, each once.

    Example:
        >>> from chainrule.distributions.discrete import Conditionals
        >>> coin, die = Conditionals(torch.zeros(1, 1), binary=True), Conditionals(torch.zeros(1, 1, 6), binary=False)
        >>> both = ColumnConditionals([(torch.tensor([1]), coin), (torch.tensor([0]), die)])
        >>> both.log_prob(torch.tensor([[5, 1]])).exp()
        tensor([[0.1667, 0.5000]], dtype=torch.float64)
    """

    def __init__(self, blocks: Sequence[tuple[Tensor, Distributions]]) -> None:
        self.blocks = list(blocks)
        self.num_columns = sum(len(columns) for columns, _ in blocks)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x_i | x_<i) for each column, float64 [n, D].

        Args:
            x: values [n, D]; of a binary or categorical column, indices of levels.

        Returns:
            nats; for a real column, nats per unit of the column.
        """
        return self._merge([block.log_prob(x[:, columns.to(x.device)]) for columns, block in self.blocks])

    def icdf(self, noise: Tensor) -> Tensor:
        return self._merge([block.icdf(noise[:, columns]) for columns, block in self.blocks])

    def cdf_bounds(self, x: Tensor) -> tuple[Tensor, Tensor]:
        bounds = [block.cdf_bounds(x[:, columns.to(x.device)]) for columns, block in self.blocks]
        lower, upper = zip(*bounds, strict=True)
        return self._merge(lower), self._merge(upper)

    def tempered(self, temperature: float) -> ColumnConditionals:
        return ColumnConditionals([(columns, block.tempered(temperature)) for columns, block in self.blocks])

    def select_sites(self, sites: Tensor) -> ColumnConditionals:
        sites, selected = sites.cpu(), []
        for columns, block in self.blocks:
            in_block, position = (sites[None, :] == columns[:, None]).nonzero().unbind(1)
            if len(in_block):
                selected.append((position, block.select_sites(in_block)))
        return ColumnConditionals(selected)

    @property
    def params(self) -> Tensor:
        return self._merge(_pad([block.params for _, block in self.blocks]))

    @property
    def canonical_params(self) -> Tensor:
        return self._merge(_pad([block.canonical_params for _, block in self.blocks]))

    @property
    def shape(self) -> torch.Size:
        return torch.Size([self.blocks[0][1].shape[0], self.num_columns])

    @property
    def device(self) -> torch.device:
        return self.blocks[0][1].device

    def _merge(self, by_block: Sequence[Tensor]) -> Tensor:
        """Concatenate the tensors [n, g, ...] of all blocks in the order of the columns: float64 [n, D, ...]."""
        column_order = torch.cat([columns for columns, _ in self.blocks]).argsort().to(by_block[0].device)
        return torch.cat([part.double() for part in by_block], 1)[:, column_order]


def _pad(params: Sequence[Tensor]) -> list[Tensor]:
    """Pad parameters [n, g, k] with zeros to the largest k."""
    widest = max(part.shape[-1] for part in params)
    return [F.pad(part, (0, widest - part.shape[-1])) for part in params]
