"""Check that the built site loads nothing from other servers: `python website/external_loads.py build/site`.

It prints what a browser would load by itself from elsewhere, with status 1. Links that a reader may follow are allowed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

LOADING_ATTRIBUTES = {"src", "srcset", "data", "poster", "background"}
EXTERNAL = re.compile(r"\s*(https?:)?//", re.IGNORECASE)
ADDRESS_IN_STYLE = re.compile(r"(?:url\(|@import)\s*[\"']?\s*((?:https?:)?//[^\"')\s]*)", re.IGNORECASE)
ADDRESS_IN_SCRIPT = re.compile(r"https?://[^\s\"'`)\\]+")
UNUSED_ADDRESSES = (
    "https://unpkg.com/resize-observer-polyfill",  # in browsers from before 2020
    "https://unpkg.com/mermaid@",  # on pages with Mermaid diagrams, which the site does not have
    "https://api.github.com/",  # where the site names its repository, which it does not
    "https://${e}/api/v4/projects/",
    "https://bit.ly/2s3ChXG",  # in the text of a warning
)
"""The addresses that the theme's scripts name and do not load here."""
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
UNUSED_SCRIPTS = "assets/javascripts/lunr/"
"""The scripts for search in other languages than English, which no page loads."""


class LoadFinder(HTMLParser):
    """Collects the external addresses that a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tag = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tag = tag
        for name, value in attrs:
            is_loaded = name in LOADING_ATTRIBUTES or (name.endswith("href") and tag not in {"a", "base"})
            if value and is_loaded and EXTERNAL.match(value):
                self.addresses.append(value)
            elif value and name == "style":
                self.addresses += ADDRESS_IN_STYLE.findall(value)

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self.tag = ""

    def handle_data(self, data: str) -> None:
        if self.tag == "style":
            self.addresses += ADDRESS_IN_STYLE.findall(data)
        elif self.tag == "script":
            self.addresses += find_in_script(data)


def find_in_page(html: str) -> list[str]:
    """Return the external addresses that a page, or an SVG image, loads.

    Example:
        >>> find_in_page('<a href="https://a.org">a</a> <img src="https://b.org/c.png">')
        ['https://b.org/c.png']
    """
    finder = LoadFinder()
    finder.feed(html)
    return finder.addresses


def find_in_script(code: str) -> list[str]:
    """Return the addresses that a script names, except those that are known to be unused."""
    addresses = ADDRESS_IN_SCRIPT.findall(COMMENT.sub("", code))
    return [address for address in addresses if not address.startswith(UNUSED_ADDRESSES)]


FINDERS: dict[str, Callable[[str], list[str]]] = {
    ".html": find_in_page,
    ".svg": find_in_page,
    ".css": ADDRESS_IN_STYLE.findall,
    ".js": find_in_script,
}
"""The function that finds external addresses in a file, by the end of the file's name."""


def find_external_loads(site: Path) -> Iterator[str]:
    """Yield a line for each thing that a file of the site loads from elsewhere.

    Raises:
        ValueError: the folder has no pages.
    """
    files = [
        path for path in sorted(site.rglob("*")) if path.suffix in FINDERS and UNUSED_SCRIPTS not in path.as_posix()
    ]
    if not any(path.suffix == ".html" for path in files):
        raise ValueError(f"{site} has no pages; build them with mkdocs build")
    for path in files:
        for address in FINDERS[path.suffix](path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(site)} loads {address}"


if __name__ == "__main__":
    lines = list(find_external_loads(Path(sys.argv[1])))
    print("\n".join(lines) or "nothing is loaded from elsewhere")
    sys.exit(bool(lines))
