"""Reports: one HTML file that needs nothing else, with its pictures inside, no scripts, and nothing fetched.

The same report is given as Markdown too, with its pictures beside it.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from chainrule.files import replacing

STYLE = """
:root { color-scheme: light dark; --ink: #222; --faint: #666; --ground: #fff; --shade: #f4f4f2; --line: #d8d8d4 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e3; --faint: #a5a5a0; --ground: #191918; --shade: #262624; --line: #43433f }
}
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1rem; max-width: 48rem; color: var(--ink); background: var(--ground);
  font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: break-word }
h1 { font-size: 1.9rem; line-height: 1.2 }
h2 { font-size: 1.4rem; margin-top: 2.8rem; border-bottom: 1px solid var(--line) }
h3 { font-size: 1.1rem; margin-top: 2rem }
pre, code { font-family: ui-monospace, monospace; font-size: 0.92em; background: var(--shade); border-radius: 3px }
code { padding: 0.1em 0.3em }
pre { padding: 0.7rem 0.9rem; overflow-x: auto }
.formula { text-align: center; font-size: 1.1rem; overflow-x: auto }
sub, sup { line-height: 0; font-size: 0.75em }
nav { line-height: 1.9 }
nav a { white-space: nowrap; margin-right: 1.2rem }
.wide { overflow-x: auto; background:
  linear-gradient(to right, var(--ground) 50%, transparent) -2px 0 / 2.4rem 100% no-repeat local,
  linear-gradient(to left, var(--ground) 50%, transparent) calc(100% + 2px) 0 / 2.4rem 100% no-repeat local,
  linear-gradient(to right, var(--line), transparent) 0 0 / 1rem 100% no-repeat,
  linear-gradient(to left, var(--line), transparent) 100% 0 / 1rem 100% no-repeat }  /* shades where more is hidden */
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { padding: 0.35rem 0.45rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }
th { border-bottom-width: 2px; vertical-align: bottom; font-size: 0.92em }
.number { text-align: right }
td.number { white-space: nowrap }
@media (max-width: 36rem) { table { font-size: 0.8rem } th, td { padding: 0.25rem } td.number { white-space: normal } }
figcaption { color: var(--faint); font-size: 0.92rem; margin: 0.4rem 0 }
figure { margin: 1.6rem 0 }
figure img { max-width: 100%; height: auto; display: block; background: #fff; border-radius: 4px }
"""
MANY = 4
"""Of so many chapters there is a list of links at the top."""
NUMBER = re.compile(r"[-−+]?[\d\s.,]*\d(\s*±\s*([\d.,]+|–))?\s*%?")


@dataclass
class Page:
    """A report that grows from top to bottom.

    Each part is kept as HTML and as Markdown. All text is escaped. `Words in backquotes` are set as code, and x_{i}
    and M^{W} with the letter below or above.

    Example:
        >>> page = Page("Two coins")
        >>> page.paragraph("the product of p(x_{i}), i < 2")
        >>> "p(x<sub>i</sub>), i &lt; 2" in page.html()
        True
        >>> page.markdown()
        '# Two coins\\n\\nthe product of p(x<sub>i</sub>), i \\\\< 2\\n'
    """

    title: str
    _body: list[tuple[str, str]] = field(default_factory=list, repr=False)
    _chapters: list[tuple[str, str]] = field(default_factory=list, repr=False)

    def heading(self, text: str, level: int = 2) -> None:
        """A heading; level 2 begins a chapter, 3 a part of one."""
        place = f"part-{len(self._body)}"
        if level == 2:
            self._chapters.append((place, text))
        self._add(f'<h{level} id="{place}">{_inline(text)}</h{level}>', f"{'#' * level} {_marked(text)}")

    def paragraph(self, text: str) -> None:
        self._add(f"<p>{_inline(text)}</p>", _marked(text))

    def points(self, texts: Sequence[str]) -> None:
        """A list of points."""
        items = "".join(f"<li>{_inline(text)}</li>" for text in texts)
        self._add(f"<ul>{items}</ul>", "\n".join(f"- {_marked(text)}" for text in texts))

    def formula(self, text: str) -> None:
        """A formula on a line of its own."""
        self._add(f'<p class="formula">{_inline(text)}</p>', f"> {_marked(text)}")

    def code(self, text: str) -> None:
        """Lines as they stand, such as commands."""
        self._add(f"<pre>{escape(text)}</pre>", f"```text\n{text}\n```")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> None:
        """A table; columns of numbers are set to the right, with a dash where there is none.

        Args:
            rows: each with as many cells as there are columns.
        """
        right = [_numbers([row[column] for row in rows]) for column in range(len(columns))]
        head = "".join(_cell("th", text, number) for text, number in zip(columns, right, strict=True))
        cells = ("".join(_cell("td", text, number) for text, number in zip(row, right, strict=True)) for row in rows)
        body = "".join(f"<tr>{row}</tr>" for row in cells)
        below = f"<figcaption>{_inline(caption)}</figcaption>" if caption else ""
        html = f'<figure><div class="wide"><table><tr>{head}</tr>{body}</table></div>{below}</figure>'
        lines = [columns, ["--:" if number else "---" for number in right], *rows]
        table = "\n".join(f"| {' | '.join(map(_marked, line))} |" for line in lines)
        self._add(html, f"{table}\n\n{_marked(caption)}".rstrip())

    def figure(self, png: bytes, caption: str, alt: str, file: str = "") -> None:
        """A picture with its caption.

        Args:
            png: the contents of a PNG file, as `figures.to_png` gives them.
            alt: what there is to see, for those who cannot see it.
            file: the name of that file beside the Markdown, which shows the caption alone without it.
        """
        source = f"data:image/png;base64,{b64encode(png).decode('ascii')}"
        picture = f'<img src="{source}" alt="{escape(alt)}">'
        shown = f"![{_marked(alt)}]({file})\n\n" if file else ""
        self._add(f"<figure>{picture}<figcaption>{_inline(caption)}</figcaption></figure>", shown + _marked(caption))

    def html(self) -> str:
        """The whole file."""
        head = (
            '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(self.title)}</title><style>{STYLE}</style>"
        )
        links = " ".join(f'<a href="#{place}">{_inline(text)}</a>' for place, text in self._chapters)
        contents = [f"<nav>{links}</nav>"] if len(self._chapters) >= MANY else []
        body = "\n".join([f"<h1>{_inline(self.title)}</h1>", *contents, *(html for html, _ in self._body)])
        return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'

    def markdown(self) -> str:
        """The same as Markdown."""
        return "\n\n".join([f"# {_marked(self.title)}", *(text for _, text in self._body)]) + "\n"

    def write(self, path: str | Path) -> None:
        """Writes the HTML, or Markdown where the name ends in .md; whole or not at all, in place of what is there.

        Raises:
            ChainruleError: the place cannot be written.
        """
        with replacing(Path(path)) as part:
            part.write_text(self.markdown() if Path(path).suffix == ".md" else self.html(), encoding="utf-8")

    def _add(self, html: str, markdown: str) -> None:
        self._body.append((html, markdown))


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


def _inline(text: str) -> str:
    """Escaped text with its marks: code, and letters below and above."""
    html = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    return re.sub(r"\^\{([^{}]*)\}", r"<sup>\1</sup>", re.sub(r"_\{([^{}]*)\}", r"<sub>\1</sub>", html))


def _marked(text: str) -> str:
    """Text as Markdown: what would be a mark there is escaped, other than in code."""
    parts = re.split(r"(`[^`]+`)", text)
    plain = [re.sub(r"([\\*\[\]<>|#]|_(?!\{)|\^(?!\{))", r"\\\1", part) for part in parts[::2]]
    plain = [re.sub(r"\^\{([^{}]*)\}", r"<sup>\1</sup>", part) for part in plain]
    parts[::2] = [re.sub(r"_\{([^{}]*)\}", r"<sub>\1</sub>", part) for part in plain]
    return "".join(parts)


def _numbers(cells: Sequence[str]) -> bool:
    told = [cell for cell in cells if cell != "–"]
    return all(NUMBER.fullmatch(cell) for cell in told) and bool(told or not cells)


def _cell(kind: str, text: str, number: bool) -> str:
    """A cell; where a line has no room for a number and its error, the ± begins the next."""
    words = _inline(text).replace("± ", "±\u00a0")
    return f"<{kind}{' class=number' if number else ''}>{words}</{kind}>"
