"""A page is one file without references to others, and its text is escaped."""

import re
from base64 import b64decode
from html.parser import HTMLParser
from io import BytesIO, StringIO

import pytest
from PIL import Image
from rich.console import Console

from chainrule.errors import ChainruleError
from chainrule.figures import to_png
from chainrule.reports import Page

PNG = to_png(Image.new("L", (3, 2), 7))


class Reader(HTMLParser):
    """The tags of a page with their attributes, and its text, as a browser parses them."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.open = [], "", []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def page():
    page = Page("Two <coins> & a die")
    page.heading("First")
    page.paragraph("if 1 < 2 & `a < b`, then p(x_{i} | x_{<i}) and M^{W}")
    page.points(["one", "<script>alert(1)</script>"])
    page.formula("p(x) = p(x_{1})")
    page.code("chainrule sample 'a' > b_{1}")
    page.table(["model", "nats", "count"], [["<b>", "−1.50 ± 0.02", "1,234"], ["`x`", "3", "0"]], "all < of it")
    page.figure(PNG, "seven <gray>", 'a "gray" <picture>')
    return page


def test_text_is_escaped(page):
    reader = Reader(page.html())
    assert not reader.open
    for words in ("Two <coins> & a die", "1 < 2 & a < b, then p(xi | x<i) and MW", "<script>alert(1)</script>"):
        assert words in reader.text
    for words in ("chainrule sample 'a' > b_{1}", "<b>", "all < of it", "seven <gray>"):
        assert words in reader.text
    assert "script" not in [tag for tag, _ in reader.tags]
    assert [attrs["alt"] for tag, attrs in reader.tags if tag == "img"] == ['a "gray" <picture>']


def test_markup_becomes_code_subscripts_and_superscripts(page):
    html = page.html()
    assert "<code>a &lt; b</code>" in html
    assert "p(x<sub>i</sub> | x<sub>&lt;i</sub>) and M<sup>W</sup>" in html


def test_a_page_references_no_other_file(page):
    html = page.html()
    assert not re.search(r"https?://|//\w|@import|url\(", html)
    for tag, attrs in Reader(html).tags:
        assert tag not in ("script", "link", "iframe", "object")
        assert attrs.get("href", "#").startswith("#")
        assert attrs.get("src", "data:").startswith("data:")


def test_a_number_and_its_error_are_broken_before_the_sign(page):
    assert "<td class=number>−1.50 ±\u00a00.02</td>" in page.html()


@pytest.mark.parametrize("chapters", [3, 4])
def test_many_chapters_have_a_list_of_links(chapters):
    page = Page("")
    for number in range(chapters):
        page.heading(f"chapter <{number}>")
        page.heading("part", level=3)
    reader = Reader(page.html())
    links = [attrs["href"] for tag, attrs in reader.tags if tag == "a"]
    places = [attrs["id"] for tag, attrs in reader.tags if tag == "h2"]
    assert len(set(places)) == chapters
    assert links == ([f"#{place}" for place in places] if chapters == 4 else [])
    assert reader.text.count("chapter <3>") == (2 if chapters == 4 else 0)
    assert "<a" not in page.markdown()


def test_the_html_contains_pictures_byte_for_byte(page):
    sources = [attrs["src"] for tag, attrs in Reader(page.html()).tags if tag == "img"]
    assert [b64decode(source.removeprefix("data:image/png;base64,")) for source in sources] == [PNG]


def test_a_page_fits_a_phone(page):
    metas = [attrs for tag, attrs in Reader(page.html()).tags if tag == "meta"]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in metas
    assert "max-width: 100%" in page.html()


def test_columns_of_numbers_are_set_to_the_right(page):
    cells = [attrs for tag, attrs in Reader(page.html()).tags if tag in ("th", "td")]
    assert [attrs.get("class") for attrs in cells] == [None, "number", "number"] * 3
    page = Page("")
    page.table(["a", "b"], [["12 of 30", "100 %"], ["7", "−0.5"]])
    assert [attrs.get("class") for tag, attrs in Reader(page.html()).tags if tag == "td"] == [None, "number"] * 2


@pytest.mark.parametrize(
    ("cells", "right"),
    [
        (["–", "3.09"], True),
        (["−2·10^{−16}", "0.5", "∞"], True),
        (["1.5 ± –", "–"], True),
        (["–", "–"], False),
        (["–", "a"], False),
        (["–", "1 of 2"], False),
    ],
)
def test_a_dash_in_place_of_a_number_keeps_the_column_to_the_right(cells, right):
    page = Page("")
    page.table(["a"], [[cell] for cell in cells])
    assert ("class=number" in page.html()) == right


def test_rows_with_another_number_of_cells_raise_an_error():
    with pytest.raises((ValueError, IndexError)):
        Page("").table(["a", "b"], [["1"]])


def test_a_page_replaces_an_existing_file(tmp_path, page):
    path = tmp_path / "report.html"
    path.write_text("old")
    page.write(path)
    assert path.read_text(encoding="utf-8") == page.html()
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(ChainruleError, match="cannot be written"):
        page.write(path / "report.html")


def test_markdown_has_all_parts_of_the_page(tmp_path):
    page = Page("A * B")
    page.heading("p(x_{i}) | rest")
    page.points(["`a_b | c*`", "m^{2} [x] <y>"])
    page.code("x < 1")
    page.table(["name", "n"], [["a_b", "1 ± 2"], ["c", "3"]], "both")
    page.figure(b"", "caption", "alt", "file.png")
    assert page.markdown().split("\n\n") == [
        "# A \\* B", "## p(x<sub>i</sub>) \\| rest", "- `a_b | c*`\n- m<sup>2</sup> \\[x\\] \\<y\\>",
        "```text\nx < 1\n```", "| name | n |\n| --- | --: |\n| a\\_b | 1 ± 2 |\n| c | 3 |", "*both*",
        "![alt](file.png)", "*caption*\n",
    ]  # fmt: skip
    assert page.pictures == {"file.png": b""}
    page.write(tmp_path / "x.md")
    assert (tmp_path / "x.md").read_text(encoding="utf-8") == page.markdown()


def test_markdown_has_a_formula_in_latex_if_it_is_given():
    page = Page("")
    page.formula("x_{1} < 2")
    page.formula("x_{1} < 2", r"x_1 < 2")
    assert page.markdown() == "# \n\n> x<sub>1</sub> \\< 2\n\n$$\nx_1 < 2\n$$\n"
    assert page.html().count("x<sub>1</sub> &lt; 2") == 2


def test_an_animation_has_the_type_of_a_gif():
    file = BytesIO()
    Image.new("L", (3, 2), 7).save(file, "GIF")
    page = Page("")
    page.figure(file.getvalue(), "moving", "a square", "moving.gif")
    sources = [attrs["src"] for tag, attrs in Reader(page.html()).tags if tag == "img"]
    assert [b64decode(source.removeprefix("data:image/gif;base64,")) for source in sources] == [file.getvalue()]


@pytest.mark.parametrize("width", [60, 200])
def test_a_terminal_shows_all_parts_of_the_page(page, width):
    console = Console(file=StringIO(), width=width)
    page.show(console)
    lines = console.file.getvalue().splitlines()
    text = " ".join(lines)
    assert max(map(len, lines)) <= min(width, 100)
    for words in (
        "Two <coins> & a die",
        "if 1 < 2 & a < b, then p(xᵢ | x_<i) and M^W",
        "• one",
        "<script>alert(1)</script>",
    ):
        assert words in text
    for words in ("    p(x) = p(x₁)", "  chainrule sample 'a' > b_{1}", "−1.50 ± 0.02", "all < of it", "seven <gray>"):
        assert words in text
    assert [line.split() for line in lines if line.split()[-1:] == ["0"]] == [["x", "3", "0"]]
