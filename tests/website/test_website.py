"""Tests of the documentation site: its generated pages, and that it loads nothing from other servers."""

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
from tests.support.scripts import load_script

table_alignment = load_script("website/table_alignment.py")
docstring_markdown = load_script("website/docstring_markdown.py")
formulas = load_script("website/formulas.py")
hooks = load_script("website/hooks.py")
links = load_script("website/links.py")
external_loads = load_script("website/external_loads.py")
markdown_code = load_script("website/markdown_code.py")
reference = load_script("website/reference.py")


ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "module",
    [table_alignment, docstring_markdown, formulas, hooks, links, external_loads, markdown_code, reference],
    ids=lambda module: module.__name__,
)
def test_examples(module):
    assert doctest.testmod(module).failed == 0


def test_each_public_name_is_on_one_page_of_the_reference():
    pages = "".join(text for path, text in reference.pages().items() if path != "reference/index.md")
    counts = Counter(re.findall(r"^::: (\S+)$", pages, re.MULTILINE))
    assert [name for name in chainrule.__all__ if counts[reference.full_name(name)] != 1] == []
    assert set(counts.values()) == {1}


def test_everything_in_the_reference_exists_and_has_a_docstring():
    for group in (*reference.GROUPS, *reference.lesson_groups()):
        assert all(reference.summary(path) for path in group.paths), group.name


def test_the_navigation_lists_every_page_of_the_reference():
    listed = str(reference.navigation())
    assert all(f"'{path}'" in listed for path in reference.pages())


def test_the_results_page_is_a_part_of_the_readme():
    page = hooks.results_page(README)
    assert page.startswith("# Results\n")
    assert "\n## Speed\n" in page
    assert "## More" not in page
    assert "](images/speed.png)" in page
    assert "](docs/" not in page
    for row in re.findall(r"^\|.*\|$", page, re.MULTILINE):
        assert row in README


def test_a_readme_without_results_is_an_error():
    with pytest.raises(ValueError, match="no sections Results, Speed and More"):
        hooks.results_page("# chainrule\n\n## Results\n\n## More\n")


def test_the_first_page_of_the_lessons_lists_every_lesson():
    page = hooks.lessons_index()
    assert all(f"]({name}.md)" in page for name in TOPICS)


def test_a_lesson_links_to_the_lessons_that_it_names(monkeypatch):
    page = Page("Masks")
    page.paragraph("As `chainrule explain backprop` shows, and `chainrule explain nothing` does not.")
    page.figure(b"picture", "What is seen.", "seen", "seen.png")
    monkeypatch.setattr(hooks, "compute_lesson", lambda name: page)
    text, pictures = hooks.compute_lesson_page.__wrapped__("masks")
    assert "As [`chainrule explain backprop`](backprop.md) shows, and `chainrule explain nothing` does not." in text
    assert text.endswith("$ chainrule explain masks --out masks\n```\n")
    assert pictures == {"seen.png": b"picture"}


def test_commands_are_in_the_order_of_the_help(tmp_path):
    (tmp_path / "commands").mkdir()
    for name in ("sample", "train", "nothing"):
        (tmp_path / "commands" / f"{name}.md").touch()
    assert hooks.documented_commands(tmp_path) == [name for name in COMMANDS if name in ("train", "sample")]


def test_the_first_page_of_the_commands_describes_each_command():
    page = hooks.commands_index(["train", "sample"])
    assert f"- [`chainrule train`](train.md): {COMMANDS['train']}\n- [`chainrule sample`](sample.md)" in page


def test_pictures_are_in_a_folder_beside_their_page():
    files = dict(hooks.page_files("learn/masks", "![seen](seen.png) and `seen.png`", {"seen.png": b"picture"}))
    assert files == {"learn/masks.md": "![seen](masks/seen.png) and `seen.png`", "learn/masks/seen.png": b"picture"}


def test_commands_run_in_an_empty_folder():
    page, pictures = hooks.compute_command_page("```console exec\n$ ls\n$ echo one > two.txt\n$ ls\n```\n", "numbers")
    assert page == "```console\n$ ls\n$ echo one > two.txt\n$ ls\ntwo.txt\n```\n"
    assert pictures == {}


