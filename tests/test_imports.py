"""Imports go down the levels of the package or stay on one level: never up, and never in a circle."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import chainrule

ROOT = Path(chainrule.__file__).parent

LEVELS = {
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
"""The packages and modules of each level. Only `__init__` gathers names of all levels, so no module imports it."""

REPORTS = {"chainrule.reports.compare", "chainrule.reports.inspect", "chainrule.reports.demo", "chainrule.learn"}
"""Reports do not import each other: the parts that two of them need are beside them."""

ALLOWED = {"complete": {"impute"}}
"""The tasks that a task may import, by its name; other tasks import none. `complete` is `impute` with equal weights."""

LEVEL = {part: level for level, parts in LEVELS.items() for part in parts}
FILES = {
    ".".join(("chainrule", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}
"""The file of each module, by the module's name."""


def imported_modules(source: str) -> set[str]:
    """Return the modules of this package that a file imports, at the top or inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute in this package"
            names |= {module_of(f"{node.module}.{alias.name}") for alias in node.names}
    return {name for name in names if name.split(".")[0] == "chainrule"}


def module_of(name: str) -> str:
    """Return the name itself where it is a module, else the module that defines it."""
    return name if name in FILES else name.rpartition(".")[0]


def part_of(module: str) -> str:
    """Return the package or module directly below `chainrule` to which a module belongs."""
    return [*module.split("."), "__init__"][1]


def report_of(module: str) -> str | None:
    """Return the report to which a module belongs, if any."""
    return next((report for report in REPORTS if f"{module}.".startswith(f"{report}.")), None)


def defines_task(source: str) -> bool:
    """Return whether a file defines a public function whose first argument is a model: a task, in `inference`."""
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    public = [function.args for function in functions if not function.name.startswith("_")]
    return any([each.arg for each in (*args.posonlyargs, *args.args)][:1] == ["model"] for args in public)


SOURCES = {module: path.read_text(encoding="utf-8") for module, path in FILES.items()}
IMPORTS = {module: imported_modules(source) for module, source in SOURCES.items()}
TASKS = {
    module.removeprefix("chainrule.inference.")
    for module, source in SOURCES.items()
    if module.startswith("chainrule.inference.") and defines_task(source)
}
"""The files of `inference` that define tasks."""


@pytest.mark.parametrize("module", FILES)
def test_every_part_has_a_level(module):
    assert part_of(module) in LEVEL, f"give {part_of(module)} a level in {Path(__file__).name}"


@pytest.mark.parametrize("module", FILES)
def test_imports_never_go_up(module):
    level = LEVEL[part_of(module)]
    upwards = {name for name in IMPORTS[module] if LEVEL[part_of(name)] > level}
    assert not upwards, f"{module} is on level {level} and imports {upwards}"


@pytest.mark.parametrize("task", sorted(TASKS))
def test_a_task_imports_only_the_tasks_that_it_may(task):
    imported = {name.removeprefix("chainrule.inference.") for name in IMPORTS[f"chainrule.inference.{task}"]}
    assert imported & TASKS - {task} == ALLOWED.get(task, set()), f"name the tasks that {task} imports in ALLOWED"


@pytest.mark.parametrize("module", [name for name in FILES if report_of(name)])
def test_no_report_imports_another(module):
    assert {report_of(name) for name in IMPORTS[module]} <= {None, report_of(module)}


def test_no_module_imports_itself_in_the_end():
    assert circles(IMPORTS) == []


def circles(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules that reach themselves."""
    return [start for start in graph if start in reachable(start, graph)]


def reachable(start: str, graph: dict[str, set[str]]) -> set[str]:
    """Return all modules that importing `start` imports."""
    found: set[str] = set()
    waiting = set(graph[start])
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting |= graph.get(module, set())
    return found


def test_imports_inside_functions_are_found():
    source = "import os\ndef f():\n    from chainrule.sampling import decode\n    import chainrule.models.made\n"
    assert imported_modules(source) == {"chainrule.sampling.decode", "chainrule.models.made"}


def test_tasks_are_found():
    assert {"evaluate", "sample", "impute", "complete"} | set(ALLOWED) <= TASKS
    assert defines_task("def score(model, x, *, seed=0):\n    pass\n")
    assert not defines_task("def _score(model, x):\n    pass\ndef weigh(x, *, model):\n    pass\n")


def test_names_and_modules_are_distinguished():
    assert imported_modules("from chainrule.models import made") == {"chainrule.models.made"}
    assert imported_modules("from chainrule.checks import check_model") == {"chainrule.checks"}
    assert imported_modules("from chainrule import inference, sample") == {"chainrule.inference", "chainrule"}


def test_circles_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == ["b", "c"]
