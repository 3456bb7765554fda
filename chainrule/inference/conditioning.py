"""Evidence: masks of the sites that are given; and draws of the others, exact where a model can, else by particles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from chainrule.errors import ChainruleError
from chainrule.inference.particles import warn_if_collapsed, weigh
from chainrule.models.base import Density, evaluating
from chainrule.progress import ProgressCallback
from chainrule.sampling.decode import walk_all
from chainrule.seeding import site_noise

Pick = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""From the weights of particles and noise [n] to n of their rows and the weights of these."""
Find = Callable[[Tensor], Density | None]
"""From a pattern of evidence, bool [D], to a density that takes it first."""
PICKING = 2
"""What the noise is for, by which a datum's particles are picked: the second word of its key."""


@dataclass(frozen=True, eq=False)
class Imputation:
    """Draws of what is missing, given the rest.

    Attributes:
        values: [m, n, *shape]; given values are kept.
        weights: float64 [m, n]; those of each datum sum to 1.
        ess: float64 [m], the effective sample size: of how many independent draws the particles are worth, by their
            weights; n where the draws are exact.
        ancestors: int64 [m]: how many first particles have descendants among the last; n where the draws are exact.
        log_evidence: float64 [m], log p(given) in nats; exact, or estimated by the particles.
        exact: bool [m]: are these draws from p(missing | given) itself? Of a family of orders that is the member's, and
            of an ensemble that of the models, whose orders begin with what is given.
    """

    values: Tensor
    weights: Tensor
    ess: Tensor
    ancestors: Tensor
    log_evidence: Tensor
    exact: Tensor


def check_evidence(model: Density, x: Tensor | np.ndarray, evidence: Tensor | np.ndarray) -> tuple[Tensor, Tensor]:
    """The data with zeros outside the evidence, and the evidence as bool [len(x), *shape].

    Raises:
        ChainruleError: x or evidence of a wrong shape or type, or given values outside the domain.
    """
    x, evidence, shape = torch.as_tensor(x), torch.as_tensor(evidence), model.domain.shape
    if tuple(x.shape[1:]) != shape:
        raise ChainruleError(f"the model takes data of shape {['n', *shape]}, not {list(x.shape)}; reshape the data")
    if evidence.dtype != torch.bool:
        raise ChainruleError(f"evidence must be a boolean mask (True where a value is given), not {evidence.dtype}")
    if tuple(evidence.shape) not in (shape, tuple(x.shape)):
        raise ChainruleError(
            f"the evidence mask has shape {list(evidence.shape)}; it must be {list(shape)} or {list(x.shape)}"
        )
    evidence = evidence.expand(x.shape)
    return model.domain.check(torch.where(evidence, x, torch.zeros_like(x))), evidence


def densities(find: Find, model: Density, evidence: Tensor) -> Iterator[tuple[Density | None, Tensor]]:
    """For each pattern of evidence a density that is exact on it, if there is one; those of the model go together.

    Args:
        find: gives the density for a pattern, bool [D], such as the model's `given`.
        evidence: bool [n, D].

    Yields:
        the density, None where there is none, and the rows of its data, int64 [m].
    """
    patterns, which, counts = torch.unique(evidence, dim=0, return_inverse=True, return_counts=True)
    groups = torch.split(which.argsort(stable=True), counts.tolist())
    alike: dict[int, tuple[Density | None, list[Tensor]]] = {}
    for pattern, rows in zip(patterns, groups, strict=True):
        density = find(pattern)
        if density is None or density is model:
            alike.setdefault(id(density), (density, []))[1].append(rows)
        else:  # there may be as many as data: none of them is kept
            yield density, rows
    for density, parts in alike.values():
        yield density, torch.cat(parts).sort().values


