"""Links: in the repository they lead to files, and on the site to pages."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from functools import partial

from markdown_code import INLINE_CODE, change_outside_blocks

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
"""The page of the site for a file of the repository, for a folder, or for a part of a file."""

LINK = re.compile(r"(?P<mark>!?)\[(?P<text>(?:[^\[\]\\]|\\.)*)\]\((?P<target>[^)\s]+)\)")
CODE_OR_LINK = re.compile(f"{INLINE_CODE.pattern}|{LINK.pattern}")
"""Whichever begins first: the text of a link may be code, and a link within code is none."""
NOT_A_FILE = re.compile(r"[a-z]+:|#|/")


def translate_links(markdown: str, source: str, page: str) -> str:
    """Return the page with links that work on the site. A link to a file that is not on the site becomes its text.

    Args:
        markdown: the page.
        source: the file that the Markdown comes from, as a path in the repository: links are relative to it.
        page: the page on the site, as a path in the folder of pages.

    Example:
        >>> translate_links("[all](docs/data.md#tables), [cite](CITATION.cff)", "README.md", "more/results.md")
        '[all](../data.md#tables), cite'
    """

    def translate(link: re.Match[str]) -> str:
        mark, text, target = link["mark"], link["text"], link["target"]
        if not target or NOT_A_FILE.match(target):
            return link[0]
        path = find_page(posixpath.normpath(posixpath.join(posixpath.dirname(source), target)))
        return f"{mark}[{text}]({relative_link(path, page)})" if path else text

    return change_outside_blocks(markdown, partial(CODE_OR_LINK.sub, translate))


def find_page(target: str) -> str | None:
    """Return the page for a file of the repository, or for a part of one; None where there is no such page.

    Example:
        >>> find_page("docs/data.md#tables"), find_page("README.md#results"), find_page("README.md#more")
        ('data.md#tables', 'results.md', 'index.md')
    """
    page = PAGES.get(target) or PAGES.get(target.split("#")[0])
    return page or (target.removeprefix(DOCS) if target.startswith(DOCS) else None)


def relative_link(target: str, page: str) -> str:
    """Return the path of a page, in the folder of pages, as a link from another page."""
    path, mark, anchor = target.partition("#")
    return posixpath.relpath(path, posixpath.dirname(page) or ".") + mark + anchor


def move_pictures(markdown: str, pictures: Iterable[str], folder: str) -> str:
    """Return the page with links to these pictures in a folder beside the page.

    Example:
        >>> move_pictures("![seen](seen.png)", ["seen.png"], "masks")
        '![seen](masks/seen.png)'
    """
    for name in pictures:
        markdown = markdown.replace(f"]({name})", f"]({folder}/{name})")
    return markdown
