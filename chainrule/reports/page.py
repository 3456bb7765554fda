"""Reports: one HTML file that needs nothing else, with its pictures inside, no scripts, and nothing fetched.

The same report is given as Markdown too, with its pictures beside it, and in a terminal, where pictures are named.
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

from chainrule.files import replacing
from chainrule.reports.markup import as_html, as_markdown, as_text
from chainrule.reports.page_style import STYLE

MANY = 4
"""Of so many chapters there is a list of links at the top."""
HEADINGS = {1: "bold underline", 2: "bold", 3: "italic"}
"""How those of each level look in a terminal."""
TEXT_WIDTH = 100
"""Columns of a terminal that lines of text take at most."""
NUMBER = re.compile(r"∞|[-−+]?[\d\s.,]*\d(·10\^\{−?\d+\})?(\s*±\s*([\d.,]+|–))?\s*%?")


@dataclass
class Page:
    """A report that grows from top to bottom.

    Each part is kept as HTML, as Markdown, and for a terminal. All text is escaped. `Words in backquotes` are set as
    code, and x_{i} and M^{W} with the letter below or above.

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
    """Those that have a file beside the Markdown, by its name."""
    _body: list[tuple[str, str, RenderableType]] = field(default_factory=list, repr=False)
    _chapters: list[tuple[str, str]] = field(default_factory=list, repr=False)

    def heading(self, text: str, level: int = 2) -> None:
        """A heading; level 2 begins a chapter, 3 a part of one."""
        place = f"part-{len(self._body)}"
        if level == 2:
            self._chapters.append((place, text))
        words = as_text(text)
        words.stylize(HEADINGS[level])
        html = f'<h{level} id="{place}">{as_html(text)}</h{level}>'
        self._add(html, f"{'#' * level} {as_markdown(text)}", Group("", words))

    def paragraph(self, text: str) -> None:
        self._add(f"<p>{as_html(text)}</p>", as_markdown(text), as_text(text))

    def points(self, texts: Sequence[str]) -> None:
        """A list of points."""
        items = "".join(f"<li>{as_html(text)}</li>" for text in texts)
        shown = Table.grid(padding=(0, 1))
        for text in texts:
            shown.add_row("•", as_text(text))
        self._add(f"<ul>{items}</ul>", "\n".join(f"- {as_markdown(text)}" for text in texts), shown)

    def formula(self, text: str, latex: str = "") -> None:
        """A formula on a line of its own.

        Args:
            latex: the same, for the Markdown.
        """
        markdown = f"$$\n{latex}\n$$" if latex else f"> {as_markdown(text)}"
        self._add(f'<p class="formula">{as_html(text)}</p>', markdown, Padding(as_text(text), (0, 4), expand=False))

    def code(self, text: str, language: str = "text") -> None:
        """Lines as they stand, such as commands."""
        shown = Padding(Text(text, no_wrap=True, overflow="ignore"), (0, 2), expand=False)
        self._add(f"<pre>{escape(text)}</pre>", f"```{language}\n{text}\n```", shown)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> None:
        """A table; columns of numbers are set to the right, with a dash where there is none.

        Args:
            rows: each with as many cells as there are columns.
        """
        right = [_numbers([row[column] for row in rows]) for column in range(len(columns))]
        head = "".join(_cell("th", text, number) for text, number in zip(columns, right, strict=True))
        cells = ("".join(_cell("td", text, number) for text, number in zip(row, right, strict=True)) for row in rows)
        body = "".join(f"<tr>{row}</tr>" for row in cells)
        below = f"<figcaption>{as_html(caption)}</figcaption>" if caption else ""
        html = f'<figure><div class="wide"><table><tr>{head}</tr>{body}</table></div>{below}</figure>'
        lines = [columns, ["--:" if number else "---" for number in right], *rows]
        table = "\n".join(f"| {' | '.join(map(as_markdown, line))} |" for line in lines)
        self._add(html, f"{table}\n\n{_emphasised(caption)}".rstrip(), _terminal_table(columns, rows, right, caption))

    def figure(self, picture: bytes, caption: str, alt: str, file: str = "") -> None:
        """A picture with its caption.

        Args:
            picture: the contents of a PNG file, as `figures.to_png` gives them, or of a GIF.
            alt: what there is to see, for those who cannot see it.
            file: the name of that file beside the Markdown, which shows the caption alone without it.
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
        """The whole file."""
        head = (
            '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(self.title)}</title><style>{STYLE}</style>"
        )
        links = " ".join(f'<a href="#{place}">{as_html(text)}</a>' for place, text in self._chapters)
        contents = [f"<nav>{links}</nav>"] if len(self._chapters) >= MANY else []
        body = "\n".join([f"<h1>{as_html(self.title)}</h1>", *contents, *(html for html, _, _ in self._body)])
        return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'

    def markdown(self) -> str:
        """The same as Markdown."""
        return "\n\n".join([f"# {as_markdown(self.title)}", *(text for _, text, _ in self._body)]) + "\n"

    def show(self, console: Console) -> None:
        """Prints the page in a terminal."""
        width = min(console.width, TEXT_WIDTH)
        console.print(Text(self.title, style=HEADINGS[1]), width=width)
        for _, _, shown in self._body:
            console.print()
            console.print(shown, width=None if isinstance(shown, Table) else width)

    def write(self, path: str | Path) -> None:
        """Writes the HTML, or Markdown where the name ends in .md; whole or not at all, in place of what is there.

        Raises:
            ChainruleError: the place cannot be written.
        """
        with replacing(Path(path)) as part:
            part.write_text(self.markdown() if Path(path).suffix == ".md" else self.html(), encoding="utf-8")

    def _add(self, html: str, markdown: str, shown: RenderableType) -> None:
        self._body.append((html, markdown, shown))


def _numbers(cells: Sequence[str]) -> bool:
    told = [cell for cell in cells if cell != "–"]
    return all(NUMBER.fullmatch(cell) for cell in told) and bool(told or not cells)


def _cell(kind: str, text: str, number: bool) -> str:
    """A cell; where a line has no room for a number and its error, the ± begins the next."""
    words = as_html(text).replace("± ", "±\u00a0")
    return f"<{kind}{' class=number' if number else ''}>{words}</{kind}>"


def _emphasised(caption: str) -> str:
    """A caption as Markdown."""
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
