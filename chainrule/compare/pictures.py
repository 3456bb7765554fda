"""Pictures of reports, each with the words that go with it; every number in them is measured here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from chainrule.compare.trained import Trained
from chainrule.domain import Domain
from chainrule.figures import growth_figure, likelihoods_figure, to_png
from chainrule.figures.compared import grids_figure, minutes_figure
from chainrule.models.base import AutoregressiveModel
from chainrule.order import Order
from chainrule.report import Page


@dataclass(frozen=True)
class Picture:
    """A figure and its words.

    Attributes:
        name: of its file, without ending.
        png: the contents of that file.
        caption: what it shows.
        alt: the same in short, for those who cannot see it.
    """

    name: str
    png: bytes
    caption: str
    alt: str

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.name}.png"


@dataclass(frozen=True)
class Section:
    """Pictures of one kind, and what has to be known to read them."""

    heading: str
    text: str
    pictures: Sequence[Picture]


Maker = Callable[[], Section]


def tell_sections(page: Page, sections: Sequence[Section]) -> None:
    for section in sections:
        if section.heading:
            page.heading(section.heading, 3)
            page.paragraph(section.text)
        for picture in section.pictures:
            page.figure(picture.png, picture.caption, picture.alt, picture.file)


def likelihoods(runs: Sequence[Trained], name: str) -> Section:
    """The test NLL of each model; it stands beside the table and needs no heading of its own."""
    picture = Picture(
        name,
        to_png(likelihoods_figure({run.name: run.test for run in runs})),
        "Test NLL of each model; the bars reach two standard errors to either side.",
        "Test NLL of each model with error bars",
    )
    return Section("", "", [picture])


def by_minutes(runs: Sequence[Trained]) -> Section:
    """Validation NLL by minutes."""
    picture = Picture(
        "minutes",
        to_png(minutes_figure({run.name: run.history for run in runs})),
        "Validation NLL by minutes of training and validation, after each epoch; the beginning is cut off. The dot is "
        "the epoch whose weights were kept, that with the lowest validation NLL.",
        "Validation NLL of each model by minutes of training",
    )
    return Section("", "", [picture])


def samples(drawn: Mapping[str, Tensor], test: Tensor, domain: Domain) -> Section:
    """What each model drew, beside real data."""
    count = len(next(iter(drawn.values())))
    picture = Picture(
        "samples",
        to_png(grids_figure({**drawn, "test images": test[:count]}, domain)),
        f"The first {count} draws of each model, not selected, and the first test images.",
        "Samples of each model, and test images",
    )
    return Section("", "", [picture])


def fields(models: Mapping[str, AutoregressiveModel]) -> Section | None:
    """What one pixel sees in each model, the last of its colours; none where no model says."""
    known = {name: seen for name, model in models.items() if (seen := model.receptive_field()) is not None}
    if not known:
        return None
    first = next(iter(models.values()))
    row, column = telling_pixel(known, first.order, first.domain)
    picture = Picture(
        "receptive-fields",
        to_png(growth_figure(known, first.order, first.domain, last_site(row, column, first.domain))),
        f"What each model can see when it predicts the orange pixel (row {row}, column {column}), as it follows from "
        "kernels, masks and recurrences.",
        "Receptive field of one pixel in each model",
    )
    return Section("", "", [picture])


def telling_pixel(seen: Mapping[str, Tensor], order: Order, domain: Domain) -> tuple[int, int]:
    """The pixel in the middle; where it sees all of its past in every model, one further down and left."""
    _, height, width = domain.shape
    middle, low = (height // 2, width // 2), (5 * height // 8, width // 4)
    site = last_site(*middle, domain)
    before = order.before[site]
    return low if all(bool(each[site].cpu()[before].all()) for each in seen.values()) else middle


def last_site(row: int, column: int, domain: Domain) -> int:
    """The site of a pixel's last colour."""
    colours, height, width = domain.shape
    return ((colours - 1) * height + row) * width + column


def drawable(domain: Domain) -> bool:
    """Can its data be shown as pictures?"""
    return domain.is_image and domain.shape[0] in (1, 3)
