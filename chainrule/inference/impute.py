"""Imputation: draw missing values given the evidence, exactly where a density can, else by weighted particles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from chainrule.domains import ArrayLike
from chainrule.errors import ChainruleError
from chainrule.inference.conditioning import check_evidence, condition_for_draws, group_by_density
from chainrule.inference.imputation import Imputation
from chainrule.inference.particles import PARTICLES, run_smc, warn_if_collapsed
from chainrule.inference.resampling import Resample, resample_equal, resample_stratified
from chainrule.models import Density, as_density
from chainrule.progress import ProgressCallback, report_progress
from chainrule.sampling import (
    BATCH_SIZE,
    as_context,
    decode_batches,
    evaluating,
    move_context,
    select_context,
    with_context,
)
from chainrule.seeding import Seed, as_seed, site_noise

RESAMPLING = 2
"""The purpose of noise that chooses among the particles of a datum: the last word of its key."""


def impute(
    model: nn.Module,
    x: ArrayLike,
    evidence: ArrayLike,
    *,
    n: int = 16,
    seed: Seed = 0,
    temperature: float = 1.0,
    members: int = 1,
    particles: int = PARTICLES,
    equal_weights: bool = False,
    context: ArrayLike | None = None,
    batch_size: int = BATCH_SIZE,
    progress: bool | ProgressCallback = False,
) -> Imputation:
    """Draw the missing values of each datum n times, given the sites of the evidence, whichever these are.

    The draws are exact and have equal weights where the model's order begins with the evidence, or the order of a
    member of a family of many orders (`MADE(agnostic="order")`). Else they are chosen from weighted particles, and the
    result says what the particles are worth: `ess` and `ancestors` should be far above 1.

    Args:
        model: any density.
        x: [m, *shape]; values outside the evidence are not read.
        evidence: bool, True where a value is given; [*shape] for all data alike, or [m, *shape].
        n: the number of draws of each datum.
        seed: an integer, or a torch generator.
        temperature: 1 draws from p itself; another temperature needs exact draws.
        members: the number of members of a family to average over. A draw comes from member k with p(k | evidence).
        particles: the number of particles that approximate p(missing | evidence), where they are needed.
        equal_weights: whether particles are resampled to draws of equal weight.
        context: [m, ...], where the model takes a context.
        batch_size: the number of draws that are computed at once, at most.
        progress: True shows a progress bar; a callable is called with the number of finished draws.

    Raises:
        ChainruleError: x or evidence of a wrong shape or type, values outside the domain, a number under 1, or a
            temperature of 0 or less, or one other than 1 with particles.

    Warns:
        CollapseWarning: particles that are too few to trust.

    Example:
        >>> import torch
        >>> from chainrule.domains import Binary
        >>> from chainrule.models import MADE
        >>> last = torch.tensor([False, False, True])
        >>> imputation = impute(MADE(Binary((3,)), agnostic="order"), torch.ones(2, 3), last, n=4)
        >>> imputation.values.shape, imputation.weights.sum(1).tolist(), bool(imputation.exact.all())
        (torch.Size([2, 4, 3]), [1.0, 1.0], True)
    """
    density = as_density(model)
    x, evidence = check_evidence(density, x, evidence)
    resample = resample_equal if equal_weights else resample_stratified
    options = SamplingOptions(n, as_seed(seed), temperature, members, particles, batch_size, resample)
    rows = as_context(context, len(x))
    with report_progress(progress, "imputing", len(x) * n) as report:
        return _impute(density, x, evidence, rows, options, report)


@dataclass(frozen=True)
class SamplingOptions:
    """The options of `impute`, checked.

    Raises:
        ChainruleError: a number of draws, members or particles under 1.
    """

    n: int
    seed: int
    temperature: float
    members: int
    particles: int
    batch_size: int
    resample: Resample

    def __post_init__(self) -> None:
        for name in ("n", "members", "particles"):
            if getattr(self, name) < 1:
                raise ChainruleError(f"{name} must be at least 1, not {getattr(self, name)}")

    @property
    def particle_count(self) -> int:
        """The number of particles: at least the number of draws that are chosen from them."""
        return max(self.particles, self.n)


def _impute(
    density: Density,
    x: Tensor,
    evidence: Tensor,
    context: Tensor | None,
    options: SamplingOptions,
    report: ProgressCallback,
) -> Imputation:
    """Draw the missing values of x [m, *shape], given evidence bool [m, *shape]."""
    result = _empty_imputation(x, options.n, density)
    condition = partial(condition_for_draws, density, members=options.members, seed=options.seed)
    for exact, rows in group_by_density(condition, density, evidence.flatten(1)):
        if exact is None:
            _impute_by_particles(density, x, evidence, context, rows, options, result, report)
        else:
            _impute_exactly(exact, x, evidence, context, rows, options, result, report)
    if not bool(result.exact.all()):
        approximate = ~result.exact
        warn_if_collapsed(result.ess[approximate], result.ancestors[approximate], options.particle_count)
    return result


def _empty_imputation(x: Tensor, n: int, density: Density) -> Imputation:
    """Return an imputation without values, described as exact draws are."""
    m = len(x)
    return Imputation(
        values=torch.empty(m, n, *x.shape[1:], dtype=density.domain.dtype),
        weights=torch.full((m, n), 1 / n, dtype=torch.float64),
        ess=torch.full((m,), float(n), dtype=torch.float64),
        ancestors=torch.full((m,), n),
        log_evidence=torch.empty(m, dtype=torch.float64),
        exact=torch.ones(m, dtype=torch.bool),
        domain=density.domain,
    )


def _impute_exactly(
    density: Density,
    x: Tensor,
    evidence: Tensor,
    context: Tensor | None,
    rows: Tensor,
    options: SamplingOptions,
    result: Imputation,
    report: ProgressCallback,
) -> None:
    """Draw the missing values of these rows by decoding, and write the draws and log p(evidence) into the result."""
    keys = [(datum, draw) for datum in rows.tolist() for draw in range(options.n)]
    repeated = rows.repeat_interleave(options.n)
    draws = decode_batches(
        density, x[repeated], evidence[repeated], keys, seed=options.seed, context=select_context(context, repeated),
        temperature=options.temperature, batch_size=options.batch_size, progress=report,
    )  # fmt: skip
    result.values[rows] = draws.view(len(rows), options.n, *draws.shape[1:])
    with evaluating(density):
        for batch in torch.split(rows, options.batch_size):
            of_batch = move_context(select_context(context, batch), density.device)
            values, known = x[batch].to(density.device), evidence[batch].flatten(1)
            log_marginal = with_context(density.log_marginal, values, known, context=of_batch)
            result.log_evidence[batch] = log_marginal.cpu().double()


def _impute_by_particles(
    density: Density,
    x: Tensor,
    evidence: Tensor,
    context: Tensor | None,
    rows: Tensor,
    options: SamplingOptions,
    result: Imputation,
    report: ProgressCallback,
) -> None:
    """Draw the missing values of these rows from particles, and write the draws and their worth into the result."""
    if options.temperature != 1:
        raise ChainruleError(
            "the evidence is not a prefix of the model's order, and its particles stand for temperature 1, not "
            f"{options.temperature:g}; leave the temperature out, or give the first sites of the order"
        )
    result.exact[rows] = False
    count, seed = options.particle_count, options.seed
    for datum in rows.tolist():
        of_datum = None if context is None else context[datum : datum + 1]
        particles = run_smc(
            density, x[datum], evidence[datum].flatten(), seed=seed, particles=count, key=datum, context=of_datum
        )
        noise = site_noise(seed, [(datum, count, RESAMPLING)], options.n)[0]
        chosen, result.weights[datum] = options.resample(particles.weights, noise)
        result.values[datum], result.ess[datum] = particles.values[chosen], particles.ess
        result.ancestors[datum], result.log_evidence[datum] = particles.num_ancestors, particles.log_evidence
        report(options.n)
