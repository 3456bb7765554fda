"""Test findings, reports, and their text."""

from __future__ import annotations

from chainrule.checks import CheckReport, Finding
from chainrule.checks.check_report import describe_pairs
from chainrule.domains import Binary


def test_a_failed_finding_fails_the_report():
    passed, failed, not_run = (Finding("law", status, "detail") for status in ("passed", "failed", "not run"))
    assert CheckReport((passed, not_run)).passed
    assert not CheckReport((passed, failed)).passed


def test_pairs_are_described_by_row_and_column():
    image = Binary((1, 2, 3))
    assert describe_pairs(image, ((1, 4),)) == "the conditional of row 0, column 1 depends on row 1, column 1"
