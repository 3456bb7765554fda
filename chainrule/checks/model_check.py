"""Check all laws on a model."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

from torch import Tensor

from chainrule.checks.autoregressive_property import check_autoregressive_property
from chainrule.checks.batch_independence import check_batch_independence
from chainrule.checks.check_report import CheckReport, Finding
from chainrule.checks.dependence import BATCH_SIZE, Dependence, measure_dependence
from chainrule.checks.normalization import check_normalization
from chainrule.checks.receptive_field_check import check_receptive_field
from chainrule.checks.sample_frequencies import check_sample_frequencies
from chainrule.checks.sampler_check import check_sampler
from chainrule.checks.save_load import check_save_load
from chainrule.checks.variants import require_autoregressive
from chainrule.domains import ArrayLike, as_tensor
from chainrule.models import Density, as_density
from chainrule.progress import ProgressCallback, report_progress

NUM_CHECKS = 7
"""The number of checks, and of findings, of `check_model`."""


def check_model(
    model: Density,
    *,
    seed: int = 0,
    context: ArrayLike | None = None,
    progress: bool | ProgressCallback = False,
) -> CheckReport:
    """Check laws 1 to 6 on a model, which is not changed.

    Args:
        model: any model that fulfils the contract of `Density` or `AutoregressiveModel`; it may be untrained.
        seed: the seed of the data, of the samples, and of the noise on the weights of copies.
        context: [m, ...], for a model that takes a context: the laws are checked at these rows, in turn.
        progress: True shows a progress bar; a callable is called with 1 after each of the `NUM_CHECKS` checks.

    Returns:
        a report with one finding for each check; a model that raises an error fails the check.

    Raises:
        ChainruleError: the model is not a `Density`; a wrapper (`DataParallel`, `torch.compile`) is removed first.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.made import MADE
        >>> print(check_model(MADE(Binary((3,)), hidden=(8,))).findings[1])
        passed   2 normalization: enumerated 8 outcomes
    """
    model = as_density(model)
    rows = None if context is None else as_tensor(context).to(model.device)
    findings = []
    with report_progress(progress, "checking", NUM_CHECKS) as callback:
        for check in list_checks(model, seed, rows):
            findings.append(check())
            callback(1)
    return CheckReport(tuple(findings))


def list_checks(model: Density, seed: int, context: Tensor | None) -> tuple[Callable[[], Finding], ...]:
    """Return the checks of all laws, in their order; what several checks need is computed once."""
    batch_independence = cache(partial(check_batch_independence, model, seed=seed, context=context))

    def batch_size() -> int:
        # The rows of a batch test different sites: if data depended on their batch, that would mix up the sites.
        return BATCH_SIZE if batch_independence().passed else 1

    @cache
    def dependence() -> Dependence:
        return measure_dependence(require_autoregressive(model), seed=seed, context=context, batch_size=batch_size())

    return (
        partial(check_autoregressive_property, model, seed=seed, context=context, dependence=dependence),
        partial(check_normalization, model, seed=seed, context=context),
        partial(check_sampler, model, seed=seed, context=context, dependence=dependence),
        partial(check_sample_frequencies, model, seed=seed, context=context),
        partial(check_save_load, model, seed=seed, context=context),
        batch_independence,
        lambda: check_receptive_field(model, seed=seed, context=context, batch_size=batch_size()),
    )
