"""Does the built site fetch anything from elsewhere? `python website/outside.py build/site` says what, with status 1.

Links that a reader may follow are none of its business; what a browser loads by itself is.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

FETCHING = {"src", "srcset", "data", "poster", "background"}
ELSEWHERE = re.compile(r"\s*(https?:)?//", re.IGNORECASE)
IN_STYLE = re.compile(r"(?:url\(|@import)\s*[\"']?\s*((?:https?:)?//[^\"')\s]*)", re.IGNORECASE)
IN_SCRIPT = re.compile(r"https?://[^\s\"'`)\\]+")
UNUSED = (
    "https://unpkg.com/resize-observer-polyfill",  # in browsers of before 2020
    "https://unpkg.com/mermaid@",  # in pages with diagrams of that kind, of which there are none
    "https://api.github.com/",  # where the site names its repository, which it does not
    "https://${e}/api/v4/projects/",
    "https://bit.ly/2s3ChXG",  # words of a warning
)
"""What the theme's scripts name and do not fetch here."""
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
LANGUAGES = "assets/javascripts/lunr/"
"""Search in other languages than English, which no page loads."""


class Fetches(HTMLParser):
    """What a page loads from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag
        for name, value in attrs:
            fetched = name in FETCHING or (name.endswith("href") and tag not in {"a", "base"})
            if value and fetched and ELSEWHERE.match(value):
                self.found.append(value)
            elif value and name == "style":
                self.found += IN_STYLE.findall(value)

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "style":
            self.found += IN_STYLE.findall(data)
        elif self.inside == "script":
            self.found += in_script(data)


def in_page(html: str) -> list[str]:
    """What a page, or a drawing, loads from elsewhere.

    Example:
        >>> in_page('<a href="https://a.org">a</a> <img src="https://b.org/c.png">')
        ['https://b.org/c.png']
    """
    page = Fetches()
    page.feed(html)
    return page.found


def in_script(code: str) -> list[str]:
    """The addresses that a script names, but for those of which we know that they are not used."""
    return [address for address in IN_SCRIPT.findall(COMMENT.sub("", code)) if not address.startswith(UNUSED)]


READERS: dict[str, Callable[[str], list[str]]] = {
    ".html": in_page,
    ".svg": in_page,
    ".css": IN_STYLE.findall,
    ".js": in_script,
}


def fetched(site: Path) -> Iterator[str]:
    """A line for each thing that a file of the site loads from elsewhere.

    Raises:
        ValueError: there is no site.
    """
    files = [path for path in sorted(site.rglob("*")) if path.suffix in READERS and LANGUAGES not in path.as_posix()]
    if not any(path.suffix == ".html" for path in files):
        raise ValueError(f"{site} holds no pages; build them with mkdocs build")
    for path in files:
        for address in READERS[path.suffix](path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(site)} loads {address}"


if __name__ == "__main__":
    lines = list(fetched(Path(sys.argv[1])))
    print("\n".join(lines) or "nothing is loaded from elsewhere")
    sys.exit(bool(lines))
