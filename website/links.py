"""Links: the same Markdown is read on a code host, where a link leads to a file of the repository, and in the site."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from functools import partial

from prose import CODE, outside_blocks

DOCS = "docs/"
PAGES = {
    "README.md": "index.md",
    "README.md#results": "results.md",
    "README.md#speed": "results.md#speed",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "docs/commands": "commands/index.md",
    "chainrule/__init__.py": "reference/index.md",
    "chainrule/learn/__init__.py": "learn/index.md",
}
"""What is shown in the site in place of a file of the repository, or of a folder, or of a part of a file."""

LINK = re.compile(r"(?P<mark>!?)\[(?P<words>(?:[^\[\]\\]|\\.)*)\]\((?P<target>[^)\s]+)\)")
CODE_OR_LINK = re.compile(f"{CODE.pattern}|{LINK.pattern}")
"""What begins first: words of a link may be code, and code that shows a link is none."""
ELSEWHERE = re.compile(r"[a-z]+:|#|/")


def relinked(markdown: str, source: str, page: str) -> str:
    """The page with links that hold in the site. A link to a file that is not in the site becomes its words.

    Args:
        source: where the Markdown is from, as a path in the repository: links are relative to it.
        page: where it is in the site, as a path in the folder of pages.

    Example:
        >>> relinked("[all](docs/data.md#tables), [cite](CITATION.cff)", "README.md", "more/results.md")
        '[all](../data.md#tables), cite'
    """

    def replaced(link: re.Match[str]) -> str:
        mark, words, target = link["mark"], link["words"], link["target"]
        if not target or ELSEWHERE.match(target):
            return link[0]
        place = place_of(posixpath.normpath(posixpath.join(posixpath.dirname(source), target)))
        return f"{mark}[{words}]({relative(place, page)})" if place else words

    return outside_blocks(markdown, partial(CODE_OR_LINK.sub, replaced))


def place_of(target: str) -> str | None:
    """Where a file of the repository, or a part of one, is in the site; None where it is not.

    Example:
        >>> place_of("docs/data.md#tables"), place_of("README.md#results"), place_of("README.md#more")
        ('data.md#tables', 'results.md', 'index.md')
    """
    whole = target.split("#")[0]
    place = PAGES.get(target) or PAGES.get(whole)
    return place or (target.removeprefix(DOCS) if target.startswith(DOCS) else None)


def relative(place: str, page: str) -> str:
    """A path in the folder of pages, as a link from one of the pages."""
    path, mark, anchor = place.partition("#")
    return posixpath.relpath(path, posixpath.dirname(page) or ".") + mark + anchor


def beside(markdown: str, pictures: Iterable[str], folder: str) -> str:
    """The page with these pictures in a folder beside it.

    Example:
        >>> beside("![seen](seen.png)", ["seen.png"], "masks")
        '![seen](masks/seen.png)'
    """
    for name in pictures:
        markdown = markdown.replace(f"]({name})", f"]({folder}/{name})")
    return markdown
