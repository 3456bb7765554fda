"""A page of a report: as one HTML file with its pictures inside, as Markdown, and for a terminal.

The HTML has no scripts and fetches nothing. The Markdown has its pictures in files; a terminal shows their names.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from chainrule.files import atomic_write
from chainrule.reports.markup import as_html, as_markdown, as_text
from chainrule.reports.page_style import STYLE

CHAPTERS_WITH_LINKS = 4
"""The number of chapters from which on there is a list of links at the top."""
HEADING_STYLES = {1: "bold underline", 2: "bold", 3: "italic"}
"""The styles of headings in a terminal, by level."""
TEXT_WIDTH = 100
"""The largest width of lines of text in a terminal, in columns."""
NUMBER = re.compile(r"∞|[-−+]?[\d\s.,]*\d(·10\^\{−?\d+\})?(\s*±\s*([\d.,]+|–))?\s*%?")


@dataclass
class Page:
    """A page to which parts are added from top to bottom.

    All text is escaped. `Words in backquotes` are set as code, x_{i} with a subscript and M^{W} with a superscript.

    Attributes:
        title: the heading of the page.
        pictures: the pictures that have a file beside the Markdown, by the file's name.

    Example:
        >>> page = Page("Two coins")
        >>> page.paragraph("the product of p(x_{i}), i < 2")
        >>> "p(x<sub>i</sub>), i &lt; 2" in page.html()
        True
        >>> page.markdown()
        '# Two coins\\n\\nthe product of p(x<sub>i</sub>), i \\\\< 2\\n'
    """

    title: str
    pictures: dict[str, bytes] = field(default_factory=dict, repr=False)
    _body: list[tuple[str, str, RenderableType]] = field(default_factory=list, repr=False)
    _chapters: list[tuple[str, str]] = field(default_factory=list, repr=False)

    def heading(self, text: str, level: int = 2) -> None:
        """Add a heading; level 2 begins a chapter, level 3 a part of a chapter."""
        anchor = f"part-{len(self._body)}"
        if level == 2:
            self._chapters.append((anchor, text))
        styled = as_text(text)
        styled.stylize(HEADING_STYLES[level])
        html = f'<h{level} id="{anchor}">{as_html(text)}</h{level}>'
        self._add(html, f"{'#' * level} {as_markdown(text)}", Group("", styled))

    def paragraph(self, text: str) -> None:
        """Add a paragraph."""
        self._add(f"<p>{as_html(text)}</p>", as_markdown(text), as_text(text))

    def points(self, texts: Sequence[str]) -> None:
        """Add a list of points."""
        items = "".join(f"<li>{as_html(text)}</li>" for text in texts)
        shown = Table.grid(padding=(0, 1))
        for text in texts:
            shown.add_row("•", as_text(text))
        self._add(f"<ul>{items}</ul>", "\n".join(f"- {as_markdown(text)}" for text in texts), shown)

    def formula(self, text: str, latex: str = "") -> None:
        """Add a formula on a line of its own.

        Args:
            text: the formula, with markup.
            latex: the formula in LaTeX for the Markdown, which shows `text` without it.
        """
        markdown = f"$$\n{latex}\n$$" if latex else f"> {as_markdown(text)}"
        self._add(f'<p class="formula">{as_html(text)}</p>', markdown, Padding(as_text(text), (0, 4), expand=False))

    def code(self, text: str, language: str = "text") -> None:
        """Add lines that are shown unchanged, such as commands."""
        shown = Padding(Text(text, no_wrap=True, overflow="ignore"), (0, 2), expand=False)
        self._add(f"<pre>{escape(text)}</pre>", f"```{language}\n{text}\n```", shown)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> None:
        """Add a table. Columns of numbers are set to the right; a dash stands for a missing number.

        Args:
            columns: the headers.
            rows: rows of one cell for each column.
            caption: the text below the table.

        Raises:
            ValueError, IndexError: a row with another number of cells.
        """
        right = [_are_numbers([row[column] for row in rows]) for column in range(len(columns))]
        head = "".join(_cell("th", text, number) for text, number in zip(columns, right, strict=True))
        cells = ("".join(_cell("td", text, number) for text, number in zip(row, right, strict=True)) for row in rows)
        body = "".join(f"<tr>{row}</tr>" for row in cells)
        below = f"<figcaption>{as_html(caption)}</figcaption>" if caption else ""
        html = f'<figure><div class="wide"><table><tr>{head}</tr>{body}</table></div>{below}</figure>'
        lines = [columns, ["--:" if number else "---" for number in right], *rows]
        table = "\n".join(f"| {' | '.join(map(as_markdown, line))} |" for line in lines)
        self._add(html, f"{table}\n\n{_emphasised(caption)}".rstrip(), _terminal_table(columns, rows, right, caption))

    def figure(self, picture: bytes, caption: str, alt: str, file: str = "") -> None:
        """Add a picture with its caption.

        Args:
            picture: the contents of a PNG file, as `figures.to_png` returns them, or of a GIF file.
            caption: the text below the picture.
            alt: a short description for readers who cannot see the picture.
            file: the name of the file beside the Markdown, which without it shows the caption alone.
        """
        if file:
            self.pictures[file] = picture
        kind = "gif" if picture.startswith(b"GIF8") else "png"
        source = f"data:image/{kind};base64,{b64encode(picture).decode('ascii')}"
        html = f'<figure><img src="{source}" alt="{escape(alt)}"><figcaption>{as_html(caption)}</figcaption></figure>'
        markdown = f"![{as_markdown(alt)}]({file})\n\n" if file else ""
        shown = Text.assemble((f"[{file or alt}] ", "dim"), as_text(caption))
        self._add(html, markdown + _emphasised(caption), shown)

    def html(self) -> str:
        """Return the page as an HTML file."""
        head = (
            '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(self.title)}</title><style>{STYLE}</style>"
        )
        links = " ".join(f'<a href="#{anchor}">{as_html(text)}</a>' for anchor, text in self._chapters)
        contents = [f"<nav>{links}</nav>"] if len(self._chapters) >= CHAPTERS_WITH_LINKS else []
        body = "\n".join([f"<h1>{as_html(self.title)}</h1>", *contents, *(html for html, _, _ in self._body)])
        return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'

    def markdown(self) -> str:
        """Return the page as Markdown."""
        return "\n\n".join([f"# {as_markdown(self.title)}", *(text for _, text, _ in self._body)]) + "\n"

    def show(self, console: Console) -> None:
        """Print the page in a terminal."""
        width = min(console.width, TEXT_WIDTH)
        console.print(Text(self.title, style=HEADING_STYLES[1]), width=width)
        for _, _, shown in self._body:
            console.print()
            console.print(shown, width=None if isinstance(shown, Table) else width)

    def write(self, path: str | Path) -> None:
        """Write the page as HTML, or as Markdown where the name ends in `.md`; it replaces an existing file.

        Raises:
            ChainruleError: the file cannot be written.
        """
        with atomic_write(Path(path)) as part:
            part.write_text(self.markdown() if Path(path).suffix == ".md" else self.html(), encoding="utf-8")

    def _add(self, html: str, markdown: str, shown: RenderableType) -> None:
        self._body.append((html, markdown, shown))


def _are_numbers(cells: Sequence[str]) -> bool:
    """Return whether all cells of a column are numbers or dashes, and not all are dashes."""
    shown = [cell for cell in cells if cell != "–"]
    return all(NUMBER.fullmatch(cell) for cell in shown) and bool(shown or not cells)


def _cell(tag: str, text: str, is_number: bool) -> str:
    """Return a cell as HTML. A number and its error are broken before the ±, if anywhere."""
    content = as_html(text).replace("± ", "±\u00a0")
    return f"<{tag}{' class=number' if is_number else ''}>{content}</{tag}>"


def _emphasised(caption: str) -> str:
    """Return a caption as Markdown."""
    return f"*{as_markdown(caption)}*" if caption else ""


def _terminal_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool], caption: str
) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, show_header=any(columns))
    for name, number in zip(columns, right, strict=True):
        table.add_column(as_text(name), justify="right" if number else "left")
    for row in rows:
        table.add_row(*map(as_text, row))
    return Group(table, as_text(caption)) if caption else table
