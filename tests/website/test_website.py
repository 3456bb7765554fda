"""The documentation site: what is generated for it, and that nothing in it is fetched from elsewhere."""

from __future__ import annotations

import doctest
import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

import chainrule
from chainrule.cli import COMMANDS
from chainrule.learn import TOPICS
from chainrule.reports import Page
from tests.support.scripts import script

alignment = script("website/alignment.py")
docstrings = script("website/docstrings.py")
formulas = script("website/formulas.py")
hooks = script("website/hooks.py")
links = script("website/links.py")
outside = script("website/outside.py")
prose = script("website/prose.py")
reference = script("website/reference.py")


ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "module",
    [alignment, docstrings, formulas, hooks, links, outside, prose, reference],
    ids=lambda module: module.__name__,
)
def test_examples(module):
    assert doctest.testmod(module).failed == 0


def test_each_public_name_is_on_one_page_of_the_reference():
    pages = "".join(text for path, text in reference.pages().items() if path != "reference/index.md")
    homes = Counter(re.findall(r"^::: (\S+)$", pages, re.MULTILINE))
    assert {homes[reference.home(name)] for name in chainrule.__all__} == {1}
    assert set(homes.values()) == {1}


def test_what_the_reference_names_is_there():
    for group in (*reference.GROUPS, *reference.lessons()):
        assert all(reference.summary(path) for path in group.paths), group.name


def test_the_reference_lists_every_page():
    listed = str(reference.navigation())
    assert all(f"'{path}'" in listed for path in reference.pages())


def test_results_are_the_readme_s_own():
    page = hooks.results(README)
    assert page.startswith("# Results\n")
    assert "\n## Speed\n" in page
    assert "## More" not in page
    assert "](images/speed.png)" in page
    assert "](docs/" not in page
    for row in re.findall(r"^\|.*\|$", page, re.MULTILINE):
        assert row in README


def test_a_readme_without_results_is_refused():
    with pytest.raises(ValueError, match="no sections Results, Speed and More"):
        hooks.results("# chainrule\n\n## Results\n\n## More\n")


def test_topics_are_all_listed():
    page = hooks.topics()
    assert all(f"]({name}.md)" in page for name in TOPICS)


def test_a_lesson_links_to_those_that_it_names(monkeypatch):
    page = Page("Masks")
    page.paragraph("As `chainrule explain backprop` shows, and `chainrule explain nothing` does not.")
    page.figure(b"picture", "What is seen.", "seen", "seen.png")
    monkeypatch.setattr(hooks, "compute_lesson", lambda name: page)
    text, pictures = hooks.told.__wrapped__("masks")
    assert "As [`chainrule explain backprop`](backprop.md) shows, and `chainrule explain nothing` does not." in text
    assert text.endswith("$ chainrule explain masks --out masks\n```\n")
    assert pictures == {"seen.png": b"picture"}


def test_commands_are_in_the_order_of_the_help(tmp_path):
    (tmp_path / "commands").mkdir()
    for name in ("sample", "train", "nothing"):
        (tmp_path / "commands" / f"{name}.md").touch()
    assert hooks.commands(tmp_path) == [name for name in COMMANDS if name in ("train", "sample")]


def test_the_first_page_of_the_commands_says_what_each_is_for():
    page = hooks.overview(["train", "sample"])
    assert f"- [`chainrule train`](train.md): {COMMANDS['train']}\n- [`chainrule sample`](sample.md)" in page


def test_pictures_lie_beside_their_page():
    placed = dict(hooks.placed("learn/masks", "![seen](seen.png) and `seen.png`", {"seen.png": b"picture"}))
    assert placed == {"learn/masks.md": "![seen](masks/seen.png) and `seen.png`", "learn/masks/seen.png": b"picture"}


def test_commands_run_where_nothing_is_left_behind():
    page, pictures = hooks.ran("```console exec\n$ ls\n$ echo one > two.txt\n$ ls\n```\n", "numbers")
    assert page == "```console\n$ ls\n$ echo one > two.txt\n$ ls\ntwo.txt\n```\n"
    assert pictures == {}


@pytest.mark.parametrize(
    ("target", "source", "page", "there"),
    [
        ("docs/data.md", "README.md", "results.md", "[w](data.md)"),
        ("docs/images/a.png", "README.md", "more/results.md", "[w](../images/a.png)"),
        ("../README.md", "docs/data.md", "data.md", "[w](index.md)"),
        ("../README.md#speed", "docs/data.md", "data.md", "[w](results.md#speed)"),
        ("../data.md#tables", "docs/commands/train.md", "commands/train.md", "[w](../data.md#tables)"),
        ("../chainrule/__init__.py", "docs/index.md", "index.md", "[w](reference/index.md)"),
        ("../chainrule/order.py", "docs/design.md", "design.md", "w"),
        ("LICENSE", "CONTRIBUTING.md", "contributing.md", "w"),
        ("#laws", "docs/design.md", "design.md", "[w](#laws)"),
        ("https://arxiv.org/abs/1502.03509", "README.md", "results.md", "[w](https://arxiv.org/abs/1502.03509)"),
    ],
)
def test_links_hold_in_the_site(target, source, page, there):
    assert links.relinked(f"[w]({target})", source, page) == there


