"""The page of one model: its summary, its pictures, its weights, and what is left out."""

from __future__ import annotations

from pathlib import Path

from chainrule.formatting import percent
from chainrule.reports import Page, add_sections
from chainrule.reports.inspect.model_pictures import ModelPictures
from chainrule.reports.inspect.model_summary import ModelSummary, group_weights

WEIGHT_COLUMNS = ("weights", "shape", "parameters", "open")


def write_page(summary: ModelSummary, pictures: ModelPictures, path: Path) -> None:
    """Write the page as one HTML file with its pictures inside.

    Raises:
        ChainruleError: the file cannot be written.
    """
    page = Page(summary.model.partition("(")[0])
    page.table(["", ""], summary_rows(summary))
    add_sections(page, pictures.sections)
    page.heading("Weights", 3)
    page.table(WEIGHT_COLUMNS, weight_rows(summary))
    if pictures.left_out:
        page.heading("Left out", 3)
        page.points(pictures.left_out)
    page.write(path)


def summary_rows(summary: ModelSummary) -> list[tuple[str, str]]:
    """Return the rows of the table about the model as a whole: a name and a value."""
    seen = "" if summary.past_seen is None else f"{percent(summary.past_seen)} "
    return [
        ("model", summary.model),
        ("domain", summary.domain),
        ("sites", str(summary.sites)),
        ("order", summary.order),
        ("parameters", str(summary.parameters)),
        ("sampling steps", str(summary.steps)),
        ("past seen", f"{seen}({summary.how})"),
    ]


def weight_rows(summary: ModelSummary) -> list[tuple[str, str, str, str]]:
    """Return the rows of the table of weights; equal layers share a row, with their count before the parameters."""
    return [
        (
            weight.name,
            "×".join(map(str, weight.shape)) or "1",
            str(weight.parameters) if count == 1 else f"{count} × {weight.parameters}",
            "–" if weight.open is None else percent(weight.open),
        )
        for weight, count in group_weights(summary.weights)
    ]
