"""The list of the formulas of all lessons."""

from __future__ import annotations

from itertools import groupby

from chainrule.learn import TOPICS
from chainrule.learn.formulas import FORMULAS, add_formulas
from chainrule.reports import Page, StageProgress


def write(page: Page, progress: StageProgress) -> None:
    page.paragraph(
        "For each formula this page gives its source and the function that computes it. A test compares the function "
        "with the formula, on numbers that are computed in a different way."
    )
    for topic, names in groupby(FORMULAS, lambda name: FORMULAS[name].topic):
        page.heading(TOPICS[topic].title)
        for (source, implementation), group in groupby(
            names, lambda name: (FORMULAS[name].source, FORMULAS[name].implementation)
        ):
            add_formulas(page, *group)
            page.paragraph(f"{source[0].upper()}{source[1:]}. Computed by `{implementation}`.")
    progress(1.0)
