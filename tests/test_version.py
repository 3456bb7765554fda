"""The version and the address of the project have one source each; every other place says the same."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

import chainrule

ROOT = Path(__file__).parents[1]
CITATION = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def field(name: str) -> str:
    return re.findall(rf"^{name}: *(\S+)$", CITATION, re.MULTILINE)[0]


def test_the_package_is_built_with_the_version_of_its_module():
    assert PROJECT["dynamic"] == ["version"]
    assert "version" not in PROJECT
    assert version("chainrule") == chainrule.__version__, "install the package again: its metadata are old"


def test_the_citation_names_this_version():
    assert field("version") == chainrule.__version__


def test_the_changelog_begins_with_this_version():
    assert re.findall(r"^## (\S+?),? ", CHANGELOG, re.MULTILINE)[0] == chainrule.__version__


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_documentation_names_no_other_version(page):
    named = re.findall(r"\bchainrule(?:==| |-|, version )v?(\d+\.\d+\.\d+)", page.read_text(encoding="utf-8"))
    assert set(named) <= {chainrule.__version__}


def test_the_project_has_one_address():
    address = PROJECT["urls"]["Source"]
    assert field("repository-code") == address
    assert all(url == address or url.startswith(f"{address}/") for url in PROJECT["urls"].values())
