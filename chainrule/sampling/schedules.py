"""Schedules: the steps of a sequential walk. Sites of one group do not depend on each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from chainrule.domains.orders import Order


@dataclass(frozen=True, eq=False)
class Schedule:
    """Groups of sites, one group a step: together each site once, and no site before those that it depends on.

    Example:
        >>> [group.tolist() for group in one_by_one(Order((1, 0)))]
        [[1], [0]]
    """

    groups: tuple[Tensor, ...]

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.groups)

    def __getitem__(self, step: int) -> Tensor:
        return self.groups[step]

    def after(self, step: int) -> tuple[Tensor, ...]:
        """The groups from `step` on."""
        return self.groups[step:]

    def given(self, evidence: Tensor) -> int:
        """How many of the first groups lie wholly within `evidence` (bool [n, D]) for every datum."""
        return int(torch.where(evidence.all(0), len(self), self._step).min())

    @cached_property
    def _step(self) -> Tensor:
        """The step of each site, int64 [D]."""
        steps = torch.arange(len(self)).repeat_interleave(torch.tensor([len(group) for group in self.groups]))
        return steps[torch.cat(self.groups).argsort()]

    def sites_before(self, step: int) -> Tensor:
        """The sites of the groups before `step`, in their order."""
        return torch.cat([self.groups[0][:0], *self.groups[:step]])

    def sites_after(self, step: int) -> Tensor:
        """The sites of the groups from `step` on, in their order."""
        return torch.cat([self.groups[0][:0], *self.groups[step:]])


def one_by_one(order: Order) -> Schedule:
    """The plain schedule: one site a step."""
    return Schedule(tuple(torch.split(order.sites, 1)))
