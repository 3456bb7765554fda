"""Pictures with their captions, in sections, and their place on a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chainrule.reports.page import Page


@dataclass(frozen=True)
class Picture:
    """A picture and its texts.

    Attributes:
        name: the name of its file without the ending.
        png: the contents of the file.
        caption: the text below the picture.
        alt: a short description for readers who cannot see the picture.
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
    """Pictures of one kind, with a heading and a text that explains them; without a heading there is no text."""

    heading: str
    text: str
    pictures: Sequence[Picture]


def add_sections(page: Page, sections: Sequence[Section]) -> None:
    """Add the sections to a page, each with its heading, its text and its pictures."""
    for section in sections:
        if section.heading:
            page.heading(section.heading, 3)
            page.paragraph(section.text)
        for picture in section.pictures:
            page.figure(picture.png, picture.caption, picture.alt, picture.file)
