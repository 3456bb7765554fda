"""Reports: pages of words, tables and pictures, for a browser, as Markdown, and for a terminal."""

from chainrule.reports.page import Page
from chainrule.reports.sections import Picture, Section, tell_sections

__all__ = ["Page", "Picture", "Section", "tell_sections"]
