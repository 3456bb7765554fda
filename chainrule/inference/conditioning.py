"""Evidence: check it, and find for each datum a density that is exact on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from chainrule.domains import ArrayLike, as_tensor
from chainrule.errors import ChainruleError
from chainrule.models import Density, Ensemble

FindDensity = Callable[[Tensor], Density | None]
"""Finds a density that is exact on a pattern of evidence, bool [D]; None where there is no such density."""


def check_evidence(density: Density, x: ArrayLike, evidence: ArrayLike) -> tuple[Tensor, Tensor]:
    """Return the data with zeros outside the evidence, and the evidence as bool [len(x), *shape].

    Raises:
        ChainruleError: x or evidence of a wrong shape or type, or evidence with values outside the domain.
    """
    x, evidence, shape = as_tensor(x), as_tensor(evidence), density.domain.shape
    if tuple(x.shape[1:]) != shape:
        raise ChainruleError(f"the model takes data of shape {['n', *shape]}, not {list(x.shape)}; reshape the data")
    if evidence.dtype != torch.bool:
        raise ChainruleError(f"evidence must be a boolean mask (True where a value is given), not {evidence.dtype}")
    if tuple(evidence.shape) not in (shape, tuple(x.shape)):
        raise ChainruleError(
            f"the evidence mask has shape {list(evidence.shape)}; it must be {list(shape)} or {list(x.shape)}"
        )
    x, evidence = x.cpu(), evidence.cpu().expand(x.shape)
    return density.domain.check(torch.where(evidence, x, torch.zeros_like(x))), evidence


def group_by_density(find: FindDensity, density: Density, evidence: Tensor) -> Iterator[tuple[Density | None, Tensor]]:
    """Group data by the density that is exact on their evidence.

    Args:
        find: returns the density for a pattern, bool [D], such as `density.condition`.
        density: the density itself: data on which it is exact go together.
        evidence: bool [n, D].

    Yields:
        a density, or None where there is none, and the rows of its data, int64 [m].
    """
    patterns, which, counts = torch.unique(evidence, dim=0, return_inverse=True, return_counts=True)
    groups = torch.split(which.argsort(stable=True), counts.tolist())
    alike: dict[int, tuple[Density | None, list[Tensor]]] = {}
    for pattern, rows in zip(patterns, groups, strict=True):
        found = find(pattern)
        if found is None or found is density:
            alike.setdefault(id(found), (found, []))[1].append(rows)
        else:  # there may be as many conditioned densities as data, so they are not collected
            yield found, rows
    for found, parts in alike.values():
        yield found, torch.cat(parts).sort().values


def condition_for_draws(density: Density, evidence: Tensor, *, members: int, seed: int) -> Density | None:
    """Return a density from which draws given the evidence (bool [D]) are exact; None where there is none.

    Of an ensemble it averages the components that can be conditioned, and leaves out the others: draws come from models
    that were trained for it. A likelihood of the ensemble needs all components.
    """
    whole = density.condition(evidence, members=members, seed=seed)
    if whole is not None or not density.components:
        return whole
    condition = partial(condition_for_draws, evidence=evidence, members=members, seed=seed)
    conditioned = [condition(component) for component in density.components]
    models = [model for model in conditioned if model is not None]
    return Ensemble(models) if models else None
