"""The page that shows all there is of a model: its numbers, its pictures, and what is left out."""

from __future__ import annotations

from pathlib import Path

from chainrule.formatting import percent
from chainrule.reports import Page, tell_sections
from chainrule.reports.inspect.facts import Facts, grouped
from chainrule.reports.inspect.pictures import Tour


def write_page(facts: Facts, tour: Tour, path: Path) -> None:
    """One HTML file with everything inside.

    Raises:
        ChainruleError: the place cannot be written.
    """
    page = Page(facts.model.partition("(")[0])
    page.table(["", ""], summary_rows(facts))
    tell_sections(page, tour.sections)
    page.heading("Weights", 3)
    page.table(WEIGHT_COLUMNS, weight_rows(facts))
    if tour.left_out:
        page.heading("Left out", 3)
        page.points(tour.left_out)
    page.write(path)


WEIGHT_COLUMNS = ("weights", "shape", "parameters", "open")


def summary_rows(facts: Facts) -> list[tuple[str, str]]:
    """What there is to say of the model as a whole: the thing, and its value in words."""
    seen = "" if facts.past_seen is None else f"{percent(facts.past_seen)} "
    return [
        ("model", facts.model),
        ("domain", facts.domain),
        ("sites", str(facts.sites)),
        ("order", facts.order),
        ("parameters", str(facts.parameters)),
        ("steps of a walk", str(facts.steps)),
        ("past seen", f"{seen}({facts.how})"),
    ]


def weight_rows(facts: Facts) -> list[tuple[str, str, str, str]]:
    """The weights as the rows of a table; layers that are alike share one, their number before it."""
    return [
        (
            each.name,
            "×".join(map(str, each.shape)) or "1",
            str(each.parameters) if count == 1 else f"{count} × {each.parameters}",
            "–" if each.open is None else percent(each.open),
        )
        for each, count in grouped(facts.weights)
    ]
