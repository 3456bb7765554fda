"""How the tests of planted faults read a report."""

from __future__ import annotations

from chainrule.checks import Finding, Report

LEAK, TOTAL, SEQUENTIAL = "1 no leak", "2 a distribution", "3 sequential equals parallel"
FREQUENCIES, STORAGE, NEIGHBOURS = "4 sample frequencies", "5 save and load", "5 neighbours"
FIELD = "6 receptive field"


def broken(report: Report) -> set[str]:
    """The laws that the report says are broken."""
    return {finding.law for finding in report.findings if not finding.passed}


def finding(report: Report, law: str) -> Finding:
    return next(each for each in report.findings if each.law == law)
