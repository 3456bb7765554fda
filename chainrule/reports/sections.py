"""Pictures with their words, gathered before they are told on a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chainrule.reports.page import Page


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


def tell_sections(page: Page, sections: Sequence[Section]) -> None:
    for section in sections:
        if section.heading:
            page.heading(section.heading, 3)
            page.paragraph(section.text)
        for picture in section.pictures:
            page.figure(picture.png, picture.caption, picture.alt, picture.file)