@pytest.mark.parametrize(
    ("target", "source", "page", "expected"),
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
def test_links_are_translated_for_the_site(target, source, page, expected):
    assert links.translate_links(f"[w]({target})", source, page) == expected


def test_links_in_code_stay():
    markdown = "`[w](LICENSE)`\n\n```text\n[w](LICENSE)\n```\n"
    assert links.translate_links(markdown, "README.md", "results.md") == markdown


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))])
def test_links_to_files_become_links_to_pages_that_exist(page):
    generated = {
        "results.md",
        *hooks.FILES_AT_ROOT,
        "learn/index.md",
        "commands/index.md",
        *(f"learn/{name}.md" for name in TOPICS),
        *reference.pages(),
    }
    markdown = links.translate_links((ROOT / page).read_text(encoding="utf-8"), page, links.find_page(page))
    for target in re.findall(r"\]\(([^)#:\s]+)[)#]", markdown):
        assert target in generated or (ROOT / "docs" / target).exists(), target


def parse_svg(html: str) -> ElementTree.Element:
    return ElementTree.fromstring(html)[0]


def test_formulas_have_the_colour_and_size_of_the_text():
    page = formulas.render_formulas("where\n\n$$\np(x_i \\mid x_{<i})\n$$\n\nis known\n")
    svg = parse_svg(page.split("\n\n")[1])
    assert svg.get("aria-label") == r"p(x_i \mid x_{<i})"
    assert svg.get("role") == "img"
    assert svg.get("width").endswith("em")
    assert 0.8 < float(svg.get("height").removesuffix("em")) < 2
    colours = {part.get("fill") for part in svg.iter() if part.get("fill")}
    assert colours == {"currentColor"}
    assert not [part for part in svg.iter() if part.get("id")]


def test_formulas_in_code_stay():
    markdown = "```text\n$$\nx\n$$\n```\n"
    assert formulas.render_formulas(markdown) == markdown


def test_brackets_around_a_sum_are_as_high_as_the_sum():
    svg = parse_svg(formulas.render(r"\left(\sum_j W_{kj} h_j\right)"))
    assert float(svg.get("height").removesuffix("em")) < 4


@pytest.mark.parametrize("latex", [r"\frac{1}", r"\left("])
def test_an_error_names_a_formula_that_cannot_be_rendered(latex):
    with pytest.raises(ValueError, match="cannot be rendered") as error:
        formulas.render(latex)
    assert repr(latex) in str(error.value)


@pytest.mark.parametrize(
    ("cell", "is_number"),
    [
        ("90.18 ± 0.23", True),
        ("**510×**", True),
        ("–", False),
        ("20 of 20", False),
        ("13.1 s", True),
        ("33,945,642", True),
    ],
)
def test_columns_of_numbers_are_aligned_to_the_right(cell, is_number):
    page = table_alignment.align_tables(f"| a | b |\n|---|---|\n| x | {cell} |\n")
    assert page == f"| a | b |\n|---|{'--:' if is_number else '---'}|\n| x | {cell} |\n"


def test_an_alignment_in_the_source_stays():
    table = "| a |\n|:--|\n| 1 |\n"
    assert table_alignment.align_tables(table) == table


def test_tables_with_bars_in_their_cells_keep_their_columns():
    table = "| a | b |\n|---|---|\n| p(x \\| y) | 1 |\n"
    assert table_alignment.align_tables(table) == table.replace("|---|---|", "|---|--:|")


def test_names_that_share_a_line_are_one_name_for_the_parser():
    markdown = docstring_markdown.docstring_as_markdown("Args:\n    x, y: numbers.\n    **more: see [n].")
    assert markdown == "Args:\n    x,\N{NO-BREAK SPACE}y: numbers.\n    **more: see \\[n\\]."


@pytest.mark.parametrize(
    ("name", "text", "addresses"),
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
def test_external_loads_are_found(tmp_path, name, text, addresses):
    (tmp_path / "index.html").touch()
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert list(external_loads.find_external_loads(tmp_path)) == [f"{name} loads {each}" for each in addresses]


def test_a_site_without_pages_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="has no pages"):
        list(external_loads.find_external_loads(tmp_path))