def test_links_in_code_stay():
    markdown = "`[w](LICENSE)`\n\n```text\n[w](LICENSE)\n```\n"
    assert links.relinked(markdown, "README.md", "results.md") == markdown


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))])
def test_links_to_the_repository_become_links_to_pages_that_are_there(page):
    place = links.place_of(page)
    made = {
        "results.md",
        *hooks.AT_ROOT,
        "learn/index.md",
        "commands/index.md",
        *(f"learn/{name}.md" for name in TOPICS),
        *reference.pages(),
    }
    markdown = links.relinked((ROOT / page).read_text(encoding="utf-8"), page, place)
    for target in re.findall(r"\]\(([^)#:\s]+)[)#]", markdown):
        assert target in made or (ROOT / "docs" / target).exists(), target


def svg(html: str) -> ElementTree.Element:
    return ElementTree.fromstring(html)[0]


def test_formulas_are_drawn_in_the_colour_and_size_of_the_text():
    page = formulas.with_formulas("where\n\n$$\np(x_i \\mid x_{<i})\n$$\n\nis known\n")
    drawing = svg(page.split("\n\n")[1])
    assert drawing.get("aria-label") == r"p(x_i \mid x_{<i})"
    assert drawing.get("role") == "img"
    assert drawing.get("width").endswith("em")
    assert 0.8 < float(drawing.get("height").removesuffix("em")) < 2
    colours = {part.get("fill") for part in drawing.iter() if part.get("fill")}
    assert colours == {"currentColor"}
    assert not [part for part in drawing.iter() if part.get("id")]


def test_formulas_in_code_stay():
    markdown = "```text\n$$\nx\n$$\n```\n"
    assert formulas.with_formulas(markdown) == markdown


def test_brackets_around_a_sum_are_no_higher_than_it():
    drawing = svg(formulas.drawn(r"\left(\sum_j W_{kj} h_j\right)"))
    assert float(drawing.get("height").removesuffix("em")) < 4


@pytest.mark.parametrize("latex", [r"\frac{1}", r"\left("])
def test_formulas_that_cannot_be_drawn_are_named(latex):
    with pytest.raises(ValueError, match="cannot be drawn") as told:
        formulas.drawn(latex)
    assert repr(latex) in str(told.value)


@pytest.mark.parametrize(
    ("cell", "right"),
    [
        ("90.18 ± 0.23", True),
        ("**510×**", True),
        ("–", False),
        ("20 of 20", False),
        ("13.1 s", True),
        ("33,945,642", True),
    ],
)
def test_columns_of_numbers_are_set_to_the_right(cell, right):
    page = alignment.aligned(f"| a | b |\n|---|---|\n| x | {cell} |\n")
    assert page == f"| a | b |\n|---|{'--:' if right else '---'}|\n| x | {cell} |\n"


def test_what_an_author_aligned_stays():
    table = "| a |\n|:--|\n| 1 |\n"
    assert alignment.aligned(table) == table


def test_tables_with_bars_in_their_cells_keep_their_columns():
    table = "| a | b |\n|---|---|\n| p(x \\| y) | 1 |\n"
    assert alignment.aligned(table) == table.replace("|---|---|", "|---|--:|")


def test_names_told_together_are_one_name_to_the_parser():
    told = docstrings.as_markdown("Args:\n    x, y: numbers.\n    **more: see [n].")
    assert told == "Args:\n    x,\N{NO-BREAK SPACE}y: numbers.\n    **more: see \\[n\\]."


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("page.html", '<a href="https://a.org">a</a><img src="images/a.png">', []),
        ("page.html", '<img src="https://a.org/a.png">', ["https://a.org/a.png"]),
        ("page.html", '<link href="//a.org/a.css" rel="stylesheet">', ["//a.org/a.css"]),
        ("page.html", "<style>p { background: url('https://a.org/a.png') }</style>", ["https://a.org/a.png"]),
        ("page.html", '<script>fetch("https://a.org/a.json")</script>', ["https://a.org/a.json"]),
        ("site.css", '@import "https://a.org/a.css";', ["https://a.org/a.css"]),
        ("site.js", "/* see https://a.org */ const site = 1", []),
        (
            "logo.svg",
            '<svg xmlns="http://www.w3.org/2000/svg"><image href="http://a.org/a.png"/></svg>',
            ["http://a.org/a.png"],
        ),
    ],
)
def test_what_is_fetched_from_elsewhere_is_found(tmp_path, name, text, lines):
    (tmp_path / "index.html").touch()
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert list(outside.fetched(tmp_path)) == [f"{name} loads {line}" for line in lines]


def test_an_empty_site_is_no_site(tmp_path):
    with pytest.raises(ValueError, match="holds no pages"):
        list(outside.fetched(tmp_path))
