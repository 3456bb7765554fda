"""Imports go down the floors of the house or stay on the floor, never up, and never in a circle."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import chainrule

ROOT = Path(chainrule.__file__).parent

ROOMS = {
    0: {"errors", "seeding", "files", "hardware", "progress", "version", "formatting"},
    1: {"distributions", "domains", "data"},
    2: {"layers"},
    3: {"sampling"},
    4: {"models", "checkpoint"},
    5: {"inference"},
    6: {"checks", "training"},
    7: {"figures", "reports", "learn"},
    8: {"cli", "commands", "sklearn", "__main__"},
    9: {"__init__"},
}
"""The package itself gathers the public names of all floors, so nothing in the house may import it."""

REPORTS = {"compare", "inspection", "demo", "learn"}
"""Each a report of its own; what two of them need is beside them, on their floor."""

FLOOR = {room: floor for floor, rooms in ROOMS.items() for room in rooms}
FILES = {
    ".".join(("chainrule", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}
"""Each file by the name of its module."""


def imports(source: str) -> set[str]:
    """The modules of this package that a file imports, at the top or inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute here"
            names |= {module_of(f"{node.module}.{alias.name}") for alias in node.names}
    return {name for name in names if name.split(".")[0] == "chainrule"}


def module_of(name: str) -> str:
    """`name` itself where it is a module, else the module that it is a name of."""
    return name if name in FILES else name.rpartition(".")[0]


def room(module: str) -> str:
    return [*module.split("."), "__init__"][1]


IMPORTS = {module: imports(path.read_text(encoding="utf-8")) for module, path in FILES.items()}


@pytest.mark.parametrize("module", FILES)
def test_every_room_has_a_floor(module):
    assert room(module) in FLOOR, f"give {room(module)} a floor in {Path(__file__).name}"


@pytest.mark.parametrize("module", FILES)
def test_imports_never_go_up(module):
    upwards = {name for name in IMPORTS[module] if FLOOR[room(name)] > FLOOR[room(module)]}
    assert not upwards, f"{module} is on floor {FLOOR[room(module)]} and imports {upwards}"


@pytest.mark.parametrize("module", [name for name in FILES if room(name) == "tasks"])
def test_no_task_imports_another(module):
    assert not {name for name in IMPORTS[module] if room(name) == "tasks"}


@pytest.mark.parametrize("module", [name for name in FILES if room(name) in REPORTS])
def test_no_report_imports_another(module):
    assert not {name for name in IMPORTS[module] if room(name) in REPORTS - {room(module)}}


def test_no_file_imports_itself_in_the_end():
    assert circles(IMPORTS) == []


def circles(graph: dict[str, set[str]]) -> list[str]:
    """The modules that reach themselves."""
    return [start for start in graph if start in reached_from(start, graph)]


def reached_from(start: str, graph: dict[str, set[str]]) -> set[str]:
    """All modules that are imported when `start` is, other than by being `start`."""
    found: set[str] = set()
    waiting = set(graph[start])
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting |= graph.get(module, set())
    return found


def test_imports_inside_functions_are_seen():
    source = "import os\ndef f():\n    from chainrule.sampling.decode import walk\n    import chainrule.models.made\n"
    assert imports(source) == {"chainrule.sampling.decode", "chainrule.models.made"}


def test_names_and_modules_of_a_package_are_told_apart():
    assert imports("from chainrule.models import made") == {"chainrule.models.made"}
    assert imports("from chainrule.checks import check_model") == {"chainrule.checks"}
    assert imports("from chainrule import walk, sample") == {"chainrule.sampling.decode", "chainrule"}


def test_circles_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == ["b", "c"]
