"""The laws that every model keeps, ours or yours, and a check of each that says what it ran."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

from chainrule.checks.dependence import BATCH, Dependence, dependence
from chainrule.checks.frequencies import sample_frequencies
from chainrule.checks.leak import no_leak
from chainrule.checks.leak_check import LOOKS, check_leak
from chainrule.checks.leak_report import LeakReport
from chainrule.checks.normalization import is_distribution
from chainrule.checks.receptive_fields import receptive_field
from chainrule.checks.report import Finding, Report
from chainrule.checks.sequential import sequential_equals_parallel
from chainrule.checks.storage import neighbours, save_load_identity
from chainrule.checks.variants import of_one_order
from chainrule.models.base import Density
from chainrule.progress import ProgressCallback

__all__ = [
    "CHECKS",
    "LOOKS",
    "Dependence",
    "Finding",
    "LeakReport",
    "Report",
    "check_leak",
    "check_model",
    "dependence",
    "is_distribution",
    "neighbours",
    "no_leak",
    "receptive_field",
    "sample_frequencies",
    "save_load_identity",
    "sequential_equals_parallel",
]

CHECKS = 7
"""How many checks, and findings, `check_model` makes."""


def check_model(model: Density, seed: int = 0, progress: ProgressCallback | None = None) -> Report:
    """Checks laws 1 to 6 on the model, which stays as it is.

    Args:
        model: any model that fulfils the contract of `Density` or `AutoregressiveModel`; its weights may be untrained.
        seed: draws the data, the samples, and the noise that moves the weights of copies.
        progress: told after each of the `CHECKS` checks, for a progress bar.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.made import MADE
        >>> print(check_model(MADE(Binary((3,)), hidden=(8,))).findings[1])
        passed   2 a distribution: enumerated 8 outcomes
    """
    near = cache(partial(neighbours, model, seed))

    def batch() -> int:
        # Rows of a batch ask about different sites: where data depend on their neighbours, that mixes up who sees whom.
        return BATCH if near().passed else 1

    @cache
    def look() -> Dependence:
        return dependence(of_one_order(model), seed, batch())

    checks: tuple[Callable[[], Finding], ...] = (
        partial(no_leak, model, seed, look),
        partial(is_distribution, model, seed),
        partial(sequential_equals_parallel, model, seed, look),
        partial(sample_frequencies, model, seed),
        partial(save_load_identity, model, seed),
        near,
        lambda: receptive_field(model, seed, batch()),
    )
    findings = []
    for check in checks:
        findings.append(check())
        if progress:
            progress(1)
    return Report(tuple(findings))
