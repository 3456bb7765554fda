"""Schedules: the groups of sites that a decode loop visits, one group a step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from chainrule.domains import Order


@dataclass(frozen=True, eq=False)
class Schedule:
    """Groups of sites, one group a step.

    The groups hold each site once. A group comes after all groups that its conditionals depend on, so the sites of one
    group are conditionally independent given the groups before it.

    Args:
        groups: int64 [g] each.

    Example:
        >>> [group.tolist() for group in sequential_schedule(Order((1, 0)))]
        [[1], [0]]
    """

    groups: tuple[Tensor, ...]

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.groups)

    def __getitem__(self, step: int) -> Tensor:
        return self.groups[step]

    def prefix_length(self, evidence: Tensor) -> int:
        """Return the number of first groups that lie within `evidence` (bool [n, D]) for every datum."""
        return int(torch.where(evidence.all(0), len(self), self._step_of_site).min())

    @cached_property
    def _step_of_site(self) -> Tensor:
        """The step of each site, int64 [D]."""
        steps = torch.arange(len(self)).repeat_interleave(torch.tensor([len(group) for group in self.groups]))
        return steps[torch.cat(self.groups).argsort()]

    def sites_before(self, step: int) -> Tensor:
        """Return the sites of the groups before `step`, in the order of the groups."""
        return torch.cat([self.groups[0][:0], *self.groups[:step]])

    def sites_from(self, step: int) -> Tensor:
        """Return the sites of the groups from `step` on, in the order of the groups."""
        return torch.cat([self.groups[0][:0], *self.groups[step:]])


def sequential_schedule(order: Order) -> Schedule:
    """Return the schedule that visits one site a step."""
    return Schedule(tuple(torch.split(order.sites, 1)))
