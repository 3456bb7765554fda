"""The examples of the documentation run, and give the results that the pages show."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = sorted((ROOT / "docs" / "commands").glob("*.md"))


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "pycon")], ids=lambda page: page.name)
def test_examples_give_what_the_page_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testfile(str(page), module_relative=False)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.name)
def test_programs_run_from_top_to_bottom(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "example"}
    for block in blocks(page, "python"):
        exec(block, names)
    if page.name == "own-model.md":
        first = next(iter(blocks(page, "text"))).splitlines()[0]
        assert first in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("page", [*PAGES, *COMMANDS], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files(page):
    for mark, target in re.findall(r"(!?)\[[^\]]*\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        made = mark and page in COMMANDS and not target.startswith("..")  # by the page's own commands
        assert made or (page.parent / target).exists(), target
