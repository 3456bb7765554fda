"""The lesson that gathers the formulas of all others."""

from __future__ import annotations

from itertools import groupby

from chainrule.learn import TOPICS
from chainrule.learn.formulas import FORMULAS, state
from chainrule.reports import Page
from chainrule.reports.multi_stage_progress import Tell


def write(page: Page, tell: Tell) -> None:
    page.paragraph(
        "Each formula has one place here that computes it, and a test that holds that place to it, on numbers that are "
        "worked out another way."
    )
    for topic, names in groupby(FORMULAS, lambda name: FORMULAS[name].topic):
        page.heading(TOPICS[topic].title)
        for (source, place), together in groupby(names, lambda name: (FORMULAS[name].source, FORMULAS[name].place)):
            state(page, *together)
            page.paragraph(f"{source[0].upper()}{source[1:]}. Here: `{place}`.")
    tell(1.0)
