"""Reports: pages of text, tables and figures for a browser, for Markdown and for a terminal, and their progress bar."""

from chainrule.reports.markup import as_html, as_markdown, as_text
from chainrule.reports.multi_stage_progress import PERCENT, MultiStageProgress, StageProgress, track_training
from chainrule.reports.page import Page
from chainrule.reports.sections import Picture, Section, add_sections

__all__ = [
    "PERCENT",
    "MultiStageProgress",
    "Page",
    "Picture",
    "Section",
    "StageProgress",
    "add_sections",
    "as_html",
    "as_markdown",
    "as_text",
    "track_training",
]