@dataclass(frozen=True)
class Request:
    """How values are drawn, and how many.

    Attributes:
        n: completions of each datum.
        seed: of all draws, and of members.
        temperature: 1 draws from the model itself.
        chunk: how many data are walked at once.
        members: of a family of many orders, how many to average over.
        particles: how many stand for a distribution that no walk draws from.
        progress: told how many completions were finished.
    """

    n: int
    seed: int
    temperature: float
    chunk: int
    members: int
    particles: int
    progress: ProgressCallback | None

    def __post_init__(self) -> None:
        for name in ("n", "members", "particles"):
            if getattr(self, name) < 1:
                raise ChainruleError(f"{name} must be at least 1, not {getattr(self, name)}")

    @property
    def count(self) -> int:
        """How many particles: no fewer than are picked from them."""
        return max(self.particles, self.n)


def draw_missing(
    model: Density, x: Tensor | np.ndarray, evidence: Tensor | np.ndarray, how: Request, pick: Pick
) -> Imputation:
    """Completions of each datum, on the CPU.

    Args:
        x: [m, *shape].
        evidence: bool, [*shape] or [m, *shape].
        pick: chooses among particles, where no density is exact.

    Raises:
        ChainruleError: x or evidence of a wrong shape or type, values outside the domain, a temperature of 0 or less,
            or one other than 1 where particles are needed.

    Warns:
        CollapseWarning: particles that are too few to trust.
    """
    x, evidence = check_evidence(model, x, evidence)
    found = _blank(x, how.n, model.domain.dtype)
    find = partial(model.fitting, members=how.members, seed=how.seed)
    for density, rows in densities(find, model, evidence.flatten(1)):
        if density is None:
            _by_particles(model, x, evidence, rows, how, pick, found)
        else:
            found.values[rows] = _exactly(density, x, evidence, rows, how)
            with evaluating(density):
                for some in torch.split(rows, how.chunk):
                    known = evidence[some].flatten(1)
                    found.log_evidence[some] = density.log_marginal(x[some].to(density.device), known).cpu().double()
    if not bool(found.exact.all()):
        rest = ~found.exact
        warn_if_collapsed(found.ess[rest], found.ancestors[rest], how.count)
    return found


def _blank(x: Tensor, n: int, dtype: torch.dtype) -> Imputation:
    """What exact draws say of themselves, before there are any."""
    m = len(x)
    return Imputation(
        values=torch.empty(m, n, *x.shape[1:], dtype=dtype),
        weights=torch.full((m, n), 1 / n, dtype=torch.float64),
        ess=torch.full((m,), float(n), dtype=torch.float64),
        ancestors=torch.full((m,), n),
        log_evidence=torch.empty(m, dtype=torch.float64),
        exact=torch.ones(m, dtype=torch.bool),
    )


def _exactly(density: Density, x: Tensor, evidence: Tensor, rows: Tensor, how: Request) -> Tensor:
    """Draws of these data, each of them by a walk: [len(rows), n, *shape]."""
    keys = [(datum, draw) for datum in rows.tolist() for draw in range(how.n)]
    given, known = (each[rows].repeat_interleave(how.n, 0) for each in (x, evidence))
    draws = walk_all(density, given, known, keys, how.seed, how.temperature, how.chunk, how.progress)
    return draws.view(len(rows), how.n, *draws.shape[1:])


def _by_particles(
    model: Density, x: Tensor, evidence: Tensor, rows: Tensor, how: Request, pick: Pick, found: Imputation
) -> None:
    """Fills in what particles say of these data."""
    if how.temperature != 1:
        raise ChainruleError(
            "the evidence is not a prefix of the model's order, and its particles stand for temperature 1, not "
            f"{how.temperature:g}; leave the temperature out, or give the first sites of the order"
        )
    found.exact[rows] = False
    for datum in rows.tolist():
        swarm = weigh(model, x[datum], evidence[datum].flatten(), how.count, how.seed, datum)
        chosen, found.weights[datum] = pick(
            swarm.weights, site_noise(how.seed, [(datum, how.count, PICKING)], how.n)[0]
        )
        found.values[datum], found.ess[datum] = swarm.values[chosen], swarm.ess
        found.ancestors[datum], found.log_evidence[datum] = swarm.surviving, swarm.log_evidence
        if how.progress:
            how.progress(how.n)
