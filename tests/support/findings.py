"""Read the report of `check_model` in tests of planted faults."""

from __future__ import annotations

from chainrule.checks import CheckReport, Finding

LEAK, TOTAL, SEQUENTIAL = "1 no leak", "2 normalization", "3 sequential equals parallel"
FREQUENCIES, STORAGE, BATCH = "4 sample frequencies", "5 save and load", "5 batch independence"
FIELD = "6 receptive field"


def failed_laws(report: CheckReport) -> set[str]:
    """Return the names of the laws whose check failed."""
    return {finding.law for finding in report.findings if not finding.passed}


def finding(report: CheckReport, law: str) -> Finding:
    """Return the finding of a law."""
    return next(finding for finding in report.findings if finding.law == law)
