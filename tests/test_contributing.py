"""CONTRIBUTING.md names files, folders and tasks that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
MADE = ("build/", "dist/")
"""The products of a make target are not in the repository."""


def test_every_place_exists():
    named = re.findall(r"`((?:[\w.-]+/)+(?:[\w-]+\.\w+)?|\.ci/run)`", PAGE)
    places = {each for each in named if "NAME" not in each and not each.startswith(MADE)}
    assert len(places) > 20
    assert not {each for each in places if not any((folder / each).exists() for folder in (ROOT, ROOT / "chainrule"))}


def test_every_folder_of_the_package_is_explained():
    folders = {path.parent.name for path in (ROOT / "chainrule").glob("*/__init__.py")}
    assert folders <= set(re.findall(r"`(\w+)/`", PAGE))


def test_the_tasks_are_those_of_the_makefile():
    tasks = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)`", PAGE)) == tasks - {"help"}
