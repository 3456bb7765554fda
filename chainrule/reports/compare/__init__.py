"""`chainrule compare`: models of several families trained under one budget, and a report of their results and costs."""

from chainrule.reports.compare.comparison import compare
from chainrule.reports.compare.comparison_plan import DEFAULT_MINUTES, DEFAULT_SAMPLES, CompareOptions
from chainrule.reports.compare.comparison_report import HTML, MARKDOWN, Comparison, summary_tables
from chainrule.reports.compare.model_families import (
    ABLATION_FAMILIES,
    COMPARED,
    DEFAULT_SETTINGS,
    FAMILIES,
    RESERVED_SETTINGS,
)

__all__ = [
    "ABLATION_FAMILIES",
    "COMPARED",
    "DEFAULT_MINUTES",
    "DEFAULT_SAMPLES",
    "DEFAULT_SETTINGS",
    "FAMILIES",
    "HTML",
    "MARKDOWN",
    "RESERVED_SETTINGS",
    "CompareOptions",
    "Comparison",
    "compare",
    "summary_tables",
]
